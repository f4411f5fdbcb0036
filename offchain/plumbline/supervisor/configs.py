# SPDX-License-Identifier: AGPL-3.0-only
"""The folder of one run and the config file of each of its processes, as an operator would write them."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plumbline.errors import PlumblineError
from plumbline.supervisor import toml
from plumbline.supervisor.anvil import CHAIN_ID
from plumbline.supervisor.feeds import feeds
from plumbline.supervisor.scenario import MarketKind, Scenario

REPORTERS: Final = 5
GAS_TOKEN_USD: Final = "3000"
"""What the keeper reckons its gas at: a demo's ether has no market."""
MAKERS_VENUE: Final = "kraken"
MADE: Final = {"WBTC": ("BTC/USD", None), "USDT": ("USDT/USD", None), "EURC": ("BTC/USD", "BTC/EUR")}
"""Components with pools of their own, and where a price is read: a market, per another one where none is direct."""
_PORTS: Final = range(15_000, 32_000)
"""Below the range systems take outgoing ports from: what is free now is still free when a process comes to listen."""


@dataclass
class Run:
    """One run's folder: configs, keys, journals, logs and the deployment's record. Ports are chosen once, by name."""

    folder: Path
    scenario: Scenario
    rpc_url: str
    clock: dict[str, Any]
    """The [clock] section every process gets."""
    contracts: Mapping[str, str]
    """Addresses by their names in the deployment's record."""
    ports: dict[str, int] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def port(self, name: str) -> int:
        if name not in self.ports:
            self.ports[name] = free_port(exclude=self.ports.values())
        return self.ports[name]

    def write(self, name: str, document: Mapping[str, Any]) -> Path:
        path = self.folder / f"{name}.toml"
        path.write_text(toml.dumps(document), encoding="utf-8")
        return path

    def replay(self) -> Path:
        scenario = self.scenario
        tape: dict[str, Any] = {"kind": "simulated", "seed": scenario.seed}
        if scenario.kind is MarketKind.RECORDED:
            tape = {"kind": "recorded", "file": scenario.recording}
        return self.write("replay", {"clock": self.clock, "listen": {"port": self.port("replay")}, "tape": tape})

    def reporter(self, name: str) -> Path:
        scenario = self.scenario
        local = scenario.kind is not MarketKind.LIVE
        venues = [
            {"name": venue, "url": f"ws://127.0.0.1:{self.port('replay')}/{venue}" if local else None}
            for venue in scenario.listed
        ]
        return self.write(
            name,
            self._node(name)
            | {
                # A tenth of a second on the wall, for the trades of the minute to arrive.
                "delay_ms": round(100 * scenario.speed),
                "venues": venues,
                "feeds": feeds(scenario.listed, max_age_s=scenario.market_age_s, peg_venues=scenario.peg_venues),
            },
        )

    def relayer(self) -> Path:
        peers = [{"name": name, "url": self.url(name)} for name in reporters()]
        return self.write("relayer", self._node("relayer") | {"peers": peers})

    def keeper(self) -> Path:
        own = {
            "arbitrageur": self.contracts["arbitrageur"],
            "max_age_s": self.scenario.max_age_s,
            "gas_token_usd": GAS_TOKEN_USD,
            "deadline_s": 5 * self.scenario.block_s,
        }
        node = self._node("keeper")
        del node["clock"]  # it lives by blocks, not by a clock
        return self.write("keeper", own | node)

    def trader(self) -> Path:
        return self.write(
            "trader",
            {
                "rpc_url": self.rpc_url,
                "router": self.contracts["swap router"],
                "vault": self.contracts["vault"],
                "quote": self.contracts["token USDC"],
                "seed": self.scenario.seed,
                "interval_s": self.scenario.push_s,
                "key": self._key("trader"),
                "clock": self.clock,
            },
        )

    def maker(self) -> Path:
        """Follows the one venue that trades all of it."""
        local = self.scenario.kind is not MarketKind.LIVE
        venue = {"name": MAKERS_VENUE, "url": f"ws://127.0.0.1:{self.port('replay')}/{MAKERS_VENUE}" if local else None}
        pools = [
            {"token": self.contracts[f"token {symbol}"], "fee_pips": int(fee_pips), "market": market, "per": per}
            for symbol, (market, per) in MADE.items()
            for _, of, fee_pips in (name.split() for name in self.contracts if name.startswith("pool "))
            if of == symbol
        ]
        return self.write(
            "maker",
            {
                "rpc_url": self.rpc_url,
                "router": self.contracts["swap router"],
                "quote": self.contracts["token USDC"],
                "quote_market": "USDC/USD",
                "max_age_s": self.scenario.market_age_s,
                "venue": venue,
                "pools": pools,
                "key": self._key("liquidity-provider"),
                "clock": self.clock,
            },
        )

    def web(self) -> Path:
        """Everything there is to look at; `plumbline status --config` takes it too."""
        known = {name: self.contracts[name] for name in ("oracle", "vault", "pool", "arbitrageur")}
        return self.write(
            "web",
            known
            | {
                "rpc_url": self.rpc_url,
                "notices": self.contracts["feed notices"],
                "relayer": self.url("relayer"),
                "keeper": self.url("keeper"),
                "history": "journals/web.sqlite",
                "reporters": [{"name": name, "url": self.url(name)} for name in reporters()],
                "http": {"port": self.port("web")},
            },
        )

    def _node(self, name: str) -> dict[str, Any]:
        """What every node's config has."""
        return {
            "journal": f"journals/{name}.sqlite",
            "clock": self.clock,
            "chain": {"rpc_url": self.rpc_url, "chain_id": CHAIN_ID, "oracle": self.contracts["oracle"]},
            "key": self._key(name),
            "http": {"port": self.port(name)},
        }

    def _key(self, name: str) -> dict[str, str]:
        return {"keystore": f"keys/{name}.json", "password_file": "keys/password"}


def reporters() -> list[str]:
    return [f"reporter-{index}" for index in range(1, REPORTERS + 1)]


def free_port(exclude: Any = ()) -> int:
    """A loopback port nobody listens on. Raises PlumblineError when none of many is free."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in exclude:
            return port
    raise PlumblineError(f"no free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1: stop what listens there")

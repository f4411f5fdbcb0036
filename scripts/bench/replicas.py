# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-replicas`: a keeper's replicas, killed and paused while they act, a hundred times in one run.

Real processes with one key on a real Anvil that mines a block a second, the real nats-server between them. In each
round a trader pushes the share's pool away; at a random moment of the two seconds that follow the acting replica is
killed, or, every sixth time, stopped and woken again once another one has taken over. So some die before they decide,
some with a transaction in the pool, some after it was mined and before it was written down.

What must hold: of all that replica's key did, one transaction answered each push and none reverted (a second answer to
one push would find no profit, and pay for it); after five seconds another one acts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
from tests.helpers.nats import Nats
from tests.helpers.ports import free_port
from web3 import HTTPProvider, Web3

from plumbline.chain.keystore import write_keystore
from plumbline.chain.rpc import Rpc
from plumbline.clock import SystemClock
from plumbline.core.arbitrage import Side
from plumbline.store.trades import TradeJournal
from plumbline.supervisor import toml
from plumbline.supervisor.anvil import Anvil
from plumbline.supervisor.lifeline import tied
from plumbline.trader.service import Trader
from scripts.artifacts import compile_contract
from scripts.bench import players
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

KILLS: Final = 100
PAUSE_EVERY: Final = 6
REPLICAS: Final = 4
TAKEOVER_S: Final = 5.0
MAX_AGE_S: Final = 80_000
"""No reporters play here: the opening round serves for the whole run."""
_MOMENTS_S: Final = 2.0
"""After a push, in which something happens to the acting replica."""
_PATIENCE_S: Final = 180.0
_LOOK_S: Final = 0.05
_EVENTS: Final = {Side.PREMIUM: "PremiumTaken", Side.DISCOUNT: "DiscountTaken"}


@dataclass
class Replica:
    """One keeper process; a journal and a port of its own, the key everybody's."""

    folder: Path
    name: str
    document: dict[str, Any]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def journal(self) -> Path:
        return self.folder / f"{self.name}.sqlite"

    def start(self) -> None:
        config = self.folder / f"{self.name}.toml"
        config.write_text(toml.dumps(self.document | {"journal": self.journal, "http": {"port": self.port}}))
        command = [sys.executable, "-m", "plumbline.cli", "keeper", "run", "--config", str(config)]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(tied(command), stderr=log, env=os.environ | {"KEEPER_PASSWORD": "secret"})

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()
            self.process = None

    def ended(self) -> int | None:
        """Its status, when it was not killed by us."""
        return None if self.process is None else self.process.poll()

    def last_words(self) -> str:
        lines = (self.folder / f"{self.name}.log").read_text().splitlines()[-8:]
        return "\n".join([f"{self.name}, status {self.ended()}:", *lines])

    def acting(self) -> bool | None:
        """None: it does not answer."""
        if self.process is None:
            return None
        try:
            said = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=1).text
        except httpx.HTTPError:
            return None
        return "plumbline_keeper_acting 1.0" in said


@dataclass
class Run:
    """What happened."""

    kills: int = 0
    pauses: int = 0
    in_flight: int = 0
    """Kills with a transaction in the pool."""
    takeovers_s: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    """From the blow to the push being answered, by whoever did."""
    pushes: int = 0
    transactions: int = 0
    """Of the key, mined."""
    trades: int = 0
    """Of them, those that went through."""
    journaled: int = 0
    """Trades that some replica wrote down."""


class Stage:
    """`with Stage(folder, replicas) as stage: stage.play(kills, rng)`."""

    def __init__(self, folder: Path, replicas: int = REPLICAS, lease_s: float = 2.0) -> None:
        self._folder, self._count, self._lease_s = folder, replicas, lease_s
        self._stack = ExitStack()
        self.run = Run()

    def __enter__(self) -> Self:
        nats = self._stack.enter_context(Nats(self._folder / "jetstream"))
        self.anvil = self._stack.enter_context(Anvil())
        self.chain, parameters = Chain(Web3(HTTPProvider(self.anvil.url))), cast.Parameters()
        steps.deploy(self.chain, parameters)
        steps.opening_round(self.chain, parameters)
        steps.open_market(self.chain, parameters)
        for method, argument in (("evm_setAutomine", False), ("evm_setIntervalMining", 1)):
            self.chain.web3.provider.make_request(method, [argument])  # type: ignore[arg-type]
        self._keeper = cast.address("keeper")
        self._nonce = self.nonce("latest")
        self._from_block = self.chain.web3.eth.block_number
        write_keystore(self._folder / "keeper.json", bytes(cast.account("keeper").key), "secret", scrypt_n=2)
        self.replicas = [Replica(self._folder, f"keeper-{i}", self._document(nats.url)) for i in range(self._count)]
        for replica in self.replicas:
            self._stack.callback(_end, replica)
            replica.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _document(self, nats_url: str) -> dict[str, Any]:
        return {
            "chain": {"rpc_url": self.anvil.url, "oracle": self.chain.address("oracle")},
            "key": {"keystore": "keeper.json", "password_env": "KEEPER_PASSWORD"},
            "arbitrageur": self.chain.address("arbitrageur"),
            "gas_token_usd": "1600",
            "max_age_s": MAX_AGE_S,
            "funding": ["float"],
            "lease": {"url": nats_url, "lease_s": self._lease_s},
            "tx": {"priority_fee_gwei": 0},
        }

    def play(
        self,
        kills: int,
        rng: random.Random,
        *,
        pause_every: int = PAUSE_EVERY,
        restarting: bool = True,
        said: Callable[[str], None] = print,
    ) -> Run:
        """restarting: whether who was killed comes back."""
        while self.run.kills < kills:
            acting = self._ready()
            assert all(each.ended() is None for each in self.replicas), "a replica ended by itself"
            asyncio.run(self._push((-1) ** self.run.pushes * rng.randint(100, 300)))
            time.sleep(rng.random() * _MOMENTS_S)
            pausing = self.run.pushes % pause_every == 0
            self._strike(acting, pausing=pausing)
            if not pausing and restarting:
                acting.start()
            said(f"{self.run.kills}/{kills}: took over in {self.run.takeovers_s[-1]:.2f} s")
        # Time for one transaction too many.
        time.sleep(2)
        self._count_up()
        return self.run

    def _ready(self) -> Replica:
        """Who acts, once somebody stands by."""
        found: list[Replica] = []

        def ready() -> bool:
            said = {each.name: each.acting() for each in self.replicas}
            found[:] = [each for each in self.replicas if said[each.name]]
            return len(found) == 1 and False in said.values()

        _until(ready, "one acts and another stands by", self.replicas)
        return found[0]

    async def _push(self, bps: int) -> None:
        async with Rpc([self.anvil.url], timeout_s=30) as rpc:
            swapper = players.swapper(rpc, self.chain, self.anvil.url)
            await Trader(swapper, SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300).push(bps)
        self.run.pushes += 1

    def _strike(self, acting: Replica, *, pausing: bool) -> None:
        """Kill or stop it; wait for the next one, and for the push to be answered."""
        if pausing:
            self.run.pauses += 1
            acting.signal(signal.SIGSTOP)
        else:
            self.run.kills += 1
            acting.signal(signal.SIGKILL)
        began = time.monotonic()
        self.run.in_flight += self.nonce("pending") > self.nonce("latest")
        others = [each for each in self.replicas if each is not acting]
        self.run.takeovers_s.append(_until(lambda: any(each.acting() for each in others), "another one acts"))
        answered = self._nonce + self.run.pushes
        _until(lambda: self.nonce("latest") >= answered, "the push is answered")
        self.run.answers_s.append(time.monotonic() - began)
        if pausing:
            acting.signal(signal.SIGCONT)
            # What it was about to send when it was stopped it sends now, if ever.
            time.sleep(2)

    def nonce(self, block: Any) -> int:
        return self.chain.web3.eth.get_transaction_count(self._keeper, block)

    def _count_up(self) -> None:
        self.run.transactions = self.nonce("latest") - self._nonce
        contract = self.chain.at("arbitrageur", compile_contract("ParityArbitrageur").abi)
        mined = {
            log["transactionHash"].to_0x_hex()
            for name in _EVENTS.values()
            for log in contract.events[name]().get_logs(from_block=self._from_block)
        }
        self.run.trades = len(mined)
        written = set()
        for each in self.replicas:
            _end(each)
            with TradeJournal(each.journal) as journal:
                written |= {trade.tx_hash for trade in journal.trades()}
        self.run.journaled = len(mined & written)


def _end(replica: Replica) -> None:
    if replica.process is not None:
        replica.signal(signal.SIGKILL)


def _until(condition: Callable[[], object], what: str, replicas: Sequence[Replica] = ()) -> float:
    """Seconds it took. Raises AssertionError after too many, with what the replicas said last."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > _PATIENCE_S:
            said = "\n".join(each.last_words() for each in replicas)
            raise AssertionError(f"not within {_PATIENCE_S} s: {what}\n{said}")
        time.sleep(_LOOK_S)
    return time.monotonic() - began


def report(run: Run, bench: Bench) -> None:
    bench.add("kills of the acting replica", run.kills, "", f">= {KILLS}")
    bench.add("  of them with a transaction in the pool", run.in_flight, "")
    bench.add("pauses of the acting replica, woken after the take-over", run.pauses, "")
    bench.add("take-over, worst", max(run.takeovers_s), "s", f"<= {TAKEOVER_S:g}")
    bench.add("take-over, median", _median(run.takeovers_s), "s")
    bench.add("from the blow to the push answered, worst", max(run.answers_s), "s")
    bench.add("transactions beyond one a push", run.transactions - run.pushes, "", "<= 0")
    bench.add("transactions that reverted", run.transactions - run.trades, "", "<= 0")
    bench.add("trades that no replica wrote down", run.trades - run.journaled, "", "<= 0")


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=6)
    asked = parser.parse_args()
    bench = Bench("replicas")
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        report(stage.play(asked.kills, random.Random(asked.seed)), bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

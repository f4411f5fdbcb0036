# SPDX-License-Identifier: AGPL-3.0-only
"""How fast a keeper answers a block: from the moment its header arrives to the signed trade, and to the mined one.

On a local chain that mines each transaction at once, deployed as the demo is (four components, eleven pools): the
trader pushes, which makes a block; the keeper, who follows the chain by its subscription, does all the rest. Beside the
time on the wall stands the processor time of the keeper's own process: on a busy machine only that is the keeper's.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from web3 import HTTPProvider, Web3

from plumbline.chain.heads import Heads
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.clock import SystemClock
from plumbline.core.units import parse_wad
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.keeper.service import Keeper
from plumbline.store.trades import TradeJournal
from plumbline.supervisor.anvil import Anvil
from plumbline.trader.service import Trader
from scripts.bench import players
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

PUSHES = 120
GAS_TOKEN_USD = "1600"
MAX_AGE_S = 3_600
LOOK_S = 30.0
"""Between two looks for their own sake: none within a push."""


class TimedKey(LocalKey):
    """Remembers when it signed last, on the wall and in processor time."""

    signed = (0.0, 0.0)

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        signed = await super().sign_message(message)
        self.signed = now()
        return signed


class TimedRpc(Rpc):
    """Remembers when it last heard of a transaction of the keeper's that is mined."""

    mined = (0.0, 0.0)

    async def request(self, method: str, *params: Any) -> Any:
        answer = await super().request(method, *params)
        if method == "eth_getTransactionReceipt" and answer is not None:
            self.mined = now()
        return answer


def now() -> tuple[float, float]:
    """{s} On the wall, and in this process."""
    return time.perf_counter(), time.process_time()


async def measure(bench: Bench) -> None:
    with Anvil() as anvil, tempfile.TemporaryDirectory() as folder:
        chain, parameters = Chain(Web3(HTTPProvider(anvil.url))), cast.Parameters()
        steps.deploy(chain, parameters)
        steps.opening_round(chain, parameters)
        steps.open_market(chain, parameters)
        with TradeJournal(Path(folder) / "keeper.sqlite") as journal:
            for funding in ("float", "flash"):
                await _react(bench, anvil.url, chain, journal, funding)
    bench.add("load of the machine, mean of the last minute", os.getloadavg()[0], "")


async def _react(bench: Bench, url: str, chain: Chain, journal: TradeJournal, funding: str) -> None:
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    async with (
        TimedRpc([url], timeout_s=30) as rpc,
        Rpc([url], timeout_s=30) as traders,
        Heads(url.replace("http://", "ws://"), LOOK_S) as heads,
    ):
        key = TimedKey(bytes(cast.account("keeper").key))
        venue = ChainParity(rpc, players.sender_of(rpc, key), config, heads.take)
        parity = Parity(venue, journal, KeeperRules(parse_wad(GAS_TOKEN_USD), funding=(funding,)))
        keeper = Keeper(venue.head, [parity], parity.metrics)
        trader = Trader(
            players.swapper(traders, chain, url), SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300
        )
        while not heads.subscribed:
            await heads.wait()
        # The first look also asks what never changes.
        await keeper.look()
        signed, mined = [], []
        for i in range(PUSHES):
            seen = heads.seen
            await trader.push((-1) ** i * (100 + i))
            while heads.seen == seen:
                await heads.wait()
            began = now()
            await keeper.look()
            if parity.outcome is Outcome.TRADED:
                signed.append(_since(began, key.signed))
                mined.append(_since(began, rpc.mined))
    _add(bench, f"new block to signed, {funding}", signed, p99="<= 20")
    _add(bench, f"new block to mined, {funding}", mined, p50="<= 10")
    bench.add(f"  trades, {funding}", len(mined), "", f">= {PUSHES * 9 // 10}")


def _since(began: tuple[float, float], ended: tuple[float, float]) -> tuple[float, float]:
    return ended[0] - began[0], ended[1] - began[1]


def _add(bench: Bench, name: str, times: Sequence[tuple[float, float]], **bounds: str) -> None:
    wall, own = zip(*times, strict=True)
    bench.add(f"{name}, p50", 1_000 * median(wall), "ms", bounds.get("p50"))
    bench.add(f"{name}, p99", 1_000 * _percentile(wall, 99), "ms", bounds.get("p99"))
    bench.add("  of it in the keeper's own process, p50", 1_000 * median(own), "ms")
    bench.add("  of it in the keeper's own process, p99", 1_000 * _percentile(own, 99), "ms")


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


if __name__ == "__main__":
    found = Bench("keeper-reaction")
    asyncio.run(measure(found))
    raise SystemExit(found.finish())

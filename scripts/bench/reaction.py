# SPDX-License-Identifier: AGPL-3.0-only
"""How fast a keeper answers a block: from the moment its header arrives to the signed trade, and to the mined one.

On a local chain that mines each transaction at once, deployed as the demo is (four components, eight pools): the trader
pushes, which makes a block; the keeper, who follows the chain by its subscription, does all the rest.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from web3 import HTTPProvider, Web3

from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.clock import SystemClock
from plumbline.core.units import parse_wad
from plumbline.keeper.parity import KeeperRules, Outcome, Parity
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


class TimedKey(LocalKey):
    """Remembers when it signed last."""

    signed_at = 0.0

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        signed = await super().sign_message(message)
        self.signed_at = time.perf_counter()
        return signed


async def measure(bench: Bench) -> None:
    with Anvil() as anvil, tempfile.TemporaryDirectory() as folder:
        chain, parameters = Chain(Web3(HTTPProvider(anvil.url))), cast.Parameters()
        steps.deploy(chain, parameters)
        steps.opening_round(chain, parameters)
        steps.open_market(chain, parameters)
        with TradeJournal(Path(folder) / "keeper.sqlite") as journal:
            for funding in ("float", "flash"):
                await _react(bench, anvil.url, chain, journal, funding)


async def _react(bench: Bench, url: str, chain: Chain, journal: TradeJournal, funding: str) -> None:
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    async with Rpc([url], timeout_s=30) as rpc:
        key = TimedKey(bytes(cast.account("keeper").key))
        venue = ChainParity(rpc, players.sender_of(rpc, key), config)
        keeper = Parity(venue, journal, KeeperRules(parse_wad(GAS_TOKEN_USD), funding=(funding,)))
        trader = Trader(players.swapper(rpc, chain, url), SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300)
        signed, mined = [], []
        for i in range(PUSHES):
            await trader.push((-1) ** i * (100 + i))
            began = time.perf_counter()
            if await keeper.turn() is Outcome.TRADED and i:
                # The first turn also asks what never changes.
                signed.append(key.signed_at - began)
                mined.append(time.perf_counter() - began)
    bench.add(f"new block to signed, {funding}, p50", 1_000 * median(signed), "ms")
    bench.add(f"new block to signed, {funding}, p99", 1_000 * _percentile(signed, 99), "ms", "<= 20")
    bench.add(f"new block to mined, {funding}, p50", 1_000 * median(mined), "ms", "<= 10")
    bench.add(f"  trades, {funding}", len(mined), "", f">= {PUSHES * 9 // 10}")


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


if __name__ == "__main__":
    found = Bench("keeper-reaction")
    asyncio.run(measure(found))
    raise SystemExit(found.finish())

# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-rivals`: keepers of different owners that see the same premium, and what who comes second pays.

Two keepers, each with its own key, arbitrageur and connection, on a real Anvil that makes a block a second. A trader
pushes the share's pool; both look at that block, half the time at the same moment, else up to a block's time apart. Who
looks when the other one's trade waits in the pool is told by its simulation, which runs in the block to come. Only who
sends before the other one's trade is known pays for a revert, and for no more than a look at the pool.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from web3 import HTTPProvider, Web3

from plumbline.chain.fees import GWEI
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.uniswap import pool_code_hash
from plumbline.clock import SystemClock
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import best_trade
from plumbline.core.cycle import best_cycle
from plumbline.core.units import parse_wad
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.ports import TakenReceipt
from plumbline.store.trades import TradeJournal
from plumbline.supervisor.anvil import Anvil
from plumbline.trader.service import Trader
from scripts.bench import players
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

ROUNDS: Final = 40
GAS_TOKEN_USD: Final = "1600"
MAX_AGE_S: Final = 80_000
RIVAL: Final = "relayer"
"""Whose account the second keeper has: nobody relays here."""
_LOOKS: Final = 4
"""Of each after a push: enough to see that nothing is left to do."""


@dataclass
class Race:
    """What became of it, over all rounds."""

    pushes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Of both keepers' looks."""
    revert_gas: list[int] = field(default_factory=list)
    """Of each transaction that was beaten in the race."""
    net: int = 0
    """{quote} both keepers', gas and reverts included."""

    @property
    def trades(self) -> int:
        return self.outcomes[Outcome.TRADED]

    @property
    def reverts(self) -> int:
        return self.outcomes[Outcome.REVERTED]


@contextmanager
def blocks_every(chain: Chain, seconds: int) -> Iterator[None]:
    """Instead of one for each transaction."""
    _ask(chain, "evm_setAutomine", False)
    _ask(chain, "evm_setIntervalMining", seconds)
    yield
    _ask(chain, "evm_setIntervalMining", 0)
    _ask(chain, "evm_setAutomine", True)


def _ask(chain: Chain, method: str, *arguments: object) -> Any:
    return chain.web3.provider.make_request(method, arguments)["result"]  # type: ignore[arg-type]


async def _in_one_block(chain: Chain, *sends: Awaitable[TakenReceipt]) -> list[TakenReceipt]:
    """No block is made until all of them wait for it."""
    _ask(chain, "evm_setIntervalMining", 0)
    waiting = asyncio.gather(*sends)
    while int(_ask(chain, "txpool_status")["pending"], 16) < len(sends):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    _ask(chain, "evm_setIntervalMining", 1)
    return await waiting


async def race(url: str, chain: Chain, folder: Path, rounds: int, funding: str, rng: random.Random) -> Race:
    """The chain must have everything deployed, and make blocks by itself."""
    own = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    other = _config_of_rival(chain, own)
    found = Race()
    async with AsyncExitStack() as stack:
        keepers, journals = [], []
        for role, config in (("keeper", own), (RIVAL, other)):
            journal = stack.enter_context(TradeJournal(folder / f"{role}-{funding}.sqlite"))
            rpc = await stack.enter_async_context(Rpc([url], timeout_s=30))
            rules = KeeperRules(parse_wad(GAS_TOKEN_USD), funding=(funding,))
            keepers.append(Parity(ChainParity(rpc, players.sender(rpc, role), config), journal, rules))
            journals.append(journal)
        rpc = await stack.enter_async_context(Rpc([url], timeout_s=30))
        trader = Trader(players.swapper(rpc, chain, url), SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300)
        # What is asked once is asked before the race.
        await asyncio.gather(*(keeper.turn() for keeper in keepers))
        for _ in range(rounds):
            await trader.push((-1) ** found.pushes * rng.randint(100, 300))
            found.pushes += 1
            lag_s = 0.0 if rng.random() < 0.5 else rng.random()
            first = rng.choice((0, 1))
            outcomes = await asyncio.gather(
                *(_answer(keeper, 0.0 if i == first else lag_s) for i, keeper in enumerate(keepers))
            )
            found.outcomes.update(str(outcome) for each in outcomes for outcome in each)
        trades = [trade for journal in journals for trade in journal.trades()]
        found.revert_gas = [trade.gas_used for trade in trades if trade.reverted]
        found.net = sum(trade.net for trade in trades)
    return found


async def _answer(keeper: Parity, lag_s: float) -> list[Outcome]:
    """Its looks at the blocks after a push, until it sees nothing to do."""
    await asyncio.sleep(lag_s)
    outcomes: list[Outcome] = []
    while len(outcomes) < _LOOKS and (not outcomes or outcomes[-1] not in (Outcome.INSIDE, Outcome.TOO_SMALL)):
        outcomes.append(await keeper.turn())
        await asyncio.sleep(0.3)
    return outcomes


async def beaten(url: str, chain: Chain, bps: int, funding: str) -> int:
    """Gas of a trade that was sent when the other one's, for the same premium, was already on its way; after a push.

    The rival wins, flash-funded and with the higher tip; the keeper's, of this funding, is mined behind it.
    """
    own = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    async with Rpc([url], timeout_s=30) as rpc:
        trader = Trader(players.swapper(rpc, chain, url), SystemClock(), seed=1, interval_s=60, min_bps=50, max_bps=300)
        await trader.push(bps)
        loser = ChainParity(rpc, players.sender(rpc, "keeper"), own)
        winner = ChainParity(rpc, players.sender(rpc, RIVAL), _config_of_rival(chain, own))
        seen = (await loser.snapshot(), await winner.snapshot())
        assert seen[1].cycle is not None
        first = best_cycle(seen[1].cycle)
        second = best_trade(seen[0].market) if funding == "float" else first
        assert first is not None
        assert second is not None
        price = 20 * GWEI
        receipts = await _in_one_block(
            chain, winner.execute(first, 1, 3_000_000, 2 * GWEI, price), loser.execute(second, 1, 3_000_000, 0, price)
        )
    assert [bool(receipt.reverted) for receipt in receipts] == [False, True], receipts
    return receipts[1].gas_used


def _config_of_rival(chain: Chain, own: KeeperConfig) -> KeeperConfig:
    fields = {name: getattr(own, name) for name in own.__struct_fields__}
    return KeeperConfig(**fields | {"arbitrageur": chain.address("rival arbitrageur")})


def deploy_rival(chain: Chain) -> None:
    """A second arbitrageur, of somebody else's."""
    quote = cast.component(cast.QUOTE)
    terms = (cast.feed_index(quote.feed), chain.address("uniswap factory"), pool_code_hash())
    tokens = chain.address("vault"), chain.address(f"token {cast.QUOTE}")
    chain.deploy("rival arbitrageur", "ParityArbitrageur", *tokens, *terms, sender=cast.address(RIVAL))


def report(found: Race, gas: dict[str, int], bench: Bench) -> None:
    bench.add("rivals: pushes both keepers saw", found.pushes, "")
    bench.add("  trades", found.trades, "", f">= {found.pushes}")
    bench.add("  told by the simulation that somebody was quicker", found.outcomes[Outcome.REFUSED], "")
    bench.add("  beaten transactions", found.reverts, "")
    for what, used in gas.items():
        bench.add(f"  gas of a beaten one, {what}", used, "gas", "<= 60000")
    bench.add("  both keepers' profit after all gas", found.net, "units", ">= 0")


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bench = Bench("rivals")
    with Anvil() as anvil, tempfile.TemporaryDirectory() as folder:
        chain, parameters = Chain(Web3(HTTPProvider(anvil.url))), cast.QUIET
        steps.deploy(chain, parameters)
        steps.opening_round(chain, parameters)
        steps.open_market(chain, parameters)
        deploy_rival(chain)
        with blocks_every(chain, 1):
            found = asyncio.run(race(anvil.url, chain, Path(folder), rounds, "flash", random.Random(6)))
            gas = {
                f"{funding}, {'premium' if bps > 0 else 'discount'}": asyncio.run(
                    beaten(anvil.url, chain, bps, funding)
                )
                for funding in ("flash", "float")
                for bps in (200, -200)
            }
    report(found, gas, bench)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-market`: the day of the depeg through the market: what a keeper makes of it, how near to NAV it holds it.

Lock step in one process, on a real Anvil, with the components the nodes run on: five index engines over the recorded
trades, rows signed and submitted, a trader who pushes the pool by 0.5 to 3 % once a minute, a keeper with a finite
inventory, and a market maker, with one too, who keeps the components' pools at what one venue trades at: earlier than
the oracle knows, and only as near as the pools' fees let it pay. Six blocks a minute, and one for each pool it moves:

    0 the market maker        1 the round of the minute     2 the keeper's answer
    3 the trader's push       4 the keeper's answer         5 nothing

Blocks 2 and 4 are those that follow a turn of the keeper's. The premium is the pool's price at the quote token's own
oracle price against NAV; it counts as inside when nobody could earn more than ten basis points beyond the fees.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

import structlog
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.clock import SystemClock
from plumbline.core.arbitrage import ParityMarket, Side, band
from plumbline.core.engine import IndexEngine
from plumbline.core.models import SignedRow
from plumbline.core.pushes import push_in
from plumbline.core.rules import FeedRule
from plumbline.core.units import WAD, parse_wad
from plumbline.errors import ChainError
from plumbline.keeper.parity import KeeperRules, Outcome, Parity
from plumbline.replay.bars import MINUTE_S
from plumbline.reporter.agreement import make_row
from plumbline.store.trades import TradeJournal
from plumbline.supervisor.anvil import Anvil
from plumbline.trader.maker import Maker
from plumbline.trader.service import Trader
from scripts.bench import players
from scripts.bench.onchain import LOSS, REPORTERS
from scripts.bench.recorded import DAY_S, DEPEG_DAY_S, Recording, recording, rules
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

WARM_UP_S = 3_600
BLOCK_S = 12
BLOCKS_A_MINUTE = MINUTE_S // BLOCK_S
SLACK_BPS = 10
BASE_FEE_WEI = 10**8
"""0.1 gwei, a rollup's."""
GAS_TOKEN_USD = "1500"
PARAMETERS = cast.Parameters(period_s=MINUTE_S, heartbeat_s=MINUTE_S)
MAX_AGE_S = 2 * MINUTE_S
SEED = 1
MAKERS_VENUE = "kraken"
QUOTE_FEED = cast.feed_index(cast.component(cast.QUOTE).feed)
QUOTE_SCALE = 10 ** (cast.component(cast.QUOTE).decimals + cast.FEEDS[QUOTE_FEED].decimals)
PUSH_BPS = {"min_bps": 50, "max_bps": 300}


def index_rules() -> list[FeedRule]:
    """The recorded feeds, but USDC is priced all day.

    Only two venues of the recording trade USDC for dollars, directly or through bitcoin. While it was off its peg they
    were up to 11 % apart, or one of them had no trade for minutes. Two that disagree make no price by default, and
    without one there is neither NAV nor keeper: here the cheaper of the two is taken, and one alone is enough.
    """
    alone = {"min_venues": 1, "agree_bps": 1_500}
    return [replace(rule, **alone) if rule.name == "USDC/USD" else rule for rule in rules()]


@dataclass
class Reporters:
    """Five engines, each missing its own few trades, and their keys."""

    engines: list[IndexEngine] = field(default_factory=lambda: [IndexEngine(index_rules()) for _ in range(REPORTERS)])
    luck: list[random.Random] = field(default_factory=lambda: [random.Random(i) for i in range(REPORTERS)])

    def learn(self, recorded: Recording, at: int) -> None:
        for trade in recorded.trades.get(at, ()):
            for engine, chance in zip(self.engines, self.luck, strict=True):
                if chance.random() >= LOSS:
                    engine.on_trade(trade)

    async def rows(self, oracle: ChainOracle, at: int) -> Sequence[SignedRow]:
        config = await oracle.config()
        domain = domain_separator(config.chain_id, config.address)
        signed = []
        for index, (engine, role) in enumerate(zip(self.engines, cast.REPORTERS, strict=True), start=1):
            row = make_row(config, at, engine.observe(at * 1000))
            signed.append(SignedRow(index, row, *players.key(role).sign(row_digest(domain, row))))
        return signed


@dataclass
class Outside:
    """What the components last traded at on one venue, in the quote token."""

    last_wad: dict[str, int] = field(default_factory=dict)

    def learn(self, recorded: Recording, at: int) -> None:
        for trade in recorded.trades.get(at, ()):
            if trade.venue == MAKERS_VENUE:
                self.last_wad[trade.symbol] = trade.price_wad

    def prices(self) -> dict[str, Fraction]:
        """{quote} smallest units for one of each token."""
        quote, known = cast.component(cast.QUOTE), dict(self.last_wad)
        if {"BTC/USD", "BTC/EUR"} <= known.keys():
            # Nobody there trades euros for dollars: by way of bitcoin.
            known["EUR/USD"] = known["BTC/USD"] * WAD // known["BTC/EUR"]
        if quote.feed not in known:
            return {}
        return {
            each.symbol: Fraction(known[each.feed] * 10**quote.decimals, known[quote.feed] * 10**each.decimals)
            for each in cast.COMPONENTS
            if each.feed in known
        }


@dataclass
class Premiums:
    """One entry a block: whether the premium was inside the band."""

    low: Fraction
    high: Fraction
    answered: list[bool] = field(default_factory=list)
    """The blocks that follow a turn of the keeper's."""
    every: list[bool] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    """{bps} |premium| in every block."""
    unpriced: int = 0
    """Blocks in which the oracle served no price: outside, whatever the pool did."""

    def note(self, premium: Fraction | None, *, answered: bool) -> None:
        if premium is None:
            self.unpriced += 1
        else:
            self.distances.append(abs(float(premium)) * 10_000)
        inside = premium is not None and self.low <= premium <= self.high
        self.every.append(inside)
        if answered:
            self.answered.append(inside)


class Outsider:
    """Reads the premium from the chain, as anybody could."""

    def __init__(self, rpc: Rpc, chain: Chain) -> None:
        self._rpc = rpc
        vault, quote = chain.address("vault"), chain.address(f"token {cast.QUOTE}")
        self._share_is_token0 = int(vault, 16) < int(quote, 16)
        self._calls = (
            rpc.contract("IUniswapV3Pool", chain.address("pool")).functions.slot0(),
            rpc.contract("IndexVault", vault).functions.nav(MAX_AGE_S),
            rpc.contract("MedianOracle", chain.address("oracle")).functions.price(QUOTE_FEED, MAX_AGE_S),
        )

    async def premium(self) -> Fraction | None:
        """None when the oracle serves no price."""
        try:
            slot0, nav_wad, price = await asyncio.gather(*(self._rpc.ask(call.call()) for call in self._calls))
        except ChainError as error:
            if not error.reason:
                raise
            return None
        per_share = Fraction(slot0[0] ** 2, 1 << 192)
        quote_units = (per_share if self._share_is_token0 else 1 / per_share) * WAD
        return quote_units * price * WAD / QUOTE_SCALE / nav_wad - 1


class Day:
    """The day, block by block."""

    def __init__(
        self, chain: Chain, rpc: Rpc, oracle: ChainOracle, keeper: Parity, trader: Trader, maker: Maker
    ) -> None:
        self._chain, self._rpc, self._oracle = chain, rpc, oracle
        self._keeper, self._trader, self._maker = keeper, trader, maker
        self.outcomes: list[Outcome] = []

    async def open(self, rows: Sequence[SignedRow]) -> None:
        """The first round, and the pool at the NAV it gives."""
        # Estimates reckon with the time of the latest block: a quiet one goes before each round.
        self._next_block(DEPEG_DAY_S - BLOCK_S)
        self._mine()
        self._next_block(DEPEG_DAY_S)
        await self._oracle.submit(DEPEG_DAY_S, rows)
        steps.open_market(self._chain, PARAMETERS)
        self._next_block(DEPEG_DAY_S + MINUTE_S - BLOCK_S)
        self._mine()
        self._outsider = Outsider(self._rpc, self._chain)
        await self._keeper.turn()
        self.opening = self.market()
        self.premiums = Premiums(*band(self.opening, SLACK_BPS))

    def market(self) -> ParityMarket:
        """As the keeper saw it last."""
        if self._keeper.last is None:
            raise SystemExit("the keeper never saw a price")
        return self._keeper.last.market

    async def minute(self, at: int, rows: Sequence[SignedRow], outside: Mapping[str, Fraction]) -> None:
        self._next_block(at - BLOCK_S + 1)
        await self._maker.turn(outside)
        self._next_block(at)
        await self._oracle.submit(at, rows)
        await self._answer(at + BLOCK_S)
        self._next_block(at + 2 * BLOCK_S)
        push = push_in(at // MINUTE_S, seed=SEED, interval_ms=MINUTE_S * 1000, **PUSH_BPS)
        await self._trader.push(push.bps)
        await self._answer(at + 3 * BLOCK_S)
        self._next_block(at + 4 * BLOCK_S)
        self._mine()
        await self._look(answered=False)

    async def _answer(self, at: int) -> None:
        """The keeper's turn on the block that was just mined, and the block that follows it."""
        self._next_block(at)
        outcome = await self._keeper.turn()
        self.outcomes.append(outcome)
        before = None if outcome is Outcome.NO_PRICE else self.market().premium
        self.premiums.note(before, answered=False)
        if outcome is not Outcome.TRADED:
            self._mine()
        await self._look(answered=True)

    async def _look(self, *, answered: bool) -> None:
        self.premiums.note(await self._outsider.premium(), answered=answered)

    def _next_block(self, at: int) -> None:
        """The next block gets this time and the bench's base fee."""
        self._ask("evm_setNextBlockTimestamp", at)
        self._ask("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE_WEI))

    def _mine(self) -> None:
        self._ask("evm_mine")

    def _ask(self, method: str, *parameters: Any) -> None:
        answer = self._chain.web3.provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")


async def run(url: str, minutes: int) -> Bench:
    recorded = recording(DEPEG_DAY_S - WARM_UP_S, DEPEG_DAY_S + DAY_S)
    chain, reporters = Chain(Web3(HTTPProvider(url))), Reporters()
    steps.deploy(chain, PARAMETERS)
    for at in range(recorded.minutes.start, DEPEG_DAY_S, MINUTE_S):
        reporters.learn(recorded, at)
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    with tempfile.TemporaryDirectory() as folder, TradeJournal(Path(folder) / "keeper.sqlite") as journal:
        async with Rpc([url], timeout_s=30) as rpc:
            oracle = ChainOracle(rpc, chain.address("oracle"), players.sender(rpc, "relayer"))
            keeper = Parity(players.parity(rpc, config), journal, KeeperRules(parse_wad(GAS_TOKEN_USD)))
            trader = Trader(players.swapper(rpc, chain, url), SystemClock(), seed=SEED, interval_s=MINUTE_S, **PUSH_BPS)
            maker, venue = players.maker(rpc, chain, url), Outside()
            day = Day(chain, rpc, oracle, keeper, trader, maker)
            reporters.learn(recorded, DEPEG_DAY_S)
            await day.open(await reporters.rows(oracle, DEPEG_DAY_S))
            for at in range(DEPEG_DAY_S + MINUTE_S, DEPEG_DAY_S + (minutes + 1) * MINUTE_S, MINUTE_S):
                reporters.learn(recorded, at)
                venue.learn(recorded, at)
                await day.minute(at, await reporters.rows(oracle, at), venue.prices())
                if at % 3_600 == 0:
                    print(f"  {(at - DEPEG_DAY_S) // 3_600:2} h: {len(journal.trades())} trades", flush=True)
            # One more look, for what the last trade left.
            await keeper.turn()
            return figures(day, journal, trader.pushes, maker.moves)


def figures(day: Day, journal: TradeJournal, pushes: int, moves: int) -> Bench:
    bench, premiums, sent, start, end = Bench("market"), day.premiums, journal.trades(), day.opening, day.market()
    trades = [each for each in sent if not each.reverted]
    bench.add("blocks after the keeper's turn, inside", 100 * mean(premiums.answered), "%", ">= 99")
    bench.add("all blocks, inside", 100 * mean(premiums.every), "%")
    bench.add("all blocks", len(premiums.every), "")
    bench.add("blocks without a served price", premiums.unpriced, "")
    bench.add("mean distance from NAV", mean(premiums.distances), "bps")
    bench.add("moves of component pools by the market maker", moves, "")
    bench.add("pushes of 0.5 to 3 %", pushes, "", f">= {len(premiums.every) // BLOCKS_A_MINUTE}")
    # What each trade brought in the quote token, at the quote's price at the end of the day; gas of reverted ones too.
    usd = float(end.quote.usd)
    bench.add("trades", len(trades), "")
    bench.add("profit of the trades, net of gas", sum(t.net for t in sent) * usd, "USD", ">= 1")
    bench.add("gas paid", sum(t.gas_cost for t in sent) * usd, "USD")
    bench.add("worst single trade, net of gas", min(t.net for t in sent) * usd, "USD", ">= 0")
    bench.add("largest miss of sizing", max(abs(t.profit - t.expected) for t in trades) * usd, "USD", "<= 0.01")
    for side in Side:
        gas = [trade.gas_used for trade in trades if trade.side is side]
        bench.add(f"gas of a {side} taken, four components", mean(gas), "gas")
    bench.add("turns that were refused", day.outcomes.count(Outcome.REFUSED), "")
    bench.add("trades that reverted on chain", len(sent) - len(trades), "")
    bench.add("turns without inventory", day.outcomes.count(Outcome.NO_INVENTORY), "")
    bench.add("inventory, against holding it", float(worth(end, end) - worth(start, end)), "USD")
    return bench


def worth(held: ParityMarket, priced: ParityMarket) -> Fraction:
    """USD value of one moment's inventory at another's prices."""
    return sum((mine.held * price.usd for mine, price in zip(held.tokens, priced.tokens, strict=True)), Fraction())


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else DAY_S // MINUTE_S
    with Anvil("--timestamp", str(DEPEG_DAY_S - WARM_UP_S)) as anvil:
        return asyncio.run(run(anvil.url, minutes)).finish()


if __name__ == "__main__":
    sys.exit(main())

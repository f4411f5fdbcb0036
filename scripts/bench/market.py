# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-market`: thirteen days of March 2023 through the market: what a keeper makes of them, how near to NAV it
holds the share. `python -m scripts.bench.market --from 2023-03-11 --hours 24` is the day of the depeg alone.

Lock step in one process, on a real Anvil, with the components the nodes run on: five index engines over the recorded
trades, rounds when the relayer's own rule calls for one, a trader who pushes the share's pool by 0.5 to 3 % every six
minutes, a keeper with a finite inventory, and a market maker, with one too, who keeps the components' pools at what one
venue trades at: earlier than the oracle knows, and only as near as the pools' fees let it pay. A delta-neutral desk has
a range in the pushed pool. A block every twelve seconds, all thirteen days:

    the market maker's, once a minute (they move no price that is measured here, and are not counted)
    a round or a push, the keeper's answer, another if it traded, a turn of the desk's, then quiet ones until the next

The keeper's turns in quiet blocks are skipped: nothing has changed since it did nothing. At every fiftieth of its
trades somebody is quicker: the pool is pushed to NAV between simulation and trade, and the trade reverts.

The premium is the pool's price at the quote token's own oracle price against NAV; it counts as inside when nobody could
earn more than ten basis points beyond the fees. Blocks after a turn are those that answer a round, a push or a trade; a
quiet stretch is read at both ends, and counts as inside only when both are.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from statistics import mean
from typing import Any

import structlog
from web3 import HTTPProvider, Web3

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.clock import SystemClock
from plumbline.core.arbitrage import ParityMarket, ParityTrade, Side, band
from plumbline.core.desk_books import Booking
from plumbline.core.pushes import push_in
from plumbline.core.units import MAX_BPS, WAD, parse_wad
from plumbline.keeper.desk import Desk
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.ports import TakenReceipt
from plumbline.replay.bars import MINUTE_S
from plumbline.store.trades import TradeJournal
from plumbline.supervisor.anvil import Anvil
from plumbline.trader.maker import Maker
from plumbline.trader.service import Trader
from scripts.bench import players
from scripts.bench.blocks import BLOCK_S, Blocks, Exposures, Outsider, Premiums
from scripts.bench.prices import Outside, Reporters
from scripts.bench.recorded import DAY_S, END_S, FIRST_DAY_S, recording
from scripts.bench.report import Bench
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

WARM_UP_S = 3_600
"""Of the first day's trades, before the market opens."""
PUSH_EVERY_S = 360
SLACK_BPS = 10
GAS_TOKEN_USD = "1500"
PARAMETERS = cast.Parameters(period_s=MINUTE_S, deviation_bps=10, heartbeat_s=3_600)
"""The policy that `plumbline lab oracle` recommends for these days, at the recording's own minute."""
MAX_AGE_S = 2 * PARAMETERS.heartbeat_s
SEED = 1
OUTPACED = 1 / 50
PUSH_BPS = {"min_bps": 50, "max_bps": 300}
DESK_SHARES = 1_000
"""What the desk has, and is to have; as much worth of quote beside them."""
DESK = {"position_shares": "200", "band_shares": "80", "hedge_from_shares": "20", "max_cost_bps": 200}
DESK_TARGET = {"target_shares": str(DESK_SHARES)}
ANSWERS = 2
"""Turns of the keeper's on an event, the second one only after a trade."""


class Outpaced(ChainParity):
    """A keeper's way to the chain, on which somebody is quicker now and then."""

    race: Any = None

    async def execute(self, trade: ParityTrade, *terms: int) -> TakenReceipt:
        await self.race()
        return await super().execute(trade, *terms)


@dataclass
class Replay:
    """The market, block by block."""

    chain: Chain
    rpc: Rpc
    oracle: ChainOracle
    keeper: Parity
    trader: Trader
    maker: Maker
    desk: Desk
    reporters: Reporters
    blocks: Blocks
    outside: Outside = field(default_factory=Outside)
    luck: random.Random = field(default_factory=lambda: random.Random(SEED))
    outcomes: list[Outcome] = field(default_factory=list)
    desk_outcomes: list[Outcome] = field(default_factory=list)
    exposures: Exposures = field(default_factory=Exposures)

    async def open(self, at_s: int) -> None:
        """The first round, and the pools at the prices it gives."""
        # Estimates reckon with the time of the latest block: a quiet one goes before each round.
        self.blocks.set(at_s - BLOCK_S)
        self.blocks.mine()
        self.blocks.set(at_s)
        self.config = await self.oracle.config()
        await self.reporters.publish(self.oracle, self.config, self.reporters.due(self.config, at_s))
        steps.open_market(self.chain, PARAMETERS)
        players.fund_desk(self.chain, DESK_SHARES, steps.quote_per_share(self.chain, MAX_AGE_S))
        self.blocks.at_s = at_s + MINUTE_S - 2 * BLOCK_S
        self.blocks.next()
        self.blocks.mine()
        self.outsider = Outsider(self.rpc, self.chain, MAX_AGE_S)
        await self.keeper.turn()
        self.opening = self.market()
        self.premiums = Premiums(*band(self.opening, SLACK_BPS))
        self.blocks.next()
        await self.desk.turn()
        await self._look()

    def market(self) -> ParityMarket:
        """As the keeper saw it last."""
        if self.keeper.last is None:
            raise SystemExit("the keeper never saw a price")
        return self.keeper.last.market

    async def minute(self, at_s: int) -> None:
        """The minute that begins at `at_s`, with what was traded until then."""
        prices = self.outside.prices()
        await self._quiet_before(at_s)
        self.blocks.set(self.blocks.at_s + 1)
        await self.maker.turn(prices)
        if rows := self.reporters.due(self.config, at_s):
            self.blocks.next()
            await self.reporters.publish(self.oracle, self.config, rows)
            await self._answer()
        if at_s % PUSH_EVERY_S == 0:
            self.blocks.next()
            push = push_in(at_s // PUSH_EVERY_S, seed=SEED, interval_ms=PUSH_EVERY_S * 1_000, **PUSH_BPS)
            await self.trader.push(push.bps)
            await self._answer()

    async def race(self) -> None:
        """Before the keeper's trade: somebody takes what it was after, in the block that was to be the trade's."""
        if self.luck.random() < OUTPACED:
            premium = self.market().premium
            await self.trader.push(round(-premium * MAX_BPS / (1 + premium)))
            await self._look()
            self.blocks.next()

    async def _quiet_before(self, at_s: int) -> None:
        if count := self.blocks.quiet_before(at_s):
            self.premiums.note_quiet(count, await self.outsider.premium())
            self._note_exposure(count)

    async def _answer(self) -> None:
        """Notes the block that was just mined, and the turns on it, each with the block that follows it."""
        await self._look()
        for _ in range(ANSWERS):
            self.blocks.next()
            outcome = await self.keeper.turn()
            self.outcomes.append(outcome)
            if outcome not in (Outcome.TRADED, Outcome.REVERTED):
                self.blocks.mine()
            await self._look(answered=True)
            if outcome is not Outcome.TRADED:
                break
        self.blocks.next()
        self.desk_outcomes.append(await self.desk.turn())
        if self.desk_outcomes[-1] not in (Outcome.HEDGED, Outcome.PLACED, Outcome.REVERTED):
            self.blocks.mine()
        await self._look()

    async def _look(self, *, answered: bool = False) -> None:
        self.premiums.note(await self.outsider.premium(), answered=answered)
        self._note_exposure()

    def _note_exposure(self, blocks: int = 1) -> None:
        """Of what the desk had when it looked last, at the pool's price now: only the desk itself changes the rest."""
        if self.desk.last is not None:
            shares, _ = self.desk.last.state.holdings(self.outsider.sqrt_price_x96)
            self.exposures.note(shares - DESK_SHARES * WAD, int(DESK["band_shares"]) * WAD, blocks)


async def run(url: str, start_s: int, end_s: int) -> Bench:
    chain, reporters = Chain(Web3(HTTPProvider(url))), Reporters()
    steps.deploy(chain, PARAMETERS)
    first = recording(start_s, start_s + WARM_UP_S)
    config = players.keeper_config(chain, url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    desk_config = players.desk_config(chain, **DESK, **DESK_TARGET)
    with tempfile.TemporaryDirectory() as folder, TradeJournal(Path(folder) / "keeper.sqlite") as journal:
        async with Rpc([url], timeout_s=30) as rpc:
            venue = Outpaced(rpc, players.sender(rpc, "keeper"), config)
            replay = Replay(
                chain,
                rpc,
                ChainOracle(rpc, chain.address("oracle"), players.sender(rpc, "relayer")),
                Parity(venue, journal, KeeperRules(parse_wad(GAS_TOKEN_USD))),
                Trader(players.swapper(rpc, chain, url), SystemClock(), seed=SEED, interval_s=PUSH_EVERY_S, **PUSH_BPS),
                players.maker(rpc, chain),
                players.desk(rpc, chain, journal, desk_config, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S),
                reporters,
                Blocks(chain.web3, start_s),
            )
            venue.race = replay.race
            for at_s in first.minutes:
                reporters.learn(first, at_s)
                replay.outside.learn(first, at_s)
            opening_s = first.minutes[-1]
            await replay.open(opening_s)
            await _days(replay, journal, opening_s + MINUTE_S, end_s)
            # One more look, for what the last trade left.
            await replay.keeper.turn()
            return figures(replay, journal)


async def _days(replay: Replay, journal: TradeJournal, start_s: int, end_s: int) -> None:
    """Until the end, or a Ctrl-C: the figures are then of what was replayed so far."""
    began, stop = time.monotonic(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    while start_s < end_s and not stop.is_set():
        stop_s = min(start_s // DAY_S * DAY_S + DAY_S, end_s)
        # Bars are known a minute after they open.
        recorded = recording(start_s - MINUTE_S, stop_s)
        for at_s in range(start_s, stop_s, MINUTE_S):
            replay.reporters.learn(recorded, at_s)
            replay.outside.learn(recorded, at_s)
            await replay.minute(at_s)
            if stop.is_set():
                break
        _say(replay, journal, datetime.fromtimestamp(start_s, UTC), time.monotonic() - began)
        start_s = stop_s


def _say(replay: Replay, journal: TradeJournal, day: datetime, took_s: float) -> None:
    premiums, exposures = replay.premiums, replay.exposures
    told = (
        f"{day:%Y-%m-%d}: {premiums.blocks:6,} blocks",
        f"inside {premiums.inside / premiums.blocks:.2%}, after a turn {mean(premiums.answered):.2%}",
        f"desk inside {exposures.inside / exposures.blocks:.2%}",
        f"{replay.reporters.rounds:,} rounds, {replay.trader.pushes:,} pushes, {len(journal.trades()):,} trades",
        f"{took_s:,.0f} s",
    )
    print("  " + "; ".join(told), flush=True)


def figures(replay: Replay, journal: TradeJournal) -> Bench:
    bench, premiums, sent = Bench("market"), replay.premiums, journal.trades()
    trades, days = [each for each in sent if not each.reverted], replay.premiums.blocks * BLOCK_S / DAY_S
    bench.add("days replayed", days, "")
    bench.add("blocks after the keeper's turn, inside", 100 * mean(premiums.answered), "%", ">= 99.5")
    bench.add("  so many", len(premiums.answered), "")
    bench.add("all blocks, inside", 100 * premiums.inside / premiums.blocks, "%", ">= 95")
    bench.add("  so many", premiums.blocks, "")
    bench.add("blocks without a served price", premiums.unpriced, "")
    bench.add("mean distance from NAV", premiums.distances / max(premiums.blocks - premiums.unpriced, 1), "bps")
    bench.add("rounds a day", replay.reporters.rounds / days, "")
    bench.add("pushes of 0.5 to 3 % a day", replay.trader.pushes / days, "", ">= 200")
    bench.add("moves of component pools by the market maker", replay.maker.moves, "")
    _add_trades(bench, replay, journal, trades)
    for side in Side:
        gas = [trade.gas_used for trade in trades if trade.side is side]
        bench.add(f"gas of a {side} taken, four components", mean(gas), "gas")
    bench.add("turns that were refused", replay.outcomes.count(Outcome.REFUSED), "")
    bench.add("turns without inventory", replay.outcomes.count(Outcome.NO_INVENTORY), "")
    _add_desk(bench, replay)
    start, end = replay.opening, replay.market()
    bench.add("inventory, against holding it", float(worth(end, end) - worth(start, end)), "USD")
    return bench


def _add_trades(bench: Bench, replay: Replay, journal: TradeJournal, trades: list[Any]) -> None:
    """What each trade brought in the quote token, at the quote's price at the end; gas of reverted ones too."""
    sent, usd = journal.trades(), float(replay.market().quote.usd)
    profit, lost = sum(t.profit for t in trades), sum(t.gas_cost for t in sent if t.reverted)
    bench.add("trades", len(trades), "")
    bench.add("profit of the trades, net of gas", sum(t.net for t in sent) * usd, "USD", ">= 1")
    bench.add("gas paid", sum(t.gas_cost for t in sent) * usd, "USD")
    bench.add("worst single trade, net of gas", min(t.net for t in trades) * usd, "USD", ">= 0")
    bench.add("trades that reverted on chain", len(sent) - len(trades), "")
    bench.add("gas of reverted ones, of the profit", 100 * lost / profit, "%", "<= 2")
    bench.add("largest miss of sizing", max(abs(t.profit - t.expected) for t in trades) * usd, "USD", "<= 0.01")


def _add_desk(bench: Bench, replay: Replay) -> None:
    exposures, usd = replay.exposures, float(replay.market().quote.usd)
    inside = 100 * exposures.inside / exposures.blocks
    bench.add("desk: blocks with its net exposure inside the band", inside, "%", ">= 99")
    bench.add("  the band, either way", int(DESK["band_shares"]), "shares")
    bench.add("  largest exposure", exposures.largest / WAD, "shares")
    for outcome in (Outcome.HEDGED, Outcome.PLACED, Outcome.TOO_DEAR, Outcome.REFUSED):
        bench.add(f"  turns that were {outcome}", replay.desk_outcomes.count(outcome), "")
    for source in fields(Booking):
        bench.add(f"  earned: {source.name}", getattr(replay.desk.earned, source.name) * usd, "USD")


def worth(held: ParityMarket, priced: ParityMarket) -> Fraction:
    """USD value of one moment's inventory at another's prices."""
    return sum((mine.held * price.usd for mine, price in zip(held.tokens, priced.tokens, strict=True)), Fraction())


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    options = argparse.ArgumentParser(description="The market of March 2023, replayed.")
    options.add_argument("--from", dest="start", default="2023-03-01", help="first day, UTC")
    options.add_argument("--hours", type=float, default=13 * 24, help="from then on")
    chosen = options.parse_args()
    start_s = int(datetime.fromisoformat(chosen.start).replace(tzinfo=UTC).timestamp())
    end_s = start_s + int(chosen.hours * 3_600)
    if not FIRST_DAY_S <= start_s < start_s + 2 * WARM_UP_S <= end_s <= END_S:
        raise SystemExit("expected two hours or more of 2023-03-01 to 2023-03-13")
    with Anvil("--timestamp", str(start_s)) as anvil:
        return asyncio.run(run(anvil.url, start_s, end_s)).finish()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: AGPL-3.0-only
"""The desk's turn on a venue in memory: what it does, what it leaves, and what it books."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from plumbline.core.arbitrage import Token
from plumbline.core.desk import DeskRules, DeskState, Hedge, Place, Range
from plumbline.core.desk_books import Booking, Flows
from plumbline.core.uniswap_math import PoolState, sqrt_price_of, tick_at_sqrt_price
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.desk import Desk, DeskTerms
from plumbline.keeper.limits import Limits
from plumbline.keeper.outcome import Outcome
from plumbline.ports import DeskReceipt, DeskSnapshot
from plumbline.store.desk import DeskJournal
from plumbline.store.trades import TradeJournal

NAV = Fraction(100 * 10**6, WAD)
"""{quote} A hundred for a share."""
QUOTE = Token(0, 10**8, 10**14, 0)
RULES = DeskRules(
    target=1_000 * WAD, band=100 * WAD, hedge_from=25 * WAD, position=400 * WAD, reach_bps=1_000, calm_bps=30
)
START_S = 1_700_000_000
GAS, GAS_PRICE_WEI, GAS_TOKEN_USD_WAD = 300_000, 10**9, 2_000 * WAD
GAS_COST = 600_000
"""{quote} of a transaction: 300,000 gas at a gwei and 2,000 USD."""


def pool_at(price: Fraction) -> PoolState:
    root = sqrt_price_of(price.numerator, price.denominator)
    return PoolState(root, tick_at_sqrt_price(root), 10**20, 500, 10, ())


@dataclass
class FakeDesk:
    """The chain as a desk sees it. Hedges cost `cost_bps` of their value at NAV; what is sent is noted."""

    state: DeskState
    cost_bps: int = 20
    block: int = 100
    failure: ChainError | None = None
    """Of the next question."""
    refusal: ChainError | None = None
    """Of what is sent."""
    reverts: bool = False
    sent: list[Hedge | Place] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    async def snapshot(self) -> DeskSnapshot:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return DeskSnapshot(self.block, START_S + self.block, GAS_PRICE_WEI, self.state, QUOTE)

    async def price_of(self, hedge: Hedge) -> int:
        sign = 1 if hedge.shares > 0 else -1
        return int(abs(hedge.shares) * self.state.nav * (10_000 + sign * self.cost_bps) / 10_000)

    async def hedge(self, hedge: Hedge, limit: int) -> DeskReceipt:
        price = await self.price_of(hedge)
        assert price <= limit if hedge.shares > 0 else price >= limit
        self.limits.append(limit)
        paid = -price if hedge.shares > 0 else price
        return self._mined(hedge, Flows(hedged=(hedge.shares, paid)), hedge.shares, paid)

    async def place(self, state: DeskState, place: Place) -> DeskReceipt:
        back, into = state.in_range(), place.amounts
        fees = (state.range.fee_shares, state.range.fee_quote) if state.range else (0, 0)
        ranged = (into[0] - back[0], into[1] - back[1])
        receipt = self._mined(place, Flows(ranged=ranged, collected=fees), fees[0] - ranged[0], fees[1] - ranged[1])
        if not receipt.reverted:
            self.state = replace(self.state, range=Range(7, place.low, place.high, place.liquidity, 0, 0))
        return receipt

    def _mined(self, what: Hedge | Place, flows: Flows, shares: int, quote: int) -> DeskReceipt:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(what)
        self.block += 1
        tx_hash = f"0x{self.block:064x}"
        if self.reverts:
            return DeskReceipt(tx_hash, self.block, Flows(), GAS, GAS_PRICE_WEI, "router: above limit")
        self.state = replace(self.state, shares=self.state.shares + shares, quote=self.state.quote + quote)
        return DeskReceipt(tx_hash, self.block, flows, GAS, GAS_PRICE_WEI)

    def push(self, bps: int, fees: tuple[int, int] = (0, 0)) -> None:
        """The pool's price to so much off NAV; the range trades on the way, and earns fees."""
        self.block += 1
        state = replace(self.state, pool=pool_at(self.state.nav * (10_000 + bps) / 10_000))
        if state.range is not None:
            earned = (state.range.fee_shares + fees[0], state.range.fee_quote + fees[1])
            state = replace(state, range=replace(state.range, fee_shares=earned[0], fee_quote=earned[1]))
        self.state = state

    def worth(self) -> int:
        """{quote} of all there is, net of the target."""
        shares, quote = self.state.holdings()
        return int((shares - RULES.target) * self.state.nav) + quote


def venue(shares: int = 1_000, quote: int = 100_000) -> FakeDesk:
    return FakeDesk(DeskState(pool_at(NAV), True, NAV, shares * WAD, quote * 10**6))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[DeskJournal]:
    with TradeJournal(tmp_path / "keeper.sqlite") as opened:
        yield DeskJournal(opened.database)


def desk_of(chain: FakeDesk, journal: DeskJournal, max_cost_bps: int = 100, **terms: Any) -> Desk:
    return Desk(chain, journal, DeskTerms(RULES, GAS_TOKEN_USD_WAD, max_cost_bps, **terms))


def turn(desk: Desk) -> Outcome:
    return asyncio.run(desk.turn())


def opened(journal: DeskJournal, **terms: Any) -> tuple[FakeDesk, Desk]:
    """With its range in the pool, and nothing to do."""
    chain = venue()
    desk = desk_of(chain, journal, **terms)
    assert (turn(desk), turn(desk)) == (Outcome.PLACED, Outcome.NEUTRAL)
    return chain, desk


def test_turn__no_range_yet__places_one_around_nav_then_rests(journal):
    chain, desk = opened(journal)
    (place,) = chain.sent
    assert isinstance(place, Place)
    centre = tick_at_sqrt_price(chain.state.nav_sqrt_x96)
    assert place.low < centre < place.high
    # 400 shares on their side of it, within what rounding to ticks takes.
    assert chain.state.in_range()[0] == pytest.approx(400 * WAD, rel=1e-6)
    assert desk.earned.gas == -GAS_COST
    assert abs(desk.earned.net + GAS_COST) <= 2, "placing costs nothing but gas"


@pytest.mark.parametrize("bps", [900, -900])
def test_turn__push_takes_it_out_of_its_band__hedges_to_the_bands_edge(journal, bps):
    chain, desk = opened(journal)
    chain.push(bps)
    assert abs(chain.state.exposure(RULES)) > RULES.band
    assert turn(desk) is Outcome.HEDGED
    assert abs(chain.state.exposure(RULES)) == RULES.band
    hedge = chain.sent[-1]
    assert isinstance(hedge, Hedge)
    assert (hedge.shares > 0) == (bps > 0), "a rise sells the range's shares: they are minted anew"


def test_turn__a_day_of_pushes_and_hedges__books_every_unit_of_its_worth_by_source(journal):
    chain = venue()
    began, desk = chain.worth(), desk_of(chain, journal)
    for bps, fees in ((0, (0, 0)), (900, (0, 5_000)), (-900, (10**15, 0)), (0, (3 * 10**15, 7_000)), (40, (0, 1))):
        chain.push(bps, fees)
        while turn(desk) in (Outcome.PLACED, Outcome.HEDGED):
            pass
    # NAV moves for good, the pool with it.
    chain.state = replace(chain.state, nav=NAV * 105 / 100)
    chain.push(0)
    while turn(desk) in (Outcome.PLACED, Outcome.HEDGED):
        pass
    earned = desk.earned
    assert abs(earned.net - earned.gas - (chain.worth() - began)) <= len(chain.sent) + 6
    assert earned.gas == -GAS_COST * len(chain.sent)
    assert earned.fees > 0 > earned.hedging
    assert DeskJournal(journal._database).total() == earned


def test_turn__after_a_restart__books_what_happened_meanwhile_once_and_no_payment(journal):
    chain, desk = opened(journal)
    before = desk.earned
    chain.push(0, fees=(0, 9_000))
    # The owner pays in, too: that is none of its earnings.
    chain.state = replace(chain.state, quote=chain.state.quote + 5 * 10**6)
    again = desk_of(chain, journal)
    assert turn(again) is Outcome.NEUTRAL
    assert again.earned.fees - before.fees == 9_000
    assert abs(again.earned.net - before.net - 9_000) <= 2
    assert turn(again) is Outcome.NEUTRAL
    assert again.earned == desk_of(chain, journal).earned


def test_turn__hedge_costs_more_than_it_may__leaves_the_exposure_and_says_so(journal):
    chain, desk = opened(journal)
    chain.cost_bps = 101
    chain.push(900)
    assert turn(desk) is Outcome.TOO_DEAR
    assert len(chain.sent) == 1
    assert desk.unready().endswith("shares cost 101.0 bps of their value")
    chain.cost_bps = 100
    assert turn(desk) is Outcome.HEDGED
    assert desk.unready() == ""


@pytest.mark.parametrize(("bps", "cost_bps", "worse_bps"), [(900, 20, 10), (-900, 20, 10), (900, 95, 5), (-900, 95, 5)])
def test_turn__hedge__may_come_out_little_worse_than_foreseen_and_never_worse_than_it_may_cost(
    journal, bps, cost_bps, worse_bps
):
    chain, desk = opened(journal)
    chain.cost_bps = cost_bps
    chain.push(bps)
    assert turn(desk) is Outcome.HEDGED
    hedge, (limit,) = chain.sent[-1], chain.limits
    sign = 1 if bps > 0 else -1
    at_nav = abs(hedge.shares) * chain.state.nav
    assert float(limit / at_nav - 1) * sign * 10_000 == pytest.approx(cost_bps + worse_bps, abs=0.11)


def test_turn__not_enough_quote_to_mint__says_how_much_is_missing(journal):
    chain, desk = opened(journal)
    chain.push(900)
    chain.state = replace(chain.state, quote=10**6)
    assert turn(desk) is Outcome.SHORT
    assert "1000000 are in hand" in desk.unready()
    assert len(chain.sent) == 1


def test_turn__oracle_serves_no_price__leaves_everything_where_it_is(journal):
    chain, desk = opened(journal)
    chain.push(900)
    chain.failure = ChainError("reverted: oracle: stale", "oracle: stale")
    assert turn(desk) is Outcome.NO_PRICE
    assert desk.unready() == "no price: oracle: stale"
    chain.failure = ChainUnreachable("connection reset")
    with pytest.raises(ChainUnreachable):
        turn(desk)
    assert len(chain.sent) == 1


def test_turn__kill_switch__sends_nothing_while_it_is_there(journal, tmp_path):
    switch = tmp_path / "stop"
    chain, desk = opened(journal, limits=Limits(kill_switch=switch))
    switch.touch()
    chain.push(900)
    assert turn(desk) is Outcome.FORBIDDEN
    assert desk.unready() == "forbidden: kill switch stop is there"
    assert len(chain.sent) == 1
    switch.unlink()
    assert turn(desk) is Outcome.HEDGED


def test_turn__lost_more_than_a_day_may_cost__stops_until_the_day_is_over(journal):
    chain, desk = opened(journal, limits=Limits(max_daily_loss_usd_wad=5 * WAD))
    # What the range sold at 9 % is worth more at NAV than it brought.
    chain.push(900)
    chain.state = replace(chain.state, nav=NAV * 109 / 100)
    chain.push(0)
    assert turn(desk) is Outcome.FORBIDDEN
    assert desk.unready().startswith("forbidden: lost ")
    chain.block += 90_000
    assert turn(desk) is Outcome.HEDGED


def test_turn__dry_run__says_what_it_would_do_and_sends_nothing(journal):
    chain = venue()
    assert turn(desk_of(chain, journal, dry_run=True)) is Outcome.DRY
    chain.state = replace(chain.state, shares=900 * WAD)
    assert turn(desk_of(chain, journal, dry_run=True)) is Outcome.DRY
    assert chain.sent == []


def test_turn__chain_refuses__books_nothing(journal):
    chain, desk = opened(journal)
    booked = desk.earned.gas
    chain.push(900)
    chain.refusal = ChainError("reverted: router: above limit", "router: above limit")
    assert turn(desk) is Outcome.REFUSED
    assert desk.earned.gas == booked


def test_turn__reverts_on_chain__books_its_gas_and_nothing_else(journal):
    chain, _ = opened(journal)
    chain.push(900)
    # What the push did is booked by the look at it.
    assert turn(desk_of(chain, journal, dry_run=True)) is Outcome.DRY
    chain.reverts = True
    desk = desk_of(chain, journal)
    before = desk.earned
    assert turn(desk) is Outcome.REVERTED
    assert desk.earned == before + Booking(gas=-GAS_COST) == journal.total()


def test_status__before_and_after_the_first_look__tells_what_is_known(journal):
    chain = venue()
    desk = desk_of(chain, journal)
    assert (desk.status(), desk.unready()) == ({"block": None}, "no block seen yet")
    turn(desk)
    told = desk.status()
    assert told["outcome"] is Outcome.PLACED
    assert (told["block"], told["band"]) == (chain.block, RULES.band)
    assert abs(told["exposure"]) < WAD
    assert told["earned"]["gas"] == -GAS_COST

# SPDX-License-Identifier: AGPL-3.0-only
"""What a keeper may not do, whatever it could earn: each limit stops trading, says so, and lets it go on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.parity import WIDE, FakeVenue, market_at

from plumbline.core.arbitrage import best_trade, gas_cost
from plumbline.core.units import WAD
from plumbline.errors import ChainUnfunded
from plumbline.keeper.limits import Limits
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.store.trades import TradeJournal

HELD = 10**13
GAS_TOKEN_USD_WAD = 1_600 * WAD


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[TradeJournal]:
    with TradeJournal(tmp_path / "trades.sqlite") as opened:
        yield opened


def parity_of(venue: FakeVenue, journal: TradeJournal, **rules: Any) -> Parity:
    return Parity(venue, journal, KeeperRules(GAS_TOKEN_USD_WAD, **rules))


def venue_at(premium_bps: int) -> FakeVenue:
    return FakeVenue(market_at(Fraction(premium_bps, 10_000), WIDE, share_is_token0=True, held=HELD))


def test_turn__kill_switch_is_there__sends_nothing_until_it_is_gone(journal, tmp_path):
    switch = tmp_path / "stop"
    switch.touch()
    venue = venue_at(150)
    parity = parity_of(venue, journal, limits=Limits(kill_switch=switch))
    assert asyncio.run(parity.turn()) is Outcome.FORBIDDEN
    assert parity.unready() == "forbidden: kill switch stop is there"
    assert venue.simulated == 0
    switch.unlink()
    assert asyncio.run(parity.turn()) is Outcome.TRADED
    assert parity.unready() == ""


def test_stopped__kill_switch_cannot_be_looked_for__counts_as_there(tmp_path):
    name = "a" * 300
    assert Limits(kill_switch=tmp_path / name).stopped() == f"kill switch {name} cannot be looked for: OSError"


def test_turn__lost_more_in_a_day_than_allowed__stops_trading(journal):
    """Each revert costs 0.064 USD of gas: two are within a limit of 0.15, three are not."""
    venue = venue_at(150)
    parity = parity_of(venue, journal, limits=Limits(max_daily_loss_usd_wad=15 * WAD // 100))
    for _ in range(3):
        before = venue.market
        venue.rival = best_trade(before)
        assert asyncio.run(parity.turn()) is Outcome.REVERTED
        venue.market = before
    assert asyncio.run(parity.turn()) is Outcome.FORBIDDEN
    assert parity.unready() == "forbidden: lost 0.19 USD in 24 hours, more than the limit of 0.15"


def test_forbids__losses_of_yesterday__are_forgiven(journal):
    venue = venue_at(150)
    venue.rival = best_trade(venue.market)
    parity = parity_of(venue, journal)
    assert asyncio.run(parity.turn()) is Outcome.REVERTED
    limits, quote_usd = Limits(max_daily_loss_usd_wad=1), venue.market.quote.usd
    at_s = journal.trades()[0].at_s
    assert limits.forbids(journal.trades, at_s + 86_399, quote_usd) != ""
    assert limits.forbids(journal.trades, at_s + 86_400, quote_usd) == ""


def test_turn__float_may_be_worth_no_more__buys_only_what_still_fits(journal):
    venue = venue_at(-150)
    market = venue.market
    worth = sum(token.held * token.usd for token in market.components)
    wanted = best_trade(market)
    room = wanted.quote_amount * market.quote.usd / 2
    cap = int((worth + room) * WAD)
    parity = parity_of(venue, journal, limits=Limits(max_float_usd_wad=cap))
    assert asyncio.run(parity.turn()) is Outcome.TRADED
    (done,) = venue.executed
    assert wanted.quote_amount * 49 // 100 < done.quote_amount <= wanted.quote_amount // 2


def test_turn__float_is_at_its_limit__says_no_inventory(journal):
    parity = parity_of(venue_at(-150), journal, limits=Limits(max_float_usd_wad=1))
    assert asyncio.run(parity.turn()) is Outcome.NO_INVENTORY


def test_turn__dry_run__simulates_and_sends_nothing(journal):
    venue = venue_at(150)
    assert asyncio.run(parity_of(venue, journal, dry_run=True).turn()) is Outcome.DRY
    assert (venue.simulated, venue.executed, journal.trades()) == (1, [], [])


@pytest.mark.parametrize("percent", [0, 10, 50])
def test_turn__share_of_the_profit_for_the_block_maker__never_offers_more_than_that(journal, percent):
    venue = venue_at(150)
    parity = parity_of(venue, journal, tip_percent=percent)
    assert asyncio.run(parity.turn()) is Outcome.TRADED
    (tip_wei,), (trade,) = venue.tips, journal.trades()
    offered_usd = Fraction(tip_wei * venue.gas * 1_600, WAD)
    net_usd = trade.net * venue.market.quote.usd
    assert offered_usd <= net_usd * percent / 100
    assert offered_usd >= net_usd * percent / 100 * Fraction(99, 100)


@pytest.mark.parametrize(("percent", "dear"), [(50, 1), (5, 1), (50, 400), (1, 400)])
def test_turn__whatever_a_trade_may_offer_for_gas__its_least_profit_pays_for(journal, percent, dear):
    venue = venue_at(150)
    venue.gas_price_wei *= dear
    parity = parity_of(venue, journal, max_fee_percent=percent)
    assert asyncio.run(parity.turn()) is Outcome.TRADED
    ((least, max_fee),) = venue.offers
    quote, profit = parity.last.market.quote, venue.executed[0].profit
    assert gas_cost(quote, venue.gas, max_fee, GAS_TOKEN_USD_WAD) <= least <= profit
    # No more than its share of the profit, nor than four times today's price; but never less than that.
    share = int(Fraction(profit * percent, 100) * quote.usd * WAD * WAD / GAS_TOKEN_USD_WAD / venue.gas)
    assert max_fee == max(min(share, 4 * venue.gas_price_wei), venue.gas_price_wei)


def test_turn__key_cannot_pay__is_an_alarm(journal):
    venue = venue_at(150)
    # Head and snapshot, the journal's look back, the simulation; then it is sent.
    venue.failures = [None, None, None, ChainUnfunded("0xkeeper cannot pay for its gas")]
    parity = parity_of(venue, journal)
    assert asyncio.run(parity.turn()) is Outcome.NO_GAS
    assert parity.unready() == "no gas: 0xkeeper cannot pay for its gas"
    assert asyncio.run(parity.turn()) is Outcome.TRADED
    assert parity.unready() == ""

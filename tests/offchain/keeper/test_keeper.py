# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's turn on a venue in memory: when it trades, when it does not, and what it writes down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.helpers.parity import GWEI, WIDE, FakeVenue, market_at

from plumbline.core.arbitrage import Side, band, best_trade
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.pages import keeper_app
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.keeper.service import Keeper, every
from plumbline.keeper.taking import MAX_REVERTS, PAUSE_BLOCKS, SETTLED_BLOCKS
from plumbline.store.trades import TradeJournal

HELD = 10**13
GAS_TOKEN_USD_WAD = 1_600 * WAD


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[TradeJournal]:
    with TradeJournal(tmp_path / "trades.sqlite") as opened:
        yield opened


def venue_at(premium_bps: int, held: int = HELD) -> FakeVenue:
    return FakeVenue(market_at(Fraction(premium_bps, 10_000), WIDE, share_is_token0=True, held=held))


def parity_of(venue: FakeVenue, journal: TradeJournal, min_edge_usd_wad: int = 0, **rules: Any) -> Parity:
    return Parity(venue, journal, KeeperRules(GAS_TOKEN_USD_WAD, min_edge_usd_wad, **rules))


def keeper_of(venue: FakeVenue, journal: TradeJournal) -> Keeper:
    parity = parity_of(venue, journal)
    return Keeper(venue.head, [parity], parity.metrics)


@pytest.mark.parametrize(("premium_bps", "side"), [(150, Side.PREMIUM), (-150, Side.DISCOUNT)])
def test_turn__outside_the_band__trades_back_to_its_edge_and_writes_it_down(journal, premium_bps, side):
    venue = venue_at(premium_bps)
    keeper = parity_of(venue, journal)
    assert asyncio.run(keeper.turn()) is Outcome.TRADED

    low, high = band(venue.market, slack_bps=1)
    assert low <= venue.market.premium <= high
    (trade,) = journal.trades()
    assert trade == keeper.recent[-1]
    assert (trade.side, trade.shares) == (side, venue.executed[0].shares)
    assert trade.profit == trade.expected > 0
    # 400,000 gas at 0.1 gwei and 1,600 USD are 0.064 USD, in USDC at 0.97.
    assert trade.gas_cost == 65_980
    assert trade.net == trade.profit - 65_980


def test_turn__inside_the_band__does_nothing(journal):
    venue = venue_at(5)
    assert asyncio.run(parity_of(venue, journal).turn()) is Outcome.INSIDE
    assert venue.simulated == 0


def test_turn__profit_below_gas__does_not_trade(journal):
    """Three basis points outside of a 3 million pool are worth some cents."""
    venue = venue_at(13)
    assert best_trade(venue.market).profit > 0
    venue.gas_price_wei = 10 * GWEI
    assert asyncio.run(parity_of(venue, journal).turn()) is Outcome.TOO_SMALL
    assert venue.executed == []


def test_turn__profit_below_the_wanted_edge__does_not_trade(journal):
    venue = venue_at(150)
    profit_usd = best_trade(venue.market).profit * venue.market.quote.usd
    asked = parity_of(venue, journal, min_edge_usd_wad=int(profit_usd * WAD))
    assert asyncio.run(asked.turn()) is Outcome.TOO_SMALL
    content = parity_of(venue, journal, min_edge_usd_wad=int((profit_usd - 1) * WAD))
    assert asyncio.run(content.turn()) is Outcome.TRADED


def test_turn__gas_turns_out_dearer_than_typical__is_weighed_again_before_sending(journal):
    venue = venue_at(20)
    keeper = parity_of(venue, journal)
    venue.gas = 400_000_000
    assert asyncio.run(keeper.turn()) is Outcome.TOO_SMALL
    assert (venue.simulated, venue.executed) == (1, [])


def test_turn__one_trade_took_odd_gas__does_not_keep_the_others_back_for_good(journal):
    """It crossed a hundred ticks, or a component burned it."""
    venue = venue_at(150)
    keeper = parity_of(venue, journal)
    usual, venue.gas = venue.gas, 50 * venue.gas
    assert asyncio.run(keeper.turn()) is Outcome.TRADED
    venue.market, venue.gas = venue_at(20).market, usual
    outcomes = [asyncio.run(keeper.turn()) for _ in range(40)]
    assert outcomes[0] is Outcome.TOO_SMALL
    assert Outcome.TRADED in outcomes


def test_turn__oracle_serves_no_price__does_not_trade_and_is_not_ready(journal):
    venue = venue_at(150)
    keeper = parity_of(venue, journal)
    venue.failures = [ChainError("reverted: oracle: stale", "oracle: stale")]
    assert asyncio.run(keeper.turn()) is Outcome.NO_PRICE
    assert venue.executed == []
    assert keeper.unready() == "no block seen yet"
    assert asyncio.run(keeper.turn()) is Outcome.TRADED
    venue.failures = [ChainError("reverted: oracle: tripped", "oracle: tripped")]
    assert asyncio.run(keeper.turn()) is Outcome.NO_PRICE
    assert keeper.unready() == "no price: oracle: tripped"


def test_turn__nothing_to_trade_with__says_so(journal):
    venue = venue_at(150, held=0)
    keeper = parity_of(venue, journal)
    assert asyncio.run(keeper.turn()) is Outcome.NO_INVENTORY
    assert keeper.unready() == "no inventory"


def test_turn__inventory_for_a_part__trades_that_part(journal):
    venue = venue_at(150, held=3 * 10**9)
    held = [token.held for token in venue.market.tokens]
    assert asyncio.run(parity_of(venue, journal).turn()) is Outcome.TRADED
    assert all(token.held >= 0 for token in venue.market.tokens)
    assert [token.held for token in venue.market.tokens] != held
    assert 0 < venue.executed[0].shares < best_trade(venue_at(150).market).shares


def test_turn__somebody_is_quicker__reverts_writes_its_gas_down_and_goes_on(journal):
    venue = venue_at(150)
    venue.rival = best_trade(venue.market)
    keeper = parity_of(venue, journal)
    assert asyncio.run(keeper.turn()) is Outcome.REVERTED
    (lost,) = journal.trades()
    assert lost.reverted
    assert (lost.shares, lost.profit, lost.gas_cost, lost.net) == (0, 0, 65_980, -65_980)
    assert [each["reverted"] for each in keeper.status()["trades"]] == [True]
    shown = keeper.metrics.render().decode()
    assert "plumbline_keeper_reverts_total 1.0" in shown
    assert "plumbline_keeper_gas_usd_total 0.064" in shown
    assert "plumbline_keeper_trades_total{" not in shown
    assert asyncio.run(keeper.turn()) is Outcome.INSIDE


def test_turn__simulation_reverts__costs_nothing_and_is_not_written_down(journal):
    venue = venue_at(150)
    venue.failures = [None, ChainError("reverted", "arbitrageur: loss")]
    # The first look of a first start also asks for earlier trades.
    venue.failures.insert(1, None)
    assert asyncio.run(parity_of(venue, journal).turn()) is Outcome.REFUSED
    assert journal.trades() == []


def test_turn__several_reverts_in_a_row__pauses_for_some_blocks_and_tries_again(journal):
    venue = venue_at(150)
    keeper = parity_of(venue, journal)

    def turns(count: int) -> list[Outcome]:
        outcomes = []
        for _ in range(count):
            before = venue.market
            venue.rival = best_trade(before)
            outcomes.append(asyncio.run(keeper.turn()))
            venue.market = before
        return outcomes

    assert turns(MAX_REVERTS) == [Outcome.REVERTED] * MAX_REVERTS
    assert turns(PAUSE_BLOCKS) == [Outcome.PAUSED] * PAUSE_BLOCKS
    assert keeper.unready() == "paused"
    assert turns(1) == [Outcome.REVERTED]
    venue.rival = None
    assert asyncio.run(keeper.turn()) is Outcome.TRADED
    assert len(journal.trades()) == MAX_REVERTS + 2


def test_look__same_block__takes_one_turn(journal):
    venue = venue_at(0)
    keeper = keeper_of(venue, journal)

    async def look_at(blocks: list[int]) -> None:
        for venue.block in blocks:
            await keeper.look()

    asyncio.run(look_at([100, 100, 101, 101, 7]))
    assert keeper.metrics.turns.labels("parity", Outcome.INSIDE)._value.get() == 3


def test_look__chain_does_not_answer__goes_on_when_it_does(journal):
    venue = venue_at(150)
    keeper = keeper_of(venue, journal)
    venue.failures = [ChainUnreachable("connection refused"), ChainUnreachable("connection refused")]
    asyncio.run(keeper.look())
    assert keeper.unready() == "connection refused"
    asyncio.run(keeper.look())
    asyncio.run(keeper.look())
    assert keeper.unready() == ""
    assert len(venue.executed) == 1


def test_look__failure_in_the_middle_of_a_turn__takes_the_turn_again(journal):
    venue = venue_at(150)
    keeper = keeper_of(venue, journal)

    # Head and snapshot answer, the simulation does not.
    venue.failures = [None, None, ChainUnreachable("connection reset")]
    asyncio.run(keeper.look())
    assert venue.executed == []
    asyncio.run(keeper.look())
    assert len(venue.executed) == 1


def test_look__trade_mined_while_the_connection_was_lost__is_found_and_written_down_once(journal):
    venue = venue_at(150)
    venue.answers_lost = 1
    keeper = keeper_of(venue, journal)
    asyncio.run(keeper.look())
    assert (len(venue.executed), journal.trades()) == (1, [])
    asyncio.run(keeper.look())
    (found,) = journal.trades()
    assert (found.tx_hash, found.profit, found.expected) == (venue.receipts[0].tx_hash, venue.receipts[0].profit, None)
    venue.failures = [ChainUnreachable("connection refused")]
    for venue.block in (200, 201, 202):
        asyncio.run(keeper.look())
    assert journal.trades() == [found]


def test_look__trade_mined_just_before_the_process_died__is_found_by_the_next_one(journal):
    venue = venue_at(150)
    asyncio.run(keeper_of(venue, journal).look())
    venue.market = venue_at(-150).market
    venue.answers_lost = 1
    asyncio.run(keeper_of(venue, journal).look())
    asyncio.run(keeper_of(venue, journal).look())
    assert [trade.side for trade in journal.trades()] == [Side.PREMIUM, Side.DISCOUNT]


def test_look__chain_was_silent_long_after_the_last_trade__looks_no_further_back_than_a_reorganisation(journal):
    venue = venue_at(150)
    keeper = keeper_of(venue, journal)
    asyncio.run(keeper.look())
    for venue.block in (50_000, 90_000):
        venue.failures = [ChainUnreachable("connection refused")]
        asyncio.run(keeper.look())
        asyncio.run(keeper.look())
    assert venue.looked_back_to == [100, 101, 50_000 - SETTLED_BLOCKS]


def test_run__until_cancelled__trades_and_stops_at_once(journal):
    venue = venue_at(150)

    async def main() -> None:
        task = asyncio.create_task(keeper_of(venue, journal).run(every(0.001)))
        await venue.traded.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))


def test_pages__after_a_trade__show_premium_band_and_trade(journal):
    keeper = keeper_of(venue_at(150), journal)

    async def main() -> None:
        pages = httpx.ASGITransport(app=keeper_app(keeper))
        async with httpx.AsyncClient(transport=pages, base_url="http://keeper") as client:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/status")).json()["parity"]["block"] is None
            await keeper.look()
            assert (await client.get("/readyz")).status_code == 200
            status = (await client.get("/status")).json()["parity"]
            assert status["premium_ppm"] == 15_000
            assert status["band_ppm"] == [-1_000, 1_000]
            assert status["trades"][0]["side"] == "premium"
            assert "plumbline_keeper_trades_total" in (await client.get("/metrics")).text

    asyncio.run(main())


def test_journal__opened_again__holds_the_same_trades(tmp_path):
    venue = venue_at(150)
    with TradeJournal(tmp_path / "trades.sqlite") as first:
        asyncio.run(parity_of(venue, first).turn())
        trades = first.trades()
        assert not first.append(trades[0])
        first.append(replace(trades[0], tx_hash="0xb", block=trades[0].block + 1, side=Side.DISCOUNT))
    with TradeJournal(tmp_path / "trades.sqlite") as second:
        assert second.trades() == [
            *trades,
            replace(trades[0], tx_hash="0xb", block=trades[0].block + 1, side=Side.DISCOUNT),
        ]

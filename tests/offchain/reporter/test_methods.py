# SPDX-License-Identifier: AGPL-3.0-only
"""Every method of the index from its source to a signed row, and back again out of the journal."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.offchain.fakes import KEYS, PERIOD_S, START_S, FakeClock, FakeOracle, FakeSource, oracle_config, settle

from plumbline.core.methods import METHODS, Needs
from plumbline.core.models import BookSnapshot
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.selection import SelectionRule, Selector, Verdict
from plumbline.core.units import WAD
from plumbline.ports import ChainFeed
from plumbline.reporter.service import Reporter, ReporterTiming
from plumbline.reporter.verify import verify
from plumbline.store.rows import RowJournal

VENUES = ("binance", "coinbase", "kraken")
MARKETS = parse_markets([f"{venue}:BTC/USD" for venue in VENUES])
WEIGHTS = tuple(zip(VENUES, (3, 2, 1), strict=True))
ROUNDS = 12
SETTINGS = {
    "weighted_mean": {"volume_window_s": 180, "volume_cap_bps": 5_000},
    "weighted_median": {"weights": WEIGHTS},
    "vote_median": {"price_from": "mid"},
    "partitioned_median": {"window_s": 30, "partitions": 3},
    "depth_weighted_mid": {"price_from": "mid", "spacing_wad": WAD // 2},
}


class FakeBooks:
    """One venue's book, a little elsewhere each time it is asked for; sometimes it has none."""

    def __init__(self, venue: str, clock: FakeClock, luck: random.Random) -> None:
        self.venue, self._clock, self._luck = venue, clock, luck

    def book(self, symbol: str) -> BookSnapshot | None:
        if self._luck.random() < 0.2:
            return None
        middle, at_ms = 20_000 * WAD + self._luck.randrange(10 * WAD), self._clock.now_ms() - 50
        bids = tuple((middle - i * WAD, (1 + i) * WAD) for i in range(1, 5))
        asks = tuple((middle + i * WAD, (1 + i) * WAD) for i in range(1, 5))
        return BookSnapshot(self.venue, symbol, bids, asks, at_ms)


async def report(journal: RowJournal, rule: FeedRule, selector: Selector | None) -> Reporter:
    """A reporter with one feed over some rounds, each venue trading in most of them."""
    luck, clock = random.Random(rule.method), FakeClock()
    sources = [FakeSource(venue) for venue in VENUES]
    oracle = FakeOracle()
    oracle.current = replace(oracle_config(), feeds=(ChainFeed("BTC/USD", 8, 3, 60, 25),))
    reporter = Reporter(
        (rule,),
        sources,
        oracle,
        KEYS[1],
        journal,
        clock,
        ReporterTiming(delay_ms=100, chain_poll_s=60),
        books=[FakeBooks(venue, clock, luck) for venue in VENUES],
        selector=selector,
    )
    loop = asyncio.create_task(reporter.run())
    await settle()
    for n in range(1, ROUNDS + 1):
        for source in sources:
            if luck.random() < 0.8 and not (selector and source.venue == "kraken"):
                source.put("BTC/USD", f"{20_000 + luck.randrange(10)}.{luck.randrange(10**6)}", clock.now_ms())
        await clock.advance_to((START_S + n * PERIOD_S) * 1000 + 100)
    assert not loop.done(), loop
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    return reporter


@pytest.mark.parametrize("method", sorted(METHODS))
def test_method__in_a_feed__is_signed_and_computed_again_from_the_journal(tmp_path: Path, method):
    rule = FeedRule("BTC/USD", 8, 1, MARKETS, method=method, **SETTINGS.get(method, {}))
    with RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as journal:
        reporter = asyncio.run(report(journal, rule, None))
        found = verify(journal)
        books = [entry.beside.books for entry in journal.entries(1) if entry.at_ms is not None]
    assert reporter.last.row.prices[0] // 10**8 in range(19_999, 20_011)
    assert (found.observations, found.differences) == (ROUNDS, [])
    # A window is watched before it is a price: its first six rounds have none.
    assert found.rows == ROUNDS - 6 if method == "partitioned_median" else found.rows >= ROUNDS - 1
    wants_books = METHODS[method].needs in (Needs.QUOTES, Needs.BOOKS)
    assert any(books) == wants_books
    assert not wants_books or any(len(seen) < len(VENUES) for seen in books)


def test_books__one_changed_in_the_journal__is_found(tmp_path: Path):
    rule = FeedRule("BTC/USD", 8, 1, MARKETS, method="median", price_from="mid")
    with RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as journal:
        asyncio.run(report(journal, rule, None))
        journal.execute("DELETE FROM books WHERE seq = (SELECT max(seq) FROM books)")
        differences = verify(journal).differences
    assert len(differences) == 2
    assert "BTC/USD: kept 20,00" in differences[0]
    assert "row: kept" in differences[1]


def test_selection__decisions__are_inputs_of_the_engine_and_kept_with_their_reasons(tmp_path: Path):
    rule = FeedRule("BTC/USD", 8, 1, MARKETS, method="median", max_age_s=10)
    selector = Selector([rule], SelectionRule(window_s=30, review_s=20), {"coinbase"})
    with RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as journal:
        reporter = asyncio.run(report(journal, rule, selector))
        kept = journal.decisions("BTC/USD", (START_S + 3_600) * 1000)
        assert [each.verdict for each in kept[:3]] == [Verdict.INCLUDED] * 3
        out = [each for each in kept if each.verdict is Verdict.EXCLUDED]
        assert [(each.venue, each.score_bps) for each in out] == [("kraken", 0)]
        assert out[0].reason == ("score 0.0%, below 30.0%: volume share 0.0%, uptime 0.0%, not regulated")
        assert {each.venue: each.verdict for each in journal.standing()}["kraken"] is Verdict.EXCLUDED
        assert verify(journal).differences == []
        journal.execute("UPDATE decisions SET verdict = 'excluded' WHERE venue = 'coinbase'")
        assert verify(journal).differences
    assert reporter.fragmentation["BTC/USD"].centibps is not None
    assert b'plumbline_index_fragmentation_bps{feed="BTC/USD"}' in reporter.metrics.render()
    assert b'plumbline_index_dispersion_bps{feed="BTC/USD"}' in reporter.metrics.render()
    assert b'plumbline_source_selected{feed="BTC/USD",venue="kraken"} 0.0' in reporter.metrics.render()
    assert b'plumbline_source_score_ratio{feed="BTC/USD",venue="kraken"} 0.0' in reporter.metrics.render()

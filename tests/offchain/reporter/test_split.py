# SPDX-License-Identifier: AGPL-3.0-only
"""Ingest and aggregation as they speak over the bus, which is a list of what was told here."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

from tests.helpers.streams import until
from tests.offchain.fakes import PERIOD_S, START_S, FakeClock, FakeSource

from plumbline.core.models import BookSnapshot
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.selection import Decision, SelectionRule, Selector, Verdict
from plumbline.core.units import WAD
from plumbline.metrics import ReporterMetrics
from plumbline.reporter.aggregate import Aggregator
from plumbline.reporter.ingest import Ingest, wanted_by
from plumbline.reporter.shares import Shares
from plumbline.reporter.verify import verify
from plumbline.store.rows import RowJournal
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Batch, Bus, Observed

PRICES = {"binance": 20_000, "coinbase": 20_010, "kraken": 20_040}
MARKETS = parse_markets([f"{venue}:BTC/USD" for venue in PRICES])
OF_BOOKS = FeedRule("BTC/USD", 8, 1, MARKETS, method="median", price_from="mid")
DELAY_MS = 100


class Told:
    """As much of the bus as a share of the work touches; leases are anybody's, and live for ever."""

    lease_s = 0.3

    def __init__(self, standing: Sequence[Decision] = ()) -> None:
        self.batches: defaultdict[str, dict[str, Batch]] = defaultdict(dict)
        self.prices: dict[tuple[str, int], str | None] = {}
        self.kept = list(standing)

    async def take(self, key: str, holder: str) -> Lease | None:
        return Lease(key, 1, 1, time.monotonic() + 600)

    async def renew(self, lease: Lease, holder: str) -> bool:
        return True

    async def give_up(self, lease: Lease) -> None:
        lease.until_s = 0.0

    async def held(self) -> list[str]:
        return []

    async def tell_trades(self, feed: str, venue: str, batch: Batch, id_: str) -> None:
        self.batches[feed].setdefault(id_, batch)

    async def trades(self, feed: str) -> AsyncIterator[Batch | None]:
        heard = 0
        while True:
            batches = list(self.batches[feed].values())
            for batch in batches[heard:]:
                yield batch
            heard = len(batches)
            yield None
            await asyncio.sleep(0.01)

    async def tell_price(self, observed: Observed) -> None:
        self.prices.setdefault((observed.feed, observed.timestamp), observed.price_wad)

    async def standing(self, feed: str) -> list[Decision]:
        return self.kept

    async def keep_standing(self, feed: str, decisions: Sequence[Decision]) -> None:
        self.kept = list(decisions)


class Venue(FakeSource):
    """Its book stands around one price."""

    def book(self, symbol: str) -> BookSnapshot | None:
        middle = PRICES[self.venue] * WAD
        return BookSnapshot(self.venue, symbol, ((middle - WAD, WAD),), ((middle + WAD, WAD),), START_S * 1000 + 1)


def rounds(bus: Told, folder: Path, selection: SelectionRule | None) -> ReporterMetrics:
    """Two rounds of one ingesting and one aggregating process."""

    def selector(rules: Sequence[FeedRule], before: Sequence[Decision]) -> Selector | None:
        return None if selection is None else Selector(rules, selection, (), before)

    async def test() -> ReporterMetrics:
        clock, metrics = FakeClock(), ReporterMetrics([])
        ingest = Ingest(bus, [Venue(venue) for venue in PRICES], [OF_BOOKS], clock, PERIOD_S, "one")
        aggregator = Aggregator(bus, [OF_BOOKS], clock, PERIOD_S, DELAY_MS, "two", folder, metrics, selector)
        running = [asyncio.create_task(each.run()) for each in (ingest, aggregator)]
        await until(lambda: len(ingest.shares.held) == 3 and aggregator.shares.held)
        for n in (1, 2):
            at_ms = (START_S + n * PERIOD_S) * 1000
            await clock.advance_to(at_ms)
            await until(lambda n=n: len(bus.batches["BTC/USD"]) == 3 * n)
            await asyncio.sleep(0.05)
            await clock.advance_to(at_ms + DELAY_MS)
            await until(lambda n=n: len(bus.prices) == n)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        return metrics

    return asyncio.run(test())


def test_batch__books_and_trades__come_back_as_they_were():
    book = BookSnapshot("kraken", "BTC/USD", ((10**40, 3), (5, 1)), ((10**41, 1),), 7)
    batch = Batch.of(5, (), [book])
    assert (batch.unpack(), batch.unpack_books()) == ([], [book])


def test_wanted_books__only_of_feeds_made_of_them__and_of_those_that_convert_by_them():
    converter = FeedRule("USDT/USD", 8, 1, parse_markets(["kraken:USDT/USD"]), price_from="mid", method="median")
    traded = FeedRule("ETH/USD", 8, 1, parse_markets(["kraken:ETH/USD", "binance:ETH/USDT"]))
    other = FeedRule("SOL/USD", 8, 1, parse_markets(["kraken:SOL/USD"]))
    assert wanted_by([converter, traded, other], books=True) == {("kraken", "USDT/USD"): ["USDT/USD", "ETH/USD"]}


def test_feed_of_books__split__is_priced_from_the_books_at_the_grid_time(tmp_path: Path):
    bus = Told()
    rounds(bus, tmp_path, None)
    assert set(bus.prices.values()) == {str(PRICES["coinbase"] * WAD)}
    with RowJournal(tmp_path / "BTC-USD.sqlite") as journal:
        assert verify(journal).differences == []


def test_source_selection__split__goes_on_where_the_worker_before_stood(tmp_path: Path):
    out = Decision(1, "BTC/USD", "kraken", Verdict.EXCLUDED, 0, "score 0.0%")
    bus = Told([out])
    metrics = rounds(bus, tmp_path, SelectionRule())
    assert set(bus.prices.values()) == {str((PRICES["binance"] + 5) * WAD)}
    assert {each.venue for each in bus.kept if each.verdict is Verdict.EXCLUDED} == {"kraken"}
    assert {each.venue for each in bus.kept} == set(PRICES)
    assert b'plumbline_source_selected{feed="BTC/USD",venue="kraken"} 0.0' in metrics.render()


class Mortal(Told):
    """Its leases live as long as they should."""

    async def take(self, key: str, holder: str) -> Lease | None:
        return Lease(key, 1, 1, time.monotonic() + self.lease_s)


class Hung(Mortal):
    """A broker that gives leases, and never answers again."""

    async def renew(self, lease: Lease, holder: str) -> bool:
        await asyncio.Event().wait()
        raise AssertionError("never answers")


def test_shares__broker_hangs__work_stops_when_its_lease_is_over() -> None:
    worked_s: list[float] = []

    async def work(name: str, lease: Lease) -> None:
        began = time.monotonic()
        try:
            await asyncio.Event().wait()
        finally:
            worked_s.append(time.monotonic() - began)

    async def main() -> None:
        shares = Shares(cast(Bus, Hung()), "feed", ["BTC/USD"], "one", work)
        running = asyncio.create_task(shares.run())
        await until(lambda: bool(shares.held))
        await until(lambda: bool(worked_s))
        assert not shares.held
        running.cancel()
        await asyncio.wait((running,))

    asyncio.run(main())
    assert worked_s[0] >= 0.9 * Told.lease_s


class Slow(Mortal):
    """A broker that takes a third of a lease for every answer."""

    async def renew(self, lease: Lease, holder: str) -> bool:
        await asyncio.sleep(self.lease_s / 3)
        lease.until_s = time.monotonic() + self.lease_s
        return True


def test_shares__slow_broker_and_many_leases__none_is_lost() -> None:
    """Renewed one after the other, the last would be late by then."""
    stopped: list[str] = []

    async def work(name: str, lease: Lease) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(name)

    async def main() -> None:
        names = [f"COIN{n}/USD" for n in range(30)]
        broker = Slow()
        broker.lease_s = 1.5
        shares = Shares(cast(Bus, broker), "feed", names, "one", work)
        running = asyncio.create_task(shares.run())
        await until(lambda: len(shares.held) == len(names))
        first = min(lease.until_s for lease in shares.held.values())
        await until(lambda: min(lease.until_s for lease in shares.held.values()) > first)
        assert stopped == []
        running.cancel()
        await asyncio.wait((running,))

    asyncio.run(main())


def test_shares__work_that_loses_a_cancellation__is_stopped_by_the_next() -> None:
    """As `asyncio.wait_for` of Python 3.11 loses one that comes together with its answer."""
    heard: list[str] = []

    async def work(name: str, lease: Lease) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("lost")
        await asyncio.Event().wait()

    async def main() -> None:
        shares = Shares(cast(Bus, Mortal()), "feed", ["BTC/USD"], "one", work)
        running = asyncio.create_task(shares.run())
        await until(lambda: bool(shares.held))
        await asyncio.sleep(0)
        running.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait((running,))
        assert not shares.held

    asyncio.run(main())
    assert heard == ["lost"]

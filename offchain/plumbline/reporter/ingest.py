# SPDX-License-Identifier: AGPL-3.0-only
"""Ingest, as a process of its own: a share of the venues is listened to, and what they trade told to the bus.

Each trade goes to every feed that needs it: those it is a market of, and those that convert by them. So a feed's worker
reads what it needs and nothing else. Books of feeds that are made of them are told as they stand at each grid time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Protocol

from plumbline.core.models import BookSnapshot, Trade
from plumbline.core.quotes import paths
from plumbline.core.rules import FeedRule, MarketId
from plumbline.ports import BookSource, Clock, TradeSource
from plumbline.reporter.shares import Shares
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Batch, Bus

_GATHER_S: Final = 0.02
"""Trades of this time travel together."""


class VenueSource(TradeSource, BookSource, Protocol):
    """A venue's trades and books."""


class Ingest:
    """Listens to its share of the venues."""

    def __init__(
        self,
        bus: Bus,
        sources: Sequence[VenueSource],
        rules: Sequence[FeedRule],
        clock: Clock,
        period_s: int,
        holder: str,
    ) -> None:
        self._bus, self._clock, self._period_s = bus, clock, period_s
        self._sources = {source.venue: source for source in sources}
        self._wanted = wanted_by(rules)
        self._books_wanted = wanted_by(rules, books=True)
        self.shares = Shares(bus, "venue", list(self._sources), holder, self._listen)

    async def run(self) -> None:
        await self.shares.run()

    async def _listen(self, venue: str, lease: Lease) -> None:
        waiting: asyncio.Queue[Trade] = asyncio.Queue(maxsize=10_000)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fill(venue, waiting))
            tasks.create_task(self._tell(venue, waiting, lease))
            if any(market[0] == venue for market in self._books_wanted):
                tasks.create_task(self._tell_books(venue, lease))

    async def _fill(self, venue: str, waiting: asyncio.Queue[Trade]) -> None:
        async for trade in self._sources[venue].trades():
            await waiting.put(trade)

    async def _tell(self, venue: str, waiting: asyncio.Queue[Trade], lease: Lease) -> None:
        told = 0
        while True:
            trades = [await waiting.get()]
            await asyncio.sleep(_GATHER_S)
            while not waiting.empty():
                trades.append(waiting.get_nowait())
            by_feed: defaultdict[str, list[Trade]] = defaultdict(list)
            for trade in trades:
                for feed in self._wanted.get((trade.venue, trade.symbol), ()):
                    by_feed[feed].append(trade)
            told += 1
            for feed, its in by_feed.items():
                # The token tells this holder's batches from those of the one before it.
                batch = Batch.of(self._clock.now_ms(), its)
                await self._bus.tell_trades(feed, venue, batch, f"{lease.token} {venue} {feed} {told}")

    async def _tell_books(self, venue: str, lease: Lease) -> None:
        source, timestamp = self._sources[venue], 0
        while True:
            upcoming = -(-self._clock.now_ms() // (self._period_s * 1000)) * self._period_s
            timestamp = max(upcoming, timestamp + self._period_s)
            await self._clock.sleep_until_ms(timestamp * 1000)
            by_feed: defaultdict[str, list[BookSnapshot]] = defaultdict(list)
            for market, feeds in self._books_wanted.items():
                if market[0] != venue or (told := source.book(market[1])) is None:
                    continue
                for feed in feeds:
                    by_feed[feed].append(told)
            for feed, its in by_feed.items():
                batch = Batch.of(self._clock.now_ms(), (), its)
                await self._bus.tell_trades(feed, venue, batch, f"{lease.token} {venue} {feed} books {timestamp}")


def closure(rules: Sequence[FeedRule], feed: str) -> list[FeedRule]:
    """The feed and all that convert for it, in the config's order: what an engine needs to price it as all would."""
    found, needed, waiting = paths(rules), set[str](), [feed]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [hop.feed for (of, _), path in found.items() if of == name for hop in path]
    return [rule for rule in rules if rule.name in needed]


def wanted_by(rules: Sequence[FeedRule], *, books: bool = False) -> dict[MarketId, list[str]]:
    """By market: the feeds whose workers need its trades, or its books."""
    wanted: defaultdict[MarketId, list[str]] = defaultdict(list)
    for rule in rules:
        needed = [each for each in closure(rules, rule.name) if not books or each.price_from == "mid"]
        for leg in {leg for each in needed for source in each.sources for leg in source.legs}:
            wanted[leg].append(rule.name)
    return dict(wanted)

# SPDX-License-Identifier: AGPL-3.0-only
"""Aggregation, as a process of its own: a share of the feeds is priced at each grid time, from the trades of the bus.

A worker that takes over a feed reads the trades that are kept from their beginning and observes at the grid times it
missed, so its engine knows what the one before it knew. What it then says of a time that was told already is not
stored. Where source selection stood is kept in the bus, so a take-over lets no venue in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import structlog

from plumbline.core.rules import FeedRule
from plumbline.core.selection import Decision, Selector
from plumbline.errors import JournalError
from plumbline.metrics import ReporterMetrics
from plumbline.ports import Clock
from plumbline.reporter.ingest import closure
from plumbline.reporter.observing import Observer
from plumbline.reporter.shares import Shares
from plumbline.store.rows import RowJournal
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Batch, Bus, Observed, subject_of

log = structlog.get_logger(__name__)

Selectors = Callable[[Sequence[FeedRule], Sequence[Decision]], Selector | None]
"""(a worker's rules, the last decisions on its venues) -> its source selection."""


class Aggregator:
    """Prices its share of the feeds."""

    def __init__(
        self,
        bus: Bus,
        rules: Sequence[FeedRule],
        clock: Clock,
        period_s: int,
        delay_ms: int,
        holder: str,
        journals: Path,
        metrics: ReporterMetrics,
        selectors: Selectors = lambda rules, before: None,
    ) -> None:
        """
        Args:
            journals: a folder; each feed's trades and observations are kept there in a journal of its own.
            selectors: source selection for a worker, going on where the one before it stood; None: none.
        """
        self._bus, self._rules, self._clock = bus, tuple(rules), clock
        self._period_s, self._journals = period_s, journals
        self.delay_ms = delay_ms
        """May be changed while it runs."""
        self._metrics, self._selectors = metrics, selectors
        self.shares = Shares(bus, "feed", [rule.name for rule in rules], holder, self._price)

    async def run(self) -> None:
        await self.shares.run()

    async def _price(self, feed: str, lease: Lease) -> None:
        rules = closure(self._rules, feed)
        with RowJournal(self._journals / f"{subject_of(feed)}.sqlite") as journal:
            selector = self._selectors(rules, await self._bus.standing(feed))
            observer = Observer(rules, journal, self._metrics, selector, shown=[feed])
            worker = _Worker(feed, observer, journal, self._period_s)
            journal.begin(rules, version("plumbline"), self._clock.now_ms())
            live = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(worker, live))
                tasks.create_task(self._observe(worker, live))

    async def _hear(self, worker: _Worker, live: asyncio.Event) -> None:
        async for batch in self._bus.trades(worker.feed):
            if batch is None:
                live.set()
                continue
            if not live.is_set():
                worker.catch_up(batch.now_ms - self.delay_ms)
            worker.hear(batch)

    async def _observe(self, worker: _Worker, live: asyncio.Event) -> None:
        await live.wait()
        while True:
            now_ms = self._clock.now_ms() - self.delay_ms
            timestamp = max(-(-now_ms // (self._period_s * 1000)) * self._period_s, worker.last_s + self._period_s)
            await self._clock.sleep_until_ms(timestamp * 1000 + self.delay_ms)
            price_wad, standing = worker.observe(timestamp)
            text = None if price_wad is None else str(price_wad)
            await self._bus.tell_price(Observed(worker.feed, timestamp, text))
            if standing:
                await self._bus.keep_standing(worker.feed, standing)


class _Worker:
    """One feed's observer and where it stands."""

    def __init__(self, feed: str, observer: Observer, journal: RowJournal, period_s: int) -> None:
        self.feed, self.last_s = feed, 0
        self._observer, self._journal, self._period_s = observer, journal, period_s
        self._decided: dict[tuple[str, str], Decision] = {}

    def hear(self, batch: Batch) -> None:
        for trade in batch.unpack():
            self._observer.hear(trade, batch.now_ms)
        for told in batch.unpack_books():
            self._observer.see(told)

    def catch_up(self, until_ms: int) -> None:
        """Observe at the grid times up to then, as the worker before us did: conversions live on it."""
        upcoming_s = until_ms // (self._period_s * 1000) * self._period_s
        if not self.last_s:
            self.last_s = upcoming_s
        while self.last_s < upcoming_s:
            self.observe(self.last_s + self._period_s)

    def observe(self, timestamp: int) -> tuple[int | None, list[Decision]]:
        """The price, and the last decision on every venue if any is new."""
        self.last_s = timestamp
        decisions = self._observer.observe(timestamp * 1000)
        self._decided |= {(each.feed, each.venue): each for each in decisions}
        try:
            self._journal.flush()
        except JournalError as error:
            # For proof only: what is signed is kept by the signer.
            log.error("observation not kept", feed=self.feed, reason=str(error))
        return self._observer.prices[self.feed].price_wad, list(self._decided.values()) if decisions else []

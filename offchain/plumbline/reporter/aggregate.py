# SPDX-License-Identifier: AGPL-3.0-only
"""Aggregation, as a process of its own: a share of the feeds is priced at each grid time, from the trades of the bus.

A worker that takes over a feed reads the trades that are kept from their beginning and observes at the grid times it
missed, so its engine knows what the one before it knew. What it then says of a time that was told already is not
stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import structlog

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule
from plumbline.errors import JournalError
from plumbline.ports import Clock
from plumbline.reporter.ingest import closure
from plumbline.reporter.shares import Shares
from plumbline.store.rows import RowJournal
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Bus, Observed, subject_of

log = structlog.get_logger(__name__)


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
    ) -> None:
        """`journals`: a folder; each feed's trades and observations are kept there in a journal of its own."""
        self._bus, self._rules, self._clock = bus, tuple(rules), clock
        self._period_s, self._delay_ms, self._journals = period_s, delay_ms, journals
        self.shares = Shares(bus, "feed", [rule.name for rule in rules], holder, self._price)

    async def run(self) -> None:
        await self.shares.run()

    async def _price(self, feed: str, lease: Lease) -> None:
        with RowJournal(self._journals / f"{subject_of(feed)}.sqlite") as journal:
            worker = _Worker(feed, closure(self._rules, feed), journal, self._period_s)
            journal.begin(worker.rules, version("plumbline"), self._clock.now_ms())
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
                worker.catch_up(batch.now_ms - self._delay_ms)
            worker.hear(batch.unpack())

    async def _observe(self, worker: _Worker, live: asyncio.Event) -> None:
        await live.wait()
        while True:
            now_ms = self._clock.now_ms() - self._delay_ms
            timestamp = max(-(-now_ms // (self._period_s * 1000)) * self._period_s, worker.last_s + self._period_s)
            await self._clock.sleep_until_ms(timestamp * 1000 + self._delay_ms)
            price_wad = worker.observe(timestamp)
            text = None if price_wad is None else str(price_wad)
            await self._bus.tell_price(Observed(worker.feed, timestamp, text))


class _Worker:
    """One feed's engine and journal."""

    def __init__(self, feed: str, rules: Sequence[FeedRule], journal: RowJournal, period_s: int) -> None:
        self.feed, self.rules, self.last_s = feed, tuple(rules), 0
        self._engine, self._journal, self._period_s = IndexEngine(rules), journal, period_s

    def hear(self, trades: Sequence[Trade]) -> None:
        for trade in trades:
            self._engine.on_trade(trade)
            self._journal.take(trade)

    def catch_up(self, until_ms: int) -> None:
        """Observe at the grid times up to then, as the worker before us did: conversions live on it."""
        upcoming_s = until_ms // (self._period_s * 1000) * self._period_s
        if not self.last_s:
            self.last_s = upcoming_s
        while self.last_s < upcoming_s:
            self.observe(self.last_s + self._period_s)

    def observe(self, timestamp: int) -> int | None:
        self.last_s = timestamp
        prices = self._engine.observe(timestamp * 1000)
        self._journal.observe(timestamp * 1000, prices)
        try:
            self._journal.flush()
        except JournalError as error:
            # For proof only: what is signed is kept by the signer.
            log.error("observation not kept", feed=self.feed, reason=str(error))
        return prices[self.feed].price_wad

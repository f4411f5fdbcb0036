# SPDX-License-Identifier: AGPL-3.0-only
"""An engine with its journal and its source selection: what is heard, what is seen, and what is made of it.

A reporter of one process has one for all feeds, a split one has one for each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from plumbline.core.engine import IndexEngine
from plumbline.core.fragmentation import Fragmentation
from plumbline.core.models import BookSnapshot, IndexPrice, Trade
from plumbline.core.rules import FeedRule, MarketId
from plumbline.core.selection import Decision, Selector, Verdict, left_out
from plumbline.core.units import MAX_BPS, WAD
from plumbline.metrics import ReporterMetrics
from plumbline.store.beside import Beside
from plumbline.store.rows import RowJournal

log = structlog.get_logger(__name__)


class Observer:
    """`hear` and `see` at any time, `observe` at each grid time."""

    def __init__(
        self,
        rules: Sequence[FeedRule],
        journal: RowJournal,
        metrics: ReporterMetrics,
        selector: Selector | None = None,
        shown: Collection[str] | None = None,
    ) -> None:
        """
        Args:
            selector: None: every venue is listened to.
            shown: the feeds that metrics and log tell of; None: all.
        """
        self.prices: Mapping[str, IndexPrice] = {}
        self.fragmentation = {rule.name: Fragmentation() for rule in rules}
        self._engine, self._journal, self._metrics, self._selector = IndexEngine(rules), journal, metrics, selector
        self._shown = frozenset(self.fragmentation if shown is None else shown)

    @property
    def books(self) -> frozenset[MarketId]:
        """The markets whose books the feeds want."""
        return self._engine.books

    def hear(self, trade: Trade, now_ms: int) -> None:
        """Take one trade, which came at `now_ms`, into the next observation."""
        self._engine.on_trade(trade)
        self._journal.take(trade)
        if self._selector is not None:
            self._selector.on_trade(trade, now_ms)

    def see(self, told: BookSnapshot) -> None:
        """Take a book as it now stands."""
        self._engine.on_book(told)

    def observe(self, at_ms: int) -> list[Decision]:
        """Decide whom the engine hears, make the prices, and put all of it into the journal, not yet flushed.

        Returns what source selection decided.
        """
        decisions = [] if self._selector is None else self._selector.review(at_ms)
        for decision in decisions:
            self._engine.select(decision.feed, decision.venue, left_out(decision))
            self._tell(decision)
        self.prices = self._engine.observe(at_ms)
        self._journal.observe(at_ms, self.prices, Beside(self._engine.settled_books, tuple(decisions)))
        if self._selector is not None:
            self._selector.on_observation(self.prices, self._engine.settled_books, at_ms)
        for feed, price in self.prices.items():
            self.fragmentation[feed].add(at_ms, price.dispersion_centibps)
        self._measure()
        return decisions

    def _tell(self, decision: Decision) -> None:
        if decision.feed not in self._shown:
            return
        self._metrics.selected.labels(decision.feed, decision.venue).set(not left_out(decision))
        if decision.verdict is not Verdict.INCLUDED:
            where = {"feed": decision.feed, "venue": decision.venue}
            log.info("source selection", verdict=str(decision.verdict), reason=decision.reason, **where)

    def _measure(self) -> None:
        metrics = self._metrics
        if self._selector is not None:
            for (feed, venue), score_bps in self._selector.scores().items():
                if feed in self._shown and score_bps is not None:
                    metrics.score.labels(feed, venue).set(score_bps / MAX_BPS)
        for feed in self._shown:
            price = self.prices[feed]
            if price.price_wad is not None:
                metrics.price.labels(feed).set(price.price_wad / WAD)
            metrics.included.labels(feed).set(sum(each.included for each in price.contributions))
            if price.dispersion_centibps is not None:
                metrics.dispersion.labels(feed).set(price.dispersion_centibps / 100)
            if (fragmentation := self.fragmentation[feed].centibps) is not None:
                metrics.fragmentation.labels(feed).set(fragmentation / 100)
            for each in price.contributions:
                if not each.included:
                    metrics.excluded.labels(feed, f"{each.venue}:{each.symbol}", each.reason).inc()

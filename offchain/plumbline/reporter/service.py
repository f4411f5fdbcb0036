# SPDX-License-Identifier: AGPL-3.0-only
"""The reporter's loop: trades in, a signed row each round out.

    venues -> engine -> observation at each grid time -> claimed in the journal -> signed -> served

Nothing outside can stop it: a venue that is out is missing from the index, a chain that does not answer leaves the
last agreement standing, a chain that says something else than the config stops the signing until it agrees again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from plumbline.core.fragmentation import Fragmentation
from plumbline.core.models import IndexPrice, Row, SignedRow, Trade
from plumbline.core.rules import FeedRule
from plumbline.core.selection import Selector
from plumbline.errors import JournalError, SignerError
from plumbline.metrics import ReporterMetrics
from plumbline.ports import BookSource, Clock, OracleClient, OracleConfig, RowPeer, Signer, TradeSource
from plumbline.reporter.agreement import make_row
from plumbline.reporter.chain_watch import ChainWatch
from plumbline.reporter.observing import Observer
from plumbline.reporter.peers import PeerWatch
from plumbline.reporter.signing import SigningDesk, method_of
from plumbline.store.pruning import prune_for_ever
from plumbline.store.rows import RowJournal

READY_PERIODS: Final = 3
"""A reporter without a row for so many periods is not ready."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReporterTiming:
    delay_ms: int = 100
    """Market time between a grid time and its observation."""
    chain_poll_s: float = 2.0
    """Wall time between two looks at the chain's epoch."""


class Reporter:
    """One reporter for one oracle. `run` never returns; the rest is for whoever shows or serves its state."""

    def __init__(
        self,
        rules: Sequence[FeedRule],
        sources: Sequence[TradeSource],
        oracle: OracleClient,
        key: Signer,
        journal: RowJournal,
        clock: Clock,
        timing: ReporterTiming = ReporterTiming(),
        *,
        books: Sequence[BookSource] = (),
        selector: Selector | None = None,
        peers: Sequence[RowPeer] = (),
        off_median_bps: int = 100,
        retention_s: int | None = None,
        dry_run: bool = False,
        kill_switch: Path | None = None,
    ) -> None:
        """
        Args:
            books: asked for the books the feeds want.
            selector: None: every venue is listened to.
            peers: whose rows ours are held against; `off_median_bps` off their median is an alarm.
            retention_s: how long the journal remembers; None: for ever.
            kill_switch: while this file exists nothing is signed.
        """
        self.rules, self.sources, self.address = tuple(rules), tuple(sources), key.address
        self.dry_run = dry_run
        self.metrics = ReporterMetrics(self.sources)
        self._observer = Observer(rules, journal, self.metrics, selector)
        self._books = {source.venue: source for source in books}
        self.timing, self.kill_switch = timing, kill_switch
        """May be changed while it runs."""
        self._was_killed = False
        self._journal, self._clock, self._retention_s = journal, clock, retention_s
        self._desk = SigningDesk(key, journal, clock, method_of(rules))
        self.chain = ChainWatch(oracle, self.rules, key.address, self.metrics)
        self.watch = PeerWatch(peers, self.metrics, off_median_bps)

    async def run(self) -> None:
        self._journal.begin(self.rules, version("plumbline"), self._clock.now_ms())
        async with asyncio.TaskGroup() as tasks:
            for source in self.sources:
                tasks.create_task(self._listen(source), name=source.venue)
            tasks.create_task(self._watch_chain(), name="chain")
            tasks.create_task(self._observe_rounds(), name="rounds")
            if self._retention_s is not None:
                tasks.create_task(prune_for_ever(self._journal, self._clock, self._retention_s), name="pruning")

    async def _listen(self, source: TradeSource) -> None:
        async for trade in source.trades():
            self.hear(trade)

    def hear(self, trade: Trade) -> None:
        """Take one trade into the next observation."""
        self._observer.hear(trade, self._clock.now_ms())

    async def _watch_chain(self) -> None:
        while True:
            await self.chain.look()
            await asyncio.sleep(self.timing.chain_poll_s)

    async def _observe_rounds(self) -> None:
        """Observe at every grid time, signing or not: conversions live on the previous observation."""
        await self.chain.known.wait()
        last = 0
        while True:
            assert self.config is not None
            period_s, delay_ms = self.config.period_s, self.timing.delay_ms
            # The next grid time whose observation is still ahead; the past is never observed.
            upcoming = -(-(self._clock.now_ms() - delay_ms) // (period_s * 1000)) * period_s
            last = max(upcoming, last + period_s)
            await self._clock.sleep_until_ms(last * 1000 + delay_ms)
            if self._clock.now_ms() >= (last + period_s) * 1000:
                # The machine slept, or is too slow: the next round has begun.
                self.metrics.withheld.labels("late").inc()
                log.warning("no row", round=last, reason="woke after the next round began")
                continue
            await self.round(last)

    async def round(self, timestamp: int) -> None:
        """Everything for one grid time; later ones only."""
        woke = time.monotonic()
        self._look_at_books()
        self._observer.observe(timestamp * 1000)
        try:
            withheld = await self._report(timestamp)
            if withheld:
                self._journal.flush()
        except JournalError as error:
            # What is not durable must not be signed; the next round tries again.
            withheld = "journal"
            log.error("no row", round=timestamp, reason=str(error))
        except SignerError as error:
            withheld = "signer"
            log.error("no row", round=timestamp, reason=str(error))
        if withheld:
            self.metrics.withheld.labels(withheld).inc()
        self.metrics.round_time.observe(time.monotonic() - woke)

    def _look_at_books(self) -> None:
        """Let the engine see them as they are."""
        for venue, symbol in sorted(self._observer.books):
            source = self._books.get(venue)
            told = None if source is None else source.book(symbol)
            if told is not None:
                self._observer.see(told)

    async def _report(self, timestamp: int) -> str:
        """Sign a row of the last observation; else the reason why not, in a word or two."""
        if self._killed():
            return "kill switch"
        if self.refusal or self.config is None:
            return "refused"
        row = make_row(self.config, timestamp, self.prices)
        if not any(row.prices):
            log.warning("no row", round=timestamp, reason="no feed has a price")
            return "no price"
        if self.dry_run:
            log.info("would sign", round=timestamp, epoch=row.epoch, prices=row.prices)
            return "dry run"
        if self.last is not None:
            # The row before this one: by now all have theirs.
            self.watch.compare(self.config, self.last)
        await self._sign(self.config, row)
        return ""

    def _killed(self) -> bool:
        killed = self.kill_switch is not None and self.kill_switch.exists()
        if killed != self._was_killed:
            log.warning("kill switch is on" if killed else "kill switch is off", file=str(self.kill_switch))
            self._was_killed = killed
        return killed

    async def _sign(self, config: OracleConfig, observed: Row) -> None:
        signed = await self._desk.sign(config, observed)
        self.metrics.signed.inc()
        self.metrics.last_row.set(observed.timestamp)
        log.info("row signed", round=observed.timestamp, epoch=signed.row.epoch, prices=signed.row.prices)

    @property
    def prices(self) -> Mapping[str, IndexPrice]:
        """Of the last observation, by feed."""
        return self._observer.prices

    @property
    def fragmentation(self) -> Mapping[str, Fragmentation]:
        return self._observer.fragmentation

    @property
    def config(self) -> OracleConfig | None:
        """The chain's, as last read."""
        return self.chain.config

    @property
    def method(self) -> str:
        """On every row we serve, beside what is signed."""
        return self._desk.method

    @property
    def refusal(self) -> str:
        """Why nothing is signed; empty while rows are."""
        return self.chain.refusal

    @property
    def last(self) -> SignedRow | None:
        """The last row signed."""
        return self._desk.last

    def row(self, timestamp: int) -> SignedRow | None:
        """The row this reporter signed for a round, if any. Raises JournalError."""
        return None if self.config is None else self._desk.row(self.config, timestamp)

    def unready(self) -> str:
        """Why nobody should count on this reporter now; empty when it is ready."""
        if self._killed():
            return f"kill switch: {self.kill_switch} exists"
        if self.refusal or self.config is None:
            return self.refusal
        if self.last is None:
            return "dry run: signs nothing" if self.dry_run else f"no row signed yet{self._venues_out()}"
        age_s = self._clock.now_ms() // 1000 - self.last.row.timestamp
        limit_s = READY_PERIODS * self.config.period_s
        if age_s > limit_s:
            return f"last row is {age_s} s old, expected at most {limit_s} s{self._venues_out()}"
        return self.chain.disagreement or self.chain.late(self._clock.now_ms() // 1000, READY_PERIODS)

    def _venues_out(self) -> str:
        """What the venues that are out, or refuse a market, say of it: the likely cause of a missing row."""
        said = "; ".join(f"{source.venue}: {source.stats.reason}" for source in self.sources if source.stats.reason)
        return f" ({said[:500]})" if said else ""

# SPDX-License-Identifier: AGPL-3.0-only
"""Signing, as a process of its own: the feeds' prices come together, one row a round is claimed, signed and served.

Several may run with one key, each with its journal: one holds the signer's lease and signs, the others serve what they
signed before. That two never sign two rows for one round does not rest on the lease, which a paused process may believe
to hold, but on the claim: created once in the bus, and then once more in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from plumbline.core.models import Row, SignedRow
from plumbline.core.rules import FeedRule
from plumbline.errors import BusError, JournalError, SignerError
from plumbline.metrics import ReporterMetrics
from plumbline.ports import Clock, OracleClient, OracleConfig, RowPeer, Signer
from plumbline.reporter.agreement import lanes
from plumbline.reporter.chain_watch import ChainWatch
from plumbline.reporter.peers import PeerWatch
from plumbline.reporter.shares import Shares
from plumbline.reporter.signing import SigningDesk, method_of
from plumbline.store.rows import RowJournal
from plumbline.transport.broker import Lease
from plumbline.transport.bus import Bus, Price

_KEPT_S: Final = 60
"""Rounds older than this are not signed any more: nobody would relay them."""
_LOOK_S: Final = 0.01
READY_PERIODS: Final = 3

log = structlog.get_logger(__name__)


class Assembler:
    """Rows out of the prices of all feeds, while it holds the signer's lease."""

    def __init__(
        self,
        bus: Bus,
        rules: Sequence[FeedRule],
        oracle: OracleClient,
        key: Signer,
        journal: RowJournal,
        clock: Clock,
        holder: str,
        *,
        wait_ms: int,
        chain_poll_s: float,
        kill_switch: Path | None = None,
        peers: Sequence[RowPeer] = (),
        off_median_bps: int = 100,
    ) -> None:
        """
        Args:
            wait_ms: clock time after a grid time in which a feed's price may come; then the row goes without it.
            peers: whose rows ours are held against; `off_median_bps` off their median is an alarm.
        """
        self.rules, self.address, self.metrics = tuple(rules), key.address, ReporterMetrics([])
        self.chain = ChainWatch(oracle, self.rules, key.address, self.metrics)
        self._bus, self._clock = bus, clock
        self.wait_ms, self.poll_s, self.kill_switch = wait_ms, chain_poll_s, kill_switch
        """May be changed while it runs, as may `watch.off_bps`."""
        self.watch = PeerWatch(peers, self.metrics, off_median_bps)
        self._token = 0
        self.desk = SigningDesk(key, journal, clock, method_of(rules), self._fence)
        self.shares = Shares(bus, "signer", ["signer"], holder, self._sign)
        self._rounds: dict[int, dict[str, Price]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_chain(), name="chain")
            tasks.create_task(self.shares.run(), name="lease")

    async def _watch_chain(self) -> None:
        while True:
            await self.chain.look()
            await asyncio.sleep(self.poll_s)

    async def _sign(self, _: str, lease: Lease) -> None:
        self._rounds.clear()
        self._token = lease.token
        await self.chain.known.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._close_rounds(lease))

    async def _hear(self) -> None:
        async for price in self._bus.prices():
            self._rounds.setdefault(price.observed.timestamp, {}).setdefault(price.observed.feed, price)

    async def _close_rounds(self, lease: Lease) -> None:
        while True:
            now_ms = self._clock.now_ms()
            for timestamp, prices in sorted(self._rounds.items()):
                late = now_ms >= timestamp * 1000 + self.wait_ms
                if (late or len(prices) == len(self.rules)) and await self._close(timestamp, prices, lease, now_ms):
                    del self._rounds[timestamp]
                    for price in prices.values():
                        await price.done()
            await asyncio.sleep(_LOOK_S)

    async def _close(self, timestamp: int, prices: dict[str, Price], lease: Lease, now_ms: int) -> bool:
        """Whether the round is over: signed, or never to be."""
        withheld = self._why_not(timestamp, now_ms)
        if not withheld and lease.valid and self.chain.config is not None:
            withheld = await self._row(self.chain.config, timestamp, prices)
            if withheld in ("bus", "signer", "journal"):
                # It may work out the next time: the round stays open.
                return False
        elif not withheld:
            return False
        if withheld:
            self.metrics.withheld.labels(withheld).inc()
        return True

    def _why_not(self, timestamp: int, now_ms: int) -> str:
        if timestamp < now_ms // 1000 - _KEPT_S:
            return "late"
        if self.kill_switch is not None and self.kill_switch.exists():
            return "kill switch"
        return "refused" if self.chain.refusal else ""

    async def _row(self, config: OracleConfig, timestamp: int, prices: dict[str, Price]) -> str:
        """Sign; else the reason why not, in a word or two."""
        texts = {feed: price.observed.price_wad for feed, price in prices.items()}
        wads = {rule.name: None if (text := texts.get(rule.name)) is None else int(text) for rule in self.rules}
        row = Row(config.epoch, timestamp, lanes(config.feeds, wads))
        if not any(row.prices):
            return "no price"
        if self.desk.last is not None:
            # The row before this one: by now all have theirs.
            self.watch.compare(config, self.desk.last)
        try:
            signed = await self.desk.sign(config, row)
        except (BusError, SignerError, JournalError) as error:
            log.error("no row", round=timestamp, reason=str(error))
            return {BusError: "bus", SignerError: "signer", JournalError: "journal"}[type(error)]
        self.metrics.signed.inc()
        self.metrics.last_row.set(timestamp)
        log.info("row signed", round=timestamp, epoch=signed.row.epoch, prices=signed.row.prices, token=self._token)
        return ""

    async def _fence(self, chain_id: int, oracle: str, row: Row) -> Row:
        return await self._bus.claim(chain_id, oracle, self.address, row, self._token)

    def row(self, timestamp: int) -> SignedRow | None:
        """The row that this process signed for a round, if any. Raises JournalError."""
        return None if self.chain.config is None else self.desk.row(self.chain.config, timestamp)

    def unready(self) -> str:
        """Why nobody should count on this process now; empty when it is ready, or a sound stand-in."""
        if self.chain.refusal or self.chain.config is None:
            return self.chain.refusal
        if not self.shares.held:
            return ""
        if self.desk.last is None:
            return "no row signed yet"
        age_s = self._clock.now_ms() // 1000 - self.desk.last.row.timestamp
        limit_s = READY_PERIODS * self.chain.config.period_s
        return f"last row is {age_s} s old, expected at most {limit_s} s" if age_s > limit_s else ""

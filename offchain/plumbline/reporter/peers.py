# SPDX-License-Identifier: AGPL-3.0-only
"""Is this reporter the odd one out? Its row is held against the median of its peers' rows of the same round.

It changes nothing that is signed: a reporter that follows its peers is no reporter. It tells the operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from plumbline.chain.admission import admit
from plumbline.chain.typed_data import domain_separator
from plumbline.core.median import lower_median
from plumbline.core.models import Row, SignedRow
from plumbline.core.units import MAX_BPS
from plumbline.errors import PeerError, RowError
from plumbline.metrics import ReporterMetrics
from plumbline.ports import OracleConfig, RowPeer

MIN_PEERS: Final = 2
"""A single other row says that one of the two is off, and not which."""

log = structlog.get_logger(__name__)


class PeerWatch:
    """Compares one round after the other; what it last found is in `off`."""

    def __init__(self, peers: Sequence[RowPeer], metrics: ReporterMetrics, off_bps: int) -> None:
        self.peers, self.off_bps = tuple(peers), off_bps
        self.off: dict[str, int] = {}
        """{bps} by feed: how far this reporter is off its peers' median, where that is an alarm."""
        self._metrics = metrics
        self._comparing: asyncio.Task[None] | None = None

    def compare(self, config: OracleConfig, own: SignedRow) -> None:
        """Begin to look, unless the last comparison still goes on: no round waits for this."""
        if self.peers and (self._comparing is None or self._comparing.done()):
            self._comparing = asyncio.create_task(self.look(config, own))

    async def look(self, config: OracleConfig, own: SignedRow) -> None:
        """Ask every peer for the row of our round; those without one, or with a bad one, have no say."""
        answers = await asyncio.gather(*(self._row(peer, config, own) for peer in self.peers))
        off = off_median_bps(own.row, [row for row in answers if row is not None])
        for feed, price, bps in zip(config.feeds, own.row.prices, off, strict=True):
            if bps is None:
                continue
            self._metrics.off_median.labels(feed.name).set(bps)
            if bps < self.off_bps:
                if self.off.pop(feed.name, None) is not None:
                    log.info("near its peers again", feed=feed.name, round=own.row.timestamp)
                continue
            if feed.name not in self.off:
                log.error("off its peers", feed=feed.name, round=own.row.timestamp, bps=bps, price=price)
            self.off[feed.name] = bps

    async def _row(self, peer: RowPeer, config: OracleConfig, own: SignedRow) -> Row | None:
        try:
            signed = await peer.row(own.row.timestamp)
            if signed is None or signed.reporter == own.reporter:
                return None
            admit(signed, own.row.timestamp, config, domain_separator(config.chain_id, config.address))
        except (PeerError, RowError) as error:
            self._metrics.peer_errors.labels(peer.name, error.kind).inc()
            return None
        return signed.row


def off_median_bps(own: Row, peers: Sequence[Row]) -> list[int | None]:
    """Per feed how far our price is off the lower median of the peers' {bps of it}; None where nothing can be said."""
    found: list[int | None] = []
    for place, price in enumerate(own.prices):
        theirs = [row.prices[place] for row in peers if row.prices[place]]
        if not price or len(theirs) < MIN_PEERS:
            found.append(None)
            continue
        median = lower_median(theirs)
        found.append(abs(price - median) * MAX_BPS // median)
    return found

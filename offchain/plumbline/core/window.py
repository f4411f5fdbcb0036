# SPDX-License-Identifier: AGPL-3.0-only
"""The trades of a market over the last minutes or hours: what volumes and settlement prices are made of.

A trade counts once, whatever order trades come in and however often one is sent again: two trades that agree in price,
size and millisecond are taken for one. Refusing a true twin costs a little volume; counting a replay would let a venue
that resends its tape weigh what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from plumbline.core.models import Trade

BUCKET_MS: Final = 60_000
MAX_TRADES: Final = 200_000
"""A bound on what one market can make a node remember: about four times the busiest hour of the busiest market."""


class TradeWindow:
    """The last `length_ms` of one market's trades, by minutes."""

    __slots__ = ("_buckets", "_count", "_length_ms", "_new", "_volumes")

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._new: list[Trade] = []
        self._buckets: dict[int, set[Trade]] = {}
        self._volumes: dict[int, int] = {}
        self._count = 0

    def add(self, trade: Trade) -> bool:
        """Take a trade until the next `settle`; False when there is no room for it."""
        if self._count + len(self._new) >= MAX_TRADES:
            return False
        self._new.append(trade)
        return True

    def settle(self, at_ms: int, latest_ms: int) -> None:
        """Keep what was traded after `at_ms` - length until `latest_ms`; forget the rest."""
        oldest = (at_ms - self._length_ms) // BUCKET_MS
        for trade in self._new:
            bucket = trade.at_ms // BUCKET_MS
            if oldest <= bucket and trade.at_ms <= latest_ms:
                kept = self._buckets.setdefault(bucket, set())
                if trade not in kept:
                    kept.add(trade)
                    self._count += 1
                    self._volumes[bucket] = self._volumes.get(bucket, 0) + trade.size_wad
        self._new.clear()
        for bucket in [bucket for bucket in self._buckets if bucket < oldest]:
            self._count -= len(self._buckets.pop(bucket))
            del self._volumes[bucket]

    def volume_wad(self, at_ms: int, length_ms: int) -> int:
        """Base units traded in the last `length_ms`, times 1e18: of whole minutes, the one the window begins in too."""
        oldest = (at_ms - length_ms) // BUCKET_MS
        return sum([volume for bucket, volume in self._volumes.items() if bucket >= oldest])

    def trades(self) -> Iterator[Trade]:
        """Everything kept, in no order."""
        for bucket in self._buckets.values():
            yield from bucket

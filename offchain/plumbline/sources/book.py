# SPDX-License-Identifier: AGPL-3.0-only
"""One market's book as the venue's snapshots and changes leave it. No I/O, no clock.

A book that may be wrong is no book: until its snapshot, after a gap or a failed checksum, when crossed or without a
side, `snapshot` is None.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple
from zlib import crc32

from plumbline.core.models import BookSnapshot, Level

MAX_LEVELS: Final = 100_000
"""Of one side, whatever a venue sends: four times the deepest book of today."""
SHOWN_LEVELS: Final = 400
"""Of one side, in a snapshot of ours: ten times what any method looks at."""


class Told(NamedTuple):
    """A level as the venue told it; size 0: there is nothing at this price any more."""

    price_wad: int
    size_wad: int
    text: str = ""
    """What a checksum is made of, in the venue's own characters."""


class Side:
    """One side's levels, best first."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, sign: int) -> None:
        """`sign`: -1 for bids, whose best is the highest price; 1 for asks."""
        self._sign = sign
        self._keys: list[int] = []
        """sign * price, ascending."""
        self._levels: dict[int, Told] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def best_wad(self) -> int:
        return self._sign * self._keys[0]

    def clear(self) -> None:
        self._keys.clear()
        self._levels.clear()

    def put(self, level: Told) -> None:
        key = self._sign * level.price_wad
        if level.size_wad:
            if key not in self._levels:
                insort(self._keys, key)
            self._levels[key] = level
        elif self._levels.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def trim(self, depth: int) -> None:
        """Forget what lies behind the best `depth` levels: the venue tells no more of them."""
        for key in self._keys[depth:]:
            del self._levels[key]
        del self._keys[depth:]

    def levels(self, count: int) -> tuple[Level, ...]:
        levels = self._levels
        return tuple([(level.price_wad, level.size_wad) for level in map(levels.__getitem__, self._keys[:count])])

    def texts(self, count: int) -> list[str]:
        return [self._levels[key].text for key in islice(self._keys, count)]


class LiveBook:
    def __init__(self, symbol: str, depth: int) -> None:
        """`depth`: how many levels a side the venue was asked for; more are forgotten."""
        self.symbol = symbol
        self.bids, self.asks = Side(-1), Side(1)
        self._depth = min(depth, MAX_LEVELS)
        self.at_ms = 0
        self.sequence: int | None = None
        """The venue's number of the last change, where it numbers them."""
        self.synced = False
        """Whether a snapshot came, and nothing was missed since."""
        self.failures = 0
        """How often it went out of step on this connection."""
        self.given_up_ms = 0
        """When that was too often."""

    def clear(self) -> None:
        self.bids.clear()
        self.asks.clear()
        self.synced, self.sequence = False, None

    def replace(self, bids: Iterable[Told], asks: Iterable[Told], at_ms: int) -> None:
        """Take a snapshot."""
        self.clear()
        self.synced = True
        self.change(bids, asks, at_ms)

    def change(self, bids: Iterable[Told], asks: Iterable[Told], at_ms: int) -> None:
        """Take changes; all of them, and then what fell out of the depth is forgotten."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for level in levels:
                side.put(level)
            side.trim(self._depth)
        self.at_ms = at_ms

    def snapshot(self, venue: str) -> BookSnapshot | None:
        if not (self.synced and len(self.bids) and len(self.asks)) or self.bids.best_wad >= self.asks.best_wad:
            return None
        bids, asks = self.bids.levels(SHOWN_LEVELS), self.asks.levels(SHOWN_LEVELS)
        return BookSnapshot(venue, self.symbol, bids, asks, self.at_ms)


def interleaved_checksum(book: LiveBook, depth: int = 25) -> int:
    """Signed CRC32 of "bid:ask:bid:ask..." over the best levels (OKX, Bitfinex); a short side only ends sooner."""
    bids, asks = book.bids.texts(depth), book.asks.texts(depth)
    texts = []
    for place in range(max(len(bids), len(asks))):
        texts += bids[place : place + 1] + asks[place : place + 1]
    unsigned = crc32(":".join(texts).encode())
    return unsigned - (1 << 32) if unsigned >> 31 else unsigned

# SPDX-License-Identifier: AGPL-3.0-only
"""What a venue has been like lately, for one feed: what `selection` scores.

Everything is a sum over the last window, kept in slices of it, so that a day costs no more memory than a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from plumbline.core.models import BookSnapshot, Trade
from plumbline.core.units import MAX_BPS, WAD

SLICES: Final = 48
NEAR_BPS: Final = 50
"""Depth is counted this far from the middle of the book."""
LATE_AT_MOST_MS: Final = 60_000
"""A trade told later than this came in a snapshot: it says nothing of how fast the venue is."""


@dataclass(slots=True)
class Slice:
    """Sums over one slice of the window."""

    volume_wad: int = 0
    delays: int = 0
    delay_ms: int = 0
    observations: int = 0
    heard: int = 0
    books: int = 0
    spread_centibps: int = 0
    depth: int = 0

    def add(self, other: Slice) -> None:
        for name in Slice.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Measured:
    """None: there is nothing to tell it from."""

    volume_wad: int
    """Base units, times 1e18."""
    uptime_bps: int | None
    """Share of the observations to which it had something fresh to say."""
    latency_ms: int | None
    """Mean time from the venue's own time of a trade to our receiving it."""
    spread_centibps: int | None
    """Mean distance of bid and ask, of the middle, in 1/100 bps."""
    depth: int | None
    """Mean worth of the orders within 50 bps of the middle, of the thinner side, in whole quote units."""


class Measures:
    """Of one venue and feed."""

    def __init__(self, window_ms: int) -> None:
        self._slice_ms = max(1, window_ms // SLICES)
        self._slices: dict[int, Slice] = {}

    def on_trade(self, trade: Trade, received_ms: int, *, of_base: bool) -> None:
        """`of_base`: the trade's size is of the feed's base, so that it counts as volume."""
        now = self._at(received_ms)
        if of_base and trade.price_wad > 0 and trade.size_wad > 0:
            now.volume_wad += trade.size_wad
        delay_ms = max(0, received_ms - trade.at_ms)
        if delay_ms <= LATE_AT_MOST_MS:
            now.delays, now.delay_ms = now.delays + 1, now.delay_ms + delay_ms

    def on_book(self, told: BookSnapshot, at_ms: int) -> None:
        """A sound book, as the engine took it."""
        now, (bid, _), (ask, _) = self._at(at_ms), told.bids[0], told.asks[0]
        middle = (bid + ask) // 2
        now.books += 1
        now.spread_centibps += (ask - bid) * MAX_BPS * 100 // middle
        now.depth += min(_worth(side, middle) for side in (told.bids, told.asks))

    def on_observation(self, at_ms: int, *, heard: bool) -> None:
        now = self._at(at_ms)
        now.observations, now.heard = now.observations + 1, now.heard + heard

    def measured(self, at_ms: int) -> Measured:
        """Over the last window."""
        oldest, total = at_ms // self._slice_ms - SLICES, Slice()
        for number in [number for number in self._slices if number <= oldest]:
            del self._slices[number]
        for each in self._slices.values():
            total.add(each)
        return Measured(
            total.volume_wad,
            _mean(total.heard * MAX_BPS, total.observations),
            _mean(total.delay_ms, total.delays),
            _mean(total.spread_centibps, total.books),
            _mean(total.depth, total.books),
        )

    def _at(self, at_ms: int) -> Slice:
        return self._slices.setdefault(at_ms // self._slice_ms, Slice())


def _worth(side: Iterable[tuple[int, int]], middle_wad: int) -> int:
    near = (level for level in side if abs(level[0] - middle_wad) * MAX_BPS <= NEAR_BPS * middle_wad)
    return sum(price_wad * size_wad for price_wad, size_wad in near) // (WAD * WAD)


def _mean(total: int, count: int) -> int | None:
    return total // count if count else None

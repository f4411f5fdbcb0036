# SPDX-License-Identifier: AGPL-3.0-only
"""A price out of order books: the middle of the market at the depth that is really there (CME CF Real-Time Index)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import accumulate, pairwise
from math import isqrt
from typing import Final

from plumbline.core.models import BookSnapshot, Level
from plumbline.core.units import MAX_BPS, WAD

LEVELS_A_SIDE: Final = 50
NEAR_BPS: Final = 500
TRIM_BPS: Final = 100
SIGMAS: Final = 5
SPREAD_BPS: Final = 50
"""The utilised depth is where the spread from the middle is still this or less."""
DECAY: Final = Decimal("0.3")
"""The weights fall by e within this share of the utilised depth."""
STEPS_AT_MOST: Final = 10_000
"""A bound on the work a hostile book can cause."""

_EXACT: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)
"""Decimal's exp is correctly rounded: every machine computes the same weights."""


@dataclass(frozen=True, slots=True)
class Book:
    """One venue's resting orders, best first on either side."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __post_init__(self) -> None:
        for name, side, sign in (("bids", self.bids, -1), ("asks", self.asks, 1)):
            if not side or any(price <= 0 or size <= 0 for price, size in side):
                raise ValueError(f"{name}: expected at least one level, and prices and sizes above 0")
            if any(sign * (after[0] - before[0]) <= 0 for before, after in pairwise(side)):
                raise ValueError(f"{name}: expected prices that move away from the best")
        if self.bids[0][0] >= self.asks[0][0]:
            raise ValueError(f"bids: expected the best below the best ask {self.asks[0][0]}, got {self.bids[0][0]}")

    @property
    def mid(self) -> int:
        """The middle of best bid and ask, rounded down: what venues are screened by (`methods.outliers`)."""
        return (self.bids[0][0] + self.asks[0][0]) // 2


@dataclass(frozen=True, slots=True)
class Mid:
    """What a book says as a market's word: its middle, in place of a trade's price."""

    venue: str
    symbol: str
    price_wad: int
    size_wad: int
    """At the best bid and ask together: tells two books with one middle apart."""
    at_ms: int
    book: Book

    @classmethod
    def of(cls, told: BookSnapshot) -> Mid:
        """Raises ValueError for a book that is empty, crossed or out of order."""
        book = Book(told.bids, told.asks)
        return cls(told.venue, told.symbol, book.mid, book.bids[0][1] + book.asks[0][1], told.at_ms, book)

    @property
    def half_spread_wad(self) -> int:
        """Rounded up."""
        return (self.book.asks[0][0] - self.book.bids[0][0] + 1) // 2


def size_cap(books: Sequence[Book]) -> int:
    """The largest size one order may count with: trimmed mean + 5 winsorised standard deviations, times 1e18.

    Over the sizes of up to 50 levels a side within 5% of the venue's best, of all venues; 1% is trimmed (for the
    mean) or pulled in (for the deviation, over n - 1) at either end.
    """
    sizes = sorted(size for book in books for side in (book.bids, book.asks) for size in _near_sizes(side))
    cut = len(sizes) * TRIM_BPS // MAX_BPS
    kept = sizes[cut : len(sizes) - cut]
    pulled = [kept[0]] * cut + kept + [kept[-1]] * cut
    n, total = len(pulled), sum(pulled)
    if n == 1:
        return sizes[0]
    # sqrt(sum (x - mean)^2 / (n - 1)) = sqrt((n * sum x^2 - (sum x)^2) / (n * (n - 1)))
    deviation = isqrt((n * sum(size * size for size in pulled) - total * total) // (n * (n - 1)))
    return sum(kept) // len(kept) + SIGMAS * deviation


def depth_weighted_mid(books: Sequence[Book], spacing: int = WAD) -> int:
    """The index out of the books of all venues that are in, in their price unit.

        midPV(v) = (askPV(v) + bidPV(v)) / 2            the price at which the v-th unit is bought or sold
        v_T      = max v with askPV(v) / midPV(v) - 1 <= 0.5%, at least one spacing
        index    = sum_v midPV(v) * l * exp(-l * v) / sum_v l * exp(-l * v),   l = 1 / (0.3 * v_T)

    with v = s, 2 s, ... v_T for a spacing s (times 1e18), over the consolidated book with sizes capped by `size_cap`.
    Source: CME CF Cryptocurrency Real-Time Indices, methodology guide. Orders far from the middle count exponentially
    less; an order too large to be true counts as a large one; orders without the other side at their depth not at all.

    >>> book = Book(bids=((99 * WAD, 2 * WAD), (98 * WAD, WAD)), asks=((99 * WAD + WAD // 5, 3 * WAD),))
    >>> depth_weighted_mid([book]) == (99 * WAD + 99 * WAD + WAD // 5) // 2  # beyond two units the spread is 0.6%
    True

    Raises:
        ValueError: no books, or no spacing.
    """
    if not books:
        raise ValueError("books: expected at least one, got none")
    if spacing < 1:
        raise ValueError(f"spacing: expected at least 1, got {spacing}")
    cap = size_cap(books)
    bids = _Side(sorted((level for book in books for level in book.bids), reverse=True), cap)
    asks = _Side(sorted(level for book in books for level in book.asks), cap)
    doubled: list[int] = []
    """2 * midPV at s, 2 s, ... while it is utilised."""
    for step in range(1, min(bids.depth, asks.depth, STEPS_AT_MOST * spacing) // spacing + 1):
        ask, twice = asks.price_at(step * spacing), asks.price_at(step * spacing) + bids.price_at(step * spacing)
        if doubled and (2 * ask - twice) * MAX_BPS > SPREAD_BPS * twice:
            break
        doubled.append(twice)
    if not doubled:
        doubled = [bids.prices[0] + asks.prices[0]]
    weights = _weights(len(doubled))
    total = sum(twice * weight for twice, weight in zip(doubled, weights, strict=True))
    return (total + sum(weights)) // (2 * sum(weights))


class _Side:
    """One side of the consolidated book: prices and how much there is up to each."""

    __slots__ = ("filled", "prices")

    def __init__(self, levels: Sequence[Level], cap: int) -> None:
        self.prices = [price for price, _ in levels]
        self.filled = list(accumulate(min(size, cap) for _, size in levels))

    @property
    def depth(self) -> int:
        return self.filled[-1]

    def price_at(self, volume: int) -> int:
        """Of the order that fills the last of `volume`."""
        return self.prices[bisect_left(self.filled, volume)]


def _near_sizes(side: Sequence[Level]) -> list[int]:
    best = side[0][0]
    return [size for price, size in side[:LEVELS_A_SIDE] if abs(price - best) * MAX_BPS <= NEAR_BPS * best]


def _weights(steps: int) -> list[int]:
    """exp(-v / (0.3 v_T)) for v = 1 .. v_T steps, times 1e18; the factor l cancels."""
    reach = DECAY * steps
    exact = (_EXACT.exp(_EXACT.divide(Decimal(-step), reach)) for step in range(1, steps + 1))
    return [int(_EXACT.multiply(weight, Decimal(WAD))) for weight in exact]

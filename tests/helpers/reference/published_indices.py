# SPDX-License-Identifier: AGPL-3.0-only
"""Published index rules a second time, in fractions and floats, straight from their words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import exp, floor, sqrt

Side = Sequence[tuple[int, int]]


def real_time_index(books: Sequence[tuple[Side, Side]], spacing: int) -> float:
    """CME CF RTI, unit by unit: every order is cut into its spacings."""
    near = [
        size
        for book in books
        for side in book
        for price, size in side[:50]
        if abs(price - side[0][0]) <= Fraction(side[0][0] * 5, 100)
    ]
    near.sort()
    n, trim = len(near), len(near) // 100
    winsorised = [min(max(size, near[trim]), near[n - 1 - trim]) for size in near]
    trimmed = near[trim : n - trim]
    average = sum(winsorised) / n
    deviation = sqrt(sum((size - average) ** 2 for size in winsorised) / (n - 1)) if n > 1 else 0.0
    cap = sum(trimmed) / len(trimmed) + 5 * deviation

    def marginal(side: int, volume: int) -> int | None:
        """Walk the capped orders of all venues, best first, until `volume` is filled."""
        orders = sorted((level for book in books for level in book[side]), reverse=side == 0)
        for price, size in orders:
            volume -= floor(min(size, cap))
            if volume <= 0:
                return price
        return None

    mids: list[float] = []
    while True:
        bid, ask = marginal(0, (len(mids) + 1) * spacing), marginal(1, (len(mids) + 1) * spacing)
        if bid is None or ask is None:
            break
        mid = Fraction(bid + ask, 2)
        if mids and Fraction(ask) / mid - 1 > Fraction(5, 1000):
            break
        mids.append(float(mid))
    if not mids:
        mids = [(max(book[0][0][0] for book in books) + min(book[1][0][0] for book in books)) / 2]
    decay = 1 / (0.3 * len(mids))
    weights = [decay * exp(-decay * step) for step in range(1, len(mids) + 1)]
    return sum(mid * weight for mid, weight in zip(mids, weights, strict=True)) / sum(weights)


def reference_rate(trades: Sequence[tuple[int, int, int]], start_ms: int, length_ms: int, count: int) -> Fraction:
    """CME CF BRR over (ms, price, size): the mean of the partitions' volume-weighted medians."""
    medians = []
    for k in range(count):
        low, high = start_ms + k * length_ms, start_ms + (k + 1) * length_ms
        part = sorted((price, size) for at_ms, price, size in trades if low <= at_ms < high)
        half, before = Fraction(sum(size for _, size in part), 2), 0
        for i, (price, size) in enumerate(part):
            before += size
            if before == half:
                medians.append(Fraction(price + part[i + 1][0], 2))
            if before >= half:
                if before > half:
                    medians.append(Fraction(price))
                break
    return sum(medians, Fraction(0)) / len(medians)


def largest_sound_level(weights: Sequence[int], most_bps: int) -> list[int]:
    """Of all levels to cut weights down to, the highest at which nobody has more than the cap."""
    for level in range(max(weights), min(weights) - 1, -1):
        cut = [min(weight, level) for weight in weights]
        if max(cut) * 10_000 <= most_bps * sum(cut):
            return cut
    return [min(weights)] * len(weights)

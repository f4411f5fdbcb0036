# SPDX-License-Identifier: AGPL-3.0-only
"""A price over a window of trades, for settlement and NAV: slow to move, and dear to bend for the whole hour."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from plumbline.core.methods import weighted_median
from plumbline.core.models import Trade


def partitioned_median(trades: Iterable[Trade], end_ms: int, partitions: int = 12, partition_ms: int = 300_000) -> int:
    """The mean of the volume-weighted medians of equal partitions of the window before `end_ms`, in the trades' unit.

        1/K * sum_k weighted_median(prices, sizes of the trades in [start + k * length, start + (k + 1) * length))

    CME CF Bitcoin Reference Rate: all venues' trades in one list, 12 partitions of 5 minutes; a partition without a
    trade is left out of the mean. Medians keep a few bad prices out, volume keeps many small trades from counting, and
    equal partitions keep one burst from being the hour. Inside the range of the prices. Breakdown point: half of the
    volume of a partition, for that partition's 1/K of the result.

    >>> at = [Trade("a", "BTC/USD", price, size, ms) for price, size, ms in [(100, 5, 0), (900, 1, 1), (110, 2, 9)]]
    >>> partitioned_median(at, end_ms=10, partitions=2, partition_ms=5)
    105

    Raises:
        ValueError: no trade in the window, or no window.
    """
    if partitions < 1 or partition_ms < 1:
        raise ValueError(f"partitions: expected at least one of at least 1 ms, got {partitions} of {partition_ms}")
    start_ms = end_ms - partitions * partition_ms
    parts: dict[int, list[Trade]] = {}
    for trade in trades:
        if start_ms <= trade.at_ms < end_ms:
            parts.setdefault((trade.at_ms - start_ms) // partition_ms, []).append(trade)
    if not parts:
        raise ValueError(f"trades: expected at least one from {start_ms} to before {end_ms} ms, got none")
    medians = [weighted_median([t.price_wad for t in part], [t.size_wad for t in part]) for part in parts.values()]
    return int(Fraction(sum(medians), len(medians)) + Fraction(1, 2))

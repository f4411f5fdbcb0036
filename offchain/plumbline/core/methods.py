# SPDX-License-Identifier: AGPL-3.0-only
"""Index methods: many venues' prices in, one price out. Pure, exact, and indifferent to the order of their inputs.

Prices are positive integers of one unit and scale (WAD in the engine); the result has the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from plumbline.core.median import lower_median
from plumbline.core.units import MAX_BPS


def clamped_median(prices: Sequence[int], clamp_bps: int) -> int:
    """The price p at which the pulls of all venues balance, no venue pulling harder than the clamp.

        sum_i clamp(x_i - p, -d, d) = 0,   d = lower_median(x) * clamp_bps / 10_000

    With a narrow clamp this is the median (the middle of the two middle ones when n is even), with a wide one the mean:
    it averages the venues that agree and treats all others as a median does. It is Huber's location estimate
    (Huber, "Robust Estimation of a Location Parameter", 1964); Deribit's rule (clamp to median +-0.5%, then average)
    is its first step from the median. Taken to the end it no longer jumps when the median changes its venue.
    Where a whole interval balances (two camps of equal size further apart than 2 d), its middle is taken.

    Inside the range of the inputs; scale-equivariant; monotone in each input while n * clamp_bps < 10_000;
    breakdown point 1/2: fewer than n/2 bad inputs leave it inside the range of the others, give or take d.

    >>> clamped_median([100_00, 100_10, 100_20], clamp_bps=50)
    10010
    >>> clamped_median([100_00, 100_10, 130_00], clamp_bps=50)  # two agree; the third pulls with 50: 2 p = 20010 + 50
    10030

    Raises:
        ValueError: no prices, or no clamp.
    """
    if clamp_bps < 1:
        raise ValueError(f"clamp_bps: expected at least 1, got {clamp_bps}")
    reach = lower_median(prices) * clamp_bps
    scaled = [price * MAX_BPS for price in prices]  # as `reach` is: all stays integer

    def push(p: int) -> int:
        return sum(min(max(p - x, -reach), reach) for x in scaled)

    # `push` never falls and is linear between the corners x_i +- d: find the corners around (or on) its zero.
    corners = sorted(corner for x in scaled for corner in (x - reach, x + reach))
    low = corners[bisect_right(corners, 0, key=push) - 1]
    high = corners[bisect_left(corners, 0, key=push)]
    if low >= high:
        return _nearest(low + high, 2 * MAX_BPS)
    under, over = -push(low), push(high)
    return _nearest(low * over + high * under, (under + over) * MAX_BPS)


def _nearest(numerator: int, denominator: int) -> int:
    """The nearest integer of a positive fraction, half up."""
    return (2 * numerator + denominator) // (2 * denominator)

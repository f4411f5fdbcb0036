# SPDX-License-Identifier: AGPL-3.0-only
"""Index methods: many prices in, one price out. Pure, exact, and indifferent to the order of their inputs.

Prices are positive integers of one unit and one scale (1e18 in the engine), and so is the result; where the formula
leaves a fraction it is rounded to the nearest, half up. Weights are positive integers of any one unit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from plumbline.core.units import MAX_BPS


def weighted_median(prices: Sequence[int], weights: Sequence[int]) -> int:
    """The price with no more than half of the weight on either side of it.

    Where the weight splits into two equal halves: the middle of the two prices between them.
    Equal weights make it the plain median. Breakdown point: half of the weight.

    >>> weighted_median([100, 110, 150], [1, 1, 3]), weighted_median([100, 110], [1, 1])
    (150, 105)

    Raises:
        ValueError: no prices, not a weight for each, or a weight below 1.
    """
    _check(prices, weights)
    ordered = sorted(zip(prices, weights, strict=True))
    twice, total = 0, sum(weights)
    for i, (price, weight) in enumerate(ordered):
        twice += 2 * weight
        if twice == total:
            return _nearest(price + ordered[i + 1][0], 2)
        if twice > total:
            return price
    raise AssertionError("unreachable: the last price carries the weight over the half")


def clamped_median(prices: Sequence[int], weights: Sequence[int], clamp_bps: int) -> int:
    """The price p at which all pulls balance, where no price pulls from further away than the clamp.

        sum_i w_i * clamp(x_i - p, -d, d) = 0,   d = weighted_median(x, w) * clamp_bps / 10_000

    A narrow clamp makes it the median, a wide one the mean: prices that agree are averaged, all others count as in a
    median. It is Huber's estimate of location (P. J. Huber, "Robust Estimation of a Location Parameter", 1964).
    Deribit's index (clamp to the median +-0.5%, then average) is its first step from the median; taken to the end it
    does not jump when the median changes hands. Where a whole interval balances, its middle is taken.

    Inside the range of the inputs, scale-equivariant, monotone in each input (while clamp_bps * sum(w) / min(w) is
    below 10_000). Breakdown point: half of the weight; less than that moves it beyond the others by no more than d.

    >>> clamped_median([100_00, 100_10, 100_20], [1, 1, 1], clamp_bps=50)
    10010
    >>> clamped_median([100_00, 100_10, 130_00], [1, 1, 1], clamp_bps=50)  # 2 p = 20_010 + 50.05
    10030

    Raises:
        ValueError: no prices, not a weight for each, a weight below 1, or a clamp below 1.
    """
    if clamp_bps < 1:
        raise ValueError(f"clamp_bps: expected at least 1, got {clamp_bps}")
    reach = weighted_median(prices, weights) * clamp_bps
    pulls = [(price * MAX_BPS, weight) for price, weight in zip(prices, weights, strict=True)]

    def push(p: int) -> int:
        return sum(weight * min(max(p - x, -reach), reach) for x, weight in pulls)

    # `push` never falls, and is straight between the corners x_i +- d: find the corners around (or on) its zero.
    corners = sorted(corner for x, _ in pulls for corner in (x - reach, x + reach))
    low = corners[bisect_right(corners, 0, key=push) - 1]
    high = corners[bisect_left(corners, 0, key=push)]
    if low >= high:
        return _nearest(low + high, 2 * MAX_BPS)
    under, over = -push(low), push(high)
    return _nearest(low * over + high * under, (under + over) * MAX_BPS)


def _check(prices: Sequence[int], weights: Sequence[int]) -> None:
    if not prices:
        raise ValueError("prices: expected at least one, got none")
    if len(prices) != len(weights):
        raise ValueError(f"weights: expected one for each of {len(prices)} prices, got {len(weights)}")
    if min(weights) < 1:
        raise ValueError(f"weights: expected each at least 1, got {min(weights)}")


def _nearest(numerator: int, denominator: int) -> int:
    """The nearest integer to a fraction, half up."""
    return (2 * numerator + denominator) // (2 * denominator)

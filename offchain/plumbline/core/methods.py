# SPDX-License-Identifier: AGPL-3.0-only
"""Index methods: many prices in, one price out. Pure, exact, and indifferent to the order of their inputs.

Prices are positive integers of one unit and one scale (1e18 in the engine), and so is the result; where the formula
leaves a fraction it is rounded to the nearest, half up. Weights are positive integers of any one unit. All methods
stay inside the range of their inputs and scale with them. Over a window of trades see `settlement`, over order books
`depth`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from plumbline.core.units import MAX_BPS


def weighted_mean(prices: Sequence[int], weights: Sequence[int]) -> int:
    """The average by weight; with volumes for weights, the volume-weighted average price.

        sum_i w_i * x_i / sum_i w_i

    Monotone. Breakdown point 0: one bad price moves it without bound, one large weight takes it over. Fit for prices
    that were converted and clamped before, with weights that were capped (`capped_weights`).

    >>> weighted_mean([100, 110], [3, 1])
    103

    Raises:
        ValueError: no prices, not a weight for each, or a weight below 1.
    """
    _check(prices, weights)
    total = sum(price * weight for price, weight in zip(prices, weights, strict=True))
    return _nearest(total, sum(weights))


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


def clamped_mean(prices: Sequence[int], weights: Sequence[int], clamp_bps: int) -> int:
    """The average by weight of the prices, each moved to within the clamp of their plain median.

        m = median(x),   sum_i w_i * clamp(x_i, m - d, m + d) / sum_i w_i,   d = m * clamp_bps / 10_000

    The rule of Deribit (50 bps; support.deribit.com, "Index Prices", whose example this is), OKX (300 bps) and
    Binance (300 bps, 100 for BTC and ETH). Breakdown point 1/2, of the number of prices.

    >>> clamped_mean([100_000, 101_000, 120_000], [25, 50, 25], clamp_bps=50)  # 100.495, 101 and 101.505
    101000

    Raises:
        ValueError: no prices, not a weight for each, or a weight below 1.
    """
    middle = weighted_median(prices, [1] * len(prices))
    _check(prices, weights)
    low, high = middle * (MAX_BPS - clamp_bps), middle * (MAX_BPS + clamp_bps)
    clamped = (min(max(price * MAX_BPS, low), high) for price in prices)
    total = sum(price * weight for price, weight in zip(clamped, weights, strict=True))
    return _nearest(total, sum(weights) * MAX_BPS)


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
        return sum([weight * min(max(p - x, -reach), reach) for x, weight in pulls])

    # `push` never falls, and is straight between the corners x_i +- d: its zero is at a corner or between two.
    corners = sorted([corner for x, _ in pulls for corner in (x - reach, x + reach)])
    beyond_zero = bisect_right(corners, 0, key=push)
    low, high = corners[beyond_zero - 1], corners[beyond_zero]
    under, over = -push(low), push(high)
    if under == 0:
        return _nearest(corners[bisect_left(corners, 0, key=push)] + low, 2 * MAX_BPS)
    return _nearest(low * over + high * under, (under + over) * MAX_BPS)


def vote_median(quotes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Price and confidence out of (price, confidence) quotes, each of which votes three times.

        votes = x - c, x, x + c of every quote;   price = median of the votes,
        confidence = the larger of price - 25th percentile, 75th percentile - price

    Pyth's rule (docs.pyth.network, "Price Aggregation"; percentiles as its oracle program takes them: the vote at
    rank n // 4 from either end). A wide quote counts for less near the middle without a weight of its own. Not
    monotone in the confidences; breakdown point 1/2 where all are alike.

    >>> vote_median([(101, 1), (102, 2), (103, 1)])  # 100 100 101 102 102 102 103 104 104
    (102, 1)

    Raises:
        ValueError: no quotes, a negative confidence, or one not below its price.
    """
    if not quotes:
        raise ValueError("quotes: expected at least one, got none")
    if not all(0 <= confidence < price for price, confidence in quotes):
        raise ValueError("quotes: expected 0 <= confidence < price in each")
    votes = sorted(vote for x, c in quotes for vote in (x - c, x, x + c))
    price = weighted_median(votes, [1] * len(votes))
    quarter = len(votes) // 4
    return price, max(price - votes[quarter], votes[-1 - quarter] - price)


def outliers(prices: Mapping[str, int], centre: int, out: AbstractSet[str], out_bps: int, back_bps: int) -> set[str]:
    """Who is out for being far from `centre`, given who was `out` before: beyond `out_bps`, back within `back_bps`.

        |x_i - centre| > centre * bps / 10_000,   bps = back_bps for those that are out, else out_bps

    CME CF BRTI: 500 and 250 around the median of mids. BitMEX: 2,500 and 200 (back after 15 minutes only). Between
    the two thresholds nothing changes, so that nobody flickers.

    >>> outliers({"a": 100, "b": 106, "c": 103}, 100, {"c"}, out_bps=500, back_bps=250) == {"b", "c"}
    True
    """
    return {name for name, price in prices.items() if beyond(price, centre, back_bps if name in out else out_bps)}


def beyond(price: int, centre: int, bps: int) -> bool:
    """Whether a price is further than `bps` of the centre from it."""
    return abs(price - centre) * MAX_BPS > centre * bps


def capped_weights(weights: Sequence[int], most_bps: int) -> list[int]:
    """Weights cut down so that none is more than `most_bps` of what is left, and no more is cut than needed.

    With the k largest cut to one level L:  L = most * (k * L + sum of the others), most = most_bps / 10_000,
    rounded down to whole units. Where n equal weights would each be above the cap already, all become the smallest.

    >>> capped_weights([70, 20, 10], 4_000)  # 20 of 50
    [20, 20, 10]

    Raises:
        ValueError: no weights, or one below 1.
    """
    _check(weights, weights)
    ordered, others = sorted(weights, reverse=True), sum(weights)
    if ordered[0] * MAX_BPS <= most_bps * others:
        return list(weights)
    for cut in range(1, len(ordered)):
        others -= ordered[cut - 1]
        left = MAX_BPS - cut * most_bps
        if left <= 0:
            break
        level = others * most_bps // left
        if ordered[cut] <= level:
            return [min(weight, level) for weight in weights]
    return [ordered[-1]] * len(weights)


class Needs(Enum):
    """What a method is made of, beside the venues' prices."""

    NOTHING = auto()
    WEIGHTS = auto()
    """A weight for each venue."""
    QUOTES = auto()
    """How far each venue's bid and ask are apart."""
    TRADES = auto()
    """All trades of a window."""
    BOOKS = auto()
    """Order books."""


Combine = Callable[[Sequence[int], Sequence[int], int], int]
"""(prices of the venues, their weights, clamp_bps) -> price."""


@dataclass(frozen=True, slots=True)
class Method:
    needs: Needs
    combine: Combine | None = None
    """None: it is made of something else than one price a venue (`pricing.py`)."""


METHODS: Final[Mapping[str, Method]] = {
    "clamped_median": Method(Needs.NOTHING, clamped_median),
    "clamped_mean": Method(Needs.NOTHING, clamped_mean),
    "median": Method(Needs.NOTHING, lambda prices, weights, _: weighted_median(prices, weights)),
    "weighted_median": Method(Needs.WEIGHTS, lambda prices, weights, _: weighted_median(prices, weights)),
    "weighted_mean": Method(Needs.WEIGHTS, lambda prices, weights, _: weighted_mean(prices, weights)),
    "vote_median": Method(Needs.QUOTES),
    "partitioned_median": Method(Needs.TRADES),
    "depth_weighted_mid": Method(Needs.BOOKS),
}
"""What a feed may be made with."""


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

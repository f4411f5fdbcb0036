# SPDX-License-Identifier: AGPL-3.0-only
"""The best circle found by trying: what sizing is measured against. Knows neither curves nor marginal prices.

Shares are added in small lots; each lot goes to the pool that gives most for it, and so does each component's part of
it, for every subset of every market's pools; the best number of lots with the best subset of each market wins. Lots are
the only error: against the true optimum it loses at most about what one lot could earn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from plumbline.core.arbitrage import Side
from plumbline.core.curve import Market
from plumbline.core.cycle import CycleMarket
from plumbline.core.uniswap_math import PoolState, swap


@dataclass(frozen=True)
class Tried:
    side: Side
    shares: int
    net: int
    """{quote} after `swap_cost` for every swap."""


def best_tried(market: CycleMarket, swap_cost: int, most: dict[Side, int], lots: int = 150) -> Tried | None:
    """`most` {share} is how far each side is tried."""
    found = [_best_of(market, side, swap_cost, most[side], lots) for side in Side]
    return max((each for each in found if each is not None and each.net > 0), key=lambda each: each.net, default=None)


def _best_of(market: CycleMarket, side: Side, swap_cost: int, most: int, lots: int) -> Tried | None:
    minting = side is Side.PREMIUM
    sizes = sorted({most * lot // lots for lot in range(1, lots + 1)} - {0})
    amounts = [market.amounts(side, shares) for shares in sizes]
    totals = _tried(market.share, sizes, minting, swap_cost)
    for place, component in enumerate(market.components):
        needed = [each[place] for each in amounts]
        if component.market is None:
            part = [(-amount if minting else amount) for amount in needed]
        else:
            part = _tried(component.market, needed, not minting, swap_cost)
        totals = [one + other for one, other in zip(totals, part, strict=False)]
    if not totals:
        return None
    net = max(totals)
    return Tried(side, sizes[totals.index(net)], net)


def _tried(market: Market, amounts: Sequence[int], selling: bool, swap_cost: int) -> list[int]:
    """For growing amounts of a token, the most quote they bring (negative: cost) through any subset of its pools."""
    rows = [
        [got - swap_cost * size for got in _lots(subset, market.is_token0, amounts, selling)]
        for size in range(1, len(market.pools) + 1)
        for subset in combinations(market.pools, size)
    ]
    longest = max(map(len, rows))
    return [max(row[i] for row in rows if len(row) > i) for i in range(longest)]


def _lots(pools: Sequence[PoolState], is_token0: bool, amounts: Sequence[int], selling: bool) -> list[int]:
    """As far as the known ticks go."""
    traded, quotes, results = [0] * len(pools), [0] * len(pools), []
    for before, amount in zip([0, *amounts], amounts, strict=False):
        tries = []
        for i, pool in enumerate(pools):
            quote = _through(pool, is_token0, traded[i] + amount - before, selling)
            if quote is not None:
                tries.append((quote - quotes[i], i, quote))
        if not tries:
            break
        _, best, quotes[best] = max(tries)
        traded[best] += amount - before
        results.append(sum(quotes))
    return results


def _through(pool: PoolState, is_token0: bool, amount: int, selling: bool) -> int | None:
    down = is_token0 == selling
    moved = swap(pool, zero_for_one=down, amount=amount, exact_in=selling)
    if (moved.amount_in if selling else moved.amount_out) != amount:
        return None
    return moved.amount_out if selling else -moved.amount_in

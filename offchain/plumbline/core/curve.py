# SPDX-License-Identifier: AGPL-3.0-only
"""All pools of one token against the quote token, seen from one side as one pool without a fee.

A pool of fee f and liquidity L takes, while its price (quote per token) falls from a**2 to b**2,

    token in = L * (1/b - 1/a) / (1 - f)        quote out = L * (a - b)

What the next token brings is b**2 * (1 - f). Written in the root of that, x = b * sqrt(1 - f), both become those of a
pool without a fee, of liquidity L / sqrt(1 - f). Buying is the same with x = b / sqrt(1 - f), and the same liquidity.
In x all tiers agree: a trade that is split well leaves every pool it uses at one x. So the liquidities of all pools add
up between the same two x, and the best split of any amount, and what it brings, is a walk along one list of segments.

Integers all through: x is Q64.96, whichever of the pool's two tokens the token is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Final, Protocol

from plumbline.core.uniswap_math import PIPS, PoolState, sqrt_price_at_tick, swap

Q192: Final = 1 << 192
MAX_SPLIT: Final = 4
"""Pools of one token that a trade is split over: the arbitrageur takes so many of the share."""
_tick_price = lru_cache(maxsize=1 << 16)(sqrt_price_at_tick)


class HasLeg(Protocol):
    @property
    def fee_pips(self) -> int: ...

    @property
    def amount(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Market:
    """Pools of one token against the quote token."""

    pools: tuple[PoolState, ...]
    is_token0: bool
    """Whether the token is the pools' token0: it is when its address is the smaller one."""

    def without(self, fee_pips: int) -> Market:
        return Market(tuple(pool for pool in self.pools if pool.fee_pips != fee_pips), self.is_token0)


@dataclass(frozen=True, slots=True)
class Curve:
    """Segments in the order in which a growing trade uses them."""

    selling: bool
    """The token for quote; else the quote for the token."""
    starts: tuple[int, ...]
    """x at the beginning of each segment: falling when selling, rising when buying."""
    liquidities: tuple[int, ...]
    tokens: tuple[int, ...]
    """Token traded before each segment."""
    quotes: tuple[int, ...]
    """Quote traded before each segment."""
    capacity: int
    """Token that can be traded within the known ticks."""

    def x_after(self, amount: int) -> int:
        """The root of what the next token brings or costs once `amount` is traded; at most `capacity` is."""
        k = bisect_right(self.tokens, amount) - 1
        return self._x(k, min(amount, self.capacity) - self.tokens[k])

    def quote_for(self, amount: int) -> int:
        """What `amount` brings or costs, to within some units: exact amounts come from `swap`."""
        k = bisect_right(self.tokens, amount) - 1
        x = self._x(k, amount - self.tokens[k])
        return self.quotes[k] + (self.liquidities[k] * abs(x - self.starts[k]) >> 96)

    def _x(self, k: int, amount: int) -> int:
        start, scaled = self.starts[k], self.liquidities[k] << 96
        return scaled * start // (scaled + amount * start if self.selling else scaled - amount * start)


def curve(market: Market, *, selling: bool) -> Curve | None:
    """None: there is no liquidity to trade with."""
    steps = sorted((step for pool in market.pools for step in _steps(pool, market.is_token0, selling)), reverse=selling)
    starts: list[int] = []
    liquidities: list[int] = []
    tokens, quotes = [0], [0]
    active = 0
    for i, (x, change) in enumerate(steps):
        active += change
        end = steps[i + 1][0] if i + 1 < len(steps) else x
        if active > 0 and end != x:
            starts.append(x)
            liquidities.append(active)
            high, low = max(x, end), min(x, end)
            tokens.append(tokens[-1] + (active << 96) * (high - low) // (high * low))
            quotes.append(quotes[-1] + (active * (high - low) >> 96))
    if not starts or not tokens[-1]:
        return None
    capacity = tokens.pop()
    quotes.pop()
    return Curve(selling, tuple(starts), tuple(liquidities), tuple(tokens), tuple(quotes), capacity)


def best_x(market: Market, *, selling: bool) -> int | None:
    """x of the first token in the best pool, without walking any: no pool brings more, or asks less. None: no pools."""
    found = [next(_steps(pool, market.is_token0, selling))[0] for pool in market.pools]
    return (max if selling else min)(found, default=None)


def limit_of(pool: PoolState, x: int, *, is_token0: bool, selling: bool) -> int:
    """The pool's own sqrt price at which the next token brings or costs x**2."""
    keep = _root_keep(pool.fee_pips)
    root = (x << 96) // keep if selling else x * keep >> 96
    return root if is_token0 else Q192 // max(root, 1)


def split(market: Market, x: int, *, selling: bool) -> tuple[tuple[PoolState, int], ...]:
    """(pool, token through it) for each pool that is better than x**2, the largest part last."""
    parts = []
    for pool in market.pools:
        zero_for_one = market.is_token0 == selling
        limit = limit_of(pool, x, is_token0=market.is_token0, selling=selling)
        if (pool.sqrt_price_x96 > limit) if zero_for_one else (pool.sqrt_price_x96 < limit):
            moved = swap(pool, zero_for_one=zero_for_one, amount=None, limit_x96=limit)
            if amount := moved.amount_in if selling else moved.amount_out:
                parts.append((pool, amount))
    return tuple(sorted(parts, key=lambda part: part[1]))


def exact_quote(market: Market, parts: Sequence[tuple[PoolState, int]], *, selling: bool) -> int:
    """What the pools really give for, or take for, these amounts of the token, to the unit.

    Raises:
        ValueError: the known part of a pool cannot fill its amount.
    """
    zero_for_one, total = market.is_token0 == selling, 0
    for pool, amount in parts:
        moved = swap(pool, zero_for_one=zero_for_one, amount=amount, exact_in=selling)
        if (moved.amount_in if selling else moved.amount_out) != amount:
            raise ValueError(f"the known part of the {pool.fee_pips} pool cannot fill {amount}")
        total += moved.amount_out if selling else moved.amount_in
    return total


def parts_of(market: Market, legs: Sequence[HasLeg]) -> list[tuple[PoolState, int]]:
    """The pools that legs name by their tier. Raises ValueError for a tier there is no pool of."""
    pools = {pool.fee_pips: pool for pool in market.pools}
    for leg in legs:
        if leg.fee_pips not in pools:
            raise ValueError(f"no pool of tier {leg.fee_pips} is known")
    return [(pools[leg.fee_pips], leg.amount) for leg in legs]


def worthwhile(
    market: Market, own: Curve, amount: int, swap_cost: int, *, selling: bool, most: int = MAX_SPLIT
) -> Market:
    """Without the pools that do not earn the gas of a swap, and with at most `most` of them.

    The smallest part goes first, while the others trade `amount` for less than `swap_cost` {quote} more.
    """
    while len(market.pools) > 1:
        parts = split(market, own.x_after(amount), selling=selling)
        used = tuple(pool for pool, _ in parts)
        if not used:
            return market
        if len(used) < len(market.pools):
            market = Market(used, market.is_token0)
            continue
        fewer = market.without(used[0].fee_pips)
        other = curve(fewer, selling=selling)
        if other is None or other.capacity < amount:
            return market
        loss = abs(own.quote_for(amount) - other.quote_for(amount))
        if loss >= swap_cost and len(market.pools) <= most:
            return market
        market, own = fewer, other
    return market


def _steps(pool: PoolState, is_token0: bool, selling: bool) -> Iterator[tuple[int, int]]:
    """(x, change of effective liquidity) from the pool's price on, to the end of the known ticks."""
    keep = _root_keep(pool.fee_pips)
    down = is_token0 == selling
    liquidity = pool.liquidity
    edge = pool.low_tick if down else pool.high_tick

    def step(sqrt_price: int, change: int) -> tuple[int, int]:
        root = sqrt_price if is_token0 else Q192 // sqrt_price
        return (root * keep >> 96 if selling else (root << 96) // keep), (change << 96) // keep

    yield step(pool.sqrt_price_x96, liquidity)
    ticks = reversed(pool.ticks) if down else pool.ticks
    for tick, net in ticks:
        if (pool.tick >= tick > edge) if down else (pool.tick < tick < edge):
            yield step(_tick_price(tick), -net if down else net)
            liquidity += -net if down else net
    yield step(_tick_price(edge), -liquidity)


@lru_cache(maxsize=64)
def _root_keep(fee_pips: int) -> int:
    """sqrt(1 - fee), Q64.96."""
    return isqrt(((PIPS - fee_pips) << 192) // PIPS)

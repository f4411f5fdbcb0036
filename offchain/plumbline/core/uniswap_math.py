# SPDX-License-Identifier: AGPL-3.0-only
"""Uniswap v3's swap arithmetic, true to the contract's integers.

Formulas and roundings: Uniswap v3-core 1.0.1, libraries TickMath, SqrtPriceMath, SwapMath, and `swap` of
UniswapV3Pool; written anew from the white paper's formulas and checked against the compiled contract.
Sqrt prices are Q64.96 of sqrt(token1 / token0) in the tokens' smallest units; fees are pips (1e-6).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import isqrt
from typing import Final

MIN_TICK: Final = -887_272
MAX_TICK: Final = 887_272
Q96: Final = 1 << 96
PIPS: Final = 1_000_000
TICK_OFFSET: Final = 1 << 23
"""Added to a tick that is a limit, in the words of our contracts: 0 is no limit then."""
WORD_TICKS: Final = 256
"""Compressed ticks in one word of the pool's tick bitmap."""

# sqrt(1.0001)**-(2**i) as Q128.128, the factors of a tick's price by the bits of |tick|.
_FACTORS: Final = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)


def sqrt_price_at_tick(tick: int) -> int:
    """sqrt(1.0001**tick) as Q64.96, rounded up as TickMath does.

    Raises:
        ValueError: the tick is outside MIN_TICK .. MAX_TICK.
    """
    if not MIN_TICK <= tick <= MAX_TICK:
        raise ValueError(f"tick {tick} is outside {MIN_TICK} .. {MAX_TICK}")
    ratio = 1 << 128
    for bit, factor in enumerate(_FACTORS):
        if abs(tick) >> bit & 1:
            ratio = ratio * factor >> 128
    if tick > 0:
        ratio = ((1 << 256) - 1) // ratio
    return -(-ratio >> 32)


MIN_SQRT_PRICE: Final = sqrt_price_at_tick(MIN_TICK)
MAX_SQRT_PRICE: Final = sqrt_price_at_tick(MAX_TICK)


def tick_at_sqrt_price(sqrt_price_x96: int) -> int:
    """The greatest tick whose sqrt price is at most the given one.

    Raises:
        ValueError: outside MIN_SQRT_PRICE .. MAX_SQRT_PRICE - 1.
    """
    if not MIN_SQRT_PRICE <= sqrt_price_x96 < MAX_SQRT_PRICE:
        raise ValueError(f"sqrt price {sqrt_price_x96} is outside the pool's range")
    return bisect_right(range(MIN_TICK, MAX_TICK), sqrt_price_x96, key=sqrt_price_at_tick) + MIN_TICK - 1


def sqrt_price_of(amount1: int, amount0: int) -> int:
    """Q64.96 sqrt of the price amount1 / amount0, rounded down."""
    return isqrt((amount1 << 192) // amount0)


def amount0_between(sqrt_a: int, sqrt_b: int, liquidity: int, *, round_up: bool) -> int:
    """token0 that `liquidity` holds between two sqrt prices: L * (1/sqrt_low - 1/sqrt_high)."""
    low, high = sorted((sqrt_a, sqrt_b))
    # Two divisions, each rounded, as in the contract: the second would differ by a wei otherwise.
    if round_up:
        return _div_up(_div_up((liquidity << 96) * (high - low), high), low)
    return (liquidity << 96) * (high - low) // high // low


def amount1_between(sqrt_a: int, sqrt_b: int, liquidity: int, *, round_up: bool) -> int:
    """token1 that `liquidity` holds between two sqrt prices: L * (sqrt_high - sqrt_low)."""
    product = liquidity * abs(sqrt_a - sqrt_b)
    return _div_up(product, Q96) if round_up else product // Q96


@dataclass(frozen=True, slots=True)
class PoolState:
    """What decides a swap: a snapshot of one pool at one block."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    tick_spacing: int
    ticks: tuple[tuple[int, int], ...]
    """(tick, net liquidity) of every initialised tick in the known range, ascending."""
    low_tick: int = MIN_TICK
    high_tick: int = MAX_TICK
    """The ticks known, both inclusive: a swap is not followed beyond them."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What a swap moved, seen from the pool's caller: never negative."""

    amount_in: int
    """With the fee."""
    amount_out: int
    sqrt_price_x96: int
    """Where it left the pool."""


def swap(
    pool: PoolState, *, zero_for_one: bool, amount: int | None, limit_x96: int | None = None, exact_in: bool = True
) -> Swap:
    """Follow a swap through the pool as its contract does, step by step.

    Args:
        amount: token0 or token1 to put in (exact_in) or take out; None: as much as reaches the limit.
        limit_x96: the sqrt price at which the swap ends, filled or not; None: where what is known of the pool does.
    """
    sqrt_price, tick, liquidity = pool.sqrt_price_x96, pool.tick, pool.liquidity
    edge = sqrt_price_at_tick(pool.low_tick if zero_for_one else pool.high_tick)
    limit = edge
    if limit_x96 is not None:
        limit = max(limit_x96, edge) if zero_for_one else min(limit_x96, edge)
    total_in = total_out = 0
    left = amount
    while left != 0 and (sqrt_price > limit if zero_for_one else sqrt_price < limit):
        next_tick, net = _next_tick(pool, tick, zero_for_one=zero_for_one)
        next_price = sqrt_price_at_tick(next_tick)
        target = max(next_price, limit) if zero_for_one else min(next_price, limit)
        sqrt_price, step_in, step_out, fee = _step(sqrt_price, target, liquidity, left, exact_in, pool.fee_pips)
        total_in += step_in + fee
        total_out += step_out
        if left is not None:
            left -= step_in + fee if exact_in else step_out
        if sqrt_price == next_price:
            liquidity += -net if zero_for_one else net
            tick = next_tick - 1 if zero_for_one else next_tick
        # Else the swap ended inside the range: left is 0 or the limit is reached.
    return Swap(total_in, total_out, sqrt_price)


def tick_limit(pool: PoolState, end_x96: int, profit: int, min_profit: int) -> int:
    """The last tick of a pool at which a trade, that would take it to `end_x96`, may still leave `min_profit`.

    Between two prices that draw together evenly the profit is a triangle. When somebody made a part `f` of the same
    trade before, the whole of it leaves profit * (1 - 2f): it goes beyond where they meet.
    """
    start, room = pool.sqrt_price_x96, max(profit - min_profit, 0)
    tick = tick_at_sqrt_price(start + (end_x96 - start) * room // max(2 * profit, 1))
    # A pool that stopped on a tick's own price has that tick, or the one below it.
    return min(tick, pool.tick) if end_x96 < start else max(tick, pool.tick)


def _next_tick(pool: PoolState, tick: int, *, zero_for_one: bool) -> tuple[int, int]:
    """The next tick at which the contract ends a step, and its net liquidity.

    It is the next initialised one, or the border of the bitmap word: a step ends there too, and rounds.
    """
    ticks = pool.ticks
    if zero_for_one:
        compressed = tick // pool.tick_spacing
        border = compressed // WORD_TICKS * WORD_TICKS * pool.tick_spacing
        i = bisect_right(ticks, tick, key=_tick_of) - 1
        if i >= 0 and ticks[i][0] >= border:
            return ticks[i]
        return max(border, MIN_TICK), 0
    compressed = tick // pool.tick_spacing + 1
    border = (compressed // WORD_TICKS * WORD_TICKS + WORD_TICKS - 1) * pool.tick_spacing
    i = bisect_left(ticks, tick + 1, key=_tick_of)
    if i < len(ticks) and ticks[i][0] <= border:
        return ticks[i]
    return min(border, MAX_TICK), 0


def _tick_of(entry: tuple[int, int]) -> int:
    return entry[0]


def _step(
    sqrt_price: int, target: int, liquidity: int, left: int | None, exact_in: bool, fee_pips: int
) -> tuple[int, int, int, int]:
    """SwapMath.computeSwapStep: (new sqrt price, in without fee, out, fee). `left` None: go to the target."""
    down = target <= sqrt_price
    full_in = _amount_in(sqrt_price, target, liquidity, down)
    full_out = _amount_out(sqrt_price, target, liquidity, down)
    if left is None:
        reached = target
    elif exact_in:
        spendable = left * (PIPS - fee_pips) // PIPS
        reached = target if spendable >= full_in else _price_after_input(sqrt_price, liquidity, spendable, down)
    else:
        reached = target if left >= full_out else _price_after_output(sqrt_price, liquidity, left, down)

    amount_in = full_in if reached == target else _amount_in(sqrt_price, reached, liquidity, down)
    amount_out = full_out if reached == target else _amount_out(sqrt_price, reached, liquidity, down)
    if left is not None and not exact_in:
        amount_out = min(amount_out, left)
    if left is not None and exact_in and reached != target:
        fee = left - amount_in
    else:
        fee = _div_up(amount_in * fee_pips, PIPS - fee_pips)
    return reached, amount_in, amount_out, fee


def _amount_in(start: int, end: int, liquidity: int, down: bool) -> int:
    between = amount0_between if down else amount1_between
    return between(start, end, liquidity, round_up=True)


def _amount_out(start: int, end: int, liquidity: int, down: bool) -> int:
    between = amount1_between if down else amount0_between
    return between(start, end, liquidity, round_up=False)


def _price_after_input(sqrt_price: int, liquidity: int, amount: int, down: bool) -> int:
    """Rounded so that the input never moves the price too far."""
    if not down:
        return sqrt_price + (amount << 96) // liquidity
    numerator = liquidity << 96
    denominator = numerator + amount * sqrt_price
    if denominator >> 256:
        # The contract's words overflow here, and it takes the coarser of two formulas.
        return _div_up(numerator, numerator // sqrt_price + amount)
    return _div_up(numerator * sqrt_price, denominator)


def _price_after_output(sqrt_price: int, liquidity: int, amount: int, down: bool) -> int:
    """Rounded so that the price moves far enough for the output."""
    if down:
        return sqrt_price - _div_up(amount << 96, liquidity)
    numerator = liquidity << 96
    return _div_up(numerator * sqrt_price, numerator - amount * sqrt_price)


def _div_up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)

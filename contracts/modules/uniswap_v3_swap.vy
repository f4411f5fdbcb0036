# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Uniswap v3 swaps, foreseen
@license AGPL-3.0-only
@notice Follows a swap through a pool as its contract would, to the wei, without making it: a view. The pool's state is
        handed in and out, so swaps that share a pool can be foreseen one after the other.
@dev Formulas and roundings are those of Uniswap v3-core 1.0.1 (TickMath, SqrtPriceMath, SwapMath, UniswapV3Pool.swap),
     written anew from the white paper's and held to the compiled contract by tests. Sqrt prices are Q64.96 of
     sqrt(token1 / token0) in smallest units.
"""

from contracts.interfaces import IUniswapV3Pool

MIN_TICK: constant(int256) = -887272
MAX_TICK: constant(int256) = 887272
PIPS: constant(uint256) = 1_000_000
MAX_STEPS: constant(uint256) = 4_096             # far above what a block's gas could cross

_Q96: constant(uint256) = 2**96

# sqrt(1.0001)**-(2**i) as Q128.128: the factors of a tick's price by the bits of |tick|.
_FACTORS: constant(uint256[20]) = [
    340265354078544963557816517032075149313,
    340248342086729790484326174814286782778,
    340214320654664324051920982716015181260,
    340146287995602323631171512101879684304,
    340010263488231146823593991679159461444,
    339738377640345403697157401104375502016,
    339195258003219555707034227454543997025,
    338111622100601834656805679988414885971,
    335954724994790223023589805789778977700,
    331682121138379247127172139078559817300,
    323299236684853023288211250268160618739,
    307163716377032989948697243942600083929,
    277268403626896220162999269216087595045,
    225923453940442621947126027127485391333,
    149997214084966997727330242082538205943,
    66119101136024775622716233608466517926,
    12847376061809297530290974190478138313,
    485053260817066172746253684029974020,
    691415978906521570653435304214168,
    1404880482679654955896180642,
]

struct Pool:
    at: address
    sqrt_price: uint256
    tick: int256
    liquidity: uint256
    fee: uint256              # {1e-6}
    spacing: int256


@internal
@view
def _load(pool: address) -> Pool:
    """
    @notice The pool as it is now.
    """
    sqrt_price: uint160 = 0
    tick: int24 = 0
    rest: uint16[3] = [0, 0, 0]
    protocol_fee: uint8 = 0
    unlocked: bool = False
    sqrt_price, tick, rest[0], rest[1], rest[2], protocol_fee, unlocked = staticcall IUniswapV3Pool(pool).slot0()
    assert unlocked, "swap: pool is locked"
    return Pool(
        at=pool,
        sqrt_price=convert(sqrt_price, uint256),
        tick=convert(tick, int256),
        liquidity=convert(staticcall IUniswapV3Pool(pool).liquidity(), uint256),
        fee=convert(staticcall IUniswapV3Pool(pool).fee(), uint256),
        spacing=convert(staticcall IUniswapV3Pool(pool).tickSpacing(), int256),
    )


@internal
@view
def _swap(pool: Pool, zero_for_one: bool, amount: uint256, exact_in: bool) -> (Pool, uint256):
    """
    @param amount {tok} to put in, or to take out
    @return the pool afterwards, and {tok} of the other token: what comes out, rounded down, or goes in, rounded up.
            Reverts when the pool runs dry.
    """
    after: Pool = pool
    left: uint256 = amount
    other: uint256 = 0
    for _: uint256 in range(MAX_STEPS):
        if left == 0:
            break
        next_tick: int256 = 0
        initialised: bool = False
        next_tick, initialised = self._next_tick(after, zero_for_one)
        target: uint256 = self._sqrt_price_at(next_tick)
        start: uint256 = after.sqrt_price
        step_in: uint256 = 0
        step_out: uint256 = 0
        after.sqrt_price, step_in, step_out = self._step(after, target, left, zero_for_one, exact_in)
        if exact_in:
            left -= step_in
            other += step_out
        else:
            left -= step_out
            other += step_in
        if after.sqrt_price == target:
            assert left == 0 or (next_tick != MIN_TICK and next_tick != MAX_TICK), "swap: pool ran dry"
            if initialised:
                after.liquidity = self._crossed(after, next_tick, zero_for_one)
            after.tick = next_tick
            if zero_for_one:
                after.tick -= 1
        elif after.sqrt_price != start:
            after.tick = self._tick_at(after.sqrt_price)
    assert left == 0, "swap: too many steps"
    return after, other


@internal
@view
def _crossed(pool: Pool, tick: int256, zero_for_one: bool) -> uint256:
    """
    @notice The liquidity in range once the price has passed a tick.
    """
    gross: uint128 = 0
    net: int128 = 0
    outside: uint256[2] = [0, 0]
    tick_seconds: int56 = 0
    per_liquidity: uint160 = 0
    timestamp: uint32 = 0
    initialised: bool = False
    gross, net, outside[0], outside[1], tick_seconds, per_liquidity, timestamp, initialised = staticcall IUniswapV3Pool(
        pool.at
    ).ticks(convert(tick, int24))
    change: int256 = convert(net, int256)
    if zero_for_one:
        change = -change
    return convert(convert(pool.liquidity, int256) + change, uint256)


@internal
@view
def _next_tick(pool: Pool, zero_for_one: bool) -> (int256, bool):
    """
    @notice The next tick at which a step ends, and whether liquidity changes there: the next initialised one, or the
            border of the bitmap's word.
    """
    compressed: int256 = pool.tick // pool.spacing
    if pool.tick < 0 and pool.tick % pool.spacing != 0:
        compressed -= 1                          # division cuts towards zero
    if not zero_for_one:
        compressed += 1
    word: int256 = compressed >> 8
    bit: uint256 = convert(compressed - word * 256, uint256)
    bitmap: uint256 = staticcall IUniswapV3Pool(pool.at).tickBitmap(convert(word, int16))
    found: uint256 = 0
    if zero_for_one:
        masked: uint256 = bitmap & (max_value(uint256) >> (255 - bit))
        found = self._highest_bit(masked)        # 0 when there is none: the word's border
        bitmap = masked
    else:
        masked: uint256 = bitmap & ~((1 << bit) - 1)
        found = 255
        if masked != 0:
            found = self._highest_bit(masked & (~masked + 1))
        bitmap = masked
    tick: int256 = (word * 256 + convert(found, int256)) * pool.spacing
    return max(MIN_TICK, min(MAX_TICK, tick)), bitmap != 0


@internal
@pure
def _highest_bit(word: uint256) -> uint256:
    left: uint256 = word
    bit: uint256 = 0
    for size: uint256 in [128, 64, 32, 16, 8, 4, 2, 1]:
        if left >> size != 0:
            left >>= size
            bit += size
    return bit


@internal
@pure
def _step(
    pool: Pool, target: uint256, left: uint256, down: bool, exact_in: bool
) -> (uint256, uint256, uint256):
    """
    @notice SwapMath.computeSwapStep.
    @return (new sqrt price, {tok} in with the fee, {tok} out)
    """
    full_in: uint256 = self._amount_in(pool.sqrt_price, target, pool.liquidity, down)
    full_out: uint256 = self._amount_out(pool.sqrt_price, target, pool.liquidity, down)
    reached: uint256 = target
    if exact_in:
        spendable: uint256 = self._mul_div(left, PIPS - pool.fee, PIPS)
        if spendable < full_in:
            reached = self._price_after_input(pool.sqrt_price, pool.liquidity, spendable, down)
    elif left < full_out:
        reached = self._price_after_output(pool.sqrt_price, pool.liquidity, left, down)

    amount_in: uint256 = full_in
    amount_out: uint256 = full_out
    if reached != target:
        amount_in = self._amount_in(pool.sqrt_price, reached, pool.liquidity, down)
        amount_out = self._amount_out(pool.sqrt_price, reached, pool.liquidity, down)
    if exact_in and reached != target:
        return reached, left, amount_out         # what the rounding leaves of the input is fee
    if not exact_in:
        amount_out = min(amount_out, left)
    return reached, amount_in + self._mul_div_up(amount_in, pool.fee, PIPS - pool.fee), amount_out


@internal
@pure
def _amount_in(start: uint256, end: uint256, liquidity: uint256, down: bool) -> uint256:
    """
    @notice {tok} between two sqrt prices, rounded up: token0 on the way down, token1 on the way up.
    """
    difference: uint256 = max(start, end) - min(start, end)
    if not down:
        return self._mul_div_up(liquidity, difference, _Q96)
    # Two divisions, each rounded, as in the contract: one would differ by a wei.
    return self._div_up(self._mul_div_up(liquidity << 96, difference, max(start, end)), min(start, end))


@internal
@pure
def _amount_out(start: uint256, end: uint256, liquidity: uint256, down: bool) -> uint256:
    """
    @notice {tok} between two sqrt prices, rounded down: token1 on the way down, token0 on the way up.
    """
    difference: uint256 = max(start, end) - min(start, end)
    if down:
        return self._mul_div(liquidity, difference, _Q96)
    return self._mul_div(liquidity << 96, difference, max(start, end)) // min(start, end)


@internal
@pure
def _price_after_input(sqrt_price: uint256, liquidity: uint256, amount: uint256, down: bool) -> uint256:
    """
    @notice Rounded so that the input never moves the price too far.
    """
    if not down:
        return sqrt_price + self._mul_div(amount, _Q96, liquidity)
    if amount == 0:
        return sqrt_price
    numerator: uint256 = liquidity << 96
    product: uint256 = unsafe_mul(amount, sqrt_price)
    if product // amount == sqrt_price and unsafe_add(numerator, product) >= numerator:
        return self._mul_div_up(numerator, sqrt_price, numerator + product)
    # The contract's words overflow here, and it takes the coarser of two formulas.
    return self._div_up(numerator, numerator // sqrt_price + amount)


@internal
@pure
def _price_after_output(sqrt_price: uint256, liquidity: uint256, amount: uint256, down: bool) -> uint256:
    """
    @notice Rounded so that the price moves far enough for the output.
    """
    if down:
        return sqrt_price - self._mul_div_up(amount, _Q96, liquidity)
    numerator: uint256 = liquidity << 96
    return self._mul_div_up(numerator, sqrt_price, numerator - amount * sqrt_price)


@internal
@pure
def _sqrt_price_at(tick: int256) -> uint256:
    """
    @notice sqrt(1.0001**tick) as Q64.96, rounded up.
    """
    magnitude: uint256 = convert(abs(tick), uint256)
    ratio: uint256 = 2**128
    for i: uint256 in range(20):
        if (magnitude >> i) & 1 == 1:
            ratio = (ratio * _FACTORS[i]) >> 128
    if tick > 0:
        ratio = max_value(uint256) // ratio
    return self._div_up(ratio, 2**32)


@internal
@pure
def _tick_at(sqrt_price: uint256) -> int256:
    """
    @notice The greatest tick whose sqrt price is at most this one, by halving.
    """
    low: int256 = MIN_TICK
    high: int256 = MAX_TICK - 1
    for _: uint256 in range(21):                 # 2**21 > MAX_TICK - MIN_TICK
        if low == high:
            break
        middle: int256 = (low + high + 1) >> 1
        if self._sqrt_price_at(middle) <= sqrt_price:
            low = middle
        else:
            high = middle - 1
    return low


@internal
@pure
def _div_up(a: uint256, divisor: uint256) -> uint256:
    return a // divisor + convert(a % divisor != 0, uint256)


@internal
@pure
def _mul_div_up(a: uint256, b: uint256, divisor: uint256) -> uint256:
    return self._mul_div(a, b, divisor) + convert(uint256_mulmod(a, b, divisor) != 0, uint256)


@internal
@pure
def _mul_div(a: uint256, b: uint256, divisor: uint256) -> uint256:
    """
    @notice a * b / divisor, rounded down, where a * b may take two words.
    @dev The product as high * 2**256 + low, from its residues modulo 2**256 and 2**256 - 1; then an exact division:
         the remainder is taken off, the divisor's power of two shifted out, and the rest divided by multiplying with
         the odd divisor's inverse modulo 2**256, which Newton's iteration doubles in length each time.
    """
    low: uint256 = unsafe_mul(a, b)
    residue: uint256 = uint256_mulmod(a, b, max_value(uint256))
    high: uint256 = unsafe_sub(unsafe_sub(residue, low), convert(residue < low, uint256))
    if high == 0:
        return low // divisor
    assert high < divisor, "swap: quotient too large"
    remainder: uint256 = uint256_mulmod(a, b, divisor)
    high = unsafe_sub(high, convert(remainder > low, uint256))
    low = unsafe_sub(low, remainder)
    twos: uint256 = divisor & unsafe_add(~divisor, 1)
    odd: uint256 = divisor // twos
    # 2**256 / twos, which is 0 (mod 2**256) when twos is 1: then there is nothing to shift.
    flipped: uint256 = unsafe_add(unsafe_div(unsafe_sub(0, twos), twos), 1)
    low = unsafe_div(low, twos) | unsafe_mul(high, flipped)
    inverse: uint256 = unsafe_mul(3, odd) ^ 2    # right in its lowest four bits
    for _: uint256 in range(6):
        inverse = unsafe_mul(inverse, unsafe_sub(2, unsafe_mul(odd, inverse)))
    return unsafe_mul(low, inverse)

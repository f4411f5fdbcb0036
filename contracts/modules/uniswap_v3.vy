# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Uniswap v3 routes
@license AGPL-3.0-only
@notice Reads a route, which is Uniswap v3's path encoding: token 20 bytes, then fee tier 3 and token 20 for each hop;
        and finds a pool by what its factory made it of.
"""

from contracts.interfaces import IUniswapV3Factory
from contracts.interfaces import IUniswapV3Pool

MAX_HOPS: constant(uint256) = 3
MAX_ROUTE: constant(uint256) = 89               # 20 + MAX_HOPS * HOP
HOP: constant(uint256) = 23

# The pool's own bounds, exclusive: a swap with these limits ends only when it is filled or the pool is dry.
MIN_SQRT_RATIO: constant(uint160) = 4295128739
MAX_SQRT_RATIO: constant(uint160) = 1461446703485210103287273052203988822378723970342
# Added to a tick that is a limit: 0 is no limit then.
TICK_OFFSET: constant(uint256) = 2**23


@internal
@pure
def _check_route(route: Bytes[MAX_ROUTE], first: address, last: address) -> uint256:
    """
    @notice A route from `first` to `last`; reverts when it is not.
    @return how many hops
    """
    size: uint256 = len(route)
    assert size > 20 and (size - 20) % HOP == 0, "route: wrong length"
    hops: uint256 = (size - 20) // HOP
    assert self._token(route, 0) == first, "route: not from the component"
    assert self._token(route, hops) == last, "route: not to the asset"
    return hops


@internal
@pure
def _token(route: Bytes[MAX_ROUTE], i: uint256) -> address:
    """
    @notice The route's token number i, from 0.
    """
    return convert(convert(slice(route, i * HOP, 20), bytes20), address)


@internal
@pure
def _fee(route: Bytes[MAX_ROUTE], i: uint256) -> uint24:
    """
    @notice {1e-6} the fee tier between token i and token i + 1.
    """
    return convert(convert(slice(route, i * HOP + 20, 3), bytes3), uint24)


@internal
@view
def _pool(factory: address, route: Bytes[MAX_ROUTE], i: uint256) -> address:
    """
    @notice The pool of hop i, of the factory's making: its code is known.
    """
    pool: address = staticcall IUniswapV3Factory(factory).getPool(
        self._token(route, i), self._token(route, i + 1), self._fee(route, i)
    )
    assert pool != empty(address), "route: no such pool"
    return pool


@internal
@pure
def _zero_for_one(token_in: address, token_out: address) -> bool:
    return convert(token_in, uint160) < convert(token_out, uint160)


@internal
@pure
def _limit(zero_for_one: bool) -> uint160:
    """
    @notice A price that stops no swap.
    """
    if zero_for_one:
        return MIN_SQRT_RATIO + 1
    return MAX_SQRT_RATIO - 1


@internal
@pure
def _derived(factory: address, code_hash: bytes32, token_in: address, token_out: address, fee: uint24) -> address:
    """
    @notice Where a factory deploys the pool of two tokens and a tier: cheaper than to ask it. None there: a call fails.
    """
    salt: bytes32 = keccak256(abi_encode(token_out, token_in, fee))
    if self._zero_for_one(token_in, token_out):
        salt = keccak256(abi_encode(token_in, token_out, fee))
    return convert(
        convert(keccak256(concat(b"\xff", convert(factory, bytes20), salt, code_hash)), uint256) & (2**160 - 1),
        address,
    )


@internal
@view
def _has_moved(pool: address, zero_for_one: bool, limit: uint256) -> bool:
    """
    @notice Whether a pool's tick has gone beyond a limit in the direction of a swap, as it has when somebody made the
            same swap before. It costs a swap that follows nothing but the call: it reads the same slot.
    @param limit The last tick that will do, plus TICK_OFFSET; 0: none.
    """
    if limit == 0:
        return False
    price: uint160 = 0
    tick: int24 = 0
    index: uint16 = 0
    cardinality: uint16 = 0
    next_cardinality: uint16 = 0
    protocol_fee: uint8 = 0
    unlocked: bool = False
    price, tick, index, cardinality, next_cardinality, protocol_fee, unlocked = staticcall IUniswapV3Pool(pool).slot0()
    at: int256 = convert(tick, int256) + convert(TICK_OFFSET, int256)
    if zero_for_one:
        return at < convert(limit, int256)
    return at > convert(limit, int256)

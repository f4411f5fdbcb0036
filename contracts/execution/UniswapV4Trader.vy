# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Uniswap v4 Trader
@license AGPL-3.0-only
@notice One account's way into the pools of a Uniswap v4 PoolManager: swaps its tokens, and makes a market with them. For
        the market of a local chain; the arbitrageur does not trade there.
@dev Amounts are in each token's smallest unit, ticks and sqrt prices as in Uniswap v3. Tokens go between the owner and
     the manager directly. Only for tokens: a pool of the chain's own coin is not paid.
@custom:security Only the owner trades. The manager's callback is taken once for each call of the owner's, and what it does
        was written down before; a pool with hooks may call anything, and reaches nothing here.
@custom:kill The owner ends its approvals; its liquidity stays its own.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IUniswapV4PoolManager
from contracts.modules import uniswap_v3

OWNER: public(immutable(address))
MANAGER: public(immutable(IUniswapV4PoolManager))

_NOT_OWNER: constant(String[32]) = "v4 trader: not the owner"

# What the callback is to do, if anything: a change of liquidity, or else a swap.
_awaited: transient(bool)
_key: transient(IUniswapV4PoolManager.PoolKey)
_liquidity: transient(IUniswapV4PoolManager.LiquidityParams)
_swap: transient(IUniswapV4PoolManager.SwapParams)
# {tok} what came of it, as a delta.
_amount0: transient(int256)
_amount1: transient(int256)


@deploy
def __init__(manager: IUniswapV4PoolManager):
    OWNER = msg.sender
    MANAGER = manager


@external
def sell(key: IUniswapV4PoolManager.PoolKey, zero_for_one: bool, amount_in: uint256, min_out: uint256) -> uint256:
    """
    @notice Sells exactly `amount_in` of the owner's, who has approved this contract for it.
    @param zero_for_one Whether token0 is sold for token1; else token1 for token0.
    @param min_out {tok} the least it must bring.
    @return {tok} what it brought, sent to the owner.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    amount: int256 = convert(amount_in, int256)
    assert amount > 0, "v4 trader: nothing to sell"
    self._swap = IUniswapV4PoolManager.SwapParams(
        zero_for_one=zero_for_one, amount_specified=-amount, sqrt_price_limit_x96=uniswap_v3._limit(zero_for_one)
    )
    self._unlock(key)
    sold: int256 = self._amount1
    bought: int256 = self._amount0
    if zero_for_one:
        sold = self._amount0
        bought = self._amount1
    assert sold == -amount, "v4 trader: pool ran dry"
    out: uint256 = convert(bought, uint256)
    assert out >= min_out, "v4 trader: too little"
    return out


@external
def change_liquidity(key: IUniswapV4PoolManager.PoolKey, tick_lower: int24, tick_upper: int24, change: int256):
    """
    @notice Adds liquidity between two ticks out of the owner's tokens; gives it back to the owner when negative.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    assert change != 0, "v4 trader: no change"
    self._liquidity = IUniswapV4PoolManager.LiquidityParams(
        tick_lower=tick_lower, tick_upper=tick_upper, liquidity_delta=change, salt=empty(bytes32)
    )
    self._unlock(key)
    self._liquidity = empty(IUniswapV4PoolManager.LiquidityParams)


@external
@reentrant
def unlockCallback(data: Bytes[32]) -> Bytes[32]:
    """
    @notice Does what the owner has just asked for, and pays for it.
    @dev Open while the lock is held, because the manager calls in the middle of our own call.
    @param data Unused.
    """
    assert msg.sender == MANAGER.address and self._awaited, "v4 trader: not awaited"
    self._awaited = False
    key: IUniswapV4PoolManager.PoolKey = self._key
    delta: int256 = 0
    if self._liquidity.liquidity_delta == 0:
        delta = extcall MANAGER.swap(key, self._swap, b"")
    else:
        fees: int256 = 0
        delta, fees = extcall MANAGER.modifyLiquidity(key, self._liquidity, b"")
    self._amount0 = delta >> 128
    self._amount1 = self._lower(delta)
    self._settle(key.currency0, self._amount0)
    self._settle(key.currency1, self._amount1)
    return b""


@internal
def _unlock(key: IUniswapV4PoolManager.PoolKey):
    self._key = key
    self._awaited = True
    extcall MANAGER.unlock(b"")
    assert not self._awaited, "v4 trader: no callback"


@internal
def _settle(currency: address, amount: int256):
    if amount > 0:
        extcall MANAGER.take(currency, OWNER, convert(amount, uint256))
    elif amount < 0:
        extcall MANAGER.sync(currency)
        # The manager itself measures what arrived.
        assert extcall IERC20(currency).transferFrom(
            OWNER, MANAGER.address, convert(-amount, uint256), default_return_value=True
        ), "v4 trader: transferFrom failed"
        extcall MANAGER.settle()


@internal
@pure
def _lower(delta: int256) -> int256:
    """
    @dev The lower 128 bits with their own sign.
    """
    lower: int256 = convert(convert(convert(delta, bytes32), uint256) & (2**128 - 1), int256)
    if lower >= 2**127:
        return lower - 2**128
    return lower

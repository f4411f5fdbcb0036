# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rebalance Bidder
@license AGPL-3.0-only
@notice One keeper's bid in an index's auction, paid out of what it brings: the index hands out what it sells, that is
        swapped for what it buys, the index takes its due, and the rest is the keeper's. No capital, no oracle.
@dev Works on every index of one auction house, through the Uniswap v3 pools of one factory: one pool, or two with a
     token between. Amounts are in each token's smallest unit.
@custom:security Only the owner bids. `on_bid` is taken from the one index that is being bid in, once, and for the pair
        bid for; a pool's callback from the one pool just called, once, and pools are derived from the factory. What is
        left of `buy` is measured, and below `min_profit` all reverts. Neither a token nor an approval is left behind,
        even by an index that is none.
@custom:kill None, and nothing to take.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IAuctionHouse
from contracts.interfaces import IBidder
from contracts.interfaces import IUniswapV3Pool
from contracts.modules import token
from contracts.modules import uniswap_v3

implements: IBidder

_NOT_OWNER: constant(String[32]) = "bidder: not the owner"
_AGAIN: constant(Bytes[1]) = b"\x01"                    # any data makes the index call back

OWNER: public(immutable(address))
HOUSE: public(immutable(IAuctionHouse))
FACTORY: public(immutable(address))
POOL_CODE_HASH: public(immutable(bytes32))

event BidMade:
    index: indexed(address)
    sell: indexed(address)
    buy: indexed(address)
    sold: uint256
    bought: uint256
    profit: uint256               # {buy}

event Rescued:
    asset: indexed(address)
    amount: uint256

# Whose `on_bid` and whose swap callback are awaited; empty at any other time.
_index: transient(address)
_offered: transient(address)                            # `sell` of the bid
_wanted: transient(address)                             # `buy` of it
_awaited: transient(address)
_owed: transient(address)

# The way from what is sold to what is bought: through `middle`, or straight when it is empty.
_middle: transient(address)
_first_fee: transient(uint24)
_second_fee: transient(uint24)


@deploy
def __init__(house: IAuctionHouse, factory: address, pool_code_hash: bytes32):
    """
    @param house The auction house whose indices are bid in.
    @param factory The Uniswap v3 factory whose pools are trusted.
    @param pool_code_hash The keccak of the creation code of that factory's pools.
    """
    OWNER = msg.sender
    HOUSE = house
    FACTORY = factory
    POOL_CODE_HASH = pool_code_hash


@external
def bid(
    index: address,
    sell: address,
    buy: address,
    max_sold: uint256,
    min_sold: uint256,
    middle: address,
    first_fee: uint24,
    second_fee: uint24,
    min_profit: uint256,
    deadline: uint256,
) -> uint256:
    """
    @notice Takes up to `max_sold` of `sell` out of an index and pays for it with what it swaps for.
    @param min_sold {sell} less is not worth the gas.
    @param middle The token between two pools; empty: `sell` is swapped for `buy` in one, of `first_fee`.
    @param min_profit {buy} the least that must be left, before gas.
    @param deadline {s} the last block time at which the bid is wanted.
    @return The profit {buy}, sent to the owner.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    assert block.timestamp <= deadline, "bidder: expired"
    held: uint256 = staticcall IERC20(buy).balanceOf(self)
    self._index = index
    self._offered = sell
    self._wanted = buy
    self._middle = middle
    self._first_fee = first_fee
    self._second_fee = second_fee

    sold: uint256 = 0
    bought: uint256 = 0
    sold, bought = extcall HOUSE.bid(index, sell, buy, max_sold, min_sold, max_value(uint256), _AGAIN)

    # Nothing came of it without the callback, and nothing may be awaited afterwards.
    assert self._index == empty(address), "bidder: no callback"
    after: uint256 = staticcall IERC20(buy).balanceOf(self)
    assert after >= held, "bidder: loss"
    profit: uint256 = after - held
    assert profit >= min_profit, "bidder: profit too small"
    assert staticcall IERC20(buy).allowance(self, index) == 0, "bidder: approval left"
    token._push(buy, OWNER, profit)
    log BidMade(index=index, sell=sell, buy=buy, sold=sold, bought=bought, profit=profit)
    return profit


@external
@reentrant
def on_bid(sell: address, sold: uint256, buy: address, owed: uint256, data: Bytes[1024]):
    """
    @notice Swaps what the index has just sold for what it wants, and lets it take that.
    @dev Open while the lock is held, because the index calls in the middle of our own bid.
    """
    assert msg.sender == self._index, "bidder: not the index bid in"
    # The house serves whatever calls itself an index, and of `buy` alone does `bid` check that no approval is left.
    assert sell == self._offered and buy == self._wanted, "bidder: not the pair bid for"
    self._index = empty(address)
    self._offered = empty(address)
    self._wanted = empty(address)
    middle: address = self._middle
    if middle == empty(address):
        self._sell(sell, buy, self._first_fee, sold)
    else:
        self._sell(middle, buy, self._second_fee, self._sell(sell, middle, self._first_fee, sold))
    assert extcall IERC20(buy).approve(msg.sender, owed, default_return_value=True), "bidder: approve failed"


@external
@reentrant
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[32]):
    """
    @notice Pays the pool that this contract has just called.
    @param amount0_delta {token0} owed if positive.
    @param amount1_delta {token1} owed if positive.
    @param data Unused.
    """
    assert msg.sender == self._awaited, "bidder: not the pool called"
    self._awaited = empty(address)
    # One of the two is owed, the other was given.
    token._push(self._owed, msg.sender, convert(max(amount0_delta, amount1_delta), uint256))


@external
def rescue(asset: address, amount: uint256):
    """
    @notice Sends a token that was sent here by mistake to the owner.
    @param asset The token.
    @param amount How much of it {tok}.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    token._push(asset, OWNER, amount)
    log Rescued(asset=asset, amount=amount)


@internal
def _sell(token_in: address, token_out: address, fee: uint24, amount: uint256) -> uint256:
    """
    @notice All of `amount`; returns {token_out} what it brought.
    """
    zero_for_one: bool = uniswap_v3._zero_for_one(token_in, token_out)
    pool: address = self._pool(token_in, token_out, zero_for_one, fee)
    specified: int256 = convert(amount, int256)
    self._awaited = pool
    self._owed = token_in
    amount0: int256 = 0
    amount1: int256 = 0
    amount0, amount1 = extcall IUniswapV3Pool(pool).swap(
        self, zero_for_one, specified, uniswap_v3._limit(zero_for_one), b""
    )
    if not zero_for_one:
        assert amount1 == specified, "bidder: pool ran dry"
        return convert(-amount0, uint256)
    assert amount0 == specified, "bidder: pool ran dry"
    return convert(-amount1, uint256)


@internal
@view
def _pool(token_in: address, token_out: address, zero_for_one: bool, fee: uint24) -> address:
    """
    @dev Where the factory deploys the pool of two tokens and a tier. None there: the call fails.
    """
    salt: bytes32 = keccak256(abi_encode(token_out, token_in, fee))
    if zero_for_one:
        salt = keccak256(abi_encode(token_in, token_out, fee))
    return convert(
        convert(keccak256(concat(b"\xff", convert(FACTORY, bytes20), salt, POOL_CODE_HASH)), uint256) & (2**160 - 1),
        address,
    )

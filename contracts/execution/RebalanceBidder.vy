# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rebalance Bidder
@license AGPL-3.0-only
@notice One keeper's bid in an index's auction, paid out of what it brings: the index hands out what it sells, as much of
        that as it takes is swapped for what it buys, the index takes its due, and the rest is the keeper's. No capital,
        no oracle.
@dev Works on every index of one auction house, through the Uniswap v3 pools of one factory: one pool, or two with a
     token between. Swaps ask for an exact output, the last one first, and the callback of a pool has it paid by the one
     before: the token between goes from pool to pool and is never held here.
     A *hop* is one pool in one word: limit << 160 | fee << 128. `fee` is its tier {1e-6}, `limit` the last tick at which
     the bid is wanted, plus 2**23; 0: none. A pool beyond it reverts the call before anything is done.
     Amounts are in each token's smallest unit.
@custom:security Only the owner bids. `on_bid` is taken from the one index that is being bid in, once, and for the pair
        bid for; a pool's callback from the one pool just called, once, and pools are derived from the factory. What is
        left of `sell` is measured, and below `min_profit` all reverts. Neither a token nor an approval is left behind,
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
    profit: uint256               # {sell}

event Rescued:
    asset: indexed(address)
    amount: uint256

# Whose `on_bid` and whose swap callback are awaited; empty at any other time.
_index: transient(address)
_awaited: transient(address)
_owed: transient(address)

# What is bid for, and the way from one to the other: through `middle`, or straight when it is empty.
_sell: transient(address)
_buy: transient(address)
_middle: transient(address)
_first: transient(address)                              # the pool that takes `sell`, of two
_last: transient(address)                               # the pool that gives `buy`


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
    first: uint256,
    last: uint256,
    min_profit: uint256,
    deadline: uint256,
) -> uint256:
    """
    @notice Takes up to `max_sold` of `sell` out of an index and pays for it with what a part of it swaps for.
    @param min_sold {sell} less is not worth the gas.
    @param middle The token between two pools; empty: `sell` is swapped for `buy` in one.
    @param first The hop of the pool that takes `sell`; ignored when there is one pool.
    @param last The hop of the pool that gives `buy`.
    @param min_profit {sell} the least that must be left, before gas.
    @param deadline {s} the last block time at which the bid is wanted.
    @return The profit {sell}, sent to the owner.
    """
    assert msg.sender == OWNER, _NOT_OWNER
    assert block.timestamp <= deadline, "bidder: expired"
    last_in: address = sell
    if middle != empty(address):
        last_in = middle
        self._first = self._unmoved(sell, middle, first)
    self._last = self._unmoved(last_in, buy, last)
    held: uint256 = staticcall IERC20(sell).balanceOf(self)
    self._index = index
    self._sell = sell
    self._buy = buy
    self._middle = middle

    sold: uint256 = 0
    bought: uint256 = 0
    sold, bought = extcall HOUSE.bid(index, sell, buy, max_sold, min_sold, max_value(uint256), _AGAIN)

    # Nothing came of it without the callback, and nothing may be awaited afterwards.
    assert self._index == empty(address), "bidder: no callback"
    after: uint256 = staticcall IERC20(sell).balanceOf(self)
    assert after >= held, "bidder: loss"
    profit: uint256 = after - held
    assert profit >= min_profit, "bidder: profit too small"
    assert staticcall IERC20(buy).allowance(self, index) == 0, "bidder: approval left"
    token._push(sell, OWNER, profit)
    log BidMade(index=index, sell=sell, buy=buy, sold=sold, bought=bought, profit=profit)
    return profit


@external
@reentrant
def on_bid(sell: address, sold: uint256, buy: address, owed: uint256, data: Bytes[1024]):
    """
    @notice Swaps enough of what the index has just sold for what it wants, and lets it take that.
    @dev Open while the lock is held, because the index calls in the middle of our own bid.
    """
    assert msg.sender == self._index, "bidder: not the index bid in"
    # The house serves whatever calls itself an index, and of `buy` alone does `bid` check that no approval is left.
    assert sell == self._sell and buy == self._buy, "bidder: not the pair bid for"
    self._index = empty(address)
    last_in: address = sell
    if self._middle != empty(address):
        last_in = self._middle
    self._swap(self._last, last_in, buy, owed, self)
    assert extcall IERC20(buy).approve(msg.sender, owed, default_return_value=True), "bidder: approve failed"


@external
@reentrant
def uniswapV3SwapCallback(amount0_delta: int256, amount1_delta: int256, data: Bytes[32]):
    """
    @notice Has the pool that this contract has just called paid: out of what the index sold, or by the pool before.
    @param amount0_delta {token0} owed if positive.
    @param amount1_delta {token1} owed if positive.
    @param data Unused.
    """
    assert msg.sender == self._awaited, "bidder: not the pool called"
    self._awaited = empty(address)
    # One of the two is owed, the other was given.
    amount: uint256 = convert(max(amount0_delta, amount1_delta), uint256)
    if self._owed == self._sell:
        token._push(self._sell, msg.sender, amount)
    else:
        self._swap(self._first, self._sell, self._middle, amount, msg.sender)


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
def _swap(pool: address, token_in: address, token_out: address, amount: uint256, recipient: address):
    """
    @dev Exactly `amount` of token_out, for the recipient; the pool's callback asks for token_in.
    """
    zero_for_one: bool = uniswap_v3._zero_for_one(token_in, token_out)
    self._awaited = pool
    self._owed = token_in
    amount0: int256 = 0
    amount1: int256 = 0
    amount0, amount1 = extcall IUniswapV3Pool(pool).swap(
        recipient, zero_for_one, -convert(amount, int256), uniswap_v3._limit(zero_for_one), b""
    )
    given: int256 = amount0
    if zero_for_one:
        given = amount1
    assert given == -convert(amount, int256), "bidder: pool ran dry"


@internal
@view
def _unmoved(token_in: address, token_out: address, hop: uint256) -> address:
    """
    @dev The pool of a hop. Nobody has been quicker: it is where the caller saw it, or not further than the limit.
    """
    fee: uint24 = convert((hop >> 128) & (2**24 - 1), uint24)
    pool: address = uniswap_v3._derived(FACTORY, POOL_CODE_HASH, token_in, token_out, fee)
    zero_for_one: bool = uniswap_v3._zero_for_one(token_in, token_out)
    assert not uniswap_v3._has_moved(pool, zero_for_one, hop >> 160), "bidder: pool has moved"
    return pool

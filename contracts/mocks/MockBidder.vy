# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Mock bidder
@license AGPL-3.0-only
@notice A contract that bids, and in the middle of its bid makes one call of anybody's choice and remembers how it went.
        It pays out of what it holds then. Tests only.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IAuctionHouse
from contracts.interfaces import IBidder
from contracts.mocks.modules import knocker

implements: IBidder

initializes: knocker

exports: (
    knocker.calls,
    knocker.successes,
    knocker.heard,
)

pays: public(bool)
sell: public(address)
sold: public(uint256)
sold_there: public(uint256)    # what was here of it when the call came
buy: public(address)
owed: public(uint256)


@external
def arm(target: address, data: Bytes[1024], pays: bool):
    """
    @notice From now on each bid calls `target` with `data` (the zero address: nobody) and pays or does not.
    """
    knocker._arm(target, data)
    self.pays = pays


@external
def bid(house: address, index: address, sell: address, buy: address, most: uint256) -> (uint256, uint256):
    return extcall IAuctionHouse(house).bid(index, sell, buy, most, 0, max_value(uint256), b"data")


@external
def on_bid(sell: address, sold: uint256, buy: address, owed: uint256, data: Bytes[1024]):
    assert data == b"data", "mock: data"
    self.sell = sell
    self.sold = sold
    self.sold_there = staticcall IERC20(sell).balanceOf(self)
    self.buy = buy
    self.owed = owed
    knocker._knock()
    if self.pays:
        extcall IERC20(buy).approve(msg.sender, owed, default_return_value=True)

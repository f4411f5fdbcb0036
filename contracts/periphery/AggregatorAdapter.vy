# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Aggregator Adapter
@license AGPL-3.0-only
@notice One feed of a MedianOracle behind Chainlink's AggregatorV3Interface.
@dev It has no state and no privileges, and refuses nothing by age: as with Chainlink, who reads must compare
     `updatedAt` with a heartbeat. Where the oracle will not serve (paused, tripped, never answered) it reverts with the
     oracle's reason. A round is stamped with its grid time; `answeredInRound` is the round itself: an answer is never
     carried into a later round, `latestRoundData` names the round the answer is from.
"""

from contracts.interfaces import IAggregatorV3
from contracts.interfaces import IMedianOracle

implements: IAggregatorV3

version: public(constant(uint256)) = 1

oracle: public(immutable(address))
feed: public(immutable(uint256))
decimals: public(immutable(uint8))
DESCRIPTION: immutable(String[32])


@deploy
def __init__(oracle_address: address, feed_index: uint256):
    """
    @param oracle_address a MedianOracle
    @param feed_index of the feed this contract speaks for; its name and decimals can never change
    """
    described: IMedianOracle.Feed = staticcall IMedianOracle(oracle_address).feed(feed_index)
    oracle = oracle_address
    feed = feed_index
    decimals = described.decimals
    DESCRIPTION = described.name


@external
@view
def description() -> String[32]:
    return DESCRIPTION


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @return (roundId, answer, startedAt, updatedAt, answeredInRound) of the feed's last answer, however old
    """
    round_id: uint256 = 0
    price: uint256 = 0
    timestamp: uint256 = 0
    round_id, price, timestamp = staticcall IMedianOracle(oracle).latest(feed)
    return self._round(round_id, price, timestamp)


@external
@view
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @return The same of one round. Reverts when the oracle no longer has it, or the feed had no answer in it.
    """
    price: uint256 = 0
    timestamp: uint256 = 0
    price, timestamp = staticcall IMedianOracle(oracle).round_data(feed, convert(round_id, uint256))
    return self._round(convert(round_id, uint256), price, timestamp)


@internal
@pure
def _round(round_id: uint256, price: uint256, timestamp: uint256) -> (uint80, int256, uint256, uint256, uint80):
    round_80: uint80 = convert(round_id, uint80)
    return round_80, convert(price, int256), timestamp, timestamp, round_80

# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Aggregator Adapter
@license AGPL-3.0-only
@notice One feed of a MedianOracle behind Chainlink's AggregatorV3Interface, and `latestAnswer` for older readers.
@dev It has no state and no privileges, so nothing to lock, and refuses nothing by age: as with Chainlink, who reads
     must compare `updatedAt` with a heartbeat. Nor does it ask an L2's sequencer, as Chainlink's feeds do not: markets
     written for them look at the uptime feed themselves, and let their users repay and add collateral, at a price, in
     the very grace period in which `price` of the oracle would revert. Where the oracle will not serve (paused,
     tripped, never answered) the latest answer reverts with the oracle's reason. A round is stamped with its grid time.
     `answeredInRound` is always the round itself: an answer is never carried into a later round, `latestRoundData`
     names the round it is from.
"""

from contracts.interfaces import IAggregatorV3
from contracts.interfaces import IMedianOracle

implements: IAggregatorV3

version: public(constant(uint256)) = 1
MAX_ROUND: constant(uint80) = 2**40 - 1

oracle: public(immutable(address))
feed: public(immutable(uint256))
decimals: public(immutable(uint8))
DESCRIPTION: immutable(String[32])
# Hashes of what the oracle reverts with where it has no answer for a round.
NO_ANSWER: immutable(bytes32)
NO_HISTORY: immutable(bytes32)


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
    NO_ANSWER = keccak256(abi_encode("oracle: no answer in round", method_id=method_id("Error(string)")))
    NO_HISTORY = keccak256(abi_encode("oracle: round not in history", method_id=method_id("Error(string)")))


@external
@view
def description() -> String[32]:
    return DESCRIPTION


@external
@view
@reentrant
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @return (roundId, answer, startedAt, updatedAt, answeredInRound) of the feed's last answer, however old
    """
    round_id: uint256 = 0
    price: uint256 = 0
    timestamp: uint256 = 0
    round_id, price, timestamp = staticcall IMedianOracle(oracle).latest(feed)
    round_80: uint80 = convert(round_id, uint80)
    return round_80, convert(price, int256), timestamp, timestamp, round_80


@external
@view
@reentrant
def latestAnswer() -> int256:
    """
    @notice The last answer, however old: for readers that know no better.
    """
    round_id: uint256 = 0
    price: uint256 = 0
    timestamp: uint256 = 0
    round_id, price, timestamp = staticcall IMedianOracle(oracle).latest(feed)
    return convert(price, int256)


@external
@view
@reentrant
def getRoundData(round_id: uint80) -> (uint80, int256, uint256, uint256, uint80):
    """
    @return The same of one round. As OCR2's aggregator has it, a round that is not there, is no longer there, or in
            which the feed had no answer is (round_id, 0, 0, 0, round_id), and an id too large for any round is all
            zeros: a reader must look at `updatedAt`.
    """
    if round_id > MAX_ROUND:
        return 0, 0, 0, 0, 0
    success: bool = False
    output: Bytes[128] = b""
    success, output = raw_call(
        oracle,
        abi_encode(feed, convert(round_id, uint256), method_id=method_id("round_data(uint256,uint256)")),
        max_outsize=128,
        is_static_call=True,
        revert_on_failure=False,
    )
    if success:
        price: uint256 = 0
        timestamp: uint256 = 0
        price, timestamp = abi_decode(slice(output, 0, 64), (uint256, uint256))
        return round_id, convert(price, int256), timestamp, timestamp, round_id
    reason: bytes32 = keccak256(output)
    if reason != NO_ANSWER and reason != NO_HISTORY:
        raw_revert(output)
    return round_id, 0, 0, 0, round_id

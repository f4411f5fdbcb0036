# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Sequencer
@license AGPL-3.0-only
@notice Whether an L2's sequencer is up, and has been for long enough, by Chainlink's uptime feed.
"""

from contracts.interfaces import IAggregatorV3


@internal
@view
def _check(uptime_feed: address, grace: uint256):
    """
    @notice Answer 0 is up, and the feed's round started when that changed.
    @param grace {s} after a restart, prices wait longer than this
    """
    round_id: uint80 = 0
    down: int256 = 0
    since: uint256 = 0
    updated_at: uint256 = 0
    answered_in: uint80 = 0
    round_id, down, since, updated_at, answered_in = staticcall IAggregatorV3(uptime_feed).latestRoundData()
    assert down == 0 and since != 0, "oracle: sequencer down"
    assert block.timestamp > since + grace, "oracle: sequencer grace"

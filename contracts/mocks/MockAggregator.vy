# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock Aggregator
@license AGPL-3.0-only
@notice A round anyone may set, read the way Chainlink's feeds are: for tests of what reads a sequencer-uptime feed.
"""

answer: int256
started_at: uint256


@external
def set_round(answer: int256, started_at: uint256):
    """
    @param answer 0: the sequencer is up, 1: it is down
    @param started_at {s} since when
    """
    self.answer = answer
    self.started_at = started_at


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    return 1, self.answer, self.started_at, block.timestamp, 1

# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Sums
@license AGPL-3.0-only
@notice Two running sums a feed, for averages over time: price times the seconds it stood, and the seconds in which no
        price stood (the *gap*). Two feeds share a word; a 128-bit lane is gap 32 | price-seconds 96 (lowest).
@dev Both wrap around, and only differences are ever looked at: they are exact for any window below 2**32 s (136 years),
     as a price is below 2**63.
"""

LANE_MASK: constant(uint256) = 2**128 - 1
PRICE_SECONDS: constant(uint256) = 2**96 - 1
GAP_AT: constant(uint256) = 96
GAP: constant(uint256) = 2**32 - 1


@internal
@pure
def _bit(feed: uint256) -> uint256:
    """
    @return Where the feed's lane begins in its word.
    """
    return (feed & 1) << 7


@internal
@pure
def _lane(word: uint256, feed: uint256) -> uint256:
    return (word >> self._bit(feed)) & LANE_MASK


@internal
@pure
def _add(lane: uint256, price: uint256, elapsed: uint256) -> uint256:
    """
    @notice The lane after `elapsed` {s} at a price; 0: at none.
    """
    total: uint256 = lane + price * elapsed
    gap: uint256 = (lane >> GAP_AT) + (elapsed if price == 0 else 0)
    return (gap & GAP) << GAP_AT | total & PRICE_SECONDS


@internal
@pure
def _within(before: uint256, after: uint256, elapsed: uint256, length: uint256) -> uint256:
    """
    @notice The lane at `elapsed` {s} into the `length` {s} between two rounds. One price stood, or none, for all of that
            time, so that the divisions leave no rest.
    """
    total: uint256 = unsafe_sub(after, before) & PRICE_SECONDS
    gap: uint256 = unsafe_sub(after >> GAP_AT, before >> GAP_AT) & GAP
    grown: uint256 = (before >> GAP_AT) + gap * elapsed // length
    return (grown & GAP) << GAP_AT | unsafe_add(before, total * elapsed // length) & PRICE_SECONDS


@internal
@pure
def _between(start: uint256, end: uint256) -> uint256:
    """
    @return Price times seconds from one time to another; 0 where a gap lies between, or no price was there yet.
    """
    if start >> GAP_AT != end >> GAP_AT:
        return 0
    return unsafe_sub(end, start) & PRICE_SECONDS

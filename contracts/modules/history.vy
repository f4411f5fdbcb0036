# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title History
@license AGPL-3.0-only
@notice The ring of rounds: where each is, when it was, and what a feed had in it. Its owner writes the words itself.
@dev A round has 16 words in `ring`; word w holds the feeds 4w .. 4w + 3 in 64-bit lanes. The top lane of word
     feed_count // 4, which no feed uses, is the *header*: the round's timestamp. A lane is the price served, or
     FLAG | the id of the round that the feed's last answer is from. Word p of a round in `sums` holds the feeds 2p and
     2p + 1 (sums.vy). Rounds count from 1.
"""

from contracts.modules import checks
from contracts.modules import sums as s

STRIDE_BITS: constant(uint256) = 4                # 16 words a round: 8 of feeds, 1 of the header, room to shift
HEADER_AT: constant(uint256) = 192                # the header lane's first bit
LANE_MASK: constant(uint256) = 2**64 - 1

NO_HISTORY: constant(String[32]) = "oracle: round not in history"

RING_MASK: immutable(uint256)                     # rounds the ring keeps, less 1

start: uint256                                    # the first round in the present word layout
# Up to 65,536 rounds of 16 words each.
ring: uint256[1048576]
sums: uint256[1048576]


@deploy
def __init__(rounds: uint256):
    """
    @param rounds {1} how many the ring keeps: a power of two
    """
    RING_MASK = rounds - 1


@internal
@view
def _lane(round_id: uint256, feed: uint256) -> uint256:
    return (self.ring[(round_id & RING_MASK) << STRIDE_BITS | feed >> 2] >> ((feed & 3) << 6)) & LANE_MASK


@internal
@view
def _time(round_id: uint256, header_word: uint256) -> uint256:
    return self.ring[(round_id & RING_MASK) << STRIDE_BITS | header_word] >> HEADER_AT


@internal
@view
def _oldest(last: uint256, relaid: bool) -> uint256:
    """
    @param relaid whether the word layout ever changed, so that `start` is worth a look
    @return The oldest round that can be read when `last` is the last one.
    """
    first: uint256 = 1
    if relaid:
        first = self.start
    return max(first, last - min(last, RING_MASK))


@internal
@view
def _at_or_before(timestamp: uint256, oldest: uint256, newest: uint256, header_word: uint256) -> uint256:
    """
    @return The last round at or before a time, of those from `oldest` to `newest`; reverts when all are after it.
    """
    mask: uint256 = RING_MASK
    low: uint256 = oldest
    high: uint256 = newest
    # The interval halves each time, and the ring has at most 2**16 rounds.
    for i: uint256 in range(17):
        if low == high:
            break
        middle: uint256 = unsafe_add(unsafe_add(low, high), 1) >> 1
        if self.ring[(middle & mask) << STRIDE_BITS | header_word] >> HEADER_AT <= timestamp:
            low = middle
        else:
            high = unsafe_sub(middle, 1)
    # The oldest is the one that the search never looks at.
    checks._that(low != oldest or self._time(low, header_word) <= timestamp, NO_HISTORY)
    return low


@internal
@view
def _price_seconds(
    feed: uint256,
    start: uint256,
    end: uint256,
    oldest: uint256,
    last: uint256,
    last_timestamp: uint256,
    header_word: uint256,
) -> uint256:
    """
    @notice A feed's price times seconds over a window {s} that ends at or before the last round.
    """
    end_round: uint256 = last
    end_sums: uint256 = 0
    if end == last_timestamp:
        end_sums = self._sums(last, feed)
    else:
        end_round = self._at_or_before(end, oldest, last, header_word)
        end_sums = self._sums_at(feed, end, end_round, header_word)
    start_round: uint256 = self._at_or_before(start, oldest, end_round, header_word)
    total: uint256 = s._between(self._sums_at(feed, start, start_round, header_word), end_sums)
    checks._that(total != 0, "oracle: gap in window")
    return total


@internal
@view
def _sums_at(feed: uint256, timestamp: uint256, round_id: uint256, header_word: uint256) -> uint256:
    """
    @return The feed's sums at a time; `round_id` is the round at or before it.
    """
    before: uint256 = self._sums(round_id, feed)
    since: uint256 = self._time(round_id, header_word)
    if since == timestamp:
        return before
    length: uint256 = self._time(round_id + 1, header_word) - since
    return s._within(before, self._sums(round_id + 1, feed), timestamp - since, length)


@internal
@view
def _sums(round_id: uint256, feed: uint256) -> uint256:
    return s._lane(self.sums[(round_id & RING_MASK) << STRIDE_BITS | feed >> 1], feed)

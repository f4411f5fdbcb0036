# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Feed Set Writer
@license AGPL-3.0-only
@notice Checks feed sets and writes each into the code of a new data contract: the cold half of MedianOracle.
@dev Anyone may call it. It has no state, asks nobody's address and keeps nothing; a data contract it wrote is nothing
     but bytes until an oracle's owner (after the delay) or guardian makes it an epoch there.
@custom:security An oracle believes its writer: a false one could name reporters of its own at the next change. It is a
     term of the oracle, fixed for good; compare the code at `terms().writer` with this file's before you trust it.
"""

from contracts.interfaces import IFeedSetWriter
from contracts.interfaces import IMedianOracle
from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import feed_set

implements: IFeedSetWriter

MAX_LANE: constant(uint256) = c.MAX_LANE
MAX_BPS: constant(uint256) = c.MAX_BPS

# Returns the bytes that follow it: CODECOPY(0, 11, CODESIZE - 11), RETURN. The last byte is the STOP that makes the
# data contract uncallable.
_INIT_CODE: constant(Bytes[12]) = x"600b5981380380925939f300"


@external
def write(
    old: address, feeds: DynArray[IMedianOracle.Feed, 32], reporters: DynArray[address, 31], faulty: uint256
) -> address:
    """
    @notice Write the set of the epoch after `old`; of epoch 1 when there is none.
    @param old the present data contract; zero: none. Its feeds stay in their places with their names and decimals
    @param feeds in the order of their indices
    @param reporters in signing order; the one at position i signs with index i + 1
    @param faulty {1} bad reporters the set must withstand: every quorum is at least 2 * faulty + 1
    @return The new data contract.
    """
    epoch: uint256 = 1
    if old != empty(address):
        before: feed_set.FeedSet = feed_set._read(old)
        epoch = before.epoch + 1
        self._check_extends(old, before.feed_count, feeds)
    return self._write(feeds, reporters, faulty, epoch)


@external
def write_without(old: address, reporter: address) -> address:
    """
    @notice Write the set of the epoch after `old` with one reporter less. Refused where fewer reporters than a feed's
            quorum would be left.
    @return The new data contract.
    """
    before: feed_set.FeedSet = feed_set._read(old)
    feeds: DynArray[IMedianOracle.Feed, 32] = []
    for i: uint256 in range(before.feed_count, bound=32):
        feeds.append(feed_set._feed(old, i))
    others: DynArray[address, 31] = []
    for i: uint256 in range(before.reporter_count, bound=31):
        if convert(before.reporters[i], address) != reporter:
            others.append(convert(before.reporters[i], address))
    checks._that(len(others) < before.reporter_count, "reporter: unknown")
    return self._write(feeds, others, before.faulty, before.epoch + 1)


@internal
def _write(
    feeds: DynArray[IMedianOracle.Feed, 32], reporters: DynArray[address, 31], faulty: uint256, epoch: uint256
) -> address:
    """
    @notice Check every feed and reporter and put the set into code; feed_set.vy has the layout.
    """
    checks._that(len(feeds) != 0, "feeds: none")
    self._check_reporters(reporters)
    packed: feed_set.FeedSet = empty(feed_set.FeedSet)
    packed.epoch = epoch
    packed.faulty = faulty
    packed.feed_count = len(feeds)
    packed.reporter_count = len(reporters)
    for i: uint256 in range(31):
        packed.reporters[i] = convert(reporters[i], uint256) if i < len(reporters) else feed_set.NOBODY
    for word: uint256 in range(8):
        packed.words[word] = self._pack_word(feeds, word)
    records: DynArray[uint256, 96] = []
    for i: uint256 in range(len(feeds), bound=32):
        feed: IMedianOracle.Feed = feeds[i]
        self._check_feed(feed, faulty, len(reporters))
        for k: uint256 in range(i, bound=32):
            checks._that(feeds[k].name != feed.name, "feed: name is taken")
        records.append(convert(convert(convert(feed.name, Bytes[32]), bytes32), uint256))
        records.append(feed_set._pack_feed(feed))
        records.append(feed_set._pack_guards(feed.guards))
    return raw_create(concat(_INIT_CODE, abi_encode(packed), abi_encode(records)))


@internal
@pure
def _pack_word(feeds: DynArray[IMedianOracle.Feed, 32], word: uint256) -> feed_set.Word:
    """
    @notice What the up to four feeds of a word share.
    """
    packed: feed_set.Word = empty(feed_set.Word)
    packed.forbidden = max_value(uint256)
    packed.step_shift = 1
    for lane: uint256 in range(4):
        index: uint256 = 4 * word + lane
        if index >= len(feeds):
            break
        feed: IMedianOracle.Feed = feeds[index]
        bit: uint256 = 64 * lane
        packed.forbidden ^= MAX_LANE << bit
        packed.quorum |= convert(feed.quorum, uint256) << bit
        packed.min_price |= convert(feed.guards.min_price, uint256) << bit
        packed.max_price |= convert(feed.guards.max_price, uint256) << bit
        packed.step_shift = max(packed.step_shift, self._shift(feed.guards.step_bps))
    return packed


@internal
@view
def _check_extends(old: address, old_count: uint256, feeds: DynArray[IMedianOracle.Feed, 32]):
    """
    @notice Feeds may be appended; the name and decimals of an old one stay for ever.
    """
    checks._that(len(feeds) >= old_count, "feeds: one is missing")
    for i: uint256 in range(old_count, bound=32):
        before: IMedianOracle.Feed = feed_set._feed(old, i)
        checks._that(before.name == feeds[i].name, "feed: name changed")
        checks._that(before.decimals == feeds[i].decimals, "feed: decimals changed")


@internal
@pure
def _check_reporters(reporters: DynArray[address, 31]):
    """
    @notice Each a key of its own, so that one reporter is one observation.
    """
    checks._that(len(reporters) != 0, "reporters: none")
    for i: uint256 in range(len(reporters), bound=31):
        checks._that(reporters[i] != empty(address), "reporter: zero address")
        for k: uint256 in range(i, bound=31):
            checks._that(reporters[k] != reporters[i], "reporter: named twice")


@internal
@pure
def _check_feed(feed: IMedianOracle.Feed, faulty: uint256, reporter_count: uint256):
    """
    @notice What a feed must be to be served at all; each refusal names the field.
    """
    quorum: uint256 = convert(feed.quorum, uint256)
    checks._that(len(feed.name) != 0, "feed: name is empty")
    checks._that(feed.decimals <= 18, "feed: decimals above 18")
    # With 2 * faulty + 1 present, the median lies between two honest observations.
    checks._that(faulty <= 15 and quorum >= 2 * faulty + 1, "feed: quorum below 2 faulty + 1")
    checks._that(quorum <= reporter_count, "feed: quorum above reporters")
    checks._that(feed.heartbeat != 0, "feed: heartbeat is 0")
    checks._that(feed.deviation_bps != 0, "feed: deviation is 0")
    guards: IMedianOracle.Guards = feed.guards
    checks._that(guards.min_price != 0, "feed: min price is 0")
    checks._that(guards.min_price <= guards.first_min_price, "feed: first price below min")
    checks._that(guards.first_min_price <= guards.first_max_price, "feed: first price band is empty")
    checks._that(guards.first_max_price <= guards.max_price, "feed: first price above max")
    checks._that(convert(guards.max_price, uint256) <= MAX_LANE, "feed: max price above 2**63 - 1")
    checks._that(guards.step_bps != 0, "feed: step is 0")
    checks._that(guards.step_bps <= guards.step_cap_bps, "feed: step above its cap")
    checks._that(guards.confirm_rounds >= 2, "feed: confirm rounds below 2")


@internal
@pure
def _shift(step_bps: uint16) -> uint256:
    """
    @notice The smallest shift (at least 1) with 2**-shift <= step.
    """
    for bits: uint256 in range(1, 14):
        if MAX_BPS <= convert(step_bps, uint256) << bits:
            return bits
    return 14

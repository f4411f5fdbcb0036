# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Feed Set
@license AGPL-3.0-only
@notice The feeds and reporters of one epoch, checked once and kept in the code of a data contract.
@dev One EXTCODECOPY (2,600 gas and 3 a word) gives `submit` every key and every limit; storage would cost 2,100 for each.
     Layout of the code: a STOP byte, the ABI encoding of `FeedSet` (static), then one `FEED_WORDS`-word record for each
     feed. Limits are kept once a lane, so that four feeds are checked by one subtraction (see lanes.vy).
"""

from contracts.interfaces import IMedianOracle
from contracts.modules import checks
from contracts.modules import constants as c

MAX_LANE: constant(uint256) = c.MAX_LANE
MAX_BPS: constant(uint256) = c.MAX_BPS

# What the four feeds of a word share in `submit`; each a value per 64-bit lane, except the last.
struct Word:
    forbidden: uint256                # bits no row may set: the flag of a used lane, all of an unused one
    quorum: uint256
    min_price: uint256
    max_price: uint256
    step_shift: uint256               # {1} last >> step_shift is a move that every feed of the word serves at once

struct FeedSet:
    epoch: uint256
    faulty: uint256                   # {1} bad reporters the quorums are made for
    feed_count: uint256
    reporter_count: uint256
    reporters: uint256[31]            # addresses by index - 1; NOBODY where there is none
    words: Word[8]

# Not an address, so no recovered signer (not even the zero of a failed recovery) can equal it.
NOBODY: constant(uint256) = max_value(uint256)

SET_BYTES: constant(uint256) = 32 * (4 + 31 + 8 * 5)
# Where things lie in the encoding.
EPOCH_AT: constant(uint256) = 0
BEFORE_REPORTERS: constant(uint256) = 32 * 3          # reporter index i, from 1, is at BEFORE_REPORTERS + 32 * i
WORDS_AT: constant(uint256) = 32 * (4 + 31)
WORD_BYTES: constant(uint256) = 32 * 5
FEED_WORDS: constant(uint256) = 3
FEEDS_AT: constant(uint256) = 1 + SET_BYTES + 64      # 64: offset and length of the records' array

# Returns the bytes that follow it: CODECOPY(0, 11, CODESIZE - 11), RETURN. The last byte is the STOP that makes the
# data contract uncallable.
_INIT_CODE: constant(Bytes[12]) = x"600b5981380380925939f300"

FLAG: constant(uint256) = 2**63
LANE_MASK: constant(uint256) = 2**64 - 1
BYTE: constant(uint256) = 2**8 - 1
HALF: constant(uint256) = 2**16 - 1
SECONDS: constant(uint256) = 2**32 - 1


@internal
def _write(
    feeds: DynArray[IMedianOracle.Feed, 32],
    reporters: DynArray[address, 31],
    faulty: uint256,
    epoch: uint256,
) -> address:
    """
    @notice Check a feed set and put it into a new data contract.
    @return Its address.
    """
    checks._that(len(feeds) != 0, "feeds: none")
    self._check_reporters(reporters)
    feed_set: FeedSet = empty(FeedSet)
    feed_set.epoch = epoch
    feed_set.faulty = faulty
    feed_set.feed_count = len(feeds)
    feed_set.reporter_count = len(reporters)
    for i: uint256 in range(31):
        feed_set.reporters[i] = convert(reporters[i], uint256) if i < len(reporters) else NOBODY
    for j: uint256 in range(8):
        feed_set.words[j].forbidden = max_value(uint256)
        feed_set.words[j].step_shift = 1
    records: DynArray[uint256, 96] = []
    for i: uint256 in range(len(feeds), bound=32):
        feed: IMedianOracle.Feed = feeds[i]
        self._check_feed(feed, faulty, len(reporters))
        for k: uint256 in range(i, bound=32):
            checks._that(feeds[k].name != feed.name, "feed: name is taken")
        word: uint256 = i // 4
        bit: uint256 = 64 * (i % 4)
        feed_set.words[word].forbidden ^= MAX_LANE << bit
        feed_set.words[word].quorum |= convert(feed.quorum, uint256) << bit
        feed_set.words[word].min_price |= convert(feed.guards.min_price, uint256) << bit
        feed_set.words[word].max_price |= convert(feed.guards.max_price, uint256) << bit
        feed_set.words[word].step_shift = max(feed_set.words[word].step_shift, self._shift(feed.guards.step_bps))
        records.append(convert(convert(convert(feed.name, Bytes[32]), bytes32), uint256))
        records.append(self._pack_feed(feed))
        records.append(self._pack_guards(feed.guards))
    return raw_create(concat(_INIT_CODE, abi_encode(feed_set), abi_encode(records)))


@internal
@view
def _read(config: address) -> FeedSet:
    return abi_decode(slice(config.code, 1, SET_BYTES), FeedSet)


@internal
@view
def _feed(config: address, index: uint256) -> IMedianOracle.Feed:
    """
    @notice One feed as it was registered; the caller has checked the index.
    """
    record: uint256[3] = abi_decode(slice(config.code, FEEDS_AT + 96 * index, 96), uint256[3])
    packed: uint256 = record[1]
    name: Bytes[32] = slice(convert(record[0], bytes32), 0, (packed >> 64) & BYTE)
    return IMedianOracle.Feed(
        name=convert(name, String[32]),
        decimals=convert(packed & BYTE, uint8),
        quorum=convert((packed >> 8) & BYTE, uint8),
        heartbeat=convert((packed >> 16) & SECONDS, uint32),
        deviation_bps=convert((packed >> 48) & HALF, uint16),
        guards=self._unpack_guards(packed, record[2]),
    )


@internal
@view
def _packed_guards(config: address, index: uint256) -> uint256:
    """
    @notice The step rules of one feed, for the breaker.
    """
    return convert(slice(config.code, FEEDS_AT + 96 * index + 64, 32), uint256)


@internal
@view
def _heartbeat(config: address, index: uint256) -> uint256:
    return (convert(slice(config.code, FEEDS_AT + 96 * index + 32, 32), uint256) >> 16) & SECONDS


@internal
@view
def _check_extends(old: address, old_count: uint256, new: address, new_count: uint256):
    """
    @notice Feeds may be appended; the name and decimals of an old one stay for ever.
    """
    checks._that(new_count >= old_count, "feeds: one is missing")
    for i: uint256 in range(old_count, bound=32):
        before: IMedianOracle.Feed = self._feed(old, i)
        after: IMedianOracle.Feed = self._feed(new, i)
        checks._that(before.name == after.name, "feed: name changed")
        checks._that(before.decimals == after.decimals, "feed: decimals changed")


@internal
@pure
def _check_reporters(reporters: DynArray[address, 31]):
    checks._that(len(reporters) != 0, "reporters: none")
    for i: uint256 in range(len(reporters), bound=31):
        checks._that(reporters[i] != empty(address), "reporter: zero address")
        for k: uint256 in range(i, bound=31):
            checks._that(reporters[k] != reporters[i], "reporter: named twice")


@internal
@pure
def _check_feed(feed: IMedianOracle.Feed, faulty: uint256, reporter_count: uint256):
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


@internal
@pure
def _pack_feed(feed: IMedianOracle.Feed) -> uint256:
    return (
        convert(feed.decimals, uint256)
        | convert(feed.quorum, uint256) << 8
        | convert(feed.heartbeat, uint256) << 16
        | convert(feed.deviation_bps, uint256) << 48
        | len(feed.name) << 64
        | convert(feed.guards.min_price, uint256) << 128
        | convert(feed.guards.max_price, uint256) << 192
    )


@internal
@pure
def _pack_guards(guards: IMedianOracle.Guards) -> uint256:
    return (
        convert(guards.step_bps, uint256)
        | convert(guards.step_growth_bps, uint256) << 16
        | convert(guards.step_cap_bps, uint256) << 32
        | convert(guards.confirm_rounds, uint256) << 48
        | convert(guards.confirm_seconds, uint256) << 64
        | convert(guards.first_min_price, uint256) << 128
        | convert(guards.first_max_price, uint256) << 192
    )


@internal
@pure
def _unpack_guards(packed_feed: uint256, packed_guards: uint256) -> IMedianOracle.Guards:
    return IMedianOracle.Guards(
        min_price=convert((packed_feed >> 128) & LANE_MASK, uint64),
        max_price=convert(packed_feed >> 192, uint64),
        first_min_price=convert((packed_guards >> 128) & LANE_MASK, uint64),
        first_max_price=convert(packed_guards >> 192, uint64),
        step_bps=convert(packed_guards & HALF, uint16),
        step_growth_bps=convert((packed_guards >> 16) & HALF, uint16),
        step_cap_bps=convert((packed_guards >> 32) & HALF, uint16),
        confirm_rounds=convert((packed_guards >> 48) & BYTE, uint8),
        confirm_seconds=convert((packed_guards >> 64) & SECONDS, uint32),
    )

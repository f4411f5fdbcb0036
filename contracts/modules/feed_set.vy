# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Feed Set
@license AGPL-3.0-only
@notice The feeds and reporters of one epoch, in the code of a data contract: FeedSetWriter checks and writes it once,
        MedianOracle reads it.
@dev One EXTCODECOPY (2,600 gas and 3 a word) gives `submit` every key and every limit; storage would cost 2,100 for each.
     Layout of the code: a STOP byte, the ABI encoding of `FeedSet` (static), then one `FEED_WORDS`-word record for each
     feed. Limits are kept once a lane, so that four feeds are checked by one subtraction (see lanes.vy).
"""

from contracts.interfaces import IMedianOracle

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

LANE_MASK: constant(uint256) = 2**64 - 1
BYTE: constant(uint256) = 2**8 - 1
HALF: constant(uint256) = 2**16 - 1
SECONDS: constant(uint256) = 2**32 - 1


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

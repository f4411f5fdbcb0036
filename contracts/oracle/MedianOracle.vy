# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title Median Oracle
@license AGPL-3.0-only
@notice Publishes, for up to 32 feeds at once, the exact lower median of what up to 31 reporters signed.
@dev Prices are integers in the feed's decimals. Anyone may submit a round: a bundle of rows signed by a quorum, with
     the medians claimed; the contract does not sort, it counts whether each claimed median is the median.
     Storage, one slot each unless said otherwise:
       meta    data contract 160 | flags 16 | last round id 40 | its timestamp 40 (lowest)
       ring    HISTORY rounds of 16 words; word w of a round holds the feeds 4w .. 4w + 3 in 64-bit lanes. The top lane
               of word feed_count // 4, which no feed uses, is the *header*: the round's timestamp. A lane is the price
               served, or FLAG | the id of the round that the feed's last answer is from.
       slow    one slot a feed, read only where the lane has its FLAG (breaker.vy)
@custom:security Fewer than half of a quorum of bad reporters cannot move a median out of the honest range. Whoever
     submits chooses which rows to submit: see docs/oracle.md for what that is worth. Keys: see docs/security.md.
@custom:kill The guardian or the owner calls `pause`; every read of a price then reverts, and rounds are refused.
"""

from contracts.interfaces import IMedianOracle
from contracts.modules import breaker
from contracts.modules import constants as c
from contracts.modules import feed_set
from contracts.modules import ownable

implements: IMedianOracle
initializes: ownable
exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.transfer_ownership,
    ownable.accept_ownership,
)

# {s} How far in the future a round may lie: calls simulated on the last block see a clock that is behind.
FUTURE_TOLERANCE: public(constant(uint256)) = 15
MIN_HISTORY: constant(uint256) = 4_096
MAX_HISTORY: constant(uint256) = 65_536

# A reporter's index is 1 .. 31: these bits of `signers` are never set.
_NOT_INDICES: constant(uint256) = max_value(uint256) // 255 * 224

# EIP-712.
_DOMAIN_TYPE: constant(String[82]) = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_DOMAIN_TYPEHASH: constant(bytes32) = keccak256(_DOMAIN_TYPE)
_ROW_TYPEHASH: constant(bytes32) = keccak256("Row(uint256 epoch,uint256 timestamp,uint256[] words)")
_NAME_HASH: constant(bytes32) = keccak256("Plumbline")
_VERSION_HASH: constant(bytes32) = keccak256("1")
_HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
_S_MASK: constant(uint256) = 2**255 - 1
_EIP191: constant(bytes2) = 0x1901

# Lanes: four unsigned 63-bit numbers in a word. With FLAGS set in the minuend, one subtraction compares all four, and
# the flag of a lane survives where minuend >= subtrahend; nothing is borrowed across lanes.
_ONES: constant(uint256) = 2**192 + 2**128 + 2**64 + 1
_ONES_8: constant(uint256) = _ONES << 8
_ONES_16: constant(uint256) = _ONES << 16
_BYTES: constant(uint256) = _ONES * 255
_FLAGS: constant(uint256) = _ONES << 63
_FLAG: constant(uint256) = 2**63
_LANE_MASK: constant(uint256) = 2**64 - 1
_PRICE_MASK: constant(uint256) = 2**63 - 1
_HEADER_AT: constant(uint256) = 192           # the header lane's first bit
_BELOW_HEADER: constant(uint256) = 2**192 - 1

# meta
_MASK_40: constant(uint256) = 2**40 - 1
_ROUND_AT: constant(uint256) = 40
_COUNT_AT: constant(uint256) = 80             # 6 bits: feeds
_COUNT_MASK: constant(uint256) = 2**6 - 1
_PAUSED: constant(uint256) = 2**86
_ROUND_BITS: constant(uint256) = 2**80 - 1    # round id and timestamp
_CONFIG_AT: constant(uint256) = 96

_STRIDE_BITS: constant(uint256) = 4           # 16 words a round: 8 of feeds, one for the header, room to index by shift

_UNKNOWN: constant(String[32]) = "oracle: unknown feed"
_STALE: constant(String[32]) = "oracle: stale"
_TRIPPED: constant(String[32]) = "oracle: tripped"
_NO_QUORUM_YET: constant(String[32]) = "oracle: no quorum yet"
_PAUSED_REASON: constant(String[32]) = "oracle: paused"
_NO_HISTORY: constant(String[32]) = "oracle: round not in history"

PERIOD: immutable(uint256)                    # {s}
HISTORY_MASK: immutable(uint256)              # history - 1
MAX_LATENESS: immutable(uint256)              # {s}
DELAY: immutable(uint256)                     # {s}
SEQUENCER: immutable(address)
CHAIN_ID: immutable(uint256)
DOMAIN: immutable(bytes32)

_meta: uint256
_history_start: uint256                       # first round in the present word layout
guardian: public(address)
pending_config: public(address)
pending_at: public(uint256)                   # {s} when the pending set may start; 0: there is none
_slow: uint256[32]
_ring: uint256[1048576]                       # MAX_HISTORY << _STRIDE_BITS; last, so that its size does not matter


@deploy
def __init__(
    feeds: DynArray[IMedianOracle.Feed, 32],
    reporters: DynArray[address, 31],
    faulty: uint256,
    terms: IMedianOracle.Terms,
    owner: address,
    guardian: address,
):
    """
    @param feeds in the order their indices will have for good
    @param reporters in signing order; the one at position i signs with index i + 1
    @param faulty {1} bad reporters the feed set must withstand: every quorum is at least 2 * faulty + 1
    @param terms what can never change
    @param guardian may pause; zero: nobody but the owner
    """
    assert terms.period != 0, "terms: period is 0"
    assert MIN_HISTORY <= terms.history and terms.history <= MAX_HISTORY, "terms: history out of range"
    assert terms.history & (terms.history - 1) == 0, "terms: history not a power of 2"
    assert terms.max_lateness >= terms.period, "terms: lateness below period"
    PERIOD = terms.period
    HISTORY_MASK = terms.history - 1
    MAX_LATENESS = terms.max_lateness
    DELAY = terms.delay
    SEQUENCER = terms.sequencer
    CHAIN_ID = chain.id
    DOMAIN = self._domain_separator_of(chain.id)
    ownable.__init__(owner)
    self.guardian = guardian
    self._start_epoch(feed_set._write(feeds, reporters, faulty, 1))


# ------------------------------------------------------------------ rounds


@external
@reentrant
def submit(
    timestamp: uint256,
    signers: uint256,
    medians: DynArray[uint256, 8],
    rows: DynArray[uint256, 248],
    signatures: DynArray[uint256, 62],
):
    """
    @notice Store the round of `timestamp`. Submitting the round that is already the last one does nothing.
    @dev Needs no lock: it calls nothing but the data contract's code and the signature precompile.
    """
    meta: uint256 = self._meta
    last_timestamp: uint256 = meta & _MASK_40
    if timestamp == last_timestamp:
        return
    assert meta & _PAUSED == 0, _PAUSED_REASON
    self._check_time(timestamp, last_timestamp)
    words: uint256 = unsafe_add((meta >> _COUNT_AT) & _COUNT_MASK, 3) >> 2
    count: uint256 = len(signatures) >> 1
    self._check_calldata(words, count, len(medians), len(rows), len(signatures))
    assert signers >> unsafe_mul(8, count) == 0 and signers & _NOT_INDICES == 0, "oracle: signers"
    config: address = convert(meta >> _CONFIG_AT, address)
    feeds: Bytes[feed_set.SET_BYTES] = slice(config.code, 1, feed_set.SET_BYTES)

    # 1. Each row is signed by a known reporter. Indices ascend, so nobody counts twice.
    domain: bytes32 = self._domain_separator()
    epoch: bytes32 = extract32(feeds, feed_set.EPOCH_AT)
    previous: uint256 = 0
    rest: uint256 = signers
    row_bytes: uint256 = unsafe_mul(32, words)
    at: uint256 = unsafe_add(228, row_bytes)
    for i: uint256 in range(count, bound=31):
        reporter: uint256 = rest & 255
        assert reporter > previous, "oracle: signers"
        rest = rest >> 8
        previous = reporter
        vs: uint256 = signatures[unsafe_add(i << 1, 1)]
        s: uint256 = vs & _S_MASK
        assert s <= _HALF_ORDER, "oracle: high s"
        signer: address = ecrecover(
            keccak256(
                concat(
                    _EIP191,
                    domain,
                    keccak256(abi_encode(_ROW_TYPEHASH, epoch, timestamp, self._hash_row(at, words))),
                )
            ),
            unsafe_add(27, vs >> 255),
            signatures[i << 1],
            s,
        )
        key: uint256 = extract32(feeds, unsafe_add(feed_set.BEFORE_REPORTERS, reporter << 5), output_type=uint256)
        assert convert(signer, uint256) == key, "oracle: signature"
        at = unsafe_add(at, row_bytes)

    # 2. Each claimed median is the lower median of its lane.
    round_id: uint256 = unsafe_add((meta >> _ROUND_AT) & _MASK_40, 1)
    last_at: uint256 = (unsafe_sub(round_id, 1) & HISTORY_MASK) << _STRIDE_BITS
    next_at: uint256 = (round_id & HISTORY_MASK) << _STRIDE_BITS
    header_word: uint256 = ((meta >> _COUNT_AT) & _COUNT_MASK) >> 2
    twice: uint256 = unsafe_mul(unsafe_mul(2, count), _ONES)
    any_median: uint256 = 0
    stored: uint256 = 0
    for word: uint256 in range(words, bound=8):
        median: uint256 = medians[word]
        median_flagged: uint256 = median | _FLAGS
        seen: uint256 = median
        counts: uint256 = 0
        p: uint256 = word
        for i: uint256 in range(count, bound=31):
            x: uint256 = rows[p]
            seen |= x
            # In each lane, a byte each: #(x >= median), #(x <= median), #(x >= 1).
            counts = unsafe_add(
                unsafe_add(counts, (unsafe_sub(x | _FLAGS, median) >> 63) & _ONES),
                unsafe_add(
                    (unsafe_sub(median_flagged, x) >> 55) & _ONES_8,
                    (unsafe_sub(x | _FLAGS, _ONES) >> 47) & _ONES_16,
                )
            )
            p = unsafe_add(p, words)
        limits: uint256 = unsafe_add(feed_set.WORDS_AT, unsafe_mul(feed_set.WORD_BYTES, word))
        assert seen & extract32(feeds, limits, output_type=uint256) == 0, "oracle: lane"
        above: uint256 = counts & _BYTES
        below: uint256 = (counts >> 8) & _BYTES
        present: uint256 = (counts >> 16) & _BYTES
        quorate: uint256 = unsafe_sub(present | _FLAGS, extract32(feeds, unsafe_add(limits, 32), output_type=uint256)) & _FLAGS
        exact: uint256 = unsafe_sub(unsafe_add(unsafe_mul(2, below), present) | _FLAGS, twice) & unsafe_sub(unsafe_mul(2, above) | _FLAGS, unsafe_add(present, _ONES))
        assert (exact | ~quorate) & _FLAGS == _FLAGS, "oracle: median"
        full: uint256 = quorate | unsafe_sub(quorate, quorate >> 63)
        assert median & ~full == 0, "oracle: median of no quorum"
        any_median |= median
        accepted: uint256 = quorate & unsafe_sub(median_flagged, extract32(feeds, unsafe_add(limits, 64), output_type=uint256)) & unsafe_sub(extract32(feeds, unsafe_add(limits, 96), output_type=uint256) | _FLAGS, median)
        old: uint256 = self._ring[last_at | word]
        if word == header_word:
            old &= _BELOW_HEADER
        bits: uint256 = extract32(feeds, unsafe_add(limits, 128), output_type=uint256)
        step: uint256 = (old >> bits) & unsafe_mul(_PRICE_MASK >> bits, _ONES)
        calm: uint256 = accepted & unsafe_sub(unsafe_add(old, step) | _FLAGS, median) & unsafe_sub(median_flagged, unsafe_sub(old, step))
        stored = median
        if calm & ~old & _FLAGS != _FLAGS:
            stored = self._settle(word, median, old, accepted, meta, timestamp)
        if word != header_word:
            self._ring[next_at | word] = stored
            stored = 0
    assert any_median != 0, "oracle: no quorum"
    self._ring[next_at | header_word] = stored | timestamp << _HEADER_AT
    self._meta = (meta & ~_ROUND_BITS) | round_id << _ROUND_AT | timestamp
    log IMedianOracle.RoundSubmitted(round_id=round_id, relayer=msg.sender, timestamp=timestamp, medians=medians)


@internal
@view
def _check_time(timestamp: uint256, last_timestamp: uint256):
    assert timestamp > last_timestamp, "oracle: round not newer"
    assert timestamp <= block.timestamp + FUTURE_TOLERANCE, "oracle: round in the future"
    assert timestamp + MAX_LATENESS >= block.timestamp, "oracle: round too late"
    assert timestamp % PERIOD == 0, "oracle: off the grid"


@internal
@view
def _check_calldata(words: uint256, count: uint256, medians: uint256, rows: uint256, signatures: uint256):
    """
    @notice Lengths fit each other, and the call is in the one encoding every ABI library writes: no gaps, no shared
            or reordered arrays, no trailing bytes.
    """
    row_words: uint256 = unsafe_mul(words, count)
    assert medians == words and rows == row_words and signatures == unsafe_mul(2, count), "oracle: lengths"
    offsets: Bytes[96] = slice(msg.data, 68, 96)
    rows_at: uint256 = unsafe_add(192, unsafe_mul(32, words))
    signatures_at: uint256 = unsafe_add(unsafe_add(rows_at, 32), unsafe_mul(32, row_words))
    assert (
        extract32(offsets, 0, output_type=uint256) == 160
        and extract32(offsets, 32, output_type=uint256) == rows_at
        and extract32(offsets, 64, output_type=uint256) == signatures_at
        and len(msg.data) == unsafe_add(unsafe_add(signatures_at, 36), unsafe_mul(64, count))
    ), "oracle: calldata"


@internal
@view
def _hash_row(at: uint256, words: uint256) -> bytes32:
    """
    @notice keccak256 of the row's words at byte `at` of the call.
    """
    if words == 1:
        return keccak256(slice(msg.data, at, 32))
    if words == 2:
        return keccak256(slice(msg.data, at, 64))
    if words == 3:
        return keccak256(slice(msg.data, at, 96))
    if words == 4:
        return keccak256(slice(msg.data, at, 128))
    if words == 5:
        return keccak256(slice(msg.data, at, 160))
    if words == 6:
        return keccak256(slice(msg.data, at, 192))
    if words == 7:
        return keccak256(slice(msg.data, at, 224))
    return keccak256(slice(msg.data, at, 256))


@internal
def _settle(
    word: uint256, median: uint256, last: uint256, accepted: uint256, meta: uint256, timestamp: uint256
) -> uint256:
    """
    @notice The lanes of a word in which something is out of the ordinary: an absent, refused, first or far-off price.
    @return The word to store.
    """
    config: address = convert(meta >> _CONFIG_AT, address)
    feed_count: uint256 = (meta >> _COUNT_AT) & _COUNT_MASK
    round_id: uint256 = unsafe_add((meta >> _ROUND_AT) & _MASK_40, 1)
    stored: uint256 = 0
    for k: uint256 in range(4):
        feed: uint256 = 4 * word + k
        if feed >= feed_count:
            break
        bit: uint256 = 64 * k
        price: uint256 = (median >> bit) & _PRICE_MASK
        lane: uint256 = (last >> bit) & _LANE_MASK
        state: breaker.State = empty(breaker.State)
        if lane & _FLAG != 0:
            state = breaker._unpack(self._slow[feed])
        elif lane != 0:
            state.price = lane
            state.timestamp = meta & _MASK_40
            state.round_id = unsafe_sub(round_id, 1)
        served: bool = False
        after: breaker.State = state
        if price != 0 and (accepted >> bit) & _FLAG != 0:
            served, after = breaker._judge(state, price, timestamp, feed_set._packed_guards(config, feed))
        if served:
            stored |= price << bit
            continue
        if after.since == timestamp:
            log IMedianOracle.Tripped(feed=feed, round_id=round_id, price=price, last_price=after.price)
        stored |= (_FLAG | after.round_id) << bit
        self._slow[feed] = breaker._pack(after)
    return stored


# ------------------------------------------------------------------- reads


@external
@view
@reentrant
def price(feed: uint256, max_age: uint256) -> uint256:
    """
    @notice The feed's answer, in its decimals. Reverts with the reason when there is none to trust.
    @param max_age {s} the oldest round time the caller accepts
    """
    round_id: uint256 = 0
    answer: uint256 = 0
    timestamp: uint256 = 0
    round_id, answer, timestamp = self._answer(feed, self._meta)
    assert max(block.timestamp, timestamp) - timestamp <= max_age, _STALE
    return answer


@external
@view
@reentrant
def prices(feeds: DynArray[uint256, 32], max_age: uint256) -> DynArray[uint256, 32]:
    """
    @notice Several answers of the same kind as `price`; one bad feed reverts the call.
    """
    meta: uint256 = self._meta
    answers: DynArray[uint256, 32] = []
    round_id: uint256 = 0
    answer: uint256 = 0
    timestamp: uint256 = 0
    for feed: uint256 in feeds:
        round_id, answer, timestamp = self._answer(feed, meta)
        assert max(block.timestamp, timestamp) - timestamp <= max_age, _STALE
        answers.append(answer)
    return answers


@external
@view
@reentrant
def latest(feed: uint256) -> (uint256, uint256, uint256):
    """
    @return (round id, price, timestamp) of the feed's last answer, however old
    """
    return self._answer(feed, self._meta)


@external
@view
@reentrant
def latest_round() -> (uint256, uint256):
    """
    @return (round id, timestamp) of the last round; (0, 0) before the first
    """
    meta: uint256 = self._meta
    return (meta >> _ROUND_AT) & _MASK_40, meta & _MASK_40


@external
@view
def round_data(feed: uint256, round_id: uint256) -> (uint256, uint256):
    """
    @return (price, timestamp) of a feed in a round. Reverts for a round the ring no longer has, and for one in which
            the feed had no answer.
    """
    meta: uint256 = self._meta
    feed_count: uint256 = (meta >> _COUNT_AT) & _COUNT_MASK
    assert feed < feed_count, _UNKNOWN
    last: uint256 = (meta >> _ROUND_AT) & _MASK_40
    assert max(self._history_start, 1) <= round_id and round_id <= last, _NO_HISTORY
    assert last - round_id <= HISTORY_MASK, _NO_HISTORY
    at: uint256 = (round_id & HISTORY_MASK) << _STRIDE_BITS
    lane: uint256 = (self._ring[at | feed >> 2] >> (64 * (feed & 3))) & _LANE_MASK
    assert lane != 0 and lane & _FLAG == 0, "oracle: no answer in round"
    return lane, self._ring[at | feed_count >> 2] >> _HEADER_AT


@internal
@view
def _answer(feed: uint256, meta: uint256) -> (uint256, uint256, uint256):
    assert feed < (meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN
    assert meta & _PAUSED == 0, _PAUSED_REASON
    round_id: uint256 = (meta >> _ROUND_AT) & _MASK_40
    at: uint256 = (round_id & HISTORY_MASK) << _STRIDE_BITS | feed >> 2
    lane: uint256 = (self._ring[at] >> (64 * (feed & 3))) & _LANE_MASK
    assert lane != 0, _NO_QUORUM_YET
    if lane & _FLAG == 0:
        return round_id, lane, meta & _MASK_40
    state: breaker.State = breaker._unpack(self._slow[feed])
    assert state.kind == breaker.MISSED, _TRIPPED
    assert state.price != 0, _NO_QUORUM_YET
    return state.round_id, state.price, state.timestamp


# -------------------------------------------------------------------- stops


@external
def pause():
    """
    @notice Stop at once: no round is taken, no price is served.
    """
    assert msg.sender == self.guardian or msg.sender == ownable.owner, "oracle: not guardian or owner"
    assert self._meta & _PAUSED == 0, _PAUSED_REASON
    self._meta |= _PAUSED
    log IMedianOracle.Paused(caller=msg.sender)


@external
def unpause():
    """
    @notice Go on. The last answers are served again while they are young enough for the reader.
    """
    ownable._check_owner()
    assert self._meta & _PAUSED != 0, "oracle: not paused"
    self._meta &= ~_PAUSED
    log IMedianOracle.Unpaused(caller=msg.sender)


@external
def set_guardian(new_guardian: address):
    """
    @notice Change who may stop the oracle beside the owner; zero: nobody.
    """
    ownable._check_owner()
    log IMedianOracle.GuardianChanged(old_guardian=self.guardian, new_guardian=new_guardian)
    self.guardian = new_guardian


@external
@view
def paused() -> bool:
    return self._meta & _PAUSED != 0


# ------------------------------------------------- feeds, reporters, epochs


@external
def propose_epoch(feeds: DynArray[IMedianOracle.Feed, 32], reporters: DynArray[address, 31], faulty: uint256):
    """
    @notice Announce the next feed and reporter set; it can start after the delay. Replaces an earlier proposal.
    @param feeds the present feeds in their order, names and decimals as they are, then new ones
    @param reporters the whole new set, in signing order
    @param faulty {1} bad reporters the quorums must withstand
    """
    ownable._check_owner()
    meta: uint256 = self._meta
    old_config: address = convert(meta >> _CONFIG_AT, address)
    epoch: uint256 = feed_set._read(old_config).epoch + 1
    config: address = feed_set._write(feeds, reporters, faulty, epoch)
    feed_set._check_extends(old_config, (meta >> _COUNT_AT) & _COUNT_MASK, config, len(feeds))
    self.pending_config = config
    self.pending_at = block.timestamp + DELAY
    log IMedianOracle.EpochProposed(epoch=epoch, config=config, ready_at=self.pending_at)


@external
def execute_epoch():
    """
    @notice Start the proposed epoch. Rows signed for the old one are void from here on.
    """
    ownable._check_owner()
    assert self.pending_at != 0, "epoch: nothing proposed"
    assert block.timestamp >= self.pending_at, "epoch: too early"
    self._start_epoch(self.pending_config)


@external
def cancel_epoch():
    """
    @notice Withdraw the proposal.
    """
    ownable._check_owner()
    assert self.pending_at != 0, "epoch: nothing proposed"
    log IMedianOracle.EpochCancelled(config=self.pending_config)
    self.pending_config = empty(address)
    self.pending_at = 0


@external
@view
def feed(index: uint256) -> IMedianOracle.Feed:
    meta: uint256 = self._meta
    assert index < (meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN
    return feed_set._feed(convert(meta >> _CONFIG_AT, address), index)


@external
@view
def feed_count() -> uint256:
    return (self._meta >> _COUNT_AT) & _COUNT_MASK


@external
@view
def feed_index(name: String[32]) -> uint256:
    """
    @notice The index of a feed by its name, "BTC/USD".
    """
    meta: uint256 = self._meta
    config: address = convert(meta >> _CONFIG_AT, address)
    for i: uint256 in range((meta >> _COUNT_AT) & _COUNT_MASK, bound=32):
        if feed_set._feed(config, i).name == name:
            return i
    raise _UNKNOWN


@external
@view
def reporters() -> DynArray[address, 31]:
    feeds: feed_set.FeedSet = feed_set._read(convert(self._meta >> _CONFIG_AT, address))
    found: DynArray[address, 31] = []
    for i: uint256 in range(feeds.reporter_count, bound=31):
        found.append(convert(feeds.reporters[i], address))
    return found


@external
@view
def epoch() -> uint256:
    return feed_set._read(convert(self._meta >> _CONFIG_AT, address)).epoch


@external
@view
def period() -> uint256:
    return PERIOD


@external
@view
def terms() -> IMedianOracle.Terms:
    return IMedianOracle.Terms(
        period=PERIOD,
        history=HISTORY_MASK + 1,
        max_lateness=MAX_LATENESS,
        delay=DELAY,
        sequencer=SEQUENCER,
    )


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    # After a fork of the chain the old chain's signatures must not be good here.
    if chain.id == CHAIN_ID:
        return DOMAIN
    return self._domain_separator_of(chain.id)


@internal
@view
def _domain_separator_of(chain_id: uint256) -> bytes32:
    return keccak256(abi_encode(_DOMAIN_TYPEHASH, _NAME_HASH, _VERSION_HASH, chain_id, self))


@internal
def _start_epoch(config: address):
    """
    @notice Put a feed set into force. Feeds only grow in number; where that moves the header to another word, the last
            round is laid out anew and the history begins with it.
    """
    meta: uint256 = self._meta
    old_config: address = convert(meta >> _CONFIG_AT, address)
    old_header: uint256 = ((meta >> _COUNT_AT) & _COUNT_MASK) >> 2
    feeds: feed_set.FeedSet = feed_set._read(config)
    new_header: uint256 = feeds.feed_count >> 2
    round_id: uint256 = (meta >> _ROUND_AT) & _MASK_40
    if round_id != 0 and new_header != old_header:
        at: uint256 = (round_id & HISTORY_MASK) << _STRIDE_BITS
        self._ring[at | old_header] &= _BELOW_HEADER
        self._ring[at | new_header] = (meta & _MASK_40) << _HEADER_AT
        self._history_start = round_id
    self._meta = (
        convert(config, uint256) << _CONFIG_AT | meta & _PAUSED | feeds.feed_count << _COUNT_AT | meta & _ROUND_BITS
    )
    self.pending_config = empty(address)
    self.pending_at = 0
    log IMedianOracle.EpochStarted(epoch=feeds.epoch, old_config=old_config, new_config=config)

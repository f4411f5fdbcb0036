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
     Feed sets are checked and written by the contract at `terms().writer` (FeedSetWriter.vy), and read here.
     Storage, one slot each unless said otherwise:
       meta    data contract 160 | stops and feed count 16 | last round id 40 | its timestamp 40 (lowest)
       ring    the last rounds, 16 words each, a 64-bit lane a feed (history.vy)
       sums    where TWAPs are kept: two running sums for each feed of each of these rounds (sums.vy)
       slow    one slot a feed, read only where the lane has its FLAG (breaker.vy)
@custom:security Fewer than half of a quorum of bad reporters cannot move a median out of the honest range. Whoever
     submits chooses which rows to submit: see docs/oracle.md for what that is worth. Keys: see docs/security.md.
@custom:kill The guardian or the owner calls `pause`: every read of a price reverts and rounds are refused; or `trip`
     for one feed. Only the owner takes it back.
"""

from contracts.interfaces import IFeedSetWriter
from contracts.interfaces import IMedianOracle
from contracts.modules import breaker
from contracts.modules import bundle
from contracts.modules import checks
from contracts.modules import feed_set
from contracts.modules import history
from contracts.modules import lanes
from contracts.modules import ownable
from contracts.modules import sequencer
from contracts.modules import sums
from contracts.modules import typed_data

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
# {s} After the sequencer is back, prices wait this long: what happened meanwhile must reach the chain first.
SEQUENCER_GRACE: public(constant(uint256)) = 3_600

# Bounds of the terms.
MIN_HISTORY: constant(uint256) = 4_096
MAX_HISTORY: constant(uint256) = 65_536
MAX_MAX_LATENESS: constant(uint256) = 86_400      # {s}
MAX_DELAY: constant(uint256) = 30 * 86_400        # {s}

# EIP-712, and who may sign.
_EIP191: constant(bytes2) = 0x1901
_S_MASK: constant(uint256) = 2**255 - 1
# Half of secp256k1's order: of the two signatures (r, s) and (r, n - s) only the lower is taken.
_HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

_ONES: constant(uint256) = lanes.ONES
_ONES_8: constant(uint256) = lanes.ONES << 8
_ONES_16: constant(uint256) = lanes.ONES << 16
_FLAGS: constant(uint256) = lanes.FLAGS
_FLAG: constant(uint256) = lanes.FLAG
_LANE_MASK: constant(uint256) = lanes.LANE_MASK
_BELOW_HEADER: constant(uint256) = 2**192 - 1

# meta
_MASK_40: constant(uint256) = 2**40 - 1
_ROUND_AT: constant(uint256) = 40
_COUNT_AT: constant(uint256) = 80                 # 6 bits: feeds
_COUNT_MASK: constant(uint256) = 2**6 - 1
_PAUSED: constant(uint256) = 2**86
_HOLDING: constant(uint256) = 2**87               # some feed is held: see _held
_ON_L2: constant(uint256) = 2**88                 # there is a sequencer feed
_TWAP: constant(uint256) = 2**89                  # sums are kept, for `twap`
_STOPS: constant(uint256) = _PAUSED | _HOLDING | _ON_L2
_RELAID: constant(uint256) = 2**90                # the word layout has changed: the history has a start
_FOR_GOOD: constant(uint256) = _STOPS | _TWAP | _RELAID   # what a change of epoch leaves as it is
_EXTRAS: constant(uint256) = _HOLDING | _TWAP     # what makes every word of a round out of the ordinary
_ROUND_BITS: constant(uint256) = 2**80 - 1        # round id and timestamp
_CONFIG_AT: constant(uint256) = 96

_UNKNOWN: constant(String[32]) = "oracle: unknown feed"
_STALE: constant(String[32]) = "oracle: stale"
_TRIPPED: constant(String[32]) = "oracle: tripped"
_NO_QUORUM_YET: constant(String[32]) = "oracle: no quorum yet"
_PAUSED_REASON: constant(String[32]) = "oracle: paused"
_NO_HISTORY: constant(String[32]) = history.NO_HISTORY
_NOT_REACHED: constant(String[32]) = "oracle: time not reached"
_NO_ANSWER: constant(String[32]) = "oracle: no answer in round"

PERIOD: immutable(uint256)                        # {s}
MAX_LATENESS: immutable(uint256)                  # {s}
DELAY: immutable(uint256)                         # {s}
SEQUENCER: immutable(address)
WRITER: immutable(IFeedSetWriter)
CHAIN_ID: immutable(uint256)
DOMAIN: immutable(bytes32)

guardian: public(address)
pending_config: public(address)
pending_at: public(uint256)                       # {s} when the pending set may start; 0: there is none

_meta: uint256
_held: uint256                                    # bit f: feed f was tripped by hand
_clear: uint256[32]                               # a feed's proposed clear: {s} ready at << 40 | its last answer's round
_slow: uint256[32]
# Last, so that the size of its arrays does not matter.
initializes: history


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
    @param guardian may pause, trip a feed and remove a reporter; zero: nobody but the owner
    """
    checks._that(terms.period != 0, "terms: period is 0")
    checks._that(MIN_HISTORY <= terms.history and terms.history <= MAX_HISTORY, "terms: history out of range")
    checks._that(terms.history & (terms.history - 1) == 0, "terms: history not a power of 2")
    checks._that(terms.max_lateness >= terms.period, "terms: lateness below period")
    checks._that(terms.max_lateness <= MAX_MAX_LATENESS, "terms: lateness above a day")
    checks._that(terms.delay <= MAX_DELAY, "terms: delay above 30 days")
    checks._that(terms.writer.is_contract, "terms: writer has no code")
    checks._that(terms.sequencer == empty(address) or terms.sequencer.is_contract, "terms: sequencer has no code")
    PERIOD = terms.period
    history.__init__(terms.history)
    MAX_LATENESS = terms.max_lateness
    DELAY = terms.delay
    SEQUENCER = terms.sequencer
    WRITER = IFeedSetWriter(terms.writer)
    CHAIN_ID = chain.id
    DOMAIN = typed_data._domain_separator(chain.id)
    ownable.__init__(owner)
    self.guardian = guardian
    if terms.sequencer != empty(address):
        self._meta = _ON_L2
    if terms.twap:
        self._meta |= _TWAP
    self._start_epoch(extcall WRITER.write(empty(address), feeds, reporters, faulty))


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
    @dev Needs no lock: it calls nothing but the data contract's code and the signature precompile. Arithmetic is
         unchecked where the lengths checked before bound it. The two loops are not functions of their own because an
         internal call copies what it is given: 130 gas more a signature, and all rows once more.
    @param timestamp {s} the grid time the rows were signed for
    @param signers the reporters' indices, one byte each, lowest byte first, strictly ascending
    @param medians packed lanes; 0 where a feed is short of its quorum
    @param rows each signer's packed prices, one after the other
    @param signatures r and EIP-2098 vs of each
    """
    meta: uint256 = self._meta
    last_timestamp: uint256 = meta & _MASK_40
    if timestamp == last_timestamp:
        return
    assert meta & _PAUSED == 0, _PAUSED_REASON
    self._check_time(timestamp, last_timestamp)
    words: uint256 = unsafe_add((meta >> _COUNT_AT) & _COUNT_MASK, 3) >> 2
    count: uint256 = len(signatures) >> 1
    bundle._check_calldata(words, count, len(medians), len(rows), len(signatures))
    bundle._check_signers(signers, count)
    config: address = convert(meta >> _CONFIG_AT, address)
    feeds: Bytes[feed_set.SET_BYTES] = slice(config.code, 1, feed_set.SET_BYTES)

    # 1. Each row is signed by the reporter it names.
    domain: bytes32 = self._domain_separator()
    epoch: bytes32 = extract32(feeds, feed_set.EPOCH_AT)
    row_bytes: uint256 = words << 5
    row_at: uint256 = unsafe_add(228, row_bytes)      # selector, five words of head, medians, length of rows
    for i: uint256 in range(count, bound=31):
        vs: uint256 = signatures[unsafe_add(i << 1, 1)]
        assert vs & _S_MASK <= _HALF_ORDER, "oracle: high s"
        signer: address = ecrecover(
            keccak256(
                concat(
                    _EIP191,
                    domain,
                    keccak256(abi_encode(typed_data.ROW_TYPEHASH, epoch, timestamp, bundle._hash_row(row_at, words))),
                )
            ),
            unsafe_add(27, vs >> 255),
            signatures[i << 1],
            vs & _S_MASK,
        )
        key_at: uint256 = unsafe_add(feed_set.BEFORE_REPORTERS, ((signers >> (i << 3)) & 255) << 5)
        assert convert(signer, uint256) == extract32(feeds, key_at, output_type=uint256), "oracle: signature"
        row_at = unsafe_add(row_at, row_bytes)

    # 2. Each claimed median is the lower median of its lane, and goes into the next round of the ring.
    round_id: uint256 = unsafe_add((meta >> _ROUND_AT) & _MASK_40, 1)
    last_at: uint256 = (unsafe_sub(round_id, 1) & history.RING_MASK) << history.STRIDE_BITS
    next_at: uint256 = (round_id & history.RING_MASK) << history.STRIDE_BITS
    header_word: uint256 = ((meta >> _COUNT_AT) & _COUNT_MASK) >> 2
    any_median: uint256 = 0
    stored: uint256 = 0
    for word: uint256 in range(words, bound=8):
        median: uint256 = medians[word]
        seen: uint256 = median
        counters: uint256 = 0
        place: uint256 = word
        for i: uint256 in range(count, bound=31):
            observed: uint256 = rows[place]
            seen |= observed
            counters = unsafe_add(
                unsafe_add(counters, (unsafe_sub(observed | _FLAGS, median) >> 63) & _ONES),
                unsafe_add(
                    (unsafe_sub(median | _FLAGS, observed) >> 55) & _ONES_8,
                    (unsafe_sub(observed | _FLAGS, _ONES) >> 47) & _ONES_16,
                ),
            )
            place = unsafe_add(place, words)
        limits: uint256 = unsafe_add(feed_set.WORDS_AT, unsafe_mul(feed_set.WORD_BYTES, word))
        assert seen & extract32(feeds, limits, output_type=uint256) == 0, "oracle: lane"
        any_median |= median
        quorum: uint256 = extract32(feeds, unsafe_add(limits, 32), output_type=uint256)
        accepted: uint256 = (
            lanes._check_median(median, counters, count, quorum)
            & unsafe_sub(median | _FLAGS, extract32(feeds, unsafe_add(limits, 64), output_type=uint256))
            & unsafe_sub(extract32(feeds, unsafe_add(limits, 96), output_type=uint256) | _FLAGS, median)
        )
        last: uint256 = history.ring[last_at | word]
        if word == header_word:
            last &= _BELOW_HEADER
        step_shift: uint256 = extract32(feeds, unsafe_add(limits, 128), output_type=uint256)
        stored = median
        # The ordinary word: all its feeds were served last time, have their quorum and moved little.
        if accepted & ~last & lanes._near(median, last, step_shift) != _FLAGS or meta & _EXTRAS != 0:
            if meta & _TWAP != 0:
                self._add_up(word, last, meta, timestamp)
            if accepted & ~last & lanes._near(median, last, step_shift) != _FLAGS or meta & _HOLDING != 0:
                stored = self._settle(word, median, last, accepted, meta, timestamp)
        if word != header_word:
            history.ring[next_at | word] = stored
            stored = 0
    assert any_median != 0, "oracle: no quorum"
    history.ring[next_at | header_word] = stored | timestamp << history.HEADER_AT
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
def _settle(
    word: uint256, median: uint256, last: uint256, accepted: uint256, meta: uint256, timestamp: uint256
) -> uint256:
    """
    @notice The lanes of a word in which something is out of the ordinary: an absent, refused, first or far-off price.
    @return The word to store.
    """
    config: address = convert(meta >> _CONFIG_AT, address)
    feed_count: uint256 = (meta >> _COUNT_AT) & _COUNT_MASK
    held: uint256 = self._held
    stored: uint256 = 0
    for k: uint256 in range(4):
        feed: uint256 = 4 * word + k
        if feed >= feed_count:
            break
        bit: uint256 = 64 * k
        price: uint256 = (median >> bit) & lanes.PRICE_MASK
        state: breaker.State = self._state(feed, (last >> bit) & _LANE_MASK, meta)
        if price != 0 and (accepted >> bit) & _FLAG != 0 and (held >> feed) & 1 == 0:
            state = breaker._judge(state, price, timestamp, feed_set._packed_guards(config, feed))
        if state.kind == breaker.SERVED:
            stored |= price << bit
            continue
        if state.since == timestamp:
            log IMedianOracle.Tripped(
                feed=feed, round_id=((meta >> _ROUND_AT) & _MASK_40) + 1, price=price, last_price=state.price
            )
        stored |= (_FLAG | state.round_id) << bit
        self._slow[feed] = breaker._pack(state)
    return stored


@internal
def _add_up(word: uint256, last: uint256, meta: uint256, timestamp: uint256):
    """
    @notice For TWAPs: what each feed of a word answered from the last round to this one. Called before anything of this
            round is stored.
    """
    feed_count: uint256 = (meta >> _COUNT_AT) & _COUNT_MASK
    round_id: uint256 = (meta >> _ROUND_AT) & _MASK_40
    last_at: uint256 = (round_id & history.RING_MASK) << history.STRIDE_BITS
    next_at: uint256 = ((round_id + 1) & history.RING_MASK) << history.STRIDE_BITS
    elapsed: uint256 = timestamp - (meta & _MASK_40)
    for pair: uint256 in range(2 * word, 2 * word + 2, bound=2):
        if 2 * pair >= feed_count:
            break
        old: uint256 = history.sums[last_at | pair]
        new: uint256 = 0
        for feed: uint256 in range(2 * pair, min(2 * pair + 2, feed_count), bound=2):
            price: uint256 = (last >> ((feed & 3) << 6)) & _LANE_MASK
            # Nearly always the feed was served in the last round, which is not long ago.
            if price & _FLAG != 0 or meta & _HOLDING != 0 or elapsed > MAX_LATENESS:
                price = self._standing(feed, price, meta, timestamp)
            new |= sums._add(sums._lane(old, feed), price, elapsed) << sums._bit(feed)
        history.sums[next_at | pair] = new


@internal
@view
def _standing(feed: uint256, lane: uint256, meta: uint256, timestamp: uint256) -> uint256:
    """
    @return The price that `fresh_price` still served right before a round; 0: none.
    """
    state: breaker.State = self._state(feed, lane, meta)
    fresh: bool = timestamp - state.timestamp <= self._default_age(feed, meta)
    return state.price if fresh and state.kind == breaker.MISSED and (self._held >> feed) & 1 == 0 else 0


@internal
@view
def _state(feed: uint256, lane: uint256, meta: uint256) -> breaker.State:
    """
    @notice What is known of a feed, given its lane in the last round.
    """
    if lane & _FLAG != 0:
        return breaker._unpack(self._slow[feed])
    state: breaker.State = empty(breaker.State)
    if lane != 0:
        state.price = lane
        state.timestamp = meta & _MASK_40
        state.round_id = (meta >> _ROUND_AT) & _MASK_40
    return state


# ------------------------------------------------------------------- reads
# They are open while the lock is held: there is no moment at which the oracle has called out with a change half done.


@external
@view
@reentrant
def price(feed: uint256, max_age: uint256) -> uint256:
    """
    @notice The feed's answer, in its decimals. Reverts with the reason when there is none to trust.
    @param max_age {s} the oldest round time the caller accepts
    """
    meta: uint256 = self._meta
    answer: uint256 = self._lane(feed, meta)
    timestamp: uint256 = meta & _MASK_40
    if meta & _STOPS != 0 or answer & _FLAG != 0:
        answer, timestamp = self._guarded_answer(feed, answer, meta)
    assert answer != 0, _NO_QUORUM_YET
    # A round a little in the future is of age 0.
    assert unsafe_sub(max(block.timestamp, timestamp), timestamp) <= max_age, _STALE
    return answer


@external
@view
@reentrant
def fresh_price(feed: uint256) -> uint256:
    """
    @notice `price` at an age nobody has to think about: the longest silence of a healthy relayer, which is the feed's
            heartbeat, and the time a round may take to arrive.
    """
    return self._fresh_price(feed, self._meta)


@internal
@view
def _fresh_price(feed: uint256, meta: uint256) -> uint256:
    answer: uint256 = 0
    timestamp: uint256 = 0
    answer, timestamp = self._guarded_answer(feed, self._lane(feed, meta), meta)
    assert answer != 0, _NO_QUORUM_YET
    age: uint256 = unsafe_sub(max(block.timestamp, timestamp), timestamp)
    # Nearly always it is younger than lateness alone allows, and the heartbeat need not be read.
    assert age <= MAX_LATENESS or age <= self._default_age(feed, meta), _STALE
    return answer


@internal
@view
def _default_age(feed: uint256, meta: uint256) -> uint256:
    """
    @return {s} How old an answer of a healthy relayer may be.
    """
    return feed_set._heartbeat(convert(meta >> _CONFIG_AT, address), feed) + MAX_LATENESS


@external
@view
@reentrant
def prices(feeds: DynArray[uint256, 32], max_age: uint256) -> DynArray[uint256, 32]:
    """
    @notice Several answers of the same kind as `price`; one bad feed reverts the call.
    """
    meta: uint256 = self._meta
    feed_count: uint256 = (meta >> _COUNT_AT) & _COUNT_MASK
    stopped: bool = meta & _STOPS != 0
    last_timestamp: uint256 = meta & _MASK_40
    last_at: uint256 = ((meta >> _ROUND_AT) & history.RING_MASK) << history.STRIDE_BITS
    # Neighbours share one storage read.
    word: uint256 = 0
    word_index: uint256 = max_value(uint256)
    answers: DynArray[uint256, 32] = []
    for feed: uint256 in feeds:
        assert feed < feed_count, _UNKNOWN
        if feed >> 2 != word_index:
            word_index = feed >> 2
            word = history.ring[last_at | word_index]
        answer: uint256 = (word >> ((feed & 3) << 6)) & _LANE_MASK
        timestamp: uint256 = last_timestamp
        if stopped or answer & _FLAG != 0:
            answer, timestamp = self._guarded_answer(feed, answer, meta)
        assert answer != 0, _NO_QUORUM_YET
        assert unsafe_sub(max(block.timestamp, timestamp), timestamp) <= max_age, _STALE
        answers.append(answer)
    return answers


@external
@view
@reentrant
def latest(feed: uint256) -> (uint256, uint256, uint256):
    """
    @return (round id, price, timestamp) of the feed's last answer, however old
    """
    meta: uint256 = self._meta
    lane: uint256 = self._lane(feed, meta)
    self._check_stops(feed, meta)
    if lane & _FLAG == 0:
        assert lane != 0, _NO_QUORUM_YET
        return (meta >> _ROUND_AT) & _MASK_40, lane, meta & _MASK_40
    state: breaker.State = self._state(feed, lane, meta)
    checks._that(state.kind == breaker.MISSED, _TRIPPED)
    checks._that(state.price != 0, _NO_QUORUM_YET)
    return state.round_id, state.price, state.timestamp


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
@reentrant
def round_data(feed: uint256, round_id: uint256) -> (uint256, uint256):
    """
    @return (price, timestamp) of a feed in a round. Reverts for a round the ring no longer has, and for one in which
            the feed had no answer.
    """
    meta: uint256 = self._meta
    self._check_history(feed, meta)
    last: uint256 = (meta >> _ROUND_AT) & _MASK_40
    checks._that(history._oldest(last, meta & _RELAID != 0) <= round_id and round_id <= last, _NO_HISTORY)
    lane: uint256 = history._lane(round_id, feed)
    checks._that(lane != 0 and lane & _FLAG == 0, _NO_ANSWER)
    return lane, history._time(round_id, self._header_word(meta))


@external
@view
@reentrant
def round_at(feed: uint256, timestamp: uint256) -> (uint256, uint256, uint256):
    """
    @notice The feed's last answer at or before a time: what a contract settles at. It is final: it is told only once a
            round at or after that time is there, and later rounds cannot lie before it.
    @param timestamp {s} not after the last round's
    @return (round id, price, round time)
    """
    meta: uint256 = self._meta
    self._check_history(feed, meta)
    checks._that(timestamp <= meta & _MASK_40, _NOT_REACHED)
    last: uint256 = (meta >> _ROUND_AT) & _MASK_40
    oldest: uint256 = history._oldest(last, meta & _RELAID != 0)
    header_word: uint256 = self._header_word(meta)
    checks._that(last != 0, _NO_HISTORY)
    round_id: uint256 = history._at_or_before(timestamp, oldest, last, header_word)
    lane: uint256 = history._lane(round_id, feed)
    if lane & _FLAG != 0:
        # The feed had no answer in that round: its lane names the round of the one that stood.
        round_id = lane & ~_FLAG
        lane = 0
        if round_id != 0:
            checks._that(round_id >= oldest, _NO_HISTORY)
            lane = history._lane(round_id, feed)
    checks._that(lane != 0, _NO_ANSWER)
    return round_id, lane, history._time(round_id, header_word)


@external
@view
@reentrant
def twap(feed: uint256, start: uint256, end: uint256) -> uint256:
    """
    @notice The average over time of what `fresh_price` answered, for a feed set that keeps sums. Reverts where for a part of
            the window, as far as the rounds tell, it answered nothing.
    @param start {s} not before the oldest round of the history
    @param end {s} after start; not in the future. Final once a round at or after it is there
    @return The price, in the feed's decimals, rounded down.
    """
    meta: uint256 = self._meta
    self._check_history(feed, meta)
    checks._that(meta & _TWAP != 0, "oracle: keeps no TWAP")
    checks._that(start < end, "oracle: empty window")
    last_timestamp: uint256 = meta & _MASK_40
    checks._that(end <= max(block.timestamp, last_timestamp), _NOT_REACHED)
    total: uint256 = 0
    if end > last_timestamp:
        # Since the last round its answer stands, if it still can be served.
        total = self._fresh_price(feed, meta) * (end - max(start, last_timestamp))
    if start < last_timestamp:
        last: uint256 = (meta >> _ROUND_AT) & _MASK_40
        oldest: uint256 = history._oldest(last, meta & _RELAID != 0)
        total += history._price_seconds(
            feed, start, min(end, last_timestamp), oldest, last, last_timestamp, self._header_word(meta)
        )
    return total // (end - start)


@external
@view
@reentrant
def breaker_state(feed: uint256) -> (uint256, uint256, uint256, uint256, bool):
    """
    @notice Why a feed is not served, for operators.
    @return (0 served or missed, 1 tripped, 2 cleared; the candidate level; how many rounds speak for it; {s} since
            when; whether the feed is held by hand)
    """
    meta: uint256 = self._meta
    state: breaker.State = self._state(feed, self._lane(feed, meta), meta)
    return state.kind, state.candidate, state.count, state.since, (self._held >> feed) & 1 == 1


@internal
@view
def _lane(feed: uint256, meta: uint256) -> uint256:
    """
    @notice The feed's lane in the last round.
    """
    assert feed < (meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN
    # The mask takes what lies above the round id away, too.
    at: uint256 = ((meta >> _ROUND_AT) & history.RING_MASK) << history.STRIDE_BITS | feed >> 2
    return (history.ring[at] >> ((feed & 3) << 6)) & _LANE_MASK


@internal
@pure
def _header_word(meta: uint256) -> uint256:
    return ((meta >> _COUNT_AT) & _COUNT_MASK) >> 2


@internal
@view
def _check_history(feed: uint256, meta: uint256):
    checks._that(feed < (meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN)
    self._check_stops(feed, meta)


@internal
@view
def _check_stops(feed: uint256, meta: uint256):
    """
    @notice What people stopped: everything, or this feed.
    """
    if meta & _STOPS != 0:
        checks._that(meta & _PAUSED == 0, _PAUSED_REASON)
        checks._that((self._held >> feed) & 1 == 0, _TRIPPED)


@internal
@view
def _guarded_answer(feed: uint256, lane: uint256, meta: uint256) -> (uint256, uint256):
    """
    @notice (price, timestamp) of a feed where a stop may be on or the last round did not serve it; price 0: none yet.
    """
    self._check_stops(feed, meta)
    if meta & _ON_L2 != 0:
        sequencer._check(SEQUENCER, SEQUENCER_GRACE)
    state: breaker.State = self._state(feed, lane, meta)
    checks._that(state.kind == breaker.MISSED, _TRIPPED)
    return state.price, state.timestamp


# -------------------------------------------------------------------- stops


@external
def pause():
    """
    @notice Stop at once: no round is taken, no price is served.
    """
    self._check_stopper()
    checks._that(self._meta & _PAUSED == 0, _PAUSED_REASON)
    self._meta |= _PAUSED
    log IMedianOracle.Paused(caller=msg.sender)


@external
def unpause():
    """
    @notice Go on. The last answers are served again while they are young enough for the reader.
    """
    ownable._check_owner()
    checks._that(self._meta & _PAUSED != 0, "oracle: not paused")
    self._meta &= ~_PAUSED
    log IMedianOracle.Unpaused(caller=msg.sender)


@external
@view
def paused() -> bool:
    return self._meta & _PAUSED != 0


@external
def trip(feed: uint256):
    """
    @notice Hold one feed at once: it is not served, and nothing confirms it, until the owner clears it.
    """
    self._check_stopper()
    checks._that(feed < (self._meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN)
    checks._that((self._held >> feed) & 1 == 0, _TRIPPED)
    self._held |= 1 << feed
    self._meta |= _HOLDING
    # A clear that was proposed for an earlier reason does not hold for this one.
    self._clear[feed] = 0
    log IMedianOracle.Held(feed=feed, caller=msg.sender)


@external
def propose_clear(feed: uint256):
    """
    @notice Announce that a tripped feed shall be served again; it can be after the delay.
    """
    ownable._check_owner()
    self._clear[feed] = (block.timestamp + DELAY) << 40 | self._stopped_since(feed)
    log IMedianOracle.ClearProposed(feed=feed, ready_at=block.timestamp + DELAY)


@external
def execute_clear(feed: uint256):
    """
    @notice Let a tripped feed's next median inside the hard bounds be served, however far it is. A feed that was only
            held serves its last answer again, and its step limit stands.
    """
    ownable._check_owner()
    round_id: uint256 = self._stopped_since(feed)
    clear: uint256 = self._clear[feed]
    checks._that(clear != 0, "clear: nothing proposed")
    checks._that(block.timestamp >= clear >> 40, "clear: too early")
    # A proposal is for one trip; it must not be kept for the next.
    checks._that(clear & _MASK_40 == round_id, "clear: feed was served since")
    self._clear[feed] = 0
    meta: uint256 = self._meta
    state: breaker.State = self._state(feed, self._lane(feed, meta), meta)
    if state.kind == breaker.TRIPPED:
        state.kind = breaker.CLEARED
        self._slow[feed] = breaker._pack(state)
    self._held &= ~(1 << feed)
    if self._held == 0:
        self._meta = meta & ~_HOLDING
    log IMedianOracle.Cleared(feed=feed)


@internal
@view
def _stopped_since(feed: uint256) -> uint256:
    """
    @return The round of the last answer of a feed that is tripped or held; reverts for any other.
    """
    meta: uint256 = self._meta
    state: breaker.State = self._state(feed, self._lane(feed, meta), meta)
    checks._that(state.kind == breaker.TRIPPED or (self._held >> feed) & 1 == 1, "clear: feed is not tripped")
    return state.round_id


@external
def set_guardian(new_guardian: address):
    """
    @notice Change who may stop the oracle beside the owner; zero: nobody.
    """
    ownable._check_owner()
    log IMedianOracle.GuardianChanged(old_guardian=self.guardian, new_guardian=new_guardian)
    self.guardian = new_guardian


@internal
@view
def _check_stopper():
    checks._that(msg.sender == self.guardian or msg.sender == ownable.owner, "oracle: not guardian or owner")


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
    config: address = extcall WRITER.write(self._config(), feeds, reporters, faulty)
    self.pending_config = config
    self.pending_at = block.timestamp + DELAY
    log IMedianOracle.EpochProposed(
        epoch=feed_set._read(config).epoch, config=config, ready_at=block.timestamp + DELAY
    )


@external
def execute_epoch():
    """
    @notice Start the proposed epoch. Rows signed for the old one are void from here on.
    """
    ownable._check_owner()
    checks._that(self.pending_at != 0, "epoch: nothing proposed")
    checks._that(block.timestamp >= self.pending_at, "epoch: too early")
    self._start_epoch(self.pending_config)


@external
def cancel_epoch():
    """
    @notice Withdraw the proposal.
    """
    ownable._check_owner()
    checks._that(self.pending_at != 0, "epoch: nothing proposed")
    self._withdraw_proposal()


@external
def remove_reporter(reporter: address):
    """
    @notice Void a reporter's key at once, without a delay: a new epoch without it. Refused where fewer reporters than
            a feed's quorum would be left. A proposal made for the old set is withdrawn first.
    """
    self._check_stopper()
    if self.pending_at != 0:
        self._withdraw_proposal()
    log IMedianOracle.ReporterRemoved(reporter=reporter, caller=msg.sender)
    self._start_epoch(extcall WRITER.write_without(self._config(), reporter))


@external
@view
def feed(index: uint256) -> IMedianOracle.Feed:
    meta: uint256 = self._meta
    checks._that(index < (meta >> _COUNT_AT) & _COUNT_MASK, _UNKNOWN)
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
    feeds: feed_set.FeedSet = feed_set._read(self._config())
    found: DynArray[address, 31] = []
    for i: uint256 in range(feeds.reporter_count, bound=31):
        found.append(convert(feeds.reporters[i], address))
    return found


@external
@view
def epoch() -> uint256:
    return feed_set._read(self._config()).epoch


@external
@view
def faulty() -> uint256:
    return feed_set._read(self._config()).faulty


@external
@view
def period() -> uint256:
    return PERIOD


@external
@view
def terms() -> IMedianOracle.Terms:
    return IMedianOracle.Terms(
        period=PERIOD,
        history=history.RING_MASK + 1,
        max_lateness=MAX_LATENESS,
        delay=DELAY,
        sequencer=SEQUENCER,
        twap=self._meta & _TWAP != 0,
        writer=WRITER.address,
    )


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    return self._domain_separator()


@internal
def _withdraw_proposal():
    """
    @notice Drop what was proposed; the caller has checked that something was.
    """
    log IMedianOracle.EpochCancelled(config=self.pending_config)
    self.pending_config = empty(address)
    self.pending_at = 0


@internal
@view
def _config() -> address:
    return convert(self._meta >> _CONFIG_AT, address)


@internal
@view
def _domain_separator() -> bytes32:
    # After a fork of the chain the old chain's signatures must not be good here.
    if chain.id == CHAIN_ID:
        return DOMAIN
    return typed_data._domain_separator(chain.id)


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
        at: uint256 = (round_id & history.RING_MASK) << history.STRIDE_BITS
        history.ring[at | old_header] &= _BELOW_HEADER
        history.ring[at | new_header] = (meta & _MASK_40) << history.HEADER_AT
        history.start = round_id
        meta |= _RELAID
    self._meta = (
        convert(config, uint256) << _CONFIG_AT
        | feeds.feed_count << _COUNT_AT
        | meta & (_FOR_GOOD | _ROUND_BITS)
    )
    self.pending_config = empty(address)
    self.pending_at = 0
    log IMedianOracle.EpochStarted(epoch=feeds.epoch, old_config=old_config, new_config=config)

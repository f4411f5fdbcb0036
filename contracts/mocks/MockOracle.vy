# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock Oracle
@license AGPL-3.0-only
@notice The whole read side of IMedianOracle with prices anyone may set: for tests of what reads an oracle.
@dev Says what the real one says, in the same words: `set_answer` with an old time makes a feed stale, `set_tripped`,
     `set_paused` and `set_sequencer` stop it. Every set answer is a round of its own, at that feed's or a later time
     than the round before; the other feeds miss it. There is no quorum, no guard and no limit to the history.
"""

from contracts.interfaces import IMedianOracle
from contracts.modules import constants as c

MAX_LANE: constant(uint256) = c.MAX_LANE

_UNKNOWN: constant(String[32]) = "oracle: unknown feed"
_STALE: constant(String[32]) = "oracle: stale"
_NO_QUORUM_YET: constant(String[32]) = "oracle: no quorum yet"
_NO_ANSWER: constant(String[32]) = "oracle: no answer in round"
_NOT_REACHED: constant(String[32]) = "oracle: time not reached"

# What `terms` says.
_PERIOD: constant(uint256) = 5                        # {s}
_MAX_LATENESS: constant(uint256) = 60                 # {s}
_DELAY: constant(uint256) = 3_600                     # {s}

struct Answer:
    round_id: uint256
    price: uint256
    timestamp: uint256
    before: uint256                                   # round id of the feed's answer before this one; 0: none

# Nobody holds a role here and nothing is ever proposed.
owner: public(address)
pending_owner: public(address)
guardian: public(address)
pending_config: public(address)
pending_at: public(uint256)

paused: public(bool)
epoch: public(constant(uint256)) = 1
faulty: public(constant(uint256)) = 0
period: public(constant(uint256)) = _PERIOD
DOMAIN_SEPARATOR: public(bytes32)

_feeds: DynArray[IMedianOracle.Feed, 32]
_latest: HashMap[uint256, Answer]                     # feed -> its last answer
_rounds: HashMap[uint256, HashMap[uint256, Answer]]   # feed -> round id -> answer
_tripped: HashMap[uint256, bool]
_sequencer_reason: String[32]                         # what price reads revert with; empty: nothing
_round_id: uint256
_timestamp: uint256


@deploy
def __init__(names: DynArray[String[32], 32], decimals: DynArray[uint8, 32]):
    """
    @param names "BTC/USD", ... in feed order
    @param decimals of each feed
    """
    assert len(names) == len(decimals), "mock: names and decimals"
    for i: uint256 in range(len(names), bound=32):
        self._feeds.append(IMedianOracle.Feed(
            name=names[i],
            decimals=decimals[i],
            quorum=3,
            heartbeat=60,
            deviation_bps=25,
            guards=IMedianOracle.Guards(
                min_price=1,
                max_price=convert(MAX_LANE, uint64),
                first_min_price=1,
                first_max_price=convert(MAX_LANE, uint64),
                step_bps=max_value(uint16),
                step_growth_bps=0,
                step_cap_bps=max_value(uint16),
                confirm_rounds=3,
                confirm_seconds=60,
            ),
        ))


@external
def set_price(feed: uint256, price: uint256):
    """
    @notice Answer `price` (in the feed's decimals) from now on; a new round.
    """
    self._set(feed, price, block.timestamp)


@external
def set_answer(feed: uint256, price: uint256, timestamp: uint256):
    """
    @notice Answer `price` as of `timestamp`; a new round. A price of 0 takes the feed's answer away.
    """
    self._set(feed, price, timestamp)


@external
def set_tripped(feed: uint256, tripped: bool):
    """
    @notice Stop one feed, or let it go on with its last answer.
    """
    assert feed < len(self._feeds), _UNKNOWN
    self._tripped[feed] = tripped


@external
def set_paused(paused: bool):
    self.paused = paused


@external
def set_sequencer(reason: String[32]):
    """
    @param reason "oracle: sequencer down", "oracle: sequencer grace", or empty: it is up
    """
    self._sequencer_reason = reason


@external
@view
def price(feed: uint256, max_age: uint256) -> uint256:
    return self._price(feed, max_age)


@external
@view
def fresh_price(feed: uint256) -> uint256:
    return self._fresh_price(feed)


@external
@view
def prices(feeds: DynArray[uint256, 32], max_age: uint256) -> DynArray[uint256, 32]:
    answers: DynArray[uint256, 32] = []
    for feed: uint256 in feeds:
        answers.append(self._price(feed, max_age))
    return answers


@external
@view
def latest(feed: uint256) -> (uint256, uint256, uint256):
    answer: Answer = self._last(feed)
    return answer.round_id, answer.price, answer.timestamp


@external
@view
def latest_round() -> (uint256, uint256):
    return self._round_id, self._timestamp


@external
@view
def round_data(feed: uint256, round_id: uint256) -> (uint256, uint256):
    self._check_stops(feed)
    answer: Answer = self._rounds[feed][round_id]
    assert answer.price != 0, _NO_ANSWER
    return answer.price, answer.timestamp


@external
@view
def round_at(feed: uint256, timestamp: uint256) -> (uint256, uint256, uint256):
    self._check_stops(feed)
    assert timestamp <= self._timestamp, _NOT_REACHED
    answer: Answer = self._latest[feed]
    for i: uint256 in range(1_000):
        if answer.timestamp <= timestamp:
            break
        answer = self._rounds[feed][answer.before]
    assert answer.price != 0, _NO_ANSWER
    return answer.round_id, answer.price, answer.timestamp


@external
@view
def twap(feed: uint256, start: uint256, end: uint256) -> uint256:
    self._check_stops(feed)
    assert start < end, "oracle: empty window"
    assert end <= max(block.timestamp, self._timestamp), _NOT_REACHED
    if end > self._timestamp:
        self._fresh_price(feed)
    total: uint256 = 0
    until: uint256 = end
    answer: Answer = self._latest[feed]
    for i: uint256 in range(1_000):
        if until <= start:
            break
        assert answer.price != 0, "oracle: gap in window"
        since: uint256 = max(answer.timestamp, start)
        if since < until:
            total += answer.price * (until - since)
            until = since
        answer = self._rounds[feed][answer.before]
    assert until == start, "oracle: gap in window"
    return total // (end - start)


@external
@view
def breaker_state(feed: uint256) -> (uint256, uint256, uint256, uint256, bool):
    assert feed < len(self._feeds), _UNKNOWN
    return 0, 0, 0, 0, self._tripped[feed]


@external
@view
def reporters() -> DynArray[address, 31]:
    return []


@external
@view
def terms() -> IMedianOracle.Terms:
    return IMedianOracle.Terms(
        period=_PERIOD,
        history=4_096,
        max_lateness=_MAX_LATENESS,
        delay=_DELAY,
        sequencer=empty(address),
        twap=True,
        writer=empty(address),
    )


@external
@view
def feed(index: uint256) -> IMedianOracle.Feed:
    assert index < len(self._feeds), _UNKNOWN
    return self._feeds[index]


@external
@view
def feed_count() -> uint256:
    return len(self._feeds)


@external
@view
def feed_index(name: String[32]) -> uint256:
    for i: uint256 in range(len(self._feeds), bound=32):
        if self._feeds[i].name == name:
            return i
    raise _UNKNOWN


@internal
def _set(feed: uint256, price: uint256, timestamp: uint256):
    assert feed < len(self._feeds), _UNKNOWN
    assert price <= MAX_LANE, "mock: price"
    self._round_id += 1
    self._timestamp = timestamp
    answer: Answer = Answer(
        round_id=self._round_id, price=price, timestamp=timestamp, before=self._latest[feed].round_id
    )
    self._latest[feed] = answer
    self._rounds[feed][self._round_id] = answer


@internal
@view
def _price(feed: uint256, max_age: uint256) -> uint256:
    answer: Answer = self._last(feed)
    assert self._sequencer_reason == "", self._sequencer_reason
    # A round may lie a little in the future; it is then of age 0.
    assert block.timestamp <= answer.timestamp or block.timestamp - answer.timestamp <= max_age, _STALE
    return answer.price


@internal
@view
def _fresh_price(feed: uint256) -> uint256:
    assert feed < len(self._feeds), _UNKNOWN
    return self._price(feed, convert(self._feeds[feed].heartbeat, uint256) + _MAX_LATENESS)


@internal
@view
def _last(feed: uint256) -> Answer:
    self._check_stops(feed)
    answer: Answer = self._latest[feed]
    assert answer.price != 0, _NO_QUORUM_YET
    return answer


@internal
@view
def _check_stops(feed: uint256):
    assert feed < len(self._feeds), _UNKNOWN
    assert not self.paused, "oracle: paused"
    assert not self._tripped[feed], "oracle: tripped"

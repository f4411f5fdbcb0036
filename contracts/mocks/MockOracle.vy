# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Mock Oracle
@license AGPL-3.0-only
@notice The read side of IMedianOracle with prices anyone may set: for tests of what reads an oracle.
@dev Says what the real one says, in the same words. `set_price` stamps the block's time, `set_answer` any time.
"""

from contracts.interfaces import IMedianOracle
from contracts.modules import constants as c

MAX_LANE: constant(uint256) = c.MAX_LANE

_UNKNOWN: constant(String[32]) = "oracle: unknown feed"
_STALE: constant(String[32]) = "oracle: stale"
_NO_ANSWER: constant(String[32]) = "oracle: no quorum yet"

struct Answer:
    round_id: uint256
    price: uint256
    timestamp: uint256

_feeds: DynArray[IMedianOracle.Feed, 32]
_latest: HashMap[uint256, Answer]                     # feed -> its last answer
_rounds: HashMap[uint256, HashMap[uint256, Answer]]   # feed -> round id -> answer
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
@view
def price(feed: uint256, max_age: uint256) -> uint256:
    return self._price(feed, max_age)


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
    assert feed < len(self._feeds), _UNKNOWN
    answer: Answer = self._latest[feed]
    assert answer.price != 0, _NO_ANSWER
    return answer.round_id, answer.price, answer.timestamp


@external
@view
def latest_round() -> (uint256, uint256):
    return self._round_id, self._timestamp


@external
@view
def round_data(feed: uint256, round_id: uint256) -> (uint256, uint256):
    assert feed < len(self._feeds), _UNKNOWN
    answer: Answer = self._rounds[feed][round_id]
    assert answer.price != 0, "oracle: no answer in round"
    return answer.price, answer.timestamp


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
    answer: Answer = Answer(round_id=self._round_id, price=price, timestamp=timestamp)
    self._latest[feed] = answer
    self._rounds[feed][self._round_id] = answer


@internal
@view
def _price(feed: uint256, max_age: uint256) -> uint256:
    assert feed < len(self._feeds), _UNKNOWN
    answer: Answer = self._latest[feed]
    assert answer.price != 0, _NO_ANSWER
    # A round may lie a little in the future; it is then of age 0.
    assert block.timestamp <= answer.timestamp or block.timestamp - answer.timestamp <= max_age, _STALE
    return answer.price

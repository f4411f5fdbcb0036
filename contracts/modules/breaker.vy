# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Breaker
@license AGPL-3.0-only
@notice Decides whether a median may be served. It holds a price back or lets it through; it never makes one.
@dev The state of a feed that is not served from the last round, in one word:
     round id 40 | timestamp 40 | price 63 | candidate 63 | since 40 | count 8 | kind 2 (lowest).
     A *candidate* is the first median of a new level; medians within `step_bps` of it confirm that level.
"""

# Why a feed is not served from the last round.
MISSED: constant(uint256) = 0         # short of its quorum or out of bounds: the last answer stands and ages
TRIPPED: constant(uint256) = 1        # moved beyond its step limit: reads revert until confirmed, returned or cleared
CLEARED: constant(uint256) = 2        # the owner lets the next median inside the bounds through; reads still revert
SERVED: constant(uint256) = 3         # a verdict, never stored: this round's median is the answer

struct State:
    kind: uint256
    count: uint256                    # {1} medians near the candidate, the candidate included
    since: uint256                    # {s} round time of the candidate
    candidate: uint256
    price: uint256                    # the last answer; 0: there never was one
    timestamp: uint256                # {s} its round's time
    round_id: uint256

MAX_BPS: constant(uint256) = 10_000
PRICE_MASK: constant(uint256) = 2**63 - 1
MASK_40: constant(uint256) = 2**40 - 1
BYTE: constant(uint256) = 2**8 - 1
HALF: constant(uint256) = 2**16 - 1
LANE_MASK: constant(uint256) = 2**64 - 1
SECONDS: constant(uint256) = 2**32 - 1


@internal
@pure
def _pack(state: State) -> uint256:
    return (
        state.kind
        | state.count << 2
        | state.since << 10
        | state.candidate << 50
        | state.price << 113
        | state.timestamp << 176
        | state.round_id << 216
    )


@internal
@pure
def _unpack(slot: uint256) -> State:
    return State(
        kind=slot & 3,
        count=(slot >> 2) & BYTE,
        since=(slot >> 10) & MASK_40,
        candidate=(slot >> 50) & PRICE_MASK,
        price=(slot >> 113) & PRICE_MASK,
        timestamp=(slot >> 176) & MASK_40,
        round_id=slot >> 216,
    )


@internal
@pure
def _judge(state: State, median: uint256, timestamp: uint256, guards: uint256) -> State:
    """
    @notice Judge a median that has its quorum and lies in the hard bounds.
    @param state the feed's before this round
    @param timestamp {s} of the round
    @param guards as feed_set packs them
    @return The feed's state after it; of kind SERVED if the median may be served.
    """
    after: State = state
    if state.kind == CLEARED:
        after.kind = SERVED
    elif state.price == 0:
        if guards >> 192 >= median and median >= (guards >> 128) & LANE_MASK:
            after.kind = SERVED
    elif self._near(median, state.price, self._step_limit_bps(guards, timestamp - state.timestamp)):
        after.kind = SERVED
    elif state.kind == TRIPPED and self._near(median, state.candidate, guards & HALF):
        after.count = min(state.count + 1, BYTE)
        if after.count >= (guards >> 48) & BYTE and timestamp - state.since >= (guards >> 64) & SECONDS:
            after.kind = SERVED
    else:
        after.kind = TRIPPED
        after.count = 1
        after.since = timestamp
        after.candidate = median
    return after


@internal
@pure
def _step_limit_bps(guards: uint256, elapsed: uint256) -> uint256:
    """
    @notice {bps} what a move from an answer `elapsed` {s} old may be: grows with time, so that a long gap does not trip
            an honest move, up to a cap.
    """
    growth_bps: uint256 = ((guards >> 16) & HALF) * elapsed // 60
    return min((guards & HALF) + growth_bps, (guards >> 32) & HALF)


@internal
@pure
def _near(price: uint256, center: uint256, band_bps: uint256) -> bool:
    # Rounded down: the narrower band.
    band: uint256 = center * band_bps // MAX_BPS
    return price <= center + band and price + band >= center

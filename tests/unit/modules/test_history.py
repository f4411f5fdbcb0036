# SPDX-License-Identifier: AGPL-3.0-only
"""modules/history.vy: the ring gives back what a list of all rounds would, as far as it reaches."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

ROUNDS = 16
WORDS = 16
FEEDS = 6
HEADER_WORD = FEEDS // 4
TOP = 2**63 - 1
few = settings(max_examples=25, derandomize=True, deadline=None)
gaps_s = st.lists(st.integers(1, 10_000), min_size=1, max_size=3 * ROUNDS)


class Ring:
    """A history whose words are written here, as its owner writes them."""

    def __init__(self) -> None:
        self.contract = deployer("history").deploy(ROUNDS)
        self.internal = self.contract.internal
        layout = self.contract.compiler_data.storage_layout["storage_layout"]
        self._ring, self._sums = layout["ring"]["slot"], layout["sums"]["slot"]

    def write(self, round_id: int, timestamp: int, lanes: list[int], sums: Sequence[int] = (0,) * FEEDS) -> None:
        words = [0] * WORDS
        for feed, lane in enumerate(lanes):
            words[feed // 4] |= lane << 64 * (feed % 4)
        words[HEADER_WORD] |= timestamp << 192
        at = round_id % ROUNDS * WORDS
        for word, value in enumerate(words):
            boa.env.set_storage(self.contract.address, self._ring + at + word, value)
        for word in range(FEEDS // 2):
            value = sums[2 * word] | sums[2 * word + 1] << 128
            boa.env.set_storage(self.contract.address, self._sums + at + word, value)

    def fill(self, gaps: list[int]) -> tuple[list[int], int, int]:
        """Rounds from 1 on; gives their times by id (of 0: none), and the ids of the oldest kept and the last."""
        times = [0, *itertools.accumulate(gaps, initial=1_700_000_000)]
        for round_id, timestamp in enumerate(times[1:], 1):
            self.write(round_id, timestamp, [round_id * 10 + feed for feed in range(FEEDS)])
        last = len(times) - 1
        return times, max(1, last - (ROUNDS - 1)), last


@pytest.fixture(scope="module")
def ring():
    with boa.env.anchor():
        yield Ring()


@few
@given(gaps_s)
def test_lane_and_time__of_each_round_kept__are_what_was_written(ring, gaps):
    times, oldest, last = ring.fill(gaps)
    assert ring.internal._oldest(last, False) == oldest
    for round_id in range(oldest, last + 1):
        assert ring.internal._time(round_id, HEADER_WORD) == times[round_id]
        for feed in (0, 3, 4, 5):
            assert ring.internal._lane(round_id, feed) == round_id * 10 + feed


def test_oldest__of_a_layout_that_changed__is_no_round_before_the_change(ring):
    slot = ring.contract.compiler_data.storage_layout["storage_layout"]["start"]["slot"]
    boa.env.set_storage(ring.contract.address, slot, 40)
    assert ring.internal._oldest(45, True) == 40
    assert ring.internal._oldest(39 + ROUNDS, True) == 40
    assert ring.internal._oldest(40 + ROUNDS, True) == 41
    assert ring.internal._oldest(45, False) == 30


@few
@given(gaps_s, st.data())
def test_at_or_before__any_time__is_the_last_round_a_list_would_give(ring, gaps, data):
    times, oldest, last = ring.fill(gaps)
    timestamp = data.draw(
        st.one_of(st.sampled_from(times[1:]), st.integers(times[1] - 5, times[-1] + 5)), label="timestamp"
    )
    before = [round_id for round_id in range(oldest, last + 1) if times[round_id] <= timestamp]
    if before:
        assert ring.internal._at_or_before(timestamp, oldest, last, HEADER_WORD) == before[-1]
    else:
        with boa.reverts("oracle: round not in history"):
            ring.internal._at_or_before(timestamp, oldest, last, HEADER_WORD)


@few
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, TOP)), min_size=2, max_size=ROUNDS - 1), st.data())
def test_price_seconds__of_any_window__is_the_sum_over_its_seconds(ring, steps, data):
    """Each round's price holds for the seconds before it, up to the round that came before."""
    feed = data.draw(st.integers(0, FEEDS - 1))
    module = deployer("sums").deploy().internal
    timestamp, total = 1_700_000_000, 0
    ring.write(1, timestamp, [1] * FEEDS)
    seconds: list[int] = []
    for round_id, (gap, price) in enumerate(steps, 2):
        timestamp, total = timestamp + gap, module._add(total, price, gap)
        seconds += [price] * gap
        ring.write(round_id, timestamp, [price] * FEEDS, [total if each == feed else 7 for each in range(FEEDS)])
    last = len(steps) + 1
    start = data.draw(st.integers(0, len(seconds) - 1), label="start")
    end = data.draw(st.integers(start + 1, len(seconds)), label="end")
    first = 1_700_000_000
    found = ring.internal._price_seconds(feed, first + start, first + end, 1, last, timestamp, HEADER_WORD)
    assert found == sum(seconds[start:end])


def test_price_seconds__over_a_round_the_feed_missed__is_refused(ring):
    module = deployer("sums").deploy().internal
    first = 1_700_000_000
    gap = module._add(0, 0, 10)
    whole = module._add(gap, 5, 10)
    for round_id, total in enumerate((0, gap, whole), 1):
        ring.write(round_id, first + 10 * round_id, [5] * FEEDS, [total] * FEEDS)
    window = [1, 3, first + 30, HEADER_WORD]
    assert ring.internal._price_seconds(2, first + 20, first + 30, *window) == 50
    with boa.reverts("oracle: gap in window"):
        ring.internal._price_seconds(2, first + 19, first + 30, *window)

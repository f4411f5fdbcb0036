# SPDX-License-Identifier: AGPL-3.0-only
"""modules/lanes.vy: four lanes at once say what one lane at a time says."""

from __future__ import annotations

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import rows
from tests.helpers.contracts import deployer

TOP = 2**63 - 1
FLAG = 2**63
prices = st.integers(1, TOP)
few = settings(max_examples=60, derandomize=True, deadline=None)


@pytest.fixture(scope="module")
def lanes():
    return deployer("lanes").deploy().internal


def counters(median: int, observed: list[int]) -> int:
    """As `submit` counts: at least the median, at most the median, present."""
    counts = (sum(x >= median for x in observed), sum(x <= median for x in observed), sum(x > 0 for x in observed))
    return counts[0] | counts[1] << 8 | counts[2] << 16


def flags(holds: list[bool]) -> int:
    return rows.pack([FLAG * held for held in holds])[0]


@few
@given(st.lists(st.lists(st.one_of(st.just(0), prices), min_size=5, max_size=5), min_size=4, max_size=4), st.data())
def test_check_median__of_the_true_medians__flags_what_has_its_quorum(lanes, observed, data):
    quorums = [data.draw(st.integers(1, 5)) for _ in range(4)]
    medians = rows.lower_medians(list(zip(*observed, strict=True)), quorums)
    counted = rows.pack([counters(median, lane) for median, lane in zip(medians, observed, strict=True)])[0]
    flagged = lanes._check_median(rows.pack(medians)[0], counted, 5, rows.pack(quorums)[0])
    assert flagged == flags([median > 0 for median in medians])


@pytest.mark.parametrize("lane", range(4))
@pytest.mark.parametrize(("observed", "claimed"), [([1, 2, 3], 1), ([1, 2, 3], 3), ([1, 2, 3, 4], 3), ([0, 5, 7], 7)])
def test_check_median__of_another_rank_in_any_lane__reverts(lanes, lane, observed, claimed):
    medians = [9, 9, 9, 9]
    counted = [counters(9, [9] * len(observed))] * 4
    medians[lane], counted[lane] = claimed, counters(claimed, observed)
    with boa.reverts("oracle: median"):
        lanes._check_median(rows.pack(medians)[0], rows.pack(counted)[0], len(observed), rows.pack([2] * 4)[0])


@pytest.mark.parametrize("lane", range(4))
def test_check_median__in_a_lane_short_of_its_quorum__must_be_zero(lanes, lane):
    counted = rows.pack([counters(5, [5, 5, 0]) if index == lane else counters(9, [9] * 3) for index in range(4)])[0]
    medians = [9] * 4
    medians[lane] = 5
    with boa.reverts("oracle: median of no quorum"):
        lanes._check_median(rows.pack(medians)[0], counted, 3, rows.pack([3] * 4)[0])
    medians[lane] = 0
    counted = rows.pack([counters(0, [5, 5, 0]) if index == lane else counters(9, [9] * 3) for index in range(4)])[0]
    held = lanes._check_median(rows.pack(medians)[0], counted, 3, rows.pack([3] * 4)[0])
    assert held == flags([index != lane for index in range(4)])


@few
@given(st.lists(prices, min_size=4, max_size=4), st.lists(prices, min_size=4, max_size=4), st.integers(1, 14))
def test_near__is_true_within_the_shifted_step_and_nowhere_else(lanes, last, price, shift):
    near = [abs(price[k] - last[k]) <= last[k] >> shift for k in range(4)]
    held = lanes._near(rows.pack(price)[0], rows.pack(last)[0], shift)
    for k in range(4):
        told = held & flags([place == k for place in range(4)]) != 0
        # Where the sum of last answer and step needs 64 bits "no" may be said of what is near, never the reverse: such
        # a lane is then judged by itself.
        assert told == near[k] or (near[k] and last[k] + (last[k] >> shift) >= 2**63)


@pytest.mark.parametrize("shift", [1, 4, 14])
@pytest.mark.parametrize("last", [1, 1_000_003, TOP // 2])
def test_near__at_its_edges__holds_and_one_beyond_does_not(lanes, last, shift):
    step = last >> shift
    edges = [last + step, last - step, last + step + 1, last - step - 1]
    held = lanes._near(rows.pack([max(edge, 0) for edge in edges])[0], rows.pack([last] * 4)[0], shift)
    assert held == flags([True, True, False, False])

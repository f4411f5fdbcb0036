# SPDX-License-Identifier: AGPL-3.0-only
"""modules/sums.vy: price-seconds and gaps add up, wrap around, and can be taken apart again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

TOP = 2**63 - 1
few = settings(max_examples=60, derandomize=True, deadline=None)
lanes = st.integers(0, 2**128 - 1)
spans = st.integers(1, 2**32 - 1)


@pytest.fixture(scope="module")
def sums():
    return deployer("sums").deploy().internal


@few
@given(lanes, lanes)
def test_lane__of_a_word__is_the_low_half_for_even_feeds_and_the_high_one_for_odd(sums, even, odd):
    word = even | odd << 128
    assert [sums._lane(word, feed) for feed in (0, 1, 30, 31)] == [even, odd, even, odd]
    assert [sums._bit(feed) for feed in (0, 1, 30, 31)] == [0, 128, 0, 128]


@few
@given(lanes, st.integers(1, TOP), spans)
def test_between__two_sums_with_one_price__is_price_times_seconds(sums, start, price, elapsed):
    assert sums._between(start, sums._add(start, price, elapsed)) == price * elapsed


@few
@given(lanes, spans, st.integers(1, TOP), spans)
def test_between__two_sums_with_a_gap__is_nothing(sums, start, gap, price, elapsed):
    after = sums._add(start, 0, gap)
    assert sums._between(start, after) == 0
    assert sums._between(start, sums._add(after, price, elapsed)) == 0


@few
@given(lanes, st.integers(0, TOP), spans, st.data())
def test_within__a_span_of_one_price__is_the_sum_at_that_second(sums, start, price, length, data):
    elapsed = data.draw(st.integers(0, length))
    end = sums._add(start, price, length)
    assert sums._within(start, end, elapsed, length) == sums._add(start, price, elapsed)


def test_add__of_a_gap_longer_than_its_counter__wraps_and_touches_no_price(sums):
    lane = (2**32 - 1) << 96 | 5
    assert sums._add(lane, 0, 1) == 5
    assert sums._add(lane, 0, 2**40 - 1) == (2**32 - 2) << 96 | 5

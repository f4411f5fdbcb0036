# SPDX-License-Identifier: AGPL-3.0-only
"""Medians and index methods: exact values, the properties their docstrings claim, and an independent model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.reference.index_model import balance, median

from plumbline.core.median import lane_medians, lower_median
from plumbline.core.methods import clamped_median, weighted_median
from plumbline.core.models import Row

PRICE = st.integers(1, 10**24)
NEAR = st.integers(10**6 - 3_000, 10**6 + 3_000)
"""Prices within 30 bps of each other, where clamps bite and ties happen."""
VOTES = st.lists(st.tuples(st.one_of(PRICE, NEAR), st.integers(1, 9)), min_size=1, max_size=12)
CLAMP = st.integers(1, 100)

exact = settings(derandomize=True, deadline=None, max_examples=300)


def unzip(votes: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    prices, weights = zip(*votes, strict=True)
    return list(prices), list(weights)


@exact
@given(VOTES)
def test_weighted_median__any_votes__is_the_middle_of_the_written_out_list(votes):
    assert weighted_median(*unzip(votes)) == median(*unzip(votes))


@exact
@given(VOTES, CLAMP)
def test_clamped_median__any_votes__is_where_the_model_balances(votes, clamp_bps):
    assert clamped_median(*unzip(votes), clamp_bps) == balance(*unzip(votes), clamp_bps)


@exact
@given(VOTES, CLAMP)
def test_clamped_median__stays_inside_the_range_and_near_half_of_the_weight(votes, clamp_bps):
    prices, weights = unzip(votes)
    assert min(prices) <= clamped_median(prices, weights, clamp_bps) <= max(prices)


@exact
@given(VOTES, CLAMP, st.randoms(use_true_random=False))
def test_clamped_median__another_order__is_the_same_price(votes, clamp_bps, luck):
    shuffled = list(votes)
    luck.shuffle(shuffled)
    assert clamped_median(*unzip(shuffled), clamp_bps) == clamped_median(*unzip(votes), clamp_bps)


@exact
@given(VOTES, CLAMP, st.integers(2, 10**6))
def test_clamped_median__all_prices_scaled__scales_with_them_to_the_last_digit(votes, clamp_bps, factor):
    prices, weights = unzip(votes)
    scaled = clamped_median([price * factor for price in prices], weights, clamp_bps)
    # The median under the clamp and the result are each rounded by at most 1/2.
    assert abs(scaled - factor * clamped_median(prices, weights, clamp_bps)) <= factor


@exact
@given(VOTES, st.data())
def test_clamped_median__one_price_rises__the_result_does_not_fall(votes, data):
    prices, weights = unzip(votes)
    clamp_bps = data.draw(st.integers(1, max(1, min(100, 9_999 * min(weights) // sum(weights)))))
    i, rise = data.draw(st.integers(0, len(prices) - 1)), data.draw(st.integers(1, 10**6))
    before = clamped_median(prices, weights, clamp_bps)
    prices[i] += rise
    assert clamped_median(prices, weights, clamp_bps) >= before


@exact
@given(st.lists(NEAR, min_size=1, max_size=7), st.data(), CLAMP)
def test_clamped_median__fewer_than_half_bad__moves_past_the_good_by_the_clamp_at_most(good, data, clamp_bps):
    bad = data.draw(st.lists(PRICE, max_size=len(good) - 1))
    prices = good + bad
    result = clamped_median(prices, [1] * len(prices), clamp_bps)
    reach = max(good) * clamp_bps // 10_000 + 1
    assert min(good) - reach <= result <= max(good) + reach


def test_clamped_median__half_of_the_weight_bad__can_be_led_anywhere():
    assert clamped_median([100, 10**9], [1, 1], 2) > 10**8


def test_clamped_median__narrow_and_wide__is_the_median_and_the_mean():
    prices, equal = [10**18, 10**18 + 10**15, 10**18 + 5 * 10**15], [1, 1, 1]
    assert abs(clamped_median(prices, equal, 100) - sum(prices) // 3) <= 1
    # A clamp of 1 bps lets the two others pull with 1 bps each: they cancel.
    assert clamped_median(prices, equal, 1) == prices[1]


def test_clamped_median__two_camps__is_their_middle():
    assert clamped_median([100, 100, 200, 200], [1, 1, 1, 1], 5) == 150


@pytest.mark.parametrize(
    ("prices", "weights", "clamp_bps", "message"),
    [
        ([], [], 5, "prices: expected at least one"),
        ([1, 2], [1], 5, "weights: expected one for each of 2 prices, got 1"),
        ([1, 2], [1, 0], 5, "weights: expected each at least 1, got 0"),
        ([1, 2], [1, 1], 0, "clamp_bps: expected at least 1, got 0"),
    ],
)
def test_clamped_median__bad_input__says_what_is_expected(prices, weights, clamp_bps, message):
    with pytest.raises(ValueError, match=message):
        clamped_median(prices, weights, clamp_bps)


@exact
@given(st.lists(PRICE, min_size=1, max_size=31))
def test_lower_median__any_values__is_one_of_them_with_half_on_either_side(values):
    result = lower_median(values)
    assert result in values
    assert 2 * sum(value <= result for value in values) >= len(values)
    assert 2 * sum(value >= result for value in values) > len(values)


def test_lower_median__no_values__is_an_error():
    with pytest.raises(ValueError, match="no values"):
        lower_median([])


def test_lane_medians__missing_lanes__count_for_nothing_and_quorum_is_per_feed():
    rows = [Row(1, 5, (10, 7, 0)), Row(1, 5, (12, 0, 0)), Row(1, 5, (11, 9, 0)), Row(1, 5, (13, 8, 1))]
    assert lane_medians(rows, [4, 3, 1]) == (11, 8, 1)
    assert lane_medians(rows, [4, 4, 2]) == (11, 0, 0)
    assert lane_medians([], [1, 1]) == (0, 0)


@pytest.mark.parametrize("rows", [[Row(1, 5, (1, 2)), Row(1, 5, (1,))], [Row(1, 5, (1,))]])
def test_lane_medians__rows_of_another_length__are_an_error(rows):
    with pytest.raises(ValueError):
        lane_medians(rows, [1, 1])

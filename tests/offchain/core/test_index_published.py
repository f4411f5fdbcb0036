# SPDX-License-Identifier: AGPL-3.0-only
"""The published index rules: their own examples, the properties they claim, and a second implementation."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.reference.published_indices import largest_sound_level, real_time_index, reference_rate

from plumbline.core.depth import Book, depth_weighted_mid, size_cap
from plumbline.core.methods import (
    capped_weights,
    clamped_mean,
    outliers,
    vote_median,
    weighted_mean,
    weighted_median,
)
from plumbline.core.models import Trade
from plumbline.core.settlement import partitioned_median
from plumbline.core.units import WAD
from plumbline.replay.bars import wad_of_double

PRICE = st.integers(1, 10**24)
NEAR = st.integers(10**6 - 10_000, 10**6 + 10_000)
WEIGHT = st.integers(1, 10**6)
VOTES = st.lists(st.tuples(st.one_of(PRICE, NEAR), WEIGHT), min_size=1, max_size=12)

exact = settings(derandomize=True, deadline=None, max_examples=200)


def unzip(votes: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    prices, weights = zip(*votes, strict=True)
    return list(prices), list(weights)


METHODS = {
    "weighted_mean": weighted_mean,
    "weighted_median": weighted_median,
    "clamped_mean": lambda prices, weights: clamped_mean(prices, weights, 50),
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


# What all averages and medians have in common -----------------------------------------------------------------------


@each_method
@exact
@given(VOTES, st.randoms(use_true_random=False))
def test_method__stays_in_range_whatever_the_order(method, votes, luck):
    prices, weights = unzip(votes)
    result = method(prices, weights)
    assert min(prices) <= result <= max(prices)
    luck.shuffle(votes)
    assert method(*unzip(votes)) == result


@each_method
@exact
@given(VOTES, st.integers(2, 1_000))
def test_method__prices_and_weights_scaled__scales_with_the_prices_only(method, votes, factor):
    prices, weights = unzip(votes)
    scaled = method([price * factor for price in prices], [weight * factor for weight in weights])
    # Each of at most two roundings is by at most 1/2.
    assert abs(scaled - factor * method(prices, weights)) <= factor


@each_method
@exact
@given(VOTES, st.data())
def test_method__a_price_rises__the_result_does_not_fall(method, votes, data):
    prices, weights = unzip(votes)
    before = method(prices, weights)
    prices[data.draw(st.integers(0, len(prices) - 1))] += data.draw(st.integers(1, 10**6))
    assert method(prices, weights) >= before


@each_method
def test_method__bad_input__says_what_is_expected(method):
    for prices, weights, message in (
        ([], [], "prices: expected at least one"),
        ([1, 2], [1], "weights: expected one for each of 2"),
        ([1], [0], "weights: expected each at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            method(prices, weights)


# Averages -----------------------------------------------------------------------------------------------------------


@exact
@given(VOTES)
def test_weighted_mean__is_the_exact_average_rounded_half_up(votes):
    prices, weights = unzip(votes)
    average = Fraction(sum(price * weight for price, weight in votes), sum(weights))
    assert weighted_mean(prices, weights) == floor(average + Fraction(1, 2))


def test_weighted_mean__one_bad_price__moves_it_without_bound():
    assert weighted_mean([100, 100, 100, 10**9], [1, 1, 1, 1]) > 10**8


@exact
@given(st.lists(NEAR, min_size=1, max_size=7), st.data(), st.integers(1, 500))
def test_clamped_mean__fewer_than_half_bad__is_near_the_good(good, data, clamp_bps):
    bad = data.draw(st.lists(PRICE, max_size=len(good) - 1))
    prices = good + bad
    result = clamped_mean(prices, [1] * len(prices), clamp_bps)
    reach = max(good) * clamp_bps // 10_000 + 1
    assert min(good) - reach <= result <= max(good) + reach


def test_clamped_mean__the_example_of_deribit__and_of_a_300_bps_clamp():
    assert clamped_mean([100 * WAD, 101 * WAD, 120 * WAD], [25, 50, 25], 50) == 101 * WAD
    # OKX: three sources, the third counts as 1.03 times the median.
    assert clamped_mean([100_00, 100_00, 110_00], [1, 1, 1], 300) == 101_00


# Dropping and capping -----------------------------------------------------------------------------------------------


def test_outliers__between_the_thresholds__stay_what_they_were():
    def is_out(price: int, before: bool) -> bool:
        return bool(outliers({"a": price}, 10_000, {"a"} if before else set(), 500, 250))

    assert [is_out(price, before=False) for price in (10_500, 10_501, 9_500, 9_499)] == [False, True, False, True]
    assert [is_out(price, before=True) for price in (10_250, 10_251, 9_750, 9_749)] == [False, True, False, True]


@exact
@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.integers(1, 9_999))
def test_capped_weights__cuts_to_the_highest_level_that_holds(weights, most_bps):
    assert capped_weights(weights, most_bps) == largest_sound_level(weights, most_bps)


@exact
@given(st.lists(st.integers(10**18, 10**24), min_size=4, max_size=12), st.integers(2_500, 9_999))
def test_capped_weights__enough_venues__nobody_has_more_than_the_cap(weights, most_bps):
    capped = capped_weights(weights, most_bps)
    assert max(capped) * 10_000 <= most_bps * sum(capped)
    assert all(after <= before for after, before in zip(capped, weights, strict=True))


# Pyth's votes -------------------------------------------------------------------------------------------------------

QUOTES = st.lists(st.tuples(st.integers(10_000, 10**9), st.integers(0, 9_999)), min_size=1, max_size=11)


@exact
@given(QUOTES)
def test_vote_median__half_of_the_votes_lie_within_the_confidence(quotes):
    price, confidence = vote_median(quotes)
    votes = [vote for x, c in quotes for vote in (x - c, x, x + c)]
    assert min(votes) <= price <= max(votes)
    assert 2 * sum(price - confidence <= vote <= price + confidence for vote in votes) >= len(votes)


def test_vote_median__a_wide_quote_beside_narrow_ones__hardly_moves_the_price():
    narrow = [(1_000, 1), (1_002, 1), (1_001, 1)]
    price, confidence = vote_median([*narrow, (1_500, 400)])
    assert (price, confidence) == (1_002, 1)


@pytest.mark.parametrize(
    ("quotes", "message"), [([], "at least one"), ([(5, -1)], "0 <= confidence"), ([(5, 5)], "0 <= confidence < price")]
)
def test_vote_median__bad_quotes__are_refused(quotes, message):
    with pytest.raises(ValueError, match=f"quotes: expected {message}"):
        vote_median(quotes)


# The reference rate -------------------------------------------------------------------------------------------------

PRINTS = st.lists(st.tuples(st.integers(-5, 125), NEAR, st.integers(1, 50)), min_size=1, max_size=40)


def trades(prints: list[tuple[int, int, int]]) -> list[Trade]:
    return [Trade("any", "BTC/USD", price, size, 1_000 + at_ms) for at_ms, price, size in prints]


@exact
@given(PRINTS)
def test_partitioned_median__any_prints__is_the_reference_rate(prints):
    inside = [(1_000 + at_ms, price, size) for at_ms, price, size in prints if 0 <= at_ms < 120]
    if not inside:
        with pytest.raises(ValueError, match="trades: expected at least one from 1000 to before 1120 ms"):
            partitioned_median(trades(prints), 1_120, 12, 10)
        return
    rate = reference_rate(inside, 1_000, 10, 12)
    result = partitioned_median(trades(prints), 1_120, 12, 10)
    # A partition that splits evenly has its middle rounded before the mean is.
    assert abs(result - rate) <= 1
    assert min(price for _, price, _ in inside) <= result <= max(price for _, price, _ in inside)


def test_partitioned_median__one_burst__is_one_twelfth_of_the_rate():
    calm = [(at_ms, 1_000_000, 10) for at_ms in range(0, 120, 10)]
    burst = [(5, 2_000_000, 10_000)]
    assert partitioned_median(trades(calm + burst), 1_120, 12, 10) == 1_083_333


# The real-time index ------------------------------------------------------------------------------------------------


@st.composite
def books(draw: st.DrawFn) -> Book:
    middle = draw(st.integers(9_900, 10_100)) * WAD
    sides = []
    for sign in (-1, 1):
        steps = draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
        sizes = draw(st.lists(st.integers(1, 4 * 10), min_size=len(steps), max_size=len(steps)))
        prices = [middle + sign * sum(steps[: i + 1]) * WAD for i in range(len(steps))]
        sides.append(tuple((price, size * WAD // 10) for price, size in zip(prices, sizes, strict=True)))
    return Book(*sides)


@exact
@given(st.lists(books(), min_size=1, max_size=4), st.sampled_from([WAD // 10, WAD // 2, WAD]))
def test_depth_weighted_mid__any_books__is_the_real_time_index(venues, spacing):
    result = depth_weighted_mid(venues, spacing)
    expected = real_time_index([(book.bids, book.asks) for book in venues], spacing)
    assert abs(result - expected) <= expected * 1e-12
    prices = [price for book in venues for side in (book.bids, book.asks) for price, _ in side]
    assert min(prices) <= result <= max(prices)
    assert depth_weighted_mid(venues[::-1], spacing) == result


def test_depth_weighted_mid__an_order_too_large_to_be_true__is_cut_to_the_cap():
    side = [(100 * WAD + i * WAD // 100, WAD) for i in range(1, 41)]
    asks = tuple(side)
    bids = tuple((200 * WAD - price, size) for price, size in side)
    wall = (bids[0][0], 10**6 * WAD)
    plain, walled = Book(bids, asks), Book((wall, *bids[1:]), asks)
    assert size_cap([plain]) == WAD
    # 1% of 80 levels is none to trim: the cap is what mean and deviation make of the wall, far below it.
    assert size_cap([walled]) < 10**6 * WAD * 6 // 10
    moved = depth_weighted_mid([walled]) - depth_weighted_mid([plain])
    assert 0 < moved < WAD // 10


@pytest.mark.parametrize(
    ("bids", "asks", "message"),
    [
        ((), ((2, 1),), "bids: expected at least one level"),
        (((1, 1),), ((2, 0),), "asks: expected at least one level, and prices and sizes above 0"),
        (((1, 1), (1, 1)), ((2, 1),), "bids: expected prices that move away"),
        (((1, 1),), ((3, 1), (2, 1)), "asks: expected prices that move away"),
        (((2, 1),), ((2, 1),), "bids: expected the best below the best ask 2, got 2"),
    ],
)
def test_book__crossed_empty_or_unsorted__is_refused(bids, asks, message):
    with pytest.raises(ValueError, match=message):
        Book(bids, asks)


def test_depth_weighted_mid__no_books_or_no_spacing__is_refused():
    with pytest.raises(ValueError, match="books: expected at least one"):
        depth_weighted_mid([])
    with pytest.raises(ValueError, match="spacing: expected at least 1, got 0"):
        depth_weighted_mid([Book(((1, 1),), ((2, 1),))], 0)


@pytest.mark.data
def test_depth_weighted_mid__recorded_books__stays_by_the_middle(market_data: Path):
    with gzip.open(market_data / "l2-l3-books-2026" / "btcusd_book.jsonl.gz", "rt") as lines:
        snapshots = [json.loads(line) for line in lines][::20]
    for snapshot in snapshots:
        sides = [tuple((wad_of_double(p), wad_of_double(q)) for p, q in snapshot[side]) for side in ("b", "a")]
        book = Book(*sides)
        result = depth_weighted_mid([book], WAD // 20)
        assert abs(result - book.mid) * 10_000 <= 3 * book.mid
        assert abs(result - real_time_index([(book.bids, book.asks)], WAD // 20)) <= result * 1e-12

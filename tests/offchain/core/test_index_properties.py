# SPDX-License-Identifier: AGPL-3.0-only
"""What the docstrings of the methods claim beyond their formulas: breakdown points, monotony, scale, order."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plumbline.core.depth import Book, depth_weighted_mid
from plumbline.core.methods import METHODS, Needs, clamped_mean, vote_median, weighted_median
from plumbline.core.models import Trade
from plumbline.core.pricing import of_venues
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.settlement import partitioned_median
from plumbline.core.units import WAD
from plumbline.core.votes import VenuePrice, dispersion_centibps

exact = settings(derandomize=True, deadline=None, max_examples=200)
GOOD = st.integers(990_000, 1_010_000)
BAD = st.integers(1, 10**15)


# Breakdown points -----------------------------------------------------------------------------------------------------


@exact
@given(st.lists(st.tuples(GOOD, st.integers(1, 50)), min_size=1, max_size=7), st.data())
def test_weighted_median__less_than_half_of_the_weight_bad__stays_among_the_good(good, data):
    room = sum(weight for _, weight in good) - 1
    bad = []
    while room > 0 and len(bad) < 5:
        weight = data.draw(st.integers(1, room))
        bad.append((data.draw(BAD), weight))
        room -= weight
    prices, weights = zip(*good, *bad, strict=True)
    assert min(price for price, _ in good) <= weighted_median(prices, weights) <= max(price for price, _ in good)


def test_weighted_median__half_of_the_weight_bad__can_be_led_half_of_the_way_anywhere():
    assert weighted_median([1_000, 10**9], [3, 3]) == 500_000_500


def test_clamped_mean__half_of_the_prices_bad__can_be_led_anywhere():
    assert clamped_mean([1_000, 10**9], [1, 1], 50) > 10**8


@exact
@given(st.lists(st.tuples(GOOD, st.integers(0, 900)), min_size=2, max_size=7), st.data())
def test_vote_median__fewer_than_half_bad_and_as_sure_as_the_good__stays_among_the_good_votes(good, data):
    bad = data.draw(st.lists(st.integers(2, 10**15), max_size=len(good) - 1))
    quotes = [*good, *((price, min(price - 1, 10)) for price in bad)]
    price, _ = vote_median(quotes)
    assert min(x - c for x, c in good) <= price <= max(x + c for x, c in good)


def test_vote_median__half_bad__can_be_led_half_of_the_way_anywhere():
    assert vote_median([(1_000, 1), (10**9, 1)])[0] > 10**8


@exact
@given(st.lists(st.tuples(st.integers(0, 11), GOOD, st.integers(1, 9)), min_size=12, max_size=40), BAD)
def test_partitioned_median__half_of_a_partitions_volume_bad__is_worth_its_part_of_the_result(prints, price):
    told = [Trade("a", "BTC/USD", good, size, 10 * part + 1) for part, good, size in prints]
    told += [Trade("a", "BTC/USD", 1_000_000, 1, 10 * part + 2) for part in range(12)]
    held = sum(trade.size_wad for trade in told if trade.at_ms < 10)
    one_less = [*told, Trade("b", "BTC/USD", price, held - 1, 5)] if held > 1 else told
    low, high = min(trade.price_wad for trade in told), max(trade.price_wad for trade in told)
    assert low <= partitioned_median(one_less, 120, 12, 10) <= high
    taken = partitioned_median([*told, Trade("b", "BTC/USD", 10**12, held + 1, 5)], 120, 12, 10)
    assert abs(taken - 10**12 // 12) <= high


# Order, scale, monotony of the others ---------------------------------------------------------------------------------

QUOTES = st.lists(st.tuples(st.integers(10_000, 10**9), st.integers(0, 9_999)), min_size=1, max_size=9)


@exact
@given(QUOTES, st.randoms(use_true_random=False), st.integers(2, 1_000))
def test_vote_median__another_order_is_the_same_and_a_scaled_one_scales(quotes, luck, factor):
    price, confidence = vote_median(quotes)
    scaled_price, scaled_confidence = vote_median([(x * factor, c * factor) for x, c in quotes])
    assert abs(scaled_price - factor * price) <= factor
    assert abs(scaled_confidence - factor * confidence) <= factor
    luck.shuffle(quotes)
    assert vote_median(quotes) == (price, confidence)


@exact
@given(QUOTES, st.data())
def test_vote_median__a_price_rises_as_it_is_as_sure__the_result_does_not_fall(quotes, data):
    i = data.draw(st.integers(0, len(quotes) - 1))
    before, _ = vote_median(quotes)
    quotes[i] = (quotes[i][0] + data.draw(st.integers(1, 10**6)), quotes[i][1])
    assert vote_median(quotes)[0] >= before


PRINTS = st.lists(st.tuples(st.integers(0, 119), GOOD, st.integers(1, 9)), min_size=1, max_size=30)


@exact
@given(PRINTS, st.randoms(use_true_random=False), st.integers(2, 1_000), st.data())
def test_partitioned_median__order_scale_and_a_risen_price(prints, luck, factor, data):
    def rate(told: list[tuple[int, int, int]], times: int = 1) -> int:
        return partitioned_median([Trade("a", "BTC/USD", times * p, q, ms) for ms, p, q in told], 120, 12, 10)

    before = rate(prints)
    # Each of twelve medians and their mean is rounded by at most 1/2.
    assert abs(rate(prints, factor) - factor * before) <= factor
    i = data.draw(st.integers(0, len(prints) - 1))
    risen = [(ms, p + 1_000 * (j == i), q) for j, (ms, p, q) in enumerate(prints)]
    assert rate(risen) >= before
    luck.shuffle(prints)
    assert rate(prints) == before


@exact
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40)), min_size=1, max_size=6), st.integers(2, 50))
def test_depth_weighted_mid__prices_scaled__scales_with_them(steps, factor):
    def book(times: int) -> Book:
        sides, sums = ([], []), 0
        for step, size in steps:
            sums += step
            sides[0].append((times * (10_000 - sums) * WAD, size * WAD // 10))
            sides[1].append((times * (10_000 + sums) * WAD, size * WAD // 10))
        return Book(tuple(sides[0]), tuple(sides[1]))

    assert (
        abs(depth_weighted_mid([book(factor)], WAD // 2) - factor * depth_weighted_mid([book(1)], WAD // 2)) <= factor
    )


def test_depth_weighted_mid__more_than_half_the_book_far_away__hardly_matters():
    near = Book(((9_999 * WAD, WAD),), ((10_001 * WAD, WAD),))
    far = Book(((9_999 * WAD, WAD), (5_000 * WAD, 50 * WAD)), ((10_001 * WAD, WAD), (20_000 * WAD, 50 * WAD)))
    assert depth_weighted_mid([near], WAD) == depth_weighted_mid([far], WAD) == 10_000 * WAD


# Through the feed's own door ------------------------------------------------------------------------------------------

OF_VENUES = sorted(
    name for name, method in METHODS.items() if method.needs in (Needs.NOTHING, Needs.WEIGHTS, Needs.QUOTES)
)
VENUES = "abcdef"


@pytest.mark.parametrize("method", OF_VENUES)
@exact
@given(st.lists(st.tuples(GOOD, st.booleans(), st.integers(0, 10**6)), min_size=6, max_size=6), st.data())
def test_of_venues__each_method__is_in_range_and_follows_a_venue_that_rises(method, told, data):
    settings_ = {}
    if METHODS[method].needs is Needs.WEIGHTS:
        settings_ = {"volume_window_s": 3_600, "volume_cap_bps": 3_000}
    elif METHODS[method].needs is Needs.QUOTES:
        settings_ = {"price_from": "mid"}
    rule = FeedRule("BTC/USD", 8, 1, parse_markets([f"{v}:BTC/USD" for v in VENUES]), method=method, **settings_)
    volumes = dict(zip(VENUES, (volume for _, _, volume in told), strict=True))
    venues = {v: VenuePrice(p, direct, 0) for v, (p, direct, _) in zip(VENUES, told, strict=True)}
    priced = of_venues(rule, venues, volumes)
    assert min(said.price_wad for said in venues.values()) <= priced.price_wad
    assert priced.price_wad <= max(said.price_wad for said in venues.values())
    shares = priced.shares_bps()
    assert set(shares) == set(VENUES)
    assert 10_000 - len(VENUES) <= sum(shares.values()) <= 10_000
    if METHODS[method].needs is Needs.WEIGHTS:
        assert max(shares.values()) <= 3_000
    venue = data.draw(st.sampled_from(VENUES))
    risen = venues | {venue: VenuePrice(venues[venue].price_wad + 5_000, venues[venue].direct, 0)}
    assert of_venues(rule, risen, volumes).price_wad >= priced.price_wad


# Dispersion -----------------------------------------------------------------------------------------------------------


@exact
@given(st.lists(st.integers(10**6, 2 * 10**6), min_size=2, max_size=8), st.integers(2, 1_000))
def test_dispersion__same_for_all_is_none_of_it_and_scale_does_not_matter(prices, factor):
    def apart(told: list[int]) -> int | None:
        return dispersion_centibps({str(i): VenuePrice(price, True) for i, price in enumerate(told)})

    assert apart([prices[0]] * len(prices)) == 0
    assert abs(apart([price * factor for price in prices]) - apart(prices)) <= 1
    assume(len(set(prices)) > 1)
    assert apart(prices) > 0 or max(prices) - min(prices) < len(prices)
    assert apart(prices[:1]) is None

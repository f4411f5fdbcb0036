# SPDX-License-Identifier: AGPL-3.0-only
"""What it costs to bend the index, out of books: sweeps, sets of venues, and real books beside each other."""

from __future__ import annotations

import gzip
import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core import attack
from plumbline.core.attack import Attack, Direction, Push, VenueBooks, attack_cost, push, sweep
from plumbline.core.depth import Book
from plumbline.core.quotes import Rate
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD, parse_wad
from plumbline.core.votes import VenuePrice

NAMES = "abcdefgh"
SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=5)


def rule(count: int, **settings: object) -> FeedRule:
    return FeedRule("BTC/USD", 8, 1, parse_markets([f"{name}:BTC/USD" for name in NAMES[:count]]), **settings)


def book(middle: int = 20_000, size: int = WAD, levels: int = 40, tick: int = 5) -> Book:
    """Levels of one size, `tick` apart."""
    bids = tuple((WAD * (middle - tick * i), size) for i in range(1, levels + 1))
    asks = tuple((WAD * (middle + tick * i), size) for i in range(1, levels + 1))
    return Book(bids, asks)


def venue(name: str, of: Book, weight: int = 1) -> VenueBooks:
    return VenueBooks(name, VenuePrice(of.mid, True), ((of, Rate()),), weight)


def test_sweep__takes_what_lies_below_the_price_and_loses_what_it_pays_above_the_middle():
    of = book()
    assert sweep(of, Rate(), 20_011 * WAD, Direction.UP) == Push(15 * WAD, 40_015 * WAD)
    assert sweep(of, Rate(), 19_990 * WAD, Direction.DOWN) == Push(5 * WAD, 19_995 * WAD)
    assert sweep(of, Rate(), 20_005 * WAD, Direction.UP) == Push(0, 0)


def test_sweep__beyond_the_book__is_at_least_all_of_it():
    of = book(levels=2)
    assert sweep(of, Rate(), 30_000 * WAD, Direction.UP) == Push(15 * WAD, 40_015 * WAD, beyond_book=True)


def test_sweep__a_book_in_another_quote__is_converted():
    assert sweep(book(), Rate(9, 10), 18_005 * WAD, Direction.UP) == Push(45 * WAD // 10, 180_045 * WAD // 10)


def test_push__a_venue_of_three_markets__takes_the_two_cheapest():
    books = tuple((book(size=size * WAD), Rate()) for size in (1, 5, 2))
    told = VenueBooks("a", VenuePrice(20_000 * WAD, True), books)
    one = sweep(book(), Rate(), 20_100 * WAD, Direction.UP)
    assert push(told, 20_100 * WAD, Direction.UP) == Push(3 * one.loss_wad, 3 * one.notional_wad)


def test_cost__a_median_of_five__takes_the_three_thinnest_and_no_single_one():
    venues = [venue(name, book(size=size * WAD)) for name, size in zip(NAMES, (9, 1, 7, 2, 3), strict=False)]
    cost = attack_cost(rule(5, method="median"), venues, 50, Direction.UP)
    assert cost.index.venues == ("b", "d", "e")
    assert cost.index.reach_bps == 50
    single = {name: cost.alone[name].loss_wad for name in "abcde"}
    assert cost.index.push.loss_wad == single["b"] + single["d"] + single["e"]
    assert min(single.values()) == single["b"] < cost.index.push.loss_wad


def test_cost__down__mirrors_up():
    venues = [venue(name, book()) for name in NAMES[:3]]
    costs = [attack_cost(rule(3, method="median"), venues, 50, direction) for direction in Direction]
    assert costs[0].index.push.loss_wad == costs[1].index.push.loss_wad
    assert [cost.target_wad for cost in costs] == [20_100 * WAD, 19_900 * WAD]


def test_cost__a_mean__one_venue_can_do_it_alone_by_going_further():
    venues = [venue(name, book(levels=200)) for name in NAMES[:3]]
    weights = tuple((name, 1) for name in NAMES[:3])
    feed = rule(3, method="weighted_mean", weights=weights)
    cost = attack_cost(feed, venues, 50, Direction.UP)
    # A third of 150 bps. Three venues at 50 bps each lose a third of that: losses grow with the square of the way.
    assert cost.index == Attack(("a", "b", "c"), 50, Push(*(3 * each for each in _walk(19))))
    alone = attack._least(feed, venues, (venues[0],), 20_000 * WAD, 20_100 * WAD, 50, Direction.UP)
    assert alone.reach_bps == 150
    assert alone.push.loss_wad > 2 * cost.index.push.loss_wad


def _walk(levels: int) -> tuple[int, int]:
    return sum(5 * i * WAD for i in range(1, levels + 1)), sum((20_000 + 5 * i) * WAD for i in range(1, levels + 1))


def test_cost__nobody_can_reach_it_inside_the_band__says_none():
    """Two thirds of a mean's way would have to come from one venue, further than it may stand from the others."""
    venues = [venue("a", book()), venue("b", book()), venue("c", book())]
    strict = rule(3, method="clamped_mean", clamp_bps=1, agree_bps=40)
    cost = attack_cost(strict, venues, 40, Direction.UP)
    # All three together always can: then the market has moved.
    assert cost.index.venues == ("a", "b", "c")
    frail = rule(3, method="weighted_mean", weights=(("a", 1), ("b", 1), ("c", 1)), agree_bps=40)
    assert attack._least(frail, venues, (venues[0],), 20_000 * WAD, 20_080 * WAD, 40, Direction.UP) is None


def test_cost__volume_weights__count():
    heavy = [venue("a", book(), 8), venue("b", book(), 1), venue("c", book(), 1)]
    by_volume = rule(3, method="weighted_median", volume_window_s=600, volume_cap_bps=10_000)
    assert attack_cost(by_volume, heavy, 50, Direction.UP).index.venues == ("a",)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5),
    st.sampled_from([5, 20, 80]),
    st.sampled_from(["median", "clamped_median"]),
)
def test_cost__any_sizes__is_an_attack_that_works_and_no_set_of_equal_reach_is_cheaper(sizes, bps, method):
    feed = rule(len(sizes), method=method)
    venues = [venue(name, book(size=size * WAD)) for name, size in zip(NAMES, sizes, strict=False)]
    cost = attack_cost(feed, venues, bps, Direction.UP)
    moved = {
        each.venue: VenuePrice(20_000 * WAD * (10_000 + cost.index.reach_bps) // 10_000, True)
        if each.venue in cost.index.venues
        else each.price
        for each in venues
    }
    assert attack._index(feed, moved, venues) >= cost.target_wad
    for inside in product((False, True), repeat=len(sizes)):
        chosen = [each for each, use in zip(venues, inside, strict=True) if use]
        prices = {
            each.venue: VenuePrice(20_000 * WAD * (10_000 + bps) // 10_000, True) if each in chosen else each.price
            for each in venues
        }
        if chosen and attack._index(feed, prices, venues) >= cost.target_wad:
            spent = sum(push(each, 20_000 * WAD * (10_000 + bps) // 10_000, Direction.UP).loss_wad for each in chosen)
            assert cost.index.push.loss_wad <= spent


@pytest.mark.data
def test_cost__recorded_books__the_index_costs_more_than_any_venue_of_it(market_data: Path):
    """One exchange's book at five times stands for five exchanges: real depth, a few bps apart."""
    with gzip.open(market_data / "l2-l3-books-2026" / "btcusd_book.jsonl.gz", "rt") as lines:
        recorded = [json.loads(line, parse_float=str, parse_int=str) for line in lines][:50:10]
    venues = []
    for name, snapshot in zip(NAMES, recorded, strict=False):
        sides = [tuple((parse_wad(p), parse_wad(q)) for p, q in snapshot[side]) for side in ("b", "a")]
        venues.append(venue(name, Book(*sides)))
    cost = attack_cost(rule(5), venues, 1, Direction.UP)
    assert len(cost.index.venues) >= 3
    assert cost.index.push.loss_wad > min(one.loss_wad for one in cost.alone.values())
    # Twenty levels end before 50 bps: what is said then is only a lower bound, and says so.
    assert attack_cost(rule(5), venues, 50, Direction.UP).index.push.beyond_book


@pytest.mark.parametrize(
    ("feed", "bps", "count", "message"),
    [
        (rule(3, method="vote_median", price_from="mid"), 50, 3, "method: expected one made of the venues' prices"),
        (rule(3), 501, 3, "bps: expected 1 to the feed's agree_bps, 500, got 501"),
        (rule(3), 0, 3, "bps: expected 1 to"),
        (rule(3), 50, 15, "venues: expected at most 14, got 15"),
        (rule(3), 50, 0, "venues: expected enough of them, and agreeing, for a price; got 0"),
    ],
)
def test_cost__senseless__is_refused(feed, bps, count, message):
    with pytest.raises(ValueError, match=message):
        attack_cost(feed, [venue(f"v{i}", book()) for i in range(count)], bps, Direction.UP)

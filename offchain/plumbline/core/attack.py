# SPDX-License-Identifier: AGPL-3.0-only
"""What it costs to move an index: read out of order books, by the cheapest set of venues.

Who wants a venue's price at p buys everything offered below p (or sells into everything bid above it). What he buys is
still worth what it was worth before, so what it costs him is what he pays above the middle:

    loss(p) = sum over the levels on the way of size * |price - mid|        notional(p) = sum of size * price

All figures favour him: no fees, nobody refills the book while he takes it, and where the known levels end the next one
is taken to be wherever he wants it (`beyond_book`: a real attack costs more than is said). Each set of venues is moved
to one price, just far enough; the index is computed as the engine does, outliers, agreement and all. A set that is
found is an attack that works, so the true minimum is at most what is said, at those books.

It is the cost of one observation of one reporter. A price on chain is a median of reporters who look at one moment, so
it is the cost of a round, too; to hold the price, it has to be paid again as fast as the books refill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from plumbline.core import pricing
from plumbline.core.depth import Book
from plumbline.core.methods import METHODS, weighted_median
from plumbline.core.models import Contribution, IndexPrice
from plumbline.core.quotes import Rate
from plumbline.core.rules import FeedRule, MarketId
from plumbline.core.units import MAX_BPS, WAD
from plumbline.core.votes import VenuePrice, drop_outliers, majority_agrees

MAX_VENUES: Final = 14
"""Every set is tried: 2 ** 14 take some seconds."""


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """A venue that is in the price, with the books it is made of and what converts each into the feed's quote."""

    venue: str
    price: VenuePrice
    books: tuple[tuple[Book, Rate], ...]
    weight: int = 1
    """What it weighs where the feed weighs by volume, in any unit."""


@dataclass(frozen=True, slots=True)
class Push:
    """What moving one or more venues takes, in the feed's quote times 1e18, rounded down."""

    loss_wad: int
    notional_wad: int
    beyond_book: bool = False
    """A book ends before the price: what is said is only the part of it that is known."""

    def __add__(self, other: Push) -> Push:
        return Push(
            self.loss_wad + other.loss_wad,
            self.notional_wad + other.notional_wad,
            self.beyond_book or other.beyond_book,
        )


@dataclass(frozen=True, slots=True)
class Attack:
    venues: tuple[str, ...]
    reach_bps: int
    """How far from the index each of them is pushed."""
    push: Push


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one direction. `index` None: no set of venues moves it so far by being pushed inside `agree_bps`."""

    direction: Direction
    bps: int
    base_wad: int
    target_wad: int
    index: Attack | None
    alone: Mapping[str, Push]
    """What it takes to move each single venue's own price so far."""


def attack_cost(rule: FeedRule, venues: Sequence[VenueBooks], bps: int, direction: Direction) -> Cost:
    """The cheapest set of venues that moves the index by `bps`.

    Raises:
        ValueError: the method is not one of venues' prices, `bps` is not below `agree_bps`, too many venues, or they
            make no price to begin with.
    """
    if METHODS[rule.method].combine is None:
        raise ValueError(f"method: expected one made of the venues' prices, got {rule.method}")
    if not 0 < bps <= rule.agree_bps:
        raise ValueError(f"bps: expected 1 to the feed's agree_bps, {rule.agree_bps}, got {bps}")
    if len(venues) > MAX_VENUES:
        raise ValueError(f"venues: expected at most {MAX_VENUES}, got {len(venues)}")
    base_wad = _index(rule, {each.venue: each.price for each in venues}, venues)
    if base_wad is None:
        raise ValueError(f"venues: expected enough of them, and agreeing, for a price; got {len(venues)}")
    target_wad = _moved(base_wad, bps, direction)
    attacks = (_least(rule, venues, chosen, base_wad, target_wad, bps, direction) for chosen in _sets(venues))
    cheapest = min(
        (attack for attack in attacks if attack is not None),
        key=lambda attack: (attack.push.loss_wad, attack.push.notional_wad, attack.venues),
        default=None,
    )
    alone = {each.venue: push(each, _moved(each.price.price_wad, bps, direction), direction) for each in venues}
    return Cost(direction, bps, base_wad, target_wad, cheapest, alone)


def push(venue: VenueBooks, to_wad: int, direction: Direction) -> Push:
    """What moves one venue's price: of several markets, whose median it is, the cheapest more than half of them."""
    each = sorted((sweep(book, rate, to_wad, direction) for book, rate in venue.books), key=lambda one: one.loss_wad)
    total = Push(0, 0)
    for one in each[: len(each) // 2 + 1]:
        total += one
    return total


def sweep(book: Book, rate: Rate, to_wad: int, direction: Direction) -> Push:
    """Everything between the middle and a price, that price excluded.

    >>> book = Book(((99 * WAD, WAD),), ((101 * WAD, 2 * WAD), (103 * WAD, 5 * WAD)))
    >>> taken = sweep(book, Rate(), 103 * WAD, Direction.UP)
    >>> taken.loss_wad // WAD, taken.notional_wad // WAD, taken.beyond_book  # two at 101, one above the middle of 100
    (2, 202, False)
    """
    up = direction is Direction.UP
    loss = notional = 0
    reached = False
    for price_wad, size_wad in book.asks if up else book.bids:
        converted_wad = rate.of(price_wad)
        if converted_wad >= to_wad if up else converted_wad <= to_wad:
            reached = True
            break
        loss += size_wad * abs(converted_wad - rate.of(book.mid))
        notional += size_wad * converted_wad
    return Push(loss // WAD, notional // WAD, not reached)


def _least(
    rule: FeedRule,
    venues: Sequence[VenueBooks],
    chosen: tuple[VenueBooks, ...],
    base_wad: int,
    target_wad: int,
    bps: int,
    direction: Direction,
) -> Attack | None:
    """The set moved just far enough: by halving, for inside `agree_bps` the index follows its venues."""

    def works(reach_bps: int) -> bool:
        prices = {each.venue: each.price for each in venues}
        for each in chosen:
            prices[each.venue] = VenuePrice(_reach(each, base_wad, reach_bps, direction), each.price.direct)
        index_wad = _index(rule, prices, venues)
        if index_wad is None:
            return False
        return index_wad >= target_wad if direction is Direction.UP else index_wad <= target_wad

    low, high = 1, rule.agree_bps
    if not works(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle + 1, high)
    total = Push(0, 0)
    for each in chosen:
        total += push(each, _reach(each, base_wad, low, direction), direction)
    return Attack(tuple(each.venue for each in chosen), low, total)


def _index(rule: FeedRule, prices: Mapping[str, VenuePrice], venues: Sequence[VenueBooks]) -> int | None:
    back_bps = rule.agree_bps // 2 if rule.back_bps is None else rule.back_bps
    near = drop_outliers(prices, set(), rule.agree_bps, back_bps)
    if len(near) < rule.min_venues or not majority_agrees(prices, rule.agree_bps):
        return None
    return pricing.of_venues(rule, near, {each.venue: each.weight for each in venues}).price_wad


def _reach(venue: VenueBooks, base_wad: int, bps: int, direction: Direction) -> int:
    """Where it is pushed to; a venue that is further off already stays where it is."""
    to_wad = _moved(base_wad, bps, direction)
    now_wad = venue.price.price_wad
    return max(to_wad, now_wad) if direction is Direction.UP else min(to_wad, now_wad)


def _moved(price_wad: int, bps: int, direction: Direction) -> int:
    return price_wad * (MAX_BPS + (bps if direction is Direction.UP else -bps)) // MAX_BPS


def _sets(venues: Sequence[VenueBooks]) -> Iterable[tuple[VenueBooks, ...]]:
    for count in range(1, len(venues) + 1):
        yield from combinations(venues, count)


def venue_books(rule: FeedRule, price: IndexPrice, books: Mapping[MarketId, Book]) -> list[VenueBooks]:
    """The venues that are in an observation, with their books.

    Raises:
        ValueError: a market that counts has no book, or is a cross of two.
    """
    said: dict[str, list[Contribution]] = {}
    for each in price.contributions:
        if each.included:
            said.setdefault(each.venue, []).append(each)
    return [_venue_books(rule, venue, each, books) for venue, each in said.items()]


def _venue_books(
    rule: FeedRule, venue: str, said: Sequence[Contribution], books: Mapping[MarketId, Book]
) -> VenueBooks:
    found, prices = [], []
    for each in said:
        book = books.get((venue, each.symbol))
        if book is None or each.price_wad is None or each.converted_wad is None:
            raise ValueError(f"books: expected one of {venue}:{each.symbol}, got none")
        found.append((book, Rate(each.converted_wad, each.price_wad)))
        prices.append(each.converted_wad)
    direct = any(each.symbol.partition("/")[2] == rule.quote for each in said)
    middle_wad = weighted_median(prices, [1] * len(prices))
    return VenueBooks(venue, VenuePrice(middle_wad, direct), tuple(found), max(1, said[0].weight_bps))

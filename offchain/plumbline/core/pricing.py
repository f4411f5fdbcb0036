# SPDX-License-Identifier: AGPL-3.0-only
"""A feed's price out of the venues that are in, by the feed's method, and what each of them weighed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plumbline.core.depth import Book, depth_weighted_mid
from plumbline.core.methods import METHODS, capped_weights, vote_median
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule
from plumbline.core.settlement import partitioned_median
from plumbline.core.units import MAX_BPS
from plumbline.core.votes import VenuePrice, one_vote_each


@dataclass(frozen=True, slots=True)
class Priced:
    """`price_wad` None: no price, and `reason` says why."""

    price_wad: int | None
    reason: str = ""
    confidence_wad: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    """Of the venues, in any one unit; empty where a venue has no weight of its own."""

    def shares_bps(self) -> dict[str, int]:
        """Each venue's part of all weights, rounded down."""
        total = sum(self.weights.values())
        return {venue: weight * MAX_BPS // total for venue, weight in self.weights.items()}


def of_venues(rule: FeedRule, venues: Mapping[str, VenuePrice], volumes_wad: Mapping[str, int]) -> Priced:
    """One price a venue, weighed as the feed says: clamped, median or mean, or as votes with a confidence."""
    method = METHODS[rule.method]
    if method.combine is None:
        price_wad, confidence_wad = vote_median([(said.price_wad, said.confidence_wad) for said in venues.values()])
        return Priced(price_wad, "", confidence_wad, dict.fromkeys(venues, 1))
    weights = weigh(rule, venues, volumes_wad)
    price_wad = method.combine([said.price_wad for said in venues.values()], weights, rule.clamp_bps)
    return Priced(price_wad, weights=dict(zip(venues, weights, strict=True)))


def weigh(rule: FeedRule, venues: Mapping[str, VenuePrice], volumes_wad: Mapping[str, int]) -> list[int]:
    """A weight above 0 for each venue that is in: the configured one, its volume up to the cap, or one vote."""
    if rule.weights:
        configured = dict(rule.weights)
        return [configured[venue] for venue in venues]
    if rule.volume_window_s:
        # A venue priced by its book may not have traded: it is in, so it weighs the least there is.
        return capped_weights([max(1, volumes_wad[venue]) for venue in venues], rule.volume_cap_bps)
    return one_vote_each(venues)


def of_trades(rule: FeedRule, trades: Sequence[Trade], at_ms: int) -> Priced:
    """All trades of the window, whichever venue's, in one list: weighed by their size."""
    inside = [trade for trade in trades if at_ms - rule.window_s * 1000 <= trade.at_ms < at_ms]
    if not inside:
        return Priced(None, f"no trade in the {rule.window_s} s before")
    price_wad = partitioned_median(inside, at_ms, rule.partitions, rule.window_s * 1000 // rule.partitions)
    weights: dict[str, int] = {}
    for trade in inside:
        weights[trade.venue] = weights.get(trade.venue, 0) + trade.size_wad
    return Priced(price_wad, weights=weights)


def of_books(rule: FeedRule, books: Sequence[Book]) -> Priced:
    """The consolidated book of the venues that are in."""
    return Priced(depth_weighted_mid(books, rule.spacing_wad))

# SPDX-License-Identifier: AGPL-3.0-only
"""One market's say about a feed, and what a feed's says amount to: venue by venue, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plumbline.core.median import lower_median
from plumbline.core.models import Contribution
from plumbline.core.rules import Cross, FeedRule, Market
from plumbline.core.units import MAX_BPS


@dataclass(slots=True)
class Vote:
    """What one market or cross says; out as soon as it has a reason."""

    source: Market | Cross
    price_wad: int | None = None
    """As the venue has it."""
    converted_wad: int | None = None
    """In the feed's quote currency."""
    age_ms: int | None = None
    """Of the older leg."""
    unchanged_ms: int = 0
    """For how long the price of a leg has stood still, at most."""
    reason: str = ""

    def contribution(self) -> Contribution:
        source = self.source
        return Contribution(
            source.venue, source.symbol, self.price_wad, self.converted_wad, self.age_ms, not self.reason, self.reason
        )


def beyond(price: int, centre: int, bps: int) -> bool:
    """Whether a price is more than `bps` of `centre` away from it."""
    return abs(price - centre) * MAX_BPS > centre * bps


def venue_prices(votes: Iterable[Vote]) -> dict[str, int]:
    """One price per venue, so that a venue with many markets does not outvote the others.

    The lower median of its markets that are in.
    """
    markets: dict[str, list[int]] = {}
    for vote in votes:
        if not vote.reason and vote.converted_wad is not None:
            markets.setdefault(vote.source.venue, []).append(vote.converted_wad)
    return {venue: lower_median(prices) for venue, prices in markets.items()}


def drop_frozen(votes: Iterable[Vote], venues: Mapping[str, int], rule: FeedRule) -> bool:
    """Put out the markets that still trade, but at one unchanged price that the other venues have left.

    Standing still is no fault by itself: a stablecoin does it for hours. Returns whether any was put out.
    """
    dropped = False
    for vote in votes:
        others = [price for venue, price in venues.items() if venue != vote.source.venue]
        if vote.reason or vote.converted_wad is None or not others or vote.unchanged_ms < rule.frozen_s * 1000:
            continue
        if beyond(vote.converted_wad, lower_median(others), rule.clamp_bps):
            vote.reason, dropped = "frozen", True
    return dropped


def agreed(price: int, venues: Mapping[str, int], bps: int) -> bool:
    """Whether more than half of the venues lie within `bps` of the price. Two venues must both."""
    return 2 * sum(not beyond(venue_price, price, bps) for venue_price in venues.values()) > len(venues)

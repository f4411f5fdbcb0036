# SPDX-License-Identifier: AGPL-3.0-only
"""One market's say about a feed, and what a feed's says amount to: checked against each other, venue by venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.core.methods import METHODS, beyond, outliers, weighted_median
from plumbline.core.models import Contribution

FROZEN_BPS: Final = 20
"""Standing still is no fault while the others are not further away than this: a stablecoin does it for hours."""


@dataclass(slots=True)
class Vote:
    """What one market or cross says; out as soon as it has a reason."""

    venue: str
    symbol: str
    direct: bool
    """A market in the feed's own quote currency: no rate in between."""
    price_wad: int = 0
    """As the venue has it; 0 while it has none."""
    converted_wad: int = 0
    """In the feed's quote currency; never 0 while the vote is in."""
    age_ms: int | None = None
    """Of the older leg."""
    unchanged_ms: int = 0
    """How long a leg's price has stood still, at most."""
    reason: str = ""

    def contribution(self) -> Contribution:
        price_wad, converted_wad = self.price_wad or None, self.converted_wad or None
        return Contribution(
            self.venue, self.symbol, price_wad, converted_wad, self.age_ms, not self.reason, self.reason
        )


@dataclass(frozen=True, slots=True)
class VenuePrice:
    price_wad: int
    direct: bool


def drop_frozen(votes: Sequence[Vote], frozen_s: int) -> list[Vote]:
    """Put out the markets that still trade, but at one unchanged price that most other venues have left to one side.

    It takes two other venues: of two that differ, the quiet one may well be right.
    """
    still = [vote for vote in votes if vote.unchanged_ms >= frozen_s * 1000]
    venues = venue_prices(votes) if still else {}
    for vote in still:
        price = vote.converted_wad
        others = [said.price_wad for venue, said in venues.items() if venue != vote.venue]
        left = [other for other in others if beyond(other, price, FROZEN_BPS)]
        above = sum(other > price for other in left)
        if len(others) >= 2 and 2 * max(above, len(left) - above) > len(others):
            vote.reason = "frozen"
    return [vote for vote in votes if not vote.reason]


def prefer_direct(votes: Sequence[Vote]) -> list[Vote]:
    """Where a venue has a market in the feed's own quote, that one speaks for it: a rate only adds its own error."""
    direct = {vote.venue: vote.symbol for vote in votes if vote.direct}
    for vote in votes:
        if not vote.direct and vote.venue in direct:
            vote.reason = f"{direct[vote.venue]} speaks for the venue"
    return [vote for vote in votes if not vote.reason]


def venue_prices(votes: Sequence[Vote]) -> dict[str, VenuePrice]:
    """One price per venue, the median of its markets: no venue outvotes others by listing more of them."""
    markets: dict[str, list[int]] = {}
    for vote in votes:
        markets.setdefault(vote.venue, []).append(vote.converted_wad)
    direct = {vote.venue for vote in votes if vote.direct}
    return {venue: VenuePrice(_middle(prices), venue in direct) for venue, prices in markets.items()}


def drop_outliers(venues: Mapping[str, VenuePrice], out: set[str], agree_bps: int) -> dict[str, VenuePrice]:
    """The venues near the median of all: out beyond `agree_bps`, back within half of it (BRTI: 5%, back at 2.5%).

    `out` names those that are out, before and after the call. The median is that of all venues, in or out, so that
    no minority can keep a majority out. Of two venues neither is the outlier: they agree or there is no price.
    """
    if len(venues) >= 3:
        prices = {venue: said.price_wad for venue, said in venues.items()}
        now_out = outliers(prices, weighted_median(*_weighed(venues)), out, agree_bps, agree_bps // 2)
        out.difference_update(venues)
        out.update(now_out)
        return {venue: said for venue, said in venues.items() if venue not in out}
    return dict(venues)


def combine(venues: Mapping[str, VenuePrice], method: str, clamp_bps: int) -> int:
    """One price out of the venues', one vote each; a direct price decides where the votes are equal."""
    return METHODS[method](*_weighed(venues), clamp_bps)


def majority_agrees(venues: Mapping[str, VenuePrice], agree_bps: int) -> bool:
    """Whether more than half of the venues fit together into `agree_bps`; of two venues, both must."""
    ordered = sorted(said.price_wad for said in venues.values())
    need = len(ordered) // 2 + 1
    return any(not beyond(high, low, agree_bps) for low, high in zip(ordered, ordered[need - 1 :], strict=False))


def _weighed(venues: Mapping[str, VenuePrice]) -> tuple[list[int], list[int]]:
    """Prices and weights: n for a converted price, n + 1 for a direct one.

    So little more only breaks ties: of n venues, a minority of direct ones never outweighs a majority of others.
    """
    return [said.price_wad for said in venues.values()], [len(venues) + said.direct for said in venues.values()]


def _middle(prices: Sequence[int]) -> int:
    return prices[0] if len(prices) == 1 else weighted_median(prices, [1] * len(prices))

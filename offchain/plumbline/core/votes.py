# SPDX-License-Identifier: AGPL-3.0-only
"""One market's say about a feed, and what a feed's says amount to: checked against each other, venue by venue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.core.methods import clamped_median, weighted_median
from plumbline.core.models import Contribution
from plumbline.core.rules import Cross, Market
from plumbline.core.units import MAX_BPS

FROZEN_BPS: Final = 20
"""Standing still is no fault while the others are not further away than this: a stablecoin does it for hours."""


@dataclass(slots=True)
class Vote:
    """What one market or cross says; out as soon as it has a reason."""

    source: Market | Cross
    price_wad: int | None = None
    """As the venue has it."""
    converted_wad: int | None = None
    """In the feed's quote currency; never None while the vote is in."""
    age_ms: int | None = None
    """Of the older leg."""
    unchanged_ms: int = 0
    """How long a leg's price has stood still, at most."""
    reason: str = ""

    @property
    def venue(self) -> str:
        return self.source.venue

    def contribution(self) -> Contribution:
        included, symbol = not self.reason, self.source.symbol
        return Contribution(self.venue, symbol, self.price_wad, self.converted_wad, self.age_ms, included, self.reason)


@dataclass(frozen=True, slots=True)
class VenuePrice:
    price_wad: int
    direct: bool
    """From a market in the feed's own quote currency, with no rate in between."""


def drop_frozen(votes: Sequence[Vote], frozen_s: int) -> None:
    """Put out the markets that still trade, but at one unchanged price that the other venues have left."""
    live = _live(votes)
    for vote, price in live:
        others = [other_price for other, other_price in live if other.venue != vote.venue]
        if others and vote.unchanged_ms >= frozen_s * 1000 and beyond(price, _middle(others), FROZEN_BPS):
            vote.reason = "frozen"


def prefer_direct(votes: Sequence[Vote], quote: str) -> None:
    """Where a venue has a market in the feed's own quote, that one speaks for it: a rate only adds its own error."""
    direct = {vote.venue: vote.source.symbol for vote, _ in _live(votes) if _is_direct(vote, quote)}
    for vote, _ in _live(votes):
        if vote.venue in direct and not _is_direct(vote, quote):
            vote.reason = f"{direct[vote.venue]} speaks for the venue"


def venue_prices(votes: Sequence[Vote], quote: str) -> dict[str, VenuePrice]:
    """One price per venue, so that no venue outvotes others by listing more markets: the median of what is in."""
    markets: dict[str, list[tuple[Vote, int]]] = {}
    for vote, price in _live(votes):
        markets.setdefault(vote.venue, []).append((vote, price))
    return {
        venue: VenuePrice(_middle([price for _, price in said]), all(_is_direct(vote, quote) for vote, _ in said))
        for venue, said in markets.items()
    }


def drop_outliers(venues: Mapping[str, VenuePrice], out: set[str], agree_bps: int) -> dict[str, VenuePrice]:
    """The venues near the median of all: out beyond `agree_bps`, back within half of it (BRTI: 5%, back at 2.5%).

    `out` names those that are out, before and after the call. The median is that of all venues, in or out, so that
    no minority can keep a majority out. Of two venues neither is the outlier: they agree or there is no price.
    """
    if len(venues) < 3:
        return dict(venues)
    centre = weighted_median(*_weighed(venues))
    for venue, said in venues.items():
        limit_bps = agree_bps // 2 if venue in out else agree_bps
        (out.add if beyond(said.price_wad, centre, limit_bps) else out.discard)(venue)
    return {venue: said for venue, said in venues.items() if venue not in out}


def venue_median(venues: Mapping[str, VenuePrice], clamp_bps: int) -> int:
    """The clamped median of the venues, one vote each; a direct price decides where the votes are equal."""
    return clamped_median(*_weighed(venues), clamp_bps)


def majority_agrees(venues: Mapping[str, VenuePrice], agree_bps: int) -> bool:
    """Whether more than half of the venues fit together into `agree_bps`; of two venues, both must."""
    ordered = sorted(said.price_wad for said in venues.values())
    need = len(ordered) // 2 + 1
    return any(not beyond(high, low, agree_bps) for low, high in zip(ordered, ordered[need - 1 :], strict=False))


def beyond(price: int, centre: int, bps: int) -> bool:
    """Whether a price is further than `bps` of the centre from it."""
    return abs(price - centre) * MAX_BPS > centre * bps


def _live(votes: Iterable[Vote]) -> list[tuple[Vote, int]]:
    return [(vote, vote.converted_wad) for vote in votes if not vote.reason and vote.converted_wad is not None]


def _is_direct(vote: Vote, quote: str) -> bool:
    return isinstance(vote.source, Market) and vote.source.quote == quote


def _weighed(venues: Mapping[str, VenuePrice]) -> tuple[list[int], list[int]]:
    """Prices and weights: n for a converted price, n + 1 for a direct one.

    So little more only breaks ties: of n venues, a minority of direct ones never outweighs a majority of others.
    """
    return [said.price_wad for said in venues.values()], [len(venues) + said.direct for said in venues.values()]


def _middle(prices: Sequence[int]) -> int:
    return weighted_median(prices, [1] * len(prices))

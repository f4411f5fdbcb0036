# SPDX-License-Identifier: AGPL-3.0-only
"""One market's say about a feed, and what a feed's says amount to: checked against each other, venue by venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.core.methods import beyond, outliers, weighted_median
from plumbline.core.models import Contribution
from plumbline.core.units import MAX_BPS

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
    confidence_wad: int = 0
    """Half of what bid and ask are apart, in the feed's quote currency; 0 for trades."""
    via: tuple[str, ...] = ()
    weight_bps: int = 0
    reason: str = ""

    def contribution(self) -> Contribution:
        return Contribution(
            self.venue,
            self.symbol,
            self.price_wad or None,
            self.converted_wad or None,
            self.age_ms,
            not self.reason,
            self.reason,
            self.via,
            self.weight_bps,
        )


@dataclass(frozen=True, slots=True)
class VenuePrice:
    price_wad: int
    direct: bool
    confidence_wad: int = 0
    """The widest of its markets'."""


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
    markets: dict[str, list[Vote]] = {}
    for vote in votes:
        markets.setdefault(vote.venue, []).append(vote)
    return {venue: _venue_price(said) for venue, said in markets.items()}


def _venue_price(said: Sequence[Vote]) -> VenuePrice:
    if len(said) == 1:
        return VenuePrice(said[0].converted_wad, said[0].direct, said[0].confidence_wad)
    middle = weighted_median([vote.converted_wad for vote in said], [1] * len(said))
    return VenuePrice(middle, any(vote.direct for vote in said), max(vote.confidence_wad for vote in said))


def drop_outliers(
    venues: Mapping[str, VenuePrice], out: set[str], agree_bps: int, back_bps: int
) -> dict[str, VenuePrice]:
    """The venues near the median of all: out beyond `agree_bps`, back within `back_bps` (BRTI: 5%, back at 2.5%).

    `out` names those that are out, before and after the call. The median is that of all venues, in or out, so that
    no minority can keep a majority out. Of two venues neither is the outlier: they agree or there is no price.
    """
    if len(venues) >= 3:
        prices = {venue: said.price_wad for venue, said in venues.items()}
        now_out = outliers(prices, _centre(venues), out, agree_bps, back_bps)
        out.difference_update(venues)
        out.update(now_out)
        return {venue: said for venue, said in venues.items() if venue not in out}
    return dict(venues)


def majority_agrees(venues: Mapping[str, VenuePrice], agree_bps: int) -> bool:
    """Whether more than half of the venues fit together into `agree_bps`; of two venues, both must."""
    ordered = sorted(said.price_wad for said in venues.values())
    need = len(ordered) // 2 + 1
    return any(not beyond(high, low, agree_bps) for low, high in zip(ordered, ordered[need - 1 :], strict=False))


def dispersion_centibps(venues: Mapping[str, VenuePrice]) -> int | None:
    """How far apart the venues stand: the mean of |x_i - m| / m, m their median, in 1/100 bps, rounded down.

    A market that holds together has a few bps; arbitrage that is out of order (withdrawals shut, a currency off its
    peg) shows here before it shows in any price. None of fewer than two venues.
    """
    if len(venues) < 2:
        return None
    prices = [said.price_wad for said in venues.values()]
    middle = weighted_median(prices, [1] * len(prices))
    return sum([abs(price - middle) for price in prices]) * MAX_BPS * 100 // (middle * len(prices))


def one_vote_each(venues: Mapping[str, VenuePrice]) -> list[int]:
    """Weights: n for a converted price of n venues, n + 1 for a direct one.

    So little more only breaks ties: of n venues, a minority of direct ones never outweighs a majority of others.
    """
    return [len(venues) + said.direct for said in venues.values()]


def _centre(venues: Mapping[str, VenuePrice]) -> int:
    return weighted_median([said.price_wad for said in venues.values()], one_vote_each(venues))

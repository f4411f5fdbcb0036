# SPDX-License-Identifier: AGPL-3.0-only
"""The days a study runs on: a recording or a simulation, with one market held out to measure against.

The venue of the held-out market is left out of every feed: an index is not to be judged by what it was made of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Final

from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, Market
from plumbline.errors import ConfigError
from plumbline.replay.simulation import simulated_trades
from plumbline.replay.tape import recorded_trades

REFERENCE_AGE_S: Final = 180
"""A reference that has not traded for longer says nothing about now."""


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """Which days, in seconds UTC from `start_s` until before `end_s`; small enough to be sent to another process."""

    start_s: int
    end_s: int
    reference: Market
    file: Path | None = None
    """A recording; None: simulated."""
    seed: int = 1

    @property
    def step_s(self) -> int:
        """How often errors are measured: a recording knows its market once a minute."""
        return 1 if self.file is None else 60

    @property
    def warm_up_s(self) -> int:
        """Before the first error is measured, so that none is a start's."""
        return min(3_600, (self.end_s - self.start_s) // 4)

    def load(self) -> MarketDays:
        """Raises ConfigError for a recording that cannot be read, or days in which the reference does not trade."""
        if self.file is None:
            endless = simulated_trades(self.seed, self.start_s * 1000)
            trades: Iterable[Trade] = takewhile(lambda trade: trade.at_ms < self.end_s * 1000, endless)
        else:
            trades = recorded_trades(self.file, self.start_s, self.end_s)
        kept, times, prices = [], [], []
        for trade in trades:
            if (trade.venue, trade.symbol) == self.reference.legs[0]:
                times.append(trade.at_ms)
                prices.append(trade.price_wad)
            if trade.venue != self.reference.venue:
                kept.append(trade)
        if not times:
            raise ConfigError(f"reference: expected a market that trades in these days, got {self.reference}")
        return MarketDays(self, kept, times, prices)


@dataclass(frozen=True, slots=True)
class MarketDays:
    """What was traded, by time, the reference's venue left out; and the reference."""

    spec: MarketSpec
    trades: Sequence[Trade]
    reference_ms: Sequence[int]
    reference_wad: Sequence[int]

    def reference_at(self, at_s: int) -> int | None:
        """The reference's last price until then, times 1e18; None when it is too old."""
        place = bisect_right(self.reference_ms, at_s * 1000) - 1
        if place < 0 or self.reference_ms[place] < (at_s - REFERENCE_AGE_S) * 1000:
            return None
        return self.reference_wad[place]


def without_venue(rules: Sequence[FeedRule], venue: str) -> list[FeedRule]:
    """The feeds without a venue; one that asked for more venues than are left asks for those.

    Raises:
        ConfigError: a feed has no other venue.
    """
    return [_without(rule, venue) for rule in rules]


def _without(rule: FeedRule, venue: str) -> FeedRule:
    markets = [market for market in rule.markets if market.venue != venue]
    crosses = [cross for cross in rule.crosses if cross.venue != venue]
    venues = {market.venue for market in markets} | {cross.venue for cross in crosses}
    if not venues:
        raise ConfigError(f"{rule.name}: expected venues beside {venue}, whose market is the reference; got none")
    return replace(
        rule,
        markets=tuple(markets),
        crosses=tuple(crosses),
        min_venues=min(rule.min_venues, len(venues)),
        weights=tuple(each for each in rule.weights if each[0] in venues),
    )

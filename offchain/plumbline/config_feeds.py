# SPDX-License-Identifier: AGPL-3.0-only
"""The parts of a reporter's config that say how prices are made: `[[feeds]]` and `[selection]`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from plumbline.core.quotes import paths
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.selection import Criterion, SelectionRule, Selector
from plumbline.core.units import parse_wad
from plumbline.sections import Decimal, NonNegative, Positive, Section, Symbol


class FeedConfig(Section, frozen=True):
    """One feed, in the chain's order: `markets` ("venue:BASE/QUOTE"), `crosses` ("venue" or "venue:VIA"), or both.

    The meaning of every threshold, and its default, is `plumbline.core.rules.FeedRule`'s.
    """

    name: Symbol
    decimals: int
    min_venues: int
    """No default: how many venues make a price is each feed's own decision."""
    markets: tuple[str, ...] = ()
    crosses: tuple[str, ...] = ()
    method: str | UnsetType = UNSET
    price_from: str | UnsetType = UNSET
    weights: dict[str, Positive] | UnsetType = UNSET
    """Venue -> weight, for methods that weigh; or `volume_window_s`, to weigh by what was traded."""
    volume_window_s: int | UnsetType = UNSET
    volume_cap_bps: int | UnsetType = UNSET
    window_s: int | UnsetType = UNSET
    partitions: int | UnsetType = UNSET
    spacing: Decimal | UnsetType = UNSET
    """Base units, as text."""
    max_age_s: int | UnsetType = UNSET
    clamp_bps: int | UnsetType = UNSET
    agree_bps: int | UnsetType = UNSET
    back_bps: int | UnsetType = UNSET
    frozen_s: int | UnsetType = UNSET
    off_peg_bps: int | UnsetType = UNSET
    on_peg_bps: int | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.markets and not self.crosses:
            raise ValueError("markets: expected at least one of markets and crosses")
        self.rule()

    def rule(self) -> FeedRule:
        given = {key: value for key, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        given["markets"] = parse_markets(self.markets)
        given["crosses"] = parse_crosses(self.crosses, self.name)
        given["weights"] = tuple(given.pop("weights", {}).items())
        if (spacing := given.pop("spacing", None)) is not None:
            given["spacing_wad"] = parse_wad(spacing)
        return FeedRule(**given)


def check_conversions(feeds: Sequence[FeedConfig]) -> None:
    """Every market of another quote has feeds that convert it, and no feed is converted by itself.

    Raises:
        ValueError: beginning with the key.
    """
    rules = [feed.rule() for feed in feeds]
    found = paths(rules)
    for i, rule in enumerate(rules):
        for j, market in enumerate(rule.markets):
            if (rule.name, market.quote) not in found:
                expected = f"a feed that converts {market.quote} to {rule.quote}"
                raise ValueError(f"feeds[{i}].markets[{j}]: expected {expected}, got none")


class CriterionConfig(Section, frozen=True):
    """From `poor`, which scores nothing, to `good`, which scores all; a weight of 0 leaves it out."""

    weight: NonNegative
    poor: NonNegative
    good: NonNegative


class SelectionConfig(Section, frozen=True):
    """The meaning of every key, and its default, is `plumbline.core.selection.SelectionRule`'s."""

    window_s: Positive | UnsetType = UNSET
    review_s: Positive | UnsetType = UNSET
    out_bps: Positive | UnsetType = UNSET
    back_bps: Positive | UnsetType = UNSET
    back_reviews: Positive | UnsetType = UNSET
    regulated_only: bool | UnsetType = UNSET
    volume_share_bps: CriterionConfig | UnsetType = UNSET
    uptime_bps: CriterionConfig | UnsetType = UNSET
    latency_ms: CriterionConfig | UnsetType = UNSET
    depth: CriterionConfig | UnsetType = UNSET
    spread_centibps: CriterionConfig | UnsetType = UNSET
    regulated: CriterionConfig | UnsetType = UNSET

    def __post_init__(self) -> None:
        self.rule()

    def check(self, rules: Sequence[FeedRule], regulated: Collection[str]) -> None:
        """Raises ValueError when the feeds would be left without venues."""
        Selector(rules, self.rule(), regulated)

    def rule(self) -> SelectionRule:
        given = {key: value for key, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        for key, value in given.items():
            if isinstance(value, CriterionConfig):
                given[key] = Criterion(value.weight, value.poor, value.good)
        return SelectionRule(**given)

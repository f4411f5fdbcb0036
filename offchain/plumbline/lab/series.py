# SPDX-License-Identifier: AGPL-3.0-only
"""The index over a study's days: one method, one period, every grid time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from plumbline.core.engine import IndexEngine
from plumbline.core.methods import METHODS, Needs
from plumbline.core.models import IndexPrice
from plumbline.core.pricing import of_venues
from plumbline.core.rules import FeedRule
from plumbline.core.units import MAX_BPS, WAD_DECIMALS, rescale
from plumbline.core.votes import VenuePrice, drop_outliers, majority_agrees
from plumbline.errors import ConfigError
from plumbline.lab.market import MarketDays

STUDIED: Final = tuple(name for name, method in METHODS.items() if method.needs not in (Needs.QUOTES, Needs.BOOKS))
"""Recorded and simulated days have trades, and no books."""
VOLUME_WINDOW_S: Final = 3_600
WIDE_CLAMP_BPS: Final = 50
"""Deribit's."""
BEND_EVERY: Final = 60
"""Observations between two looks at what one venue could do."""


@dataclass(frozen=True, slots=True)
class Series:
    """Grid times and the index at each in the feed's decimals, 0 where there is none."""

    times_s: Sequence[int]
    prices: Sequence[int]
    bend_bps: float | None
    """The most one venue can move it by telling what it likes and staying in, on average; None: no such measure."""


def with_method(rules: Sequence[FeedRule], feed: str, method: str) -> list[FeedRule]:
    """The same feeds, one of them made by another published method, with what that method needs.

    Raises:
        ConfigError: no such feed, or it lacks what the method is made of.
    """
    if feed not in [rule.name for rule in rules]:
        raise ConfigError(f"feed: expected one of {', '.join(rule.name for rule in rules)}, got {feed!r}")
    return [_changed(rule, method) if rule.name == feed else _by_trades(rule) for rule in rules]


def _by_trades(rule: FeedRule) -> FeedRule:
    """A feed that converts, without the books the days do not have."""
    if METHODS[rule.method].needs in (Needs.QUOTES, Needs.BOOKS):
        return _changed(rule, "median")
    return replace(rule, price_from="trade")


def _changed(rule: FeedRule, method: str) -> FeedRule:
    plain = replace(rule, method="median", weights=(), volume_window_s=0, spacing_wad=0, price_from="trade")
    if METHODS[method].needs is Needs.WEIGHTS:
        return replace(plain, method=method, volume_window_s=max(VOLUME_WINDOW_S, rule.max_age_s))
    if METHODS[method].needs is Needs.TRADES:
        direct = tuple(market for market in rule.markets if market.quote == rule.quote)
        if not direct:
            raise ConfigError(f"{rule.name}: expected markets in {rule.quote} for {method}, got none")
        venues = len({market.venue for market in direct})
        return replace(plain, method=method, markets=direct, crosses=(), min_venues=min(rule.min_venues, venues))
    clamp_bps = WIDE_CLAMP_BPS if method == "clamped_mean" else rule.clamp_bps
    return replace(plain, method=method, clamp_bps=clamp_bps)


def observe(days: MarketDays, rules: Sequence[FeedRule], feed: str, period_s: int) -> Series:
    """Run the engine over the days. A minute bar's trade is there at its minute's end, and not before."""
    rule = next(rule for rule in rules if rule.name == feed)
    engine, next_trade = IndexEngine(rules), 0
    first = -(-days.spec.start_s // period_s) * period_s
    times, prices, bends = range(first, days.spec.end_s, period_s), [], []
    for number, at_s in enumerate(times):
        while next_trade < len(days.trades) and days.trades[next_trade].at_ms <= at_s * 1000:
            engine.on_trade(days.trades[next_trade])
            next_trade += 1
        price = engine.observe(at_s * 1000)[feed]
        prices.append(0 if price.price_wad is None else rescale(price.price_wad, WAD_DECIMALS, rule.decimals))
        if number % BEND_EVERY == 0:
            bend = bend_bps(rule, price)
            bends += [] if bend is None else [bend]
    return Series(times, prices, sum(bends) / len(bends) if bends else None)


def bend_bps(rule: FeedRule, price: IndexPrice) -> float | None:
    """How far the worst single venue moves the price by telling any price that is not thrown out as an outlier.

    None where the price is not made of one price a venue, or there is none.
    """
    if METHODS[rule.method].combine is None or price.price_wad is None:
        return None
    said, weights = {}, {}
    for each in price.contributions:
        if each.included and each.converted_wad is not None:
            said[each.venue] = VenuePrice(each.converted_wad, not each.via)
            weights[each.venue] = max(1, each.weight_bps)
    base_wad, reach_bps = price.price_wad, rule.agree_bps * 9 // 10  # the centre moves a little with it
    moved = [0.0]
    for venue, one in said.items():
        for sign in (-1, 1):
            lied = VenuePrice(base_wad * (MAX_BPS + sign * reach_bps) // MAX_BPS, one.direct)
            bent_wad = _price(rule, said | {venue: lied}, weights)
            if bent_wad is not None:
                moved.append(abs(bent_wad - base_wad) * MAX_BPS / base_wad)
    return max(moved)


def _price(rule: FeedRule, said: dict[str, VenuePrice], weights: dict[str, int]) -> int | None:
    near = drop_outliers(said, set(), rule.agree_bps, rule.agree_bps // 2)
    if len(near) < rule.min_venues or not majority_agrees(said, rule.agree_bps):
        return None
    return of_venues(rule, near, weights).price_wad

# SPDX-License-Identifier: AGPL-3.0-only
"""Conversion of quote currencies with the index's own previous prices, and which currencies may convert at all.

BTC/USDT is not BTC/USD. Its price times USDT/USD is, where USDT/USD is what this index itself said one observation
ago: no venue's own idea of a dollar enters, and no feed waits for another within one observation (dYdX's Slinky does
the same). A currency that left its peg converts nothing until it is well back: the rate of a currency in flight is
the least certain number of the day, and its markets can be hundreds of bps off each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plumbline.core.models import IndexPrice
from plumbline.core.rules import FeedRule
from plumbline.core.units import MAX_BPS, WAD


@dataclass(slots=True)
class _Rate:
    rule: FeedRule
    price_wad: int | None = None
    at_ms: int = 0
    off_peg: bool = False

    def update(self, price_wad: int, at_ms: int) -> None:
        self.price_wad, self.at_ms = price_wad, at_ms
        limit_bps = self.rule.on_peg_bps if self.off_peg else self.rule.off_peg_bps
        if limit_bps is not None:
            self.off_peg = abs(price_wad - WAD) * MAX_BPS > limit_bps * WAD


class Quotes:
    """The previous price of every feed, as a conversion rate."""

    def __init__(self, rules: Iterable[FeedRule]) -> None:
        self._rates = {rule.name: _Rate(rule) for rule in rules}

    def convert(self, price_wad: int, quote: str, into: str, at_ms: int) -> tuple[int, str]:
        """A price in `quote` as one in `into` (1e18, nearest); 0 with the reason where that is none."""
        if quote != into:
            rate = self._rates.get(f"{quote}/{into}")
            if rate is None or rate.price_wad is None:
                return 0, f"no {quote}/{into} yet"
            if at_ms - rate.at_ms > rate.rule.max_age_s * 1000:
                return 0, f"{quote}/{into} stale"
            if rate.off_peg:
                return 0, f"{quote} off its peg"
            price_wad = (price_wad * rate.price_wad + WAD // 2) // WAD
        return price_wad, "" if price_wad else "rounds to nothing"

    def update(self, prices: Iterable[IndexPrice]) -> None:
        """Make an observation's prices the previous ones; a feed without a price keeps its last and ages."""
        for price in prices:
            if price.price_wad is not None:
                self._rates[price.feed].update(price.price_wad, price.at_ms)

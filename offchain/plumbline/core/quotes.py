# SPDX-License-Identifier: AGPL-3.0-only
"""Conversion of quote currencies with the index's own previous prices, and which currencies may convert at all.

BTC/USDT is not BTC/USD. Its price times USDT/USD is, where USDT/USD is what this index itself said one observation
ago: no venue's own idea of a dollar enters, and no feed waits for another within one observation (dYdX's Slinky does
the same). A feed converts both ways, and what no single feed converts goes through several: EUR to USD by EUR/USD, or
by BTC/EUR backwards and BTC/USD. A currency that left its peg converts nothing until it is well back: the rate of a
currency in flight is the least certain number of the day, and its markets can be hundreds of bps off each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from plumbline.core.models import IndexPrice
from plumbline.core.rules import FeedRule, split_symbol
from plumbline.core.units import MAX_BPS, WAD


class Hop(NamedTuple):
    """One feed on the way from one currency to another. A tuple, for rates are looked up by their way."""

    feed: str
    backwards: bool
    """From the feed's quote to its base."""


Path = tuple[Hop, ...]


def paths(rules: Sequence[FeedRule]) -> dict[tuple[str, str], Path]:
    """(feed, quote currency of one of its sources) -> the feeds that convert it, in their order.

    The way with the fewest feeds, and of those the first by name; never through the feed itself. A quote that nothing
    converts is missing, a feed's own quote has an empty path.

    Raises:
        ValueError: feeds that convert each other: each would be made of its own last price.
    """
    edges: dict[str, list[tuple[Hop, str]]] = {}
    for name in sorted(rule.name for rule in rules):
        base, quote = split_symbol(name)
        edges.setdefault(base, []).append((Hop(name, False), quote))
        edges.setdefault(quote, []).append((Hop(name, True), base))
    found: dict[tuple[str, str], Path] = {}
    for rule in rules:
        for quote in {source.quote for source in rule.sources}:
            path = _shortest(edges, quote, rule.quote, rule.name)
            if path is not None:
                found[rule.name, quote] = path
    _refuse_cycles(found)
    return found


def _shortest(edges: Mapping[str, Sequence[tuple[Hop, str]]], start: str, end: str, without: str) -> Path | None:
    seen, waiting = {start}, deque[tuple[str, Path]]([(start, ())])
    while waiting:
        currency, path = waiting.popleft()
        if currency == end:
            return path
        for hop, to in edges.get(currency, ()):
            if to not in seen and hop.feed != without:
                seen.add(to)
                waiting.append((to, (*path, hop)))
    return None


def _refuse_cycles(found: Mapping[tuple[str, str], Path]) -> None:
    needs: dict[str, set[str]] = {}
    for (feed, _), path in found.items():
        needs.setdefault(feed, set()).update(hop.feed for hop in path)
    done: set[str] = set()

    def visit(feed: str, trail: tuple[str, ...]) -> None:
        if feed in trail:
            cycle = " -> ".join((*trail[trail.index(feed) :], feed))
            raise ValueError(f"feeds: expected no feed to be converted by itself, got {cycle}")
        if feed not in done:
            for needed in sorted(needs.get(feed, ())):
                visit(needed, (*trail, feed))
            done.add(feed)

    for feed in sorted(needs):
        visit(feed, ())


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of one currency is in another, as an exact fraction."""

    numerator: int = 1
    denominator: int = 1

    def of(self, amount_wad: int) -> int:
        """Converted, to the nearest 1e-18."""
        return (2 * amount_wad * self.numerator + self.denominator) // (2 * self.denominator)

    def of_up(self, amount_wad: int) -> int:
        """Converted and rounded up: for what must not look smaller than it is."""
        return -(-amount_wad * self.numerator // self.denominator)


@dataclass(slots=True)
class _Previous:
    """A feed's last price, as a rate."""

    rule: FeedRule
    price_wad: int | None = None
    at_ms: int = 0
    off_peg: bool = False

    def update(self, price_wad: int, at_ms: int) -> None:
        self.price_wad, self.at_ms = price_wad, at_ms
        limit_bps = self.rule.on_peg_bps if self.off_peg else self.rule.off_peg_bps
        if limit_bps is not None:
            self.off_peg = abs(price_wad - WAD) * MAX_BPS > limit_bps * WAD

    def unusable(self, at_ms: int) -> str:
        """Why it converts nothing; empty when it does."""
        if self.price_wad is None:
            return f"no {self.rule.name} yet"
        if at_ms - self.at_ms > self.rule.max_age_s * 1000:
            return f"{self.rule.name} stale"
        return f"{split_symbol(self.rule.name)[0]} off its peg" if self.off_peg else ""


class Quotes:
    """The previous price of every feed, as a conversion rate."""

    def __init__(self, rules: Sequence[FeedRule]) -> None:
        self._previous = {rule.name: _Previous(rule) for rule in rules}
        self._paths = paths(rules)
        self._now: dict[Path, tuple[Rate | None, str]] = {}
        self._now_ms = -1

    def path(self, feed: str, quote: str) -> Path | None:
        """The feeds that convert `quote` for `feed`; None: there are none."""
        return self._paths.get((feed, quote))

    def rate(self, path: Path, at_ms: int) -> tuple[Rate | None, str]:
        """What the feeds of a path, as they were one observation ago, convert with; or None, and why."""
        if at_ms != self._now_ms:
            self._now, self._now_ms = {}, at_ms
        known = self._now.get(path)
        if known is None:
            known = self._now[path] = self._rate(path, at_ms)
        return known

    def _rate(self, path: Path, at_ms: int) -> tuple[Rate | None, str]:
        numerator = denominator = 1
        for hop in path:
            previous = self._previous[hop.feed]
            reason = previous.unusable(at_ms)
            if reason or previous.price_wad is None:
                return None, reason
            over, under = (WAD, previous.price_wad) if hop.backwards else (previous.price_wad, WAD)
            numerator, denominator = numerator * over, denominator * under
        return Rate(numerator, denominator), ""

    def update(self, prices: Iterable[IndexPrice]) -> None:
        """Make an observation's prices the previous ones; a feed without a price keeps its last and ages."""
        self._now_ms = -1
        for price in prices:
            if price.price_wad is not None:
                self._previous[price.feed].update(price.price_wad, price.at_ms)

# SPDX-License-Identifier: AGPL-3.0-only
"""Which venues a feed listens to: scored by what they have been like, out below one score, back above a higher one.

    score = sum_c weight_c * s_c / sum_c weight_c     over the criteria c that could be measured
    s_c   = 0 at `poor` or worse, 10_000 at `good` or better, straight in between

A venue that is left out goes on being measured, and returns once its score has been high enough in several reviews in
a row: what flickers would move the price each time. Nobody is left out who is needed: a feed keeps its `min_venues`
best, and one more, whatever their scores.

The engine checks every *price* against the others (engine.py); this is about the *venue*, over hours. It looks at times
of arrival, which are each node's own, so reporters may differ in it; the decisions are inputs of the engine, kept in
the journal with their reasons, and an observation is computed again from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plumbline.core.measures import Measured, Measures
from plumbline.core.models import BookSnapshot, IndexPrice, Trade
from plumbline.core.rules import FeedRule, MarketId
from plumbline.core.units import MAX_BPS


class Verdict(StrEnum):
    INCLUDED = "included"
    """From the beginning."""
    EXCLUDED = "excluded"
    SPARED = "spared"
    """Its score is too low, but the feed would be left with too few."""
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Decision:
    """One venue in or out of one feed from `at_ms` on, and why."""

    at_ms: int
    feed: str
    venue: str
    verdict: Verdict
    score_bps: int | None
    reason: str


def left_out(decision: Decision) -> str:
    """What the engine is told of it: why the venue is out, empty when it is in."""
    return f"not selected: {decision.reason}" if decision.verdict is Verdict.EXCLUDED else ""


@dataclass(frozen=True, slots=True)
class Criterion:
    """From `poor`, which scores nothing, to `good`, which scores all; either may be the larger number."""

    weight: int
    poor: int
    good: int

    def score_bps(self, value: int) -> int:
        part = (value - self.poor) * MAX_BPS // (self.good - self.poor)
        return min(max(part, 0), MAX_BPS)


@dataclass(frozen=True, slots=True)
class SelectionRule:
    """How venues are scored; the same for every feed."""

    window_s: int = 86_400
    """What they have been like over the last so many seconds."""
    review_s: int = 3_600
    """How often it is decided; and nothing is in the first so many seconds, while too little was measured."""
    out_bps: int = 3_000
    """Out below this score ..."""
    back_bps: int = 4_500
    """... and back at this one or more ..."""
    back_reviews: int = 2
    """... in so many reviews in a row."""
    regulated_only: bool = False
    """Leave out whoever is not marked as regulated, whatever the score."""
    volume_share_bps: Criterion = Criterion(30, 50, 500)
    uptime_bps: Criterion = Criterion(25, 9_000, 9_900)
    latency_ms: Criterion = Criterion(10, 5_000, 500)
    depth: Criterion = Criterion(15, 10_000, 250_000)
    spread_centibps: Criterion = Criterion(10, 10_000, 1_000)
    regulated: Criterion = Criterion(10, 0, 1)

    def __post_init__(self) -> None:
        if not 0 < self.review_s <= self.window_s:
            raise ValueError(f"review_s: expected 1 to window_s, {self.window_s}, got {self.review_s}")
        if not 0 < self.out_bps < self.back_bps <= MAX_BPS:
            got = (self.out_bps, self.back_bps)
            raise ValueError(f"back_bps: expected 0 < out_bps < back_bps <= {MAX_BPS}, got {got}")
        if self.back_reviews < 1:
            raise ValueError(f"back_reviews: expected at least 1, got {self.back_reviews}")
        for name, criterion in self.criteria.items():
            if criterion.poor == criterion.good or criterion.weight < 0:
                raise ValueError(f"{name}: expected poor and good apart and a weight not below 0, got {criterion}")
        if not any(criterion.weight for criterion in self.criteria.values()):
            raise ValueError("weight: expected one above 0, got none")

    @property
    def criteria(self) -> dict[str, Criterion]:
        names = ("volume_share_bps", "uptime_bps", "latency_ms", "depth", "spread_centibps", "regulated")
        return {name: getattr(self, name) for name in names}


def score(rule: SelectionRule, values: Mapping[str, int | None]) -> int | None:
    """The weighted mean of the criteria that have a value, in bps; None when none has."""
    known = [(criterion, values.get(name)) for name, criterion in rule.criteria.items()]
    scored = [(criterion.weight, criterion.score_bps(value)) for criterion, value in known if value is not None]
    total = sum(weight for weight, _ in scored)
    return sum(weight * part for weight, part in scored) // total if total else None


@dataclass(slots=True)
class _Standing:
    """One venue in one feed."""

    measures: Measures
    verdict: Verdict = Verdict.INCLUDED
    reason: str = ""
    good_reviews: int = 0
    score_bps: int | None = None

    @property
    def out(self) -> bool:
        return self.verdict is Verdict.EXCLUDED


class Selector:
    """Measures every venue of every feed, and decides at each review."""

    def __init__(
        self,
        rules: Sequence[FeedRule],
        selection: SelectionRule,
        regulated: Collection[str],
        before: Iterable[Decision] = (),
    ) -> None:
        """`before`: the last decisions of an earlier life; a restart lets nobody in.

        Raises:
            ValueError: only regulated venues are wanted and a feed has too few of them.
        """
        self._rules, self._selection, self._regulated = tuple(rules), selection, frozenset(regulated)
        self._venues = {
            rule.name: {venue: _Standing(Measures(selection.window_s * 1000)) for venue in sorted(rule.venues)}
            for rule in rules
        }
        self._listeners: dict[MarketId, list[tuple[_Standing, bool]]] = {}
        for rule in rules:
            for source in rule.sources:
                for leg in source.legs:
                    of_base = leg[1].partition("/")[0] == rule.name.partition("/")[0]
                    self._listeners.setdefault(leg, []).append((self._venues[rule.name][source.venue], of_base))
            if selection.regulated_only and len(rule.venues & self._regulated) < rule.min_venues:
                raise ValueError(
                    f"regulated_only: expected at least {rule.min_venues} regulated venues of {rule.name}, "
                    f"got {len(rule.venues & self._regulated)}"
                )
        self._before = {(last.feed, last.venue): last for last in before}
        self._next_ms: int | None = None

    def on_trade(self, trade: Trade, received_ms: int) -> None:
        for standing, of_base in self._listeners.get((trade.venue, trade.symbol), ()):
            standing.measures.on_trade(trade, received_ms, of_base=of_base)

    def on_observation(self, prices: Mapping[str, IndexPrice], books: Iterable[BookSnapshot], at_ms: int) -> None:
        """`books`: those the engine settled for it."""
        for told in books:
            for standing, _ in self._listeners.get((told.venue, told.symbol), ()):
                standing.measures.on_book(told, at_ms)
        for feed, venues in self._venues.items():
            fresh = {
                said.venue for said in prices[feed].contributions if said.age_ms is not None and said.reason != "stale"
            }
            for venue, standing in venues.items():
                standing.measures.on_observation(at_ms, heard=venue in fresh)

    def review(self, at_ms: int) -> list[Decision]:
        """What changes at `at_ms`; nothing between reviews. The first call says where everybody stands."""
        if self._next_ms is None:
            self._next_ms = at_ms + self._selection.review_s * 1000
            return [self._first(rule.name, venue, at_ms) for rule in self._rules for venue in self._venues[rule.name]]
        if at_ms < self._next_ms:
            return []
        self._next_ms = at_ms + self._selection.review_s * 1000
        return [decision for rule in self._rules for decision in self._review(rule, at_ms)]

    def scores(self) -> dict[tuple[str, str], int | None]:
        """(feed, venue) -> the score of the last review."""
        return {
            (feed, venue): standing.score_bps
            for feed, venues in self._venues.items()
            for venue, standing in venues.items()
        }

    def _first(self, feed: str, venue: str, at_ms: int) -> Decision:
        standing, last = self._venues[feed][venue], self._before.get((feed, venue))
        if self._barred(venue):
            standing.verdict, standing.reason = Verdict.EXCLUDED, "not regulated"
        elif last is not None and last.verdict is Verdict.EXCLUDED and last.reason != "not regulated":
            standing.verdict, standing.reason, standing.score_bps = Verdict.EXCLUDED, last.reason, last.score_bps
        return Decision(at_ms, feed, venue, standing.verdict, standing.score_bps, standing.reason)

    def _barred(self, venue: str) -> bool:
        return self._selection.regulated_only and venue not in self._regulated

    def _review(self, rule: FeedRule, at_ms: int) -> list[Decision]:
        venues = {venue: each for venue, each in self._venues[rule.name].items() if not self._barred(venue)}
        measured = {venue: standing.measures.measured(at_ms) for venue, standing in venues.items()}
        traded_wad = sum(each.volume_wad for each in measured.values())
        words: dict[str, str] = {}
        for venue, standing in venues.items():
            values = self._values(venue, measured[venue], traded_wad)
            standing.score_bps, words[venue] = score(self._selection, values), _say(values)
        decisions = []
        keep = rule.min_venues + 1
        # The worst is asked first, so that those who are spared are the best of them.
        for venue in sorted(venues, key=lambda venue: (venues[venue].score_bps or 0, venue)):
            inside = sum(not standing.out for standing in venues.values())
            verdict, reason = self._judge(venues[venue], words[venue], spare=inside <= keep)
            if verdict is not None:
                venues[venue].verdict, venues[venue].reason = verdict, reason
                decisions.append(Decision(at_ms, rule.name, venue, verdict, venues[venue].score_bps, reason))
        return decisions

    def _judge(self, standing: _Standing, words: str, *, spare: bool) -> tuple[Verdict | None, str]:
        """What becomes of a venue now, if anything."""
        rule, scored = self._selection, standing.score_bps
        if scored is None:
            return None, ""
        told = f"score {scored / 100:.1f}%"
        if standing.out:
            standing.good_reviews = standing.good_reviews + 1 if scored >= rule.back_bps else 0
            if standing.good_reviews < rule.back_reviews:
                return None, ""
            standing.good_reviews = 0
            return Verdict.RETURNED, f"{told}, at least {rule.back_bps / 100:.1f}%: {words}"
        if scored >= rule.out_bps:
            # Who was spared and has recovered is simply in again.
            back = standing.verdict is Verdict.SPARED
            return (Verdict.RETURNED, f"{told}: {words}") if back else (None, "")
        reason = f"{told}, below {rule.out_bps / 100:.1f}%: {words}"
        if not spare:
            return Verdict.EXCLUDED, reason
        return (None, "") if standing.verdict is Verdict.SPARED else (Verdict.SPARED, f"needed, though {reason}")

    def _values(self, venue: str, measured: Measured, traded_wad: int) -> dict[str, int | None]:
        return {
            "volume_share_bps": measured.volume_wad * MAX_BPS // traded_wad if traded_wad else None,
            "uptime_bps": measured.uptime_bps,
            "latency_ms": measured.latency_ms,
            "depth": measured.depth,
            "spread_centibps": measured.spread_centibps,
            # Where nobody is marked, it tells nobody from anybody.
            "regulated": int(venue in self._regulated) if self._regulated else None,
        }


def _say(values: Mapping[str, int | None]) -> str:
    """For people: "volume share 0.4%, uptime 91.2%, latency 3200 ms, regulated"."""
    units = {
        "volume_share_bps": ("volume share {:.1f}%", 100),
        "uptime_bps": ("uptime {:.1f}%", 100),
        "latency_ms": ("latency {:.0f} ms", 1),
        "depth": ("depth {:.0f}", 1),
        "spread_centibps": ("spread {:.2f} bps", 100),
    }
    said = [text.format(value / scale) for name, (text, scale) in units.items() if (value := values[name]) is not None]
    flag = {None: [], 0: ["not regulated"], 1: ["regulated"]}[values["regulated"]]
    return ", ".join([*said, *flag])

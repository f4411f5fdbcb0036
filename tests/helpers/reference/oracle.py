# SPDX-License-Identifier: AGPL-3.0-only
"""The oracle as docs/oracle.md tells it, with plain lists and no packing: what the contract is fuzzed against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.helpers.feeds import Feed, Terms

FUTURE_TOLERANCE_S = 15
SEQUENCER_GRACE_S = 3_600
MAX_BPS = 10_000


class Refused(Exception):
    """What the oracle would revert with."""


@dataclass
class Answer:
    round_id: int
    price: int
    timestamp: int


@dataclass
class FeedModel:
    """One feed: its answers by round, and the breaker's state."""

    rules: Feed
    answers: dict[int, Answer] = field(default_factory=dict)
    last: Answer | None = None
    tripped: bool = False
    held: bool = False
    """Tripped by hand."""
    cleared: bool = False
    """The owner lets the next median inside the bounds through."""
    level: list[tuple[int, int]] = field(default_factory=list)
    """(price, timestamp) of the medians that speak for a new level; the first is the candidate."""
    spells: list[tuple[int, int, int]] = field(default_factory=list)
    """(from, to, price) between each two rounds: what stood then; price 0: nothing that could be served."""

    def stood(self, since: int, until: int, max_age_s: int) -> None:
        """Write down what was served between two rounds, judged at the end of that time."""
        last = self.last
        served = last and not (self.tripped or self.held) and until - last.timestamp <= max_age_s
        self.spells.append((since, until, last.price if last and served else 0))

    def take(self, median: int, round_id: int, timestamp: int) -> None:
        """What one round does to the feed; median 0: short of its quorum."""
        if not self._serves(median, timestamp):
            return
        self.tripped, self.cleared, self.level = False, False, []
        self.last = self.answers[round_id] = Answer(round_id, median, timestamp)

    def _serves(self, median: int, timestamp: int) -> bool:
        guards = self.rules.guards
        if self.held or not guards.min_price <= median <= guards.max_price:
            return False
        if self.cleared:
            return True
        if self.last is None:
            return guards.first_min_price <= median <= guards.first_max_price
        growth = guards.step_growth_bps * (timestamp - self.last.timestamp) // 60
        if _within(median, self.last.price, min(guards.step_bps + growth, guards.step_cap_bps)):
            return True
        if self.tripped and _within(median, self.level[0][0], guards.step_bps):
            self.level.append((median, timestamp))
            long_enough = timestamp - self.level[0][1] >= guards.confirm_seconds
            return len(self.level) >= guards.confirm_rounds and long_enough
        self.tripped, self.level = True, [(median, timestamp)]
        return False


@dataclass
class OracleModel:
    feeds: list[FeedModel]
    terms: Terms
    epoch: int = 1
    round_id: int = 0
    timestamp: int = 0
    first_round: int = 1
    """The oldest round the present layout of words holds."""
    paused: bool = False
    sequencer: tuple[bool, int] | None = None
    """(up, since when) of an L2's sequencer, since 0: it never said; None: there is no sequencer feed."""
    times: dict[int, int] = field(default_factory=dict)

    def check_time(self, timestamp: int, now: int) -> None:
        if timestamp < self.timestamp:
            raise Refused("oracle: round not newer")
        if timestamp > now + FUTURE_TOLERANCE_S:
            raise Refused("oracle: round in the future")
        if timestamp + self.terms.max_lateness < now:
            raise Refused("oracle: round too late")
        if timestamp % self.terms.period:
            raise Refused("oracle: off the grid")

    def medians(self, rows: Mapping[int, Sequence[int]]) -> list[int]:
        """Per feed: sort what is there; the lower of the middle; 0 when too few."""
        found = []
        for place, feed in enumerate(self.feeds):
            present = sorted(vector[place] for vector in rows.values() if vector[place])
            found.append(present[(len(present) - 1) // 2] if len(present) >= feed.rules.quorum else 0)
        return found

    def submit(self, timestamp: int, rows: Mapping[int, Sequence[int]], now: int) -> None:
        if timestamp == self.timestamp:
            return
        if self.paused:
            raise Refused("oracle: paused")
        self.check_time(timestamp, now)
        medians = self.medians(rows)
        if not any(medians):
            raise Refused("oracle: no quorum")
        for feed in self.feeds:
            feed.stood(self.timestamp, timestamp, self._default_age(feed))
        self.round_id += 1
        self.timestamp = self.times[self.round_id] = timestamp
        for feed, median in zip(self.feeds, medians, strict=True):
            feed.take(median, self.round_id, timestamp)

    def latest(self, feed: int) -> tuple[int, int, int]:
        self._check_stops(feed)
        return self._last_answer(feed)

    def _last_answer(self, feed: int) -> tuple[int, int, int]:
        model = self.feeds[feed]
        if model.tripped:
            raise Refused("oracle: tripped")
        if model.last is None:
            raise Refused("oracle: no quorum yet")
        return model.last.round_id, model.last.price, model.last.timestamp

    def price(self, feed: int, max_age_s: int, now: int) -> int:
        self._check_stops(feed)
        self._check_sequencer(now)
        _, price, timestamp = self._last_answer(feed)
        if now - timestamp > max_age_s:
            raise Refused("oracle: stale")
        return price

    def fresh_price(self, feed: int, now: int) -> int:
        return self.price(feed, self._default_age(self.feeds[feed]), now)

    def _default_age(self, feed: FeedModel) -> int:
        return feed.rules.heartbeat + self.terms.max_lateness

    @property
    def oldest_round(self) -> int:
        return max(self.first_round, self.round_id - self.terms.history + 1)

    def round_data(self, feed: int, round_id: int) -> tuple[int, int]:
        self._check_stops(feed)
        if not self.oldest_round <= round_id <= self.round_id:
            raise Refused("oracle: round not in history")
        answer = self.feeds[feed].answers.get(round_id)
        if answer is None:
            raise Refused("oracle: no answer in round")
        return answer.price, answer.timestamp

    def round_at(self, feed: int, timestamp: int) -> tuple[int, int, int]:
        """Look at every round from the last one back; the feed's own answer of it, or of the one that stood then."""
        self._check_stops(feed)
        if timestamp > self.timestamp:
            raise Refused("oracle: time not reached")
        rounds = [r for r in range(self.oldest_round, self.round_id + 1) if self.times[r] <= timestamp]
        if not rounds:
            raise Refused("oracle: round not in history")
        stood = [r for r in self.feeds[feed].answers if r <= rounds[-1]]
        if not stood:
            raise Refused("oracle: no answer in round")
        if stood[-1] < self.oldest_round:
            raise Refused("oracle: round not in history")
        answer = self.feeds[feed].answers[stood[-1]]
        return answer.round_id, answer.price, answer.timestamp

    def twap(self, feed: int, start: int, end: int, now: int) -> int:
        """Every piece of the window times its price, over its length; without all pieces there is no average."""
        self._check_stops(feed)
        if not self.terms.twap:
            raise Refused("oracle: keeps no TWAP")
        if start >= end:
            raise Refused("oracle: empty window")
        if end > max(now, self.timestamp):
            raise Refused("oracle: time not reached")
        pieces = []
        if end > self.timestamp:
            pieces.append((max(start, self.timestamp), end, self.fresh_price(feed, now)))
        if start < self.timestamp:
            if self.times[self.oldest_round] > start:
                raise Refused("oracle: round not in history")
            spells = self.feeds[feed].spells
            inside = [(max(a, start), min(b, end), price) for a, b, price in spells if a < end and start < b]
            covered = sum(b - a for a, b, _ in inside)
            if not all(price for *_, price in inside) or covered != min(end, self.timestamp) - start:
                raise Refused("oracle: gap in window")
            pieces += inside
        return sum((b - a) * price for a, b, price in pieces) // (end - start)

    def stopped_since(self, feed: int) -> int:
        """The round of the last answer of a feed that may be cleared; 0: it never had one."""
        model = self.feeds[feed]
        if not (model.held or (model.tripped and not model.cleared)):
            raise Refused("clear: feed is not tripped")
        return model.last.round_id if model.last else 0

    def clear(self, feed: int) -> None:
        model = self.feeds[feed]
        model.held = False
        model.cleared = model.tripped

    def _check_stops(self, feed: int) -> None:
        if self.paused:
            raise Refused("oracle: paused")
        if self.feeds[feed].held:
            raise Refused("oracle: tripped")

    def _check_sequencer(self, now: int) -> None:
        if self.sequencer is None:
            return
        up, since = self.sequencer
        if not up or not since:
            raise Refused("oracle: sequencer down")
        if now <= since + SEQUENCER_GRACE_S:
            raise Refused("oracle: sequencer grace")

    def start_epoch(self, feeds: Sequence[Feed]) -> None:
        """Feeds are appended; guards may change; where the header moves to another word the history begins anew."""
        if len(feeds) // 4 != len(self.feeds) // 4 and self.round_id:
            self.first_round = self.round_id
        for model, rules in zip(self.feeds, feeds, strict=False):
            model.rules = rules
        self.feeds += [FeedModel(rules) for rules in feeds[len(self.feeds) :]]
        self.epoch += 1


def _within(price: int, center: int, bps: int) -> bool:
    return abs(price - center) <= center * bps // MAX_BPS

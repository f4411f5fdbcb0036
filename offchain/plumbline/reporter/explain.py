# SPDX-License-Identifier: AGPL-3.0-only
"""How a price came about: an observation computed again out of the journal, market by market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from plumbline.core.engine import IndexEngine
from plumbline.core.fragmentation import Fragmentation
from plumbline.core.models import IndexPrice
from plumbline.core.rules import FeedRule
from plumbline.core.selection import Decision
from plumbline.errors import JournalError
from plumbline.reporter.verify import replay
from plumbline.store.rows import Entry, RowJournal, Session

TOLD_EVERY: Final = 20_000
"""Entries between two words of progress: some seconds."""


@dataclass(frozen=True, slots=True)
class Explained:
    rule: FeedRule
    version: str
    """Of the software that made the observation."""
    price: IndexPrice
    """Computed again, now."""
    kept_wad: int | None
    """What the journal has: the same, unless one of the two is wrong."""
    fragmentation_centibps: int | None
    decisions: tuple[Decision, ...]
    """Of source selection until then, about this feed, the oldest first."""
    complete: bool
    """The journal still holds the session's beginning: nothing the engine remembered is missing."""

    @property
    def true(self) -> bool:
        return self.price.price_wad == self.kept_wad


def explain(
    journal: RowJournal,
    feed: str,
    at_ms: int | None = None,
    progress: Callable[[int], None] = lambda reached_ms: None,
    told_every: int = TOLD_EVERY,
) -> Explained:
    """The feed's observation at `at_ms`, or the last one before it; None: the last there is.

    A session is computed from its beginning, because an engine's state is its whole past: about 5 s for each day of
    four feeds observed every 5 s. `progress` is told every `told_every` entries how far
    that is.

    Raises:
        JournalError: no observation of that feed until then.
    """
    last_ms = 2**62 if at_ms is None else at_ms
    for session in reversed(journal.sessions()):
        rule = next((rule for rule in session.rules if rule.name == feed), None)
        if rule is None or session.started_ms > last_ms:
            continue
        found = _session(journal, session, rule, last_ms, progress, told_every)
        if found is not None:
            return found
    names = sorted({rule.name for session in journal.sessions() for rule in session.rules})
    when = "" if at_ms is None else " until then"
    raise JournalError(f"{journal.path}: expected an observation of {feed}{when}; it has feeds: {', '.join(names)}")


def _session(
    journal: RowJournal,
    session: Session,
    rule: FeedRule,
    last_ms: int,
    progress: Callable[[int], None],
    told_every: int,
) -> Explained | None:
    engine, fragmentation = IndexEngine(session.rules), Fragmentation()
    found: tuple[IndexPrice, int | None, int | None] | None = None
    for number, (entry, at_ms) in enumerate(_sound(journal, session, last_ms), 1):
        replay(engine, entry)
        if at_ms is None or entry.prices is None:
            continue
        if number % told_every == 0:
            progress(at_ms)
        price = engine.observe(at_ms)[rule.name]
        fragmentation.add(at_ms, price.dispersion_centibps)
        found = price, entry.prices.get(rule.name), fragmentation.centibps
    if found is None:
        return None
    price, kept_wad, apart = found
    decisions = tuple(journal.decisions(rule.name, price.at_ms))
    return Explained(rule, session.version, price, kept_wad, apart, decisions, not session.pruned)


def _sound(journal: RowJournal, session: Session, last_ms: int) -> Iterator[tuple[Entry, int | None]]:
    """Entries until the last observation that is wanted; what follows lost entries cannot be computed."""
    for entry in journal.entries(session.id):
        if entry.lost or (entry.at_ms is not None and entry.at_ms > last_ms):
            return
        yield entry, entry.at_ms

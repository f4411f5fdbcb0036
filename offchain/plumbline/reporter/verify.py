# SPDX-License-Identifier: AGPL-3.0-only
"""Computes a journal again: the same trades through a fresh engine must give the same observations and rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from plumbline.chain.signing import recover
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.core.engine import IndexEngine
from plumbline.core.selection import left_out
from plumbline.core.units import format_wad
from plumbline.errors import RowError
from plumbline.reporter.agreement import lanes
from plumbline.store.rows import Entry, KeptRow, RowJournal, Session

_SETTLE_S: Final = 3_600


@dataclass(slots=True)
class Findings:
    """What was computed again, and where it differs from what was kept, in words."""

    warming: int = 0
    """Observations and rows of a session whose beginning was pruned, too early in what is left to be compared."""

    observations: int = 0
    rows: int = 0
    differences: list[str] = field(default_factory=list)


def verify(journal: RowJournal, from_s: int = 0, to_s: int = 2**40) -> Findings:
    """Compare every observation and row of `from_s` .. `to_s`, both included, {s} UTC.

    A session is always computed from its beginning: an engine's state is its whole past.
    """
    findings = Findings()
    for session in journal.sessions():
        if session.started_ms // 1000 <= to_s:
            _session(journal, session, from_s, to_s, findings)
    return findings


def _session(journal: RowJournal, session: Session, from_s: int, to_s: int, findings: Findings) -> None:
    engine = IndexEngine(session.rules)
    computed: dict[int, tuple[int, ...]] = {}
    warm_s = None if session.pruned else 0
    for entry in journal.entries(session.id):
        if entry.lost:
            findings.differences.append(f"session {session.id}: inputs were lost; nothing after can be computed again")
            break
        replay(engine, entry)
        if entry.at_ms is None or entry.prices is None:
            continue
        at_s = entry.at_ms // 1000
        if at_s > to_s:
            break
        prices = {feed: price.price_wad for feed, price in engine.observe(entry.at_ms).items()}
        warm_s = at_s + _warm_up_s(session) if warm_s is None else warm_s
        if at_s < warm_s:
            findings.warming += at_s >= from_s
            continue
        computed[at_s] = lanes(session.rules, prices)
        if at_s >= from_s:
            findings.observations += 1
            findings.differences += [
                f"{_utc(at_s)} {feed}: kept {_show(kept)}, computed {_show(prices.get(feed))}"
                for feed, kept in entry.prices.items()
                if kept != prices.get(feed)
            ]
    for kept in journal.rows_of(session.id):
        if warm_s is None or kept.signed.row.timestamp < warm_s:
            findings.warming += from_s <= kept.signed.row.timestamp <= to_s
        elif from_s <= kept.signed.row.timestamp <= to_s:
            findings.rows += 1
            findings.differences += _row(kept, computed)


def replay(engine: IndexEngine, entry: Entry) -> None:
    """Everything an entry holds but its observation."""
    for trade in entry.trades:
        engine.on_trade(trade)
    for told in entry.beside.books:
        engine.on_book(told)
    for decision in entry.beside.decisions:
        engine.select(decision.feed, decision.venue, left_out(decision))


def _warm_up_s(session: Session) -> int:
    """How long an engine that begins in the middle may still differ: the longest memory of its rules, and an hour for
    conversions and thresholds with hysteresis to settle."""
    return _SETTLE_S + max(max(rule.max_age_s, rule.frozen_s, rule.kept_s) for rule in session.rules)


def _row(kept: KeptRow, computed: dict[int, tuple[int, ...]]) -> list[str]:
    row, where = kept.signed.row, f"{_utc(kept.signed.row.timestamp)} row"
    found = []
    if row.timestamp not in computed:
        found.append(f"{where}: no observation to compute it from")
    elif row.prices != computed[row.timestamp]:
        found.append(f"{where}: kept {row.prices}, computed {computed[row.timestamp]}")
    try:
        signer = recover(row_digest(domain_separator(kept.chain_id, kept.oracle), row), kept.signed.r, kept.signed.vs)
    except RowError as error:
        return [*found, f"{where}: {error}"]
    if signer != kept.address:
        found.append(f"{where}: signed by {signer}, expected {kept.address}")
    return found


def _utc(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _show(price_wad: int | None) -> str:
    return "no price" if price_wad is None else format_wad(price_wad, 18)

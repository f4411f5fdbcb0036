# SPDX-License-Identifier: AGPL-3.0-only
"""What an observation was made of beside trades: the books it saw, and who source selection let in or left out.

Kept in tables of their own in the reporter's journal, by session and place, so that a journal made before there were
any is still one. Decisions are also read by themselves: they are the record of every venue's standing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from plumbline.core.models import BookSnapshot, Level
from plumbline.core.selection import Decision, Verdict
from plumbline.store.database import Database

TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS books (session INTEGER NOT NULL, seq INTEGER NOT NULL, books BLOB NOT NULL,"
    " PRIMARY KEY (session, seq)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS decisions (session INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, feed TEXT NOT NULL, venue TEXT NOT NULL, verdict TEXT NOT NULL, score_bps INTEGER,"
    " reason TEXT NOT NULL, PRIMARY KEY (session, seq, place)) STRICT, WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class Beside:
    """`decisions` were made before the observation, which saw `books` for the first time."""

    books: tuple[BookSnapshot, ...] = ()
    decisions: tuple[Decision, ...] = ()


NOTHING: Final = Beside()


def write(database: Database, session: int | None, seq: int, beside: Beside) -> None:
    if beside.books:
        database.execute("INSERT INTO books VALUES (?, ?, ?)", session, seq, _pack(beside.books))
    for place, each in enumerate(beside.decisions):
        database.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(session, seq, place, each.at_ms, each.feed, each.venue, str(each.verdict), each.score_bps, each.reason),
        )


def read(database: Database, session: int, after: int, seq: int) -> Beside:
    """Of the entry at `seq`, the first behind `after`: decisions of entries between them that are gone still hold."""
    books = database.execute("SELECT books FROM books WHERE session = ? AND seq = ?", session, seq).fetchone()
    decisions = database.execute(
        "SELECT at_ms, feed, venue, verdict, score_bps, reason FROM decisions"
        " WHERE session = ? AND seq > ? AND seq <= ? ORDER BY seq, place",
        *(session, after, seq),
    ).fetchall()
    if books is None and not decisions:
        return NOTHING
    return Beside(() if books is None else _unpack(books[0]), tuple(_decision(row) for row in decisions))


def history(database: Database, feed: str, until_ms: int) -> list[Decision]:
    """Every decision about a feed's venues until then, of all sessions, in the order they were made."""
    found = database.execute(
        "SELECT at_ms, feed, venue, verdict, score_bps, reason FROM decisions WHERE feed = ? AND at_ms <= ?"
        " ORDER BY session, seq, place",
        *(feed, until_ms),
    )
    return [_decision(row) for row in found]


def standing(database: Database) -> list[Decision]:
    """The last decision about each venue of each feed."""
    found = database.execute(
        "SELECT at_ms, feed, venue, verdict, score_bps, reason FROM decisions ORDER BY session, seq, place"
    )
    last = {(row[1], row[2]): _decision(row) for row in found}
    return list(last.values())


def _decision(row: Sequence[Any]) -> Decision:
    at_ms, feed, venue, verdict, score_bps, reason = row
    return Decision(at_ms, feed, venue, Verdict(verdict), score_bps, reason)


_Side = list[tuple[str, str]]


def _pack(books: Iterable[BookSnapshot]) -> bytes:
    """Compact, and exact: numbers of any size as text."""
    rows = [(each.venue, each.symbol, _texts(each.bids), _texts(each.asks), each.at_ms) for each in books]
    return zlib.compress(msgspec.msgpack.encode(rows), 1)


def _unpack(packed: bytes) -> tuple[BookSnapshot, ...]:
    rows = msgspec.msgpack.decode(zlib.decompress(packed), type=list[tuple[str, str, _Side, _Side, int]])
    return tuple(
        BookSnapshot(venue, symbol, _levels(bids), _levels(asks), at_ms) for venue, symbol, bids, asks, at_ms in rows
    )


def _texts(side: Iterable[Level]) -> _Side:
    return [(str(price), str(size)) for price, size in side]


def _levels(side: _Side) -> tuple[Level, ...]:
    return tuple((int(price), int(size)) for price, size in side)

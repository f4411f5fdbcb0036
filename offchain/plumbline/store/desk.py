# SPDX-License-Identifier: AGPL-3.0-only
"""A desk's books in the keeper's journal: what it earned hour by hour, and what it had when it looked last."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import msgspec

from plumbline.core.desk_books import Booking, Mark
from plumbline.store.database import Database

HOUR_S: Final = 3_600
_HOURS: Final = """
CREATE TABLE desk_hour (
    hour INTEGER PRIMARY KEY,
    spread TEXT NOT NULL,
    fees TEXT NOT NULL,
    hedging TEXT NOT NULL,
    inventory TEXT NOT NULL,
    gas TEXT NOT NULL
) STRICT;
"""
DESK_SCHEMA: Final = f"""
{_HOURS}
CREATE TABLE desk_mark (one INTEGER PRIMARY KEY CHECK (one = 1), mark BLOB NOT NULL) STRICT;
"""
DESK_WIDENED: Final = f"""
ALTER TABLE desk_hour RENAME TO narrow_hour;
{_HOURS}
INSERT INTO desk_hour
    SELECT hour, CAST(spread AS TEXT), CAST(fees AS TEXT), CAST(hedging AS TEXT), CAST(inventory AS TEXT),
           CAST(gas AS TEXT)
    FROM narrow_hour;
DROP TABLE narrow_hour;
"""
"""For a journal made when amounts were 64-bit integers."""


class _Written(msgspec.Struct, frozen=True, array_like=True):
    """A mark as it is kept: integers beyond 64 bits as text."""

    nav: tuple[str, str]
    pairs: tuple[tuple[str, str], tuple[str, str], tuple[str, str]]
    target: str


@dataclass(frozen=True, slots=True)
class Hour:
    at_s: int
    """When it began."""
    booking: Booking

    @property
    def net(self) -> int:
        return self.booking.net


class DeskJournal:
    """Mark and booking are written in one transaction: what is booked is never booked again after a restart."""

    def __init__(self, database: Database) -> None:
        """database: the keeper's, see `TradeJournal`."""
        self._database = database

    def mark(self) -> Mark | None:
        """What the desk had when it looked last; None before the first time."""
        found = self._database.execute("SELECT mark FROM desk_mark").fetchone()
        if found is None:
            return None
        told = msgspec.json.decode(found[0], type=_Written)
        hand, ranged, fees = ((int(shares), int(quote)) for shares, quote in told.pairs)
        return Mark(Fraction(int(told.nav[0]), int(told.nav[1])), hand, ranged, fees, int(told.target))

    def book(self, at_s: int, booking: Booking, mark: Mark) -> None:
        nav = (str(mark.nav.numerator), str(mark.nav.denominator))
        pairs = tuple((str(shares), str(quote)) for shares, quote in (mark.hand, mark.ranged, mark.fees))
        written = msgspec.json.encode((nav, pairs, str(mark.target)))
        hour = at_s // HOUR_S * HOUR_S
        with self._database.transaction():
            found = self._database.execute("SELECT * FROM desk_hour WHERE hour = ?", hour).fetchone()
            total = booking if found is None else _read(found).booking + booking
            amounts = map(str, (total.spread, total.fees, total.hedging, total.inventory, total.gas))
            self._database.execute("INSERT OR REPLACE INTO desk_hour VALUES (?, ?, ?, ?, ?, ?)", hour, *amounts)
            self._database.execute("INSERT OR REPLACE INTO desk_mark VALUES (1, ?)", written)

    def hours(self, since_s: int = 0) -> list[Hour]:
        """In order; the one that `since_s` is in included."""
        rows = self._database.execute(
            "SELECT * FROM desk_hour WHERE hour > ? ORDER BY hour", since_s - HOUR_S
        ).fetchall()
        return [_read(row) for row in rows]

    def total(self) -> Booking:
        return sum((hour.booking for hour in self.hours()), Booking())


def _read(row: Any) -> Hour:
    return Hour(row[0], Booking(*map(int, row[1:])))

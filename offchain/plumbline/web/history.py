# SPDX-License-Identifier: AGPL-3.0-only
"""What was seen, for charts: one value a series and second of chain time, thinned out when it is asked for.

Charts are drawn in floating point, and nothing else is done with these numbers: prices to act on are on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plumbline.store.database import Closing, Database

MAX_POINTS: Final = 2_000
"""Of one series in one answer."""
_PER_BUCKET: Final = 2
"""The lowest and the highest of a bucket, in the order they came: a spike of one second survives any zoom."""
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE samples (
    series TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (series, at_s)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """Aligned columns: `values[name][i]` was seen at `at_s[i]`, or nothing was (None)."""

    at_s: list[int]
    values: dict[str, list[float | None]]


class History(Closing):
    """`path` None: in memory, for one run."""

    def __init__(self, path: Path | None, keep_s: int) -> None:
        # Seen again by whoever looks: losing a second of it to a power cut harms nobody.
        self._database = Database(path or Path(":memory:"), "history", _VERSION, _SCHEMA, durable=False)
        self._keep_s = keep_s
        self._next_prune_s = 0

    def add(self, at_s: int, samples: Mapping[str, float]) -> None:
        """The samples of one look; a second look in one second replaces the first."""
        with self._database.transaction():
            for series, value in samples.items():
                self._database.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", series, at_s, value)
            if at_s >= self._next_prune_s:
                self._database.execute("DELETE FROM samples WHERE at_s < ?", at_s - self._keep_s)
                self._next_prune_s = at_s + 3_600

    def names(self) -> list[str]:
        """Every series there is."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT series FROM samples ORDER BY series")]

    def every(self, series: str, from_s: int, to_s: int) -> list[tuple[int, float]]:
        """All samples of one series, both ends included, not thinned out."""
        return [(at_s, value) for at_s, value in self._rows(series, from_s, to_s)]

    def span(self) -> tuple[int, int] | None:
        """First and last second there is anything of."""
        first, last = self._database.execute("SELECT min(at_s), max(at_s) FROM samples").fetchone()
        return None if first is None else (first, last)

    def slice(self, series: Sequence[str], from_s: int, to_s: int, points: int = MAX_POINTS) -> Slice:
        """At most `points` of each series from `from_s` to `to_s`, both included."""
        points = max(_PER_BUCKET, min(points, MAX_POINTS))
        if to_s - from_s < points:
            return self._every(series, from_s, to_s)
        buckets = points // _PER_BUCKET
        width = -(-(to_s - from_s + 1) // buckets)
        # Two places a bucket, at its begin and its middle: series stay aligned without having the same extremes.
        count = -(-(to_s - from_s + 1) // width)
        at_s = [from_s + width * bucket + width // _PER_BUCKET * half for bucket in range(count) for half in (0, 1)]
        columns = {name: self._extremes(name, from_s, to_s, width, len(at_s)) for name in series}
        return Slice(at_s, columns)

    def _every(self, series: Sequence[str], from_s: int, to_s: int) -> Slice:
        found = {name: dict(self._rows(name, from_s, to_s)) for name in series}
        at_s = sorted(set().union(*found.values())) if found else []
        return Slice(at_s, {name: [values.get(at) for at in at_s] for name, values in found.items()})

    def _rows(self, series: str, from_s: int, to_s: int) -> list[Any]:
        return self._database.execute(
            "SELECT at_s, value FROM samples WHERE series = ? AND at_s BETWEEN ? AND ? ORDER BY at_s",
            *(series, from_s, to_s),
        ).fetchall()

    def _extremes(self, series: str, from_s: int, to_s: int, width: int, places: int) -> list[float | None]:
        column: list[float | None] = [None] * places
        # SQLite gives the row of the only min() or max() for the columns beside it.
        ends = {}
        for which in ("min", "max"):
            ends[which] = self._database.execute(
                f"SELECT (at_s - ?) / ? AS bucket, at_s, {which}(value) FROM samples"
                " WHERE series = ? AND at_s BETWEEN ? AND ? GROUP BY bucket",
                *(from_s, width, series, from_s, to_s),
            ).fetchall()
        for (bucket, low_at, low), (_, high_at, high) in zip(ends["min"], ends["max"], strict=True):
            pair = (low, high) if low_at <= high_at else (high, low)
            column[_PER_BUCKET * bucket : _PER_BUCKET * bucket + _PER_BUCKET] = pair
        return column

    def close(self) -> None:
        self._database.close()

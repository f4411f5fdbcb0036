# SPDX-License-Identifier: AGPL-3.0-only
"""The reporter's journal: no two rows for one round, and every observation can be computed again.

A row is *claimed* before it is signed: the first claim of a round (chain, oracle, epoch, timestamp) is committed to
disk and wins for ever; every later one, by this process after a crash or by another on the same file, gets the first
one back. What is signed is what was claimed, and RFC 6979 makes one signature of it.

What is older than the retention is pruned: of trades and observations nothing is left then, and of rows a *floor*,
below which no round is ever claimed again. So a journal stops growing, and still never signs twice.

The trades that went into an observation, and the observation, are committed together with the claim: what a crash
loses of them never became a row.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from plumbline.core.models import IndexPrice, Row, SignedRow, Trade
from plumbline.core.rules import FeedRule
from plumbline.core.selection import Decision
from plumbline.errors import JournalError
from plumbline.store import beside
from plumbline.store.beside import Beside
from plumbline.store.database import Database

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    version TEXT NOT NULL,
    rules TEXT NOT NULL
) STRICT;
CREATE TABLE inputs (
    session INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    trades BLOB NOT NULL,
    at_ms INTEGER,
    prices TEXT,
    lost INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE rows (
    chain_id INTEGER NOT NULL,
    oracle TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    address TEXT NOT NULL,
    reporter INTEGER NOT NULL,
    prices TEXT NOT NULL,
    r TEXT,
    vs TEXT,
    claimed_ms INTEGER NOT NULL,
    session INTEGER,
    method TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (chain_id, oracle, epoch, timestamp)
) STRICT, WITHOUT ROWID;
CREATE TABLE floor (timestamp INTEGER NOT NULL) STRICT
"""
_UPGRADES: Final = {
    1: "ALTER TABLE rows ADD COLUMN method TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE floor (timestamp INTEGER NOT NULL) STRICT"
}
_ROUNDS: Final = "CREATE INDEX IF NOT EXISTS rounds ON rows (chain_id, oracle, timestamp, epoch)"
"""Who asks for a row names its time and no epoch. Without it a round that is not there costs a look at every row, and
SQLite has to be told: it takes the primary key's first two columns to be as good."""
_FLUSH_TRADES: Final = 4_096
"""Trades packed into one entry, so that waiting for a round does not pile them up."""
_PRUNED_AT_ONCE: Final = 500
"""Entries, and rows, that one step of pruning takes away: a few milliseconds."""
_MAX_PENDING: Final = 256
"""Entries kept in memory while the disk refuses them; then they are lost, and the journal says so."""


@dataclass(frozen=True, slots=True)
class Session:
    """One life of the engine: it began empty, with these rules."""

    id: int
    started_ms: int
    version: str
    rules: tuple[FeedRule, ...]
    pruned: bool = False
    """Its beginning is gone: what an engine makes of the rest is only true once it is warm."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Trades in the order they came, then the observation made after them, if any."""

    trades: tuple[Trade, ...]
    at_ms: int | None
    prices: dict[str, int | None] | None
    """WAD, by feed."""
    lost: bool
    """Entries before this one were lost: from here on nothing can be computed again."""
    beside: Beside = beside.NOTHING


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A signed row, whose it is and what it was signed for."""

    chain_id: int
    oracle: str
    address: str
    signed: SignedRow


class RowJournal(Database):
    """Of one reporter's key (`address`; empty: for reading), for as many oracles as it reports to."""

    def __init__(self, path: Path, address: str = "") -> None:
        indexes = [_ROUNDS, *beside.TABLES]
        super().__init__(path, "reporter", _VERSION, _SCHEMA, durable=True, indexes=indexes, upgrades=_UPGRADES)
        self._address = address
        self._session: int | None = None
        self._seq = 0
        self._trades: list[Trade] = []
        self._pending: list[tuple[bytes, int | None, str | None, Beside]] = []
        self._lost = False

    def begin(self, rules: Sequence[FeedRule], version: str, now_ms: int) -> None:
        """A new engine starts, empty. Without it inputs are not kept."""
        text = msgspec.json.encode(tuple(rules)).decode()
        done = self.execute("INSERT INTO sessions (started_ms, version, rules) VALUES (?, ?, ?)", now_ms, version, text)
        self._session, self._seq = done.lastrowid, 0

    def take(self, trade: Trade) -> None:
        """Keep a trade the engine was given; written with the next claim."""
        if self._session is None:
            return
        self._trades.append(trade)
        if len(self._trades) >= _FLUSH_TRADES:
            self._pend(None, None)

    def observe(self, at_ms: int, prices: Mapping[str, IndexPrice], seen: Beside = beside.NOTHING) -> None:
        """Keep what the engine made of the trades so far and of what was `seen`; written with the next claim."""
        if self._session is not None:
            self._pend(at_ms, json.dumps({feed: _text(price.price_wad) for feed, price in prices.items()}), seen)

    def standing(self) -> list[Decision]:
        """The last decision about each venue of each feed."""
        return beside.standing(self)

    def decisions(self, feed: str, until_ms: int) -> list[Decision]:
        """Every decision about a feed's venues until then, in their order."""
        return beside.history(self, feed, until_ms)

    def flush(self) -> None:
        """Write what no claim has written. Raises JournalError, and keeps it for the next time."""
        with self.transaction():
            written = self._write_pending()
        self._written(written)

    def _pend(self, at_ms: int | None, prices: str | None, seen: Beside = beside.NOTHING) -> None:
        self._pending.append((_pack(self._trades), at_ms, prices, seen))
        self._trades = []
        if len(self._pending) > _MAX_PENDING:
            self._pending.clear()
            self._lost = True

    def _write_pending(self) -> int:
        for place, (trades, at_ms, prices, seen) in enumerate(self._pending):
            lost = self._lost and place == 0
            self.execute(
                "INSERT INTO inputs VALUES (?, ?, ?, ?, ?, ?)",
                *(self._session, self._seq + place, trades, at_ms, prices, lost),
            )
            beside.write(self, self._session, self._seq + place, seen)
        return len(self._pending)

    def _written(self, count: int) -> None:
        """Forget what is safely on disk, and only then."""
        self._seq += count
        del self._pending[:count]
        self._lost = self._lost and not count

    def sessions(self) -> list[Session]:
        found = self.execute("SELECT id, started_ms, version, rules FROM sessions ORDER BY id").fetchall()
        pruned = self.floor() > 0  # else a beginning that is not there was taken away
        decoder = msgspec.json.Decoder(tuple[FeedRule, ...])
        return [
            Session(id_, started_ms, version, decoder.decode(rules), pruned and self._first_seq(id_) > 0)
            for id_, started_ms, version, rules in found
        ]

    def _first_seq(self, session: int) -> int:
        (first,) = self.execute("SELECT min(seq) FROM inputs WHERE session = ?", session).fetchone()
        return 0 if first is None else int(first)

    def prune(self, before_s: int) -> bool:
        """Take away a part of what is older than `before_s`; True while there is more. Raises JournalError."""
        with self.transaction():
            floor = self.floor()
            if before_s > floor:
                self.execute("DELETE FROM floor")
                self.execute("INSERT INTO floor VALUES (?)", before_s)
            left = self._prune_inputs(before_s * 1000)
            rounds = self.execute(
                "SELECT chain_id, oracle, epoch, timestamp FROM rows WHERE timestamp < ? LIMIT ?",
                *(before_s, _PRUNED_AT_ONCE),
            ).fetchall()
            for round_ in rounds:
                self.execute(
                    "DELETE FROM rows WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?", *round_
                )
        return left or len(rounds) == _PRUNED_AT_ONCE

    def floor(self) -> int:
        """{s} No round before this is ever claimed."""
        found = self.execute("SELECT timestamp FROM floor").fetchone()
        return 0 if found is None else int(found[0])

    def _prune_inputs(self, before_ms: int) -> bool:
        """The oldest entries, session by session; those between two observations go with the later one."""
        for (session,) in self.execute("SELECT id FROM sessions ORDER BY id").fetchall():
            oldest = self.execute(
                "SELECT seq, at_ms FROM inputs WHERE session = ? ORDER BY seq LIMIT ?", session, _PRUNED_AT_ONCE
            ).fetchall()
            old = [seq for seq, at_ms in oldest if at_ms is not None and at_ms < before_ms]
            if old:
                self.execute("DELETE FROM inputs WHERE session = ? AND seq <= ?", session, old[-1])
                self.execute("DELETE FROM books WHERE session = ? AND seq <= ?", session, old[-1])
                return True
        return False

    def entries(self, session: int) -> Iterator[Entry]:
        found = self.execute(
            "SELECT seq, trades, at_ms, prices, lost FROM inputs WHERE session = ? ORDER BY seq", session
        )
        after = -1
        for seq, trades, at_ms, prices, lost in found:
            values = None if prices is None else {feed: _number(text) for feed, text in json.loads(prices).items()}
            yield Entry(_unpack(trades), at_ms, values, bool(lost), beside.read(self, session, after, seq))
            after = seq

    def rows_of(self, session: int) -> Iterator[KeptRow]:
        """Every row signed in a session, in the order of time."""
        found = self.execute(
            "SELECT chain_id, oracle, address, reporter, epoch, timestamp, prices, r, vs, method FROM rows"
            " WHERE session = ? AND r IS NOT NULL ORDER BY timestamp",
            session,
        )
        for chain_id, oracle, address, *rest in found:
            yield KeptRow(chain_id, oracle, address, _signed(*rest))

    def claim(self, chain_id: int, oracle: str, reporter: int, row: Row, now_ms: int, method: str = "") -> Row:
        """The row that may be signed for this round: this one, or the one that was claimed before it.

        Raises:
            JournalError: it cannot be made durable, the round was claimed for another key, or it is older than what
                the journal remembers. Then nothing may be signed.
        """
        prices = json.dumps(row.prices)
        values = (chain_id, oracle, row.epoch, row.timestamp, self._address, reporter, prices, now_ms, self._session)
        with self.transaction():
            if row.timestamp < (floor := self.floor()):
                raise JournalError(f"{self.path}: expected a round of {floor} or later, got {row.timestamp}")
            written = self._write_pending()
            self.execute(
                "INSERT INTO rows"
                " (chain_id, oracle, epoch, timestamp, address, reporter, prices, claimed_ms, session, method)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                *values,
                method,
            )
            address, claimed = self.execute(
                "SELECT address, prices FROM rows WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?",
                *values[:4],
            ).fetchone()
        self._written(written)
        if address != self._address:
            raise JournalError(f"{self.path}: expected the journal of {self._address}, got that of {address}")
        return Row(row.epoch, row.timestamp, tuple(json.loads(claimed)))

    def claimed(self, chain_id: int, oracle: str, epoch: int, timestamp: int) -> Row | None:
        """What was claimed for a round, signed or not."""
        found = self.execute(
            "SELECT prices FROM rows WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?",
            *(chain_id, oracle, epoch, timestamp),
        ).fetchone()
        return None if found is None else Row(epoch, timestamp, tuple(json.loads(found[0])))

    def sign(self, chain_id: int, oracle: str, signed: SignedRow) -> None:
        """Keep the signature of a claimed row. Raises JournalError when that is not what was claimed."""
        row = signed.row
        done = self.execute(
            "UPDATE rows SET r = ?, vs = ? WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?"
            " AND address = ? AND prices = ?",
            f"{signed.r:#066x}",
            f"{signed.vs:#066x}",
            *(chain_id, oracle, row.epoch, row.timestamp, self._address, json.dumps(row.prices)),
        )
        if done.rowcount != 1:
            raise JournalError(f"{self.path}: expected a claimed row for round {row.timestamp} of epoch {row.epoch}")

    def signed(self, chain_id: int, oracle: str, timestamp: int) -> SignedRow | None:
        """The signed row of a round, of its latest epoch."""
        found = self.execute(
            "SELECT reporter, epoch, timestamp, prices, r, vs, method FROM rows INDEXED BY rounds"
            " WHERE chain_id = ? AND oracle = ? AND timestamp = ? AND address = ? AND r IS NOT NULL"
            " ORDER BY epoch DESC LIMIT 1",
            *(chain_id, oracle, timestamp, self._address),
        ).fetchone()
        return None if found is None else _signed(*found)


def _signed(reporter: int, epoch: int, timestamp: int, prices: str, r: str, vs: str, method: str) -> SignedRow:
    return SignedRow(reporter, Row(epoch, timestamp, tuple(json.loads(prices))), int(r, 16), int(vs, 16), method)


def _pack(trades: Sequence[Trade]) -> bytes:
    """Compact, and exact: numbers of any size as text."""
    rows = [(each.venue, each.symbol, str(each.price_wad), str(each.size_wad), each.at_ms) for each in trades]
    return zlib.compress(msgspec.msgpack.encode(rows), 1)


def _unpack(packed: bytes) -> tuple[Trade, ...]:
    rows = msgspec.msgpack.decode(zlib.decompress(packed), type=list[tuple[str, str, str, str, int]])
    return tuple(Trade(venue, symbol, int(price), int(size), at_ms) for venue, symbol, price, size, at_ms in rows)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)

# SPDX-License-Identifier: AGPL-3.0-only
"""The reporter's journal: what makes it impossible to sign two rows for one round.

A row is *claimed* before it is signed: the first claim of a round (chain, oracle, epoch, timestamp) is committed to
disk and wins for ever; every later one, by this process after a crash or by another on the same file, gets the first
one back. What is signed is what was claimed, and RFC 6979 makes one signature of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from plumbline.core.models import Row, SignedRow
from plumbline.errors import JournalError
from plumbline.store.database import Database

_VERSION: Final = 1
_SCHEMA: Final = """
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
    PRIMARY KEY (chain_id, oracle, epoch, timestamp)
) STRICT, WITHOUT ROWID
"""


class RowJournal(Database):
    """Of one reporter's key (`address`), for as many oracles as it reports to."""

    def __init__(self, path: Path, address: str) -> None:
        super().__init__(path, "reporter", _VERSION, _SCHEMA, durable=True)
        self._address = address

    def claim(self, chain_id: int, oracle: str, reporter: int, row: Row, now_ms: int) -> Row:
        """The row that may be signed for this round: this one, or the one that was claimed before it.

        Raises:
            JournalError: it cannot be made durable, or the round was claimed for another key. Then nothing may be
                signed.
        """
        prices = json.dumps(row.prices)
        values = (chain_id, oracle, row.epoch, row.timestamp, self._address, reporter, prices, now_ms)
        with self.transaction():
            self.execute(
                "INSERT INTO rows (chain_id, oracle, epoch, timestamp, address, reporter, prices, claimed_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                *values,
            )
            address, claimed = self.execute(
                "SELECT address, prices FROM rows WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?",
                *values[:4],
            ).fetchone()
        if address != self._address:
            raise JournalError(f"{self.path}: expected the journal of {self._address}, got that of {address}")
        return Row(row.epoch, row.timestamp, tuple(json.loads(claimed)))

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
            "SELECT reporter, epoch, prices, r, vs FROM rows WHERE chain_id = ? AND oracle = ? AND timestamp = ?"
            " AND address = ? AND r IS NOT NULL ORDER BY epoch DESC LIMIT 1",
            *(chain_id, oracle, timestamp, self._address),
        ).fetchone()
        if found is None:
            return None
        reporter, epoch, prices, r, vs = found
        return SignedRow(reporter, Row(epoch, timestamp, tuple(json.loads(prices))), int(r, 16), int(vs, 16))

# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer's journal: rows as they were served (two of one reporter for one round are evidence), and submissions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plumbline.core.models import SignedRow
from plumbline.store.database import Database

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE rows (
    chain_id INTEGER NOT NULL,
    oracle TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    reporter INTEGER NOT NULL,
    prices TEXT NOT NULL,
    r TEXT NOT NULL,
    vs TEXT NOT NULL,
    peer TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (chain_id, oracle, epoch, timestamp, reporter, prices)
) STRICT, WITHOUT ROWID;
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY,
    chain_id INTEGER NOT NULL,
    oracle TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    reporters TEXT NOT NULL,
    medians TEXT NOT NULL,
    why TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT
"""


class RelayJournal(Database):
    """Of one relayer, for one oracle on one chain at a time."""

    def __init__(self, path: Path) -> None:
        # Nothing is signed on the strength of it: losing the last second to a power cut harms nobody.
        super().__init__(path, "relayer", _VERSION, _SCHEMA, durable=False)

    def keep(self, chain_id: int, oracle: str, signed: SignedRow, peer: str, now_ms: int) -> bool:
        """Keep a verified row; True when the reporter has signed another one for this round: equivocation."""
        row = signed.row
        round_of = (chain_id, oracle, row.epoch, row.timestamp, signed.reporter)
        self.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *round_of,
            *(json.dumps(row.prices), f"{signed.r:#066x}", f"{signed.vs:#066x}", peer, now_ms),
        )
        (count,) = self.execute(
            "SELECT count(*) FROM rows"
            " WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ? AND reporter = ?",
            *round_of,
        ).fetchone()
        return bool(count > 1)

    def submission(
        self,
        chain_id: int,
        oracle: str,
        rows: Sequence[SignedRow],
        medians: Sequence[int],
        why: str,
        outcome: str,
        detail: str,
        now_ms: int,
    ) -> None:
        """`outcome` is one word ("submitted", "reverted", ...), `detail` the transaction hash or the reason."""
        row = rows[0].row
        reporters = json.dumps([signed.reporter for signed in rows])
        self.execute(
            "INSERT INTO submissions"
            " (chain_id, oracle, epoch, timestamp, reporters, medians, why, outcome, detail, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(chain_id, oracle, row.epoch, row.timestamp, reporters, json.dumps(medians), why, outcome, detail, now_ms),
        )

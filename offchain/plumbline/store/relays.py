# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer's journal: rows as they were served (two of one reporter for one round are evidence), and submissions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plumbline.core.models import Row, SignedRow
from plumbline.store.database import Database

_VERSION: Final = 3
_EQUIVOCATIONS: Final = """
CREATE TABLE equivocations (
    chain_id INTEGER NOT NULL,
    oracle TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    reporter INTEGER NOT NULL,
    PRIMARY KEY (chain_id, oracle, reporter, epoch, timestamp)
) STRICT, WITHOUT ROWID
"""
_SCHEMA: Final = f"""
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
    method TEXT NOT NULL DEFAULT '',
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
) STRICT;
{_EQUIVOCATIONS}
"""
_UPGRADES: Final = {
    1: "ALTER TABLE rows ADD COLUMN method TEXT NOT NULL DEFAULT ''",
    2: f"""{_EQUIVOCATIONS};
    INSERT INTO equivocations SELECT chain_id, oracle, epoch, timestamp, reporter FROM rows
    GROUP BY chain_id, oracle, epoch, timestamp, reporter HAVING count(*) > 1""",
}
_PRUNED_AT_ONCE: Final = 500
ROWS_KEPT: Final = 2
"""Of one reporter for one round: two prove it, and a hundred would hide in a short list what others said."""
EVIDENCE_KEPT: Final = 100
"""Rounds of one reporter that are kept for good, the first ones: who goes on must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two different rows that one reporter signed for one round: anybody can check both signatures."""

    chain_id: int
    oracle: str
    rows: tuple[SignedRow, ...]
    peers: tuple[str, ...]
    """Who served them."""


class RelayJournal(Database):
    """Of one relayer, for one oracle on one chain at a time."""

    def __init__(self, path: Path) -> None:
        # Nothing is signed on the strength of it: losing the last second to a power cut harms nobody.
        super().__init__(path, "relayer", _VERSION, _SCHEMA, durable=False, upgrades=_UPGRADES)

    def keep(self, chain_id: int, oracle: str, signed: SignedRow, peer: str, now_ms: int) -> bool:
        """Keep a verified row; True when the reporter has signed another one for this round: equivocation."""
        row = signed.row
        round_of = (chain_id, oracle, row.epoch, row.timestamp, signed.reporter)
        prices = json.dumps(row.prices)
        known = self._told(round_of)
        if prices not in known and len(known) < ROWS_KEPT:
            if known:
                self._remember(round_of)
            self.execute(
                "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *round_of,
                *(prices, f"{signed.r:#066x}", f"{signed.vs:#066x}", peer, now_ms, signed.method),
            )
        return len(known | {prices}) > 1

    def _told(self, round_of: tuple[int, str, int, int, int]) -> set[str]:
        """The prices of every row that is kept of a reporter's round."""
        found = self.execute(
            "SELECT prices FROM rows"
            " WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ? AND reporter = ?",
            *round_of,
        )
        return {prices for (prices,) in found}

    def _remember(self, round_of: tuple[int, str, int, int, int]) -> None:
        chain_id, oracle, _, _, reporter = round_of
        self.execute(
            "INSERT INTO equivocations SELECT ?, ?, ?, ?, ? WHERE"
            " (SELECT count(*) FROM equivocations WHERE chain_id = ? AND oracle = ? AND reporter = ?) < ?"
            " ON CONFLICT DO NOTHING",
            *(*round_of, chain_id, oracle, reporter, EVIDENCE_KEPT),
        )

    def knows(self, chain_id: int, oracle: str, signed: SignedRow) -> bool:
        """Whether this row adds nothing: it is kept, or its reporter's two rows of this round are."""
        row = signed.row
        known = self._told((chain_id, oracle, row.epoch, row.timestamp, signed.reporter))
        return json.dumps(row.prices) in known or len(known) >= ROWS_KEPT

    def seen(self, chain_id: int, oracle: str, epoch: int, timestamp: int) -> list[SignedRow]:
        """Every row that was kept of a round."""
        found = self.execute(
            "SELECT reporter, prices, r, vs, method FROM rows"
            " WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ? ORDER BY reporter, prices",
            *(chain_id, oracle, epoch, timestamp),
        )
        return [
            SignedRow(reporter, Row(epoch, timestamp, tuple(json.loads(prices))), int(r, 16), int(vs, 16), method)
            for reporter, prices, r, vs, method in found
        ]

    def evidence(self) -> list[Evidence]:
        """The equivocations of each reporter that are kept for good, oldest first."""
        found: dict[tuple[int, str, int, int, int], list[tuple[SignedRow, str]]] = {}
        for chain_id, oracle, epoch, timestamp, reporter, prices, r, vs, peer, method in self.execute(
            "SELECT chain_id, oracle, epoch, timestamp, reporter, prices, r, vs, peer, method FROM equivocations"
            " JOIN rows USING (chain_id, oracle, epoch, timestamp, reporter) ORDER BY timestamp, reporter, prices"
        ):
            row = Row(epoch, timestamp, tuple(json.loads(prices)))
            signed = SignedRow(reporter, row, int(r, 16), int(vs, 16), method)
            found.setdefault((chain_id, oracle, epoch, timestamp, reporter), []).append((signed, peer))
        return [
            Evidence(chain_id, oracle, tuple(signed for signed, _ in pair), tuple(peer for _, peer in pair))
            for (chain_id, oracle, *_), pair in found.items()
            # A kill between the two writes leaves a round with one row.
            if len(pair) > 1
        ]

    def prune(self, before_s: int) -> bool:
        """Take away a part of what is older than `before_s`, evidence excepted; True while there is more."""
        with self.transaction():
            old = self.execute(
                "SELECT DISTINCT chain_id, oracle, epoch, timestamp, reporter FROM rows WHERE timestamp < ?"
                " AND NOT EXISTS (SELECT 1 FROM equivocations e WHERE e.chain_id = rows.chain_id"
                " AND e.oracle = rows.oracle AND e.reporter = rows.reporter AND e.epoch = rows.epoch"
                " AND e.timestamp = rows.timestamp) LIMIT ?",
                *(before_s, _PRUNED_AT_ONCE),
            ).fetchall()
            for round_of in old:
                self.execute(
                    "DELETE FROM rows WHERE chain_id = ? AND oracle = ? AND epoch = ? AND timestamp = ?"
                    " AND reporter = ?",
                    *round_of,
                )
            self.execute("DELETE FROM submissions WHERE timestamp < ?", before_s)
        return len(old) == _PRUNED_AT_ONCE

    def settle(self, tx_hash: str, outcome: str) -> None:
        """What became of a submitted round later: "confirmed", "reorganised", "submitted" when it is back."""
        self.execute("UPDATE submissions SET outcome = ? WHERE detail = ?", outcome, tx_hash)

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

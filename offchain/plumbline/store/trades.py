# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's journal: every trade that was mined, reverted ones too, with what it brought and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from plumbline.core.arbitrage import Side
from plumbline.store.database import Database
from plumbline.store.desk import DESK_SCHEMA, DESK_WIDENED

# Amounts are text: a token may have 18 decimals, and ten of it outgrow SQLite's 64 bits.
_SCHEMA: Final = """
CREATE TABLE trade (
    tx_hash TEXT PRIMARY KEY,
    block INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    side TEXT NOT NULL,
    shares TEXT NOT NULL,
    expected TEXT,
    profit TEXT NOT NULL,
    gas_used INTEGER NOT NULL,
    gas_price_wei INTEGER NOT NULL,
    gas_cost TEXT NOT NULL
) STRICT;
"""
_WIDENED: Final = f"""
ALTER TABLE trade RENAME TO narrow_trade;
{_SCHEMA}
INSERT INTO trade
    SELECT tx_hash, block, at_s, side, shares, CAST(expected AS TEXT), CAST(profit AS TEXT), gas_used, gas_price_wei,
           CAST(gas_cost AS TEXT)
    FROM narrow_trade ORDER BY rowid;
DROP TABLE narrow_trade;
{DESK_WIDENED}
"""
_UPGRADES: Final = {1: DESK_SCHEMA, 2: _WIDENED}


BID: Final = "bid"
"""What a bid in an auction is journaled as, beside the two sides of trades."""


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """Profits and costs in the quote token's smallest units."""

    tx_hash: str
    block: int
    at_s: int
    """Time of the block the decision was made on; of a trade found later, of the block it was found on."""
    side: str
    """A trade's `Side`, or BID."""
    shares: int
    """Of a bid what was taken out of the index; 0 when it reverted."""
    expected: int | None
    """What sizing said the profit would be; None for a trade found later."""
    profit: int
    """Before gas, at the oracle's prices."""
    gas_used: int
    gas_price_wei: int
    gas_cost: int
    """The gas at the configured price of the gas token."""

    @property
    def reverted(self) -> bool:
        return self.shares == 0

    @property
    def net(self) -> int:
        return self.profit - self.gas_cost


class TradeJournal:
    """Append only; one file per keeper. What a power cut takes from its end is still on the chain,
    as events; but for reverted trades, which leave none."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, "keeper", 3, _SCHEMA + DESK_SCHEMA, durable=False, upgrades=_UPGRADES)
        """For what else a keeper writes down: one file for all of it."""

    def append(self, trade: TradeRecord) -> bool:
        """Whether it was not there yet: a transaction is written down once."""
        written = self.database.execute(
            "INSERT OR IGNORE INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            trade.tx_hash,
            trade.block,
            trade.at_s,
            str(trade.side),
            str(trade.shares),
            None if trade.expected is None else str(trade.expected),
            str(trade.profit),
            trade.gas_used,
            trade.gas_price_wei,
            str(trade.gas_cost),
        )
        return written.rowcount == 1

    def last_block(self) -> int | None:
        """Of the last trade written down; None while there is none."""
        found = self.database.execute("SELECT block FROM trade ORDER BY rowid DESC LIMIT 1").fetchone()
        return int(found[0]) if found else None

    def trades(self) -> list[TradeRecord]:
        """In the order they were mined."""
        rows = self.database.execute("SELECT * FROM trade ORDER BY block, rowid").fetchall()
        return [_read(row) for row in rows]

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(row: Any) -> TradeRecord:
    tx_hash, block, at_s, side, shares, expected, profit, gas_used, gas_price_wei, gas_cost = row
    foreseen = None if expected is None else int(expected)
    spent = gas_used, gas_price_wei, int(gas_cost)
    return TradeRecord(tx_hash, block, at_s, _side(side), int(shares), foreseen, int(profit), *spent)


def _side(written: str) -> str:
    return BID if written == BID else Side(written)

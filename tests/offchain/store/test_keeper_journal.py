# SPDX-License-Identifier: AGPL-3.0-only
"""A keeper's journal: amounts of any size, and what a journal of an older version had."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from plumbline.core.arbitrage import Side
from plumbline.core.desk_books import Booking, Mark
from plumbline.store.desk import DeskJournal
from plumbline.store.trades import TradeJournal, TradeRecord

BEYOND_64_BITS = 10**21
"""{wei} 1,000 of a quote token with 18 decimals."""
LARGE = TradeRecord(
    tx_hash="0xa",
    block=7,
    at_s=1_700_000_000,
    side=Side.PREMIUM,
    shares=BEYOND_64_BITS,
    expected=BEYOND_64_BITS + 1,
    profit=BEYOND_64_BITS + 2,
    gas_used=400_000,
    gas_price_wei=10**9,
    gas_cost=BEYOND_64_BITS + 3,
)
MARK = Mark(Fraction(1, 3), (1, 2), (3, 4), (5, 6), 7)
OLD = """
CREATE TABLE journal (kind TEXT NOT NULL, version INTEGER NOT NULL) STRICT;
INSERT INTO journal VALUES ('keeper', 2);
CREATE TABLE trade (tx_hash TEXT PRIMARY KEY, block INTEGER NOT NULL, at_s INTEGER NOT NULL, side TEXT NOT NULL,
    shares TEXT NOT NULL, expected INTEGER, profit INTEGER NOT NULL, gas_used INTEGER NOT NULL,
    gas_price_wei INTEGER NOT NULL, gas_cost INTEGER NOT NULL) STRICT;
INSERT INTO trade VALUES ('0x2', 5, 9, 'discount', '30', NULL, -40, 50, 60, 70);
INSERT INTO trade VALUES ('0x1', 5, 9, 'bid', '31', 39, 41, 51, 61, 71);
CREATE TABLE desk_hour (hour INTEGER PRIMARY KEY, spread INTEGER NOT NULL, fees INTEGER NOT NULL,
    hedging INTEGER NOT NULL, inventory INTEGER NOT NULL, gas INTEGER NOT NULL) STRICT;
INSERT INTO desk_hour VALUES (3600, 1, 2, -3, 4, 5);
CREATE TABLE desk_mark (one INTEGER PRIMARY KEY CHECK (one = 1), mark BLOB NOT NULL) STRICT;
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[TradeJournal]:
    with TradeJournal(tmp_path / "keeper.sqlite") as opened:
        yield opened


def test_append__quote_token_with_18_decimals__keeps_every_unit(journal):
    assert journal.append(LARGE)
    assert journal.trades() == [LARGE]


def test_book__quote_token_with_18_decimals__adds_up_to_the_unit(journal):
    desk, booked = DeskJournal(journal.database), Booking(BEYOND_64_BITS, 1, -BEYOND_64_BITS, 0, 3)
    desk.book(7_300, booked, MARK)
    desk.book(10_799, booked, MARK)
    desk.book(10_800, booked, MARK)
    assert [(hour.at_s, hour.booking) for hour in desk.hours()] == [(7_200, booked + booked), (10_800, booked)]
    assert desk.total() == booked + booked + booked


def test_open__journal_of_version_2__has_all_of_it_and_takes_larger_amounts(tmp_path):
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path)
    old.executescript(OLD)
    old.close()
    for _ in range(2):
        with TradeJournal(path) as opened:
            assert opened.trades()[:2] == [
                TradeRecord("0x2", 5, 9, Side.DISCOUNT, 30, None, -40, 50, 60, 70),
                TradeRecord("0x1", 5, 9, "bid", 31, 39, 41, 51, 61, 71),
            ]
            assert [(hour.at_s, hour.booking) for hour in DeskJournal(opened.database).hours()] == [
                (3_600, Booking(1, 2, -3, 4, 5))
            ]
            opened.append(LARGE)
            assert len(opened.trades()) == 3

# SPDX-License-Identifier: AGPL-3.0-only
"""The reporter's journal: one row for one round, whatever crashes, restarts or runs beside it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest
from tests.offchain.fakes import KEYS, ORACLE, START_S

from plumbline.core.models import Row, SignedRow
from plumbline.errors import JournalError
from plumbline.store.rows import RowJournal

ADDRESS = KEYS[0].address
ROW = Row(1, START_S, (2**63 - 1, 0, 7))


def claim(journal: RowJournal, row: Row = ROW, chain_id: int = 1, oracle: str = ORACLE) -> Row:
    return journal.claim(chain_id, oracle, 1, row, 0)


def test_claim__first_of_a_round__wins_for_ever(tmp_path):
    other = Row(1, START_S, (1, 2, 3))
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        assert claim(journal) == ROW
        assert claim(journal, other) == ROW
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as reopened:
        assert claim(reopened, other) == ROW


def test_claim__another_epoch_time_oracle_or_chain__is_another_round(tmp_path):
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        claim(journal)
        for row, chain_id, oracle in [
            (Row(2, START_S, (1,)), 1, ORACLE),
            (Row(1, START_S + 5, (2,)), 1, ORACLE),
            (Row(1, START_S, (3,)), 2, ORACLE),
            (Row(1, START_S, (4,)), 1, ADDRESS),
        ]:
            assert claim(journal, row, chain_id, oracle) == row


def test_claim__round_of_another_key__is_refused(tmp_path):
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        claim(journal)
    with (
        RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as other,
        pytest.raises(JournalError, match=f"expected the journal of {KEYS[1].address}, got that of {ADDRESS}"),
    ):
        claim(other)


def test_signed__round_not_there__is_looked_up_in_an_index_in_an_older_file_too(tmp_path, monkeypatch):
    path = tmp_path / "journal.sqlite"
    with RowJournal(path, ADDRESS) as journal:
        journal.execute("DROP INDEX rounds")
    asked = []
    with RowJournal(path, ADDRESS) as journal:
        execute = journal.execute
        monkeypatch.setattr(journal, "execute", lambda *given: asked.append(given) or execute(*given))
        assert journal.signed(1, ORACLE, START_S) is None
        ((query, *values),) = asked
        ((*_, plan),) = execute(f"EXPLAIN QUERY PLAN {query}", *values).fetchall()
    assert plan == "SEARCH rows USING INDEX rounds (chain_id=? AND oracle=? AND timestamp=?)"


def test_sign__claimed_row__is_found_again_with_its_signature(tmp_path):
    signed = SignedRow(1, ROW, 2**255 + 1, 5)
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        claim(journal)
        assert journal.signed(1, ORACLE, START_S) is None
        journal.sign(1, ORACLE, signed)
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as reopened:
        assert reopened.signed(1, ORACLE, START_S) == signed
        assert reopened.signed(2, ORACLE, START_S) is None


def test_sign__something_that_was_not_claimed__is_refused(tmp_path):
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        claim(journal)
        for row in (Row(1, START_S, (2**63 - 1, 0, 8)), Row(1, START_S + 5, ROW.prices)):
            with pytest.raises(JournalError, match=f"expected a claimed row for round {row.timestamp}"):
                journal.sign(1, ORACLE, SignedRow(1, row, 1, 2))


def test_claim__many_on_one_new_journal_at_once__all_get_the_same_row(tmp_path):
    def contend(path: Path, number: int) -> list[Row]:
        with RowJournal(path, ADDRESS) as journal:
            return [claim(journal, Row(1, START_S + 5 * n, (number + 1,))) for n in range(5)]

    with ThreadPool(4) as pool:
        for attempt in range(10):
            path = tmp_path / f"journal-{attempt}.sqlite"
            first, *others = pool.starmap(contend, [(path, number) for number in range(4)])
            assert all(other == first for other in others)


KILLED = """
import sys
from pathlib import Path
from plumbline.core.models import Row
from plumbline.store.rows import RowJournal
journal = RowJournal(Path(sys.argv[1]), sys.argv[2])
for n in range(10**6):
    row = journal.claim(1, sys.argv[3], 1, Row(1, 5 * n, (n + 1,)), 0)
    print(5 * n, row.prices[0], flush=True)
"""


@pytest.mark.parametrize("said_before_kill", [1, 7, 30])
def test_claim__process_killed_at_any_moment__what_it_said_was_kept(tmp_path, said_before_kill):
    path = tmp_path / "journal.sqlite"
    command = [sys.executable, "-c", KILLED, str(path), ADDRESS, ORACLE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(said_before_kill)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.readlines()
    claimed = dict(map(int, line.split()) for line in said if line.endswith("\n"))
    assert len(claimed) >= said_before_kill
    with RowJournal(path, ADDRESS) as journal:
        for timestamp, price in claimed.items():
            assert claim(journal, Row(1, timestamp, (10**12,))).prices == (price,)
        # And it goes on from there.
        after = Row(1, max(claimed) + 10, (9,))
        assert claim(journal, after) == after


def test_open__log_torn_at_any_byte__every_row_that_is_left_is_whole(tmp_path):
    path = tmp_path / "journal.sqlite"
    rows = [Row(1, START_S + 5 * n, (n + 1, 2**62)) for n in range(8)]
    with RowJournal(path, ADDRESS) as journal:
        for row in rows:
            claim(journal, row)
        whole, log = path.read_bytes(), path.with_name("journal.sqlite-wal").read_bytes()
    for cut in range(0, len(log), 4_001):
        torn = tmp_path / f"torn-{cut}.sqlite"
        torn.write_bytes(whole)
        torn.with_name(f"{torn.name}-wal").write_bytes(log[:cut])
        with RowJournal(torn, ADDRESS) as journal:
            found = journal.execute("SELECT timestamp, prices FROM rows ORDER BY timestamp").fetchall()
            assert found == [(row.timestamp, f"[{row.prices[0]}, {row.prices[1]}]") for row in rows[: len(found)]]


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at as one" * 20, b"SQLite format 3\0"]
)
def test_open__damaged_file__says_so(tmp_path, content):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.sqlite: "):
        RowJournal(path, ADDRESS)


def test_open__journal_of_another_kind__says_so(tmp_path):
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE journal (kind TEXT NOT NULL, version INTEGER NOT NULL) STRICT")
        connection.execute("INSERT INTO journal VALUES ('relayer', 9)")
    with pytest.raises(
        JournalError, match="expected a reporter journal of version 2, got a relayer journal of version 9"
    ):
        RowJournal(path, ADDRESS)


def test_claim__disk_is_full__is_refused_and_the_journal_lives_on(tmp_path):
    with RowJournal(tmp_path / "journal.sqlite", ADDRESS) as journal:
        claim(journal)
        pages = journal.execute("PRAGMA page_count").fetchone()[0]
        journal.execute(f"PRAGMA max_page_count = {pages}")
        claimed = []
        with pytest.raises(JournalError, match="full"):
            claimed.extend(claim(journal, Row(1, START_S + 5 * n, (1,) * 32)) for n in range(1, 1_000))
        journal.execute("PRAGMA max_page_count = 100000")
        row = Row(1, START_S + 5 * (len(claimed) + 1), (2,))
        assert claim(journal, row) == row


def test_open__log_cut_at_every_byte_of_its_tail__the_last_row_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        # Small pages: a tail of few bytes, so that every one of them can be tried.
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
    kept = [Row(1, START_S + 5 * n, (n + 1, 2**62)) for n in range(6)]
    with RowJournal(path, ADDRESS) as journal:
        for row in kept[:-1]:
            claim(journal, row)
        before = path.with_name("journal.sqlite-wal").stat().st_size
        claim(journal, kept[-1])
        whole, log = path.read_bytes(), path.with_name("journal.sqlite-wal").read_bytes()
    assert 0 < len(log) - before < 4_096
    torn = tmp_path / "torn.sqlite"
    for cut in range(before, len(log) + 1):
        torn.write_bytes(whole)
        torn.with_name("torn.sqlite-wal").write_bytes(log[:cut])
        with closing(sqlite3.connect(torn)) as connection:
            found = connection.execute("SELECT timestamp, prices FROM rows ORDER BY timestamp").fetchall()
        expected = kept if cut == len(log) else kept[:-1]
        assert found == [(row.timestamp, f"[{row.prices[0]}, {row.prices[1]}]") for row in expected]


def test_prune__older_than_the_retention__is_gone_and_never_claimed_again(tmp_path):
    path = tmp_path / "journal.sqlite"
    rows = [Row(1, START_S + 5 * n, (n + 1,)) for n in range(20)]
    with RowJournal(path, ADDRESS) as journal:
        for row in rows:
            claim(journal, row)
        floor = rows[15].timestamp
        while journal.prune(floor):
            pass
        assert journal.execute("SELECT count(*), min(timestamp) FROM rows").fetchone() == (5, floor)
    with RowJournal(path, ADDRESS) as journal:
        for row in (rows[3], Row(2, rows[14].timestamp, (9,))):
            with pytest.raises(JournalError, match=f"expected a round of {floor} or later, got {row.timestamp}"):
                claim(journal, row)
        assert claim(journal, Row(1, floor, (10**9,))) == rows[15]
        # The floor never sinks.
        journal.prune(START_S)
        assert journal.floor() == floor


def test_open__journal_of_the_version_before__is_upgraded_and_keeps_its_claims(tmp_path):
    path = tmp_path / "journal.sqlite"
    with RowJournal(path, ADDRESS) as journal:
        claim(journal)
        journal.execute("DROP TABLE floor")
        journal.execute("ALTER TABLE rows DROP COLUMN method")
        journal.execute("UPDATE journal SET version = 1")
    with RowJournal(path, ADDRESS) as journal:
        assert claim(journal, Row(1, START_S, (1, 2, 3))) == ROW
        assert journal.execute("SELECT version FROM journal").fetchone() == (2,)

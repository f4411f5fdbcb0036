# SPDX-License-Identifier: AGPL-3.0-only
"""SQLite as a journal, in write-ahead log mode.

What was committed survives a kill at any moment; with `durable` also a power cut, at the price of a disk flush each.
"""

from __future__ import annotations

import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from plumbline.errors import JournalError

_BUSY_MS: Final = 5_000
"""How long a second process on one journal waits for the first one's commit."""


class Closing(ABC):
    """What is closed at the end of its `with` block."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Database(Closing):
    """One connection in autocommit: every statement is committed when it returns, unless inside `transaction`."""

    def __init__(
        self,
        path: Path,
        kind: str,
        version: int,
        schema: str,
        *,
        durable: bool,
        indexes: Sequence[str] = (),
        upgrades: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """Opens or creates. Raises JournalError for a file that is damaged, of another kind or of a newer version.

        indexes: statements "CREATE INDEX IF NOT EXISTS ...", for a file made before there was such an index too.
        upgrades: by version, what makes the next one of it.
        """
        self.path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None)
        try:
            with self._translated():
                self.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
                self._write_ahead()
                self.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._prepare(kind, version, schema, indexes, upgrades)
        except BaseException:
            self._connection.close()
            raise

    def _write_ahead(self) -> None:
        """Two processes that open a new file at once: SQLite tells one of them it is locked, and does not wait."""
        deadline_s = time.monotonic() + _BUSY_MS / 1000
        while True:
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except JournalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.01)

    def _prepare(
        self, kind: str, version: int, schema: str, indexes: Sequence[str], upgrades: Mapping[int, str]
    ) -> None:
        with self.transaction():
            self.execute("CREATE TABLE IF NOT EXISTS journal (kind TEXT NOT NULL, version INTEGER NOT NULL) STRICT")
            found = self.execute("SELECT kind, version FROM journal").fetchone()
            if found is None:
                self._script(schema)
                self.execute("INSERT INTO journal VALUES (?, ?)", kind, version)
            elif found[0] == kind and found[1] <= version and set(range(found[1], version)) <= upgrades.keys():
                for step in range(found[1], version):
                    self._script(upgrades[step])
                self.execute("UPDATE journal SET version = ?", version)
            else:
                raise JournalError(
                    f"{self.path}: expected a {kind} journal of version {version}, got a {found[0]} journal "
                    f"of version {found[1]}"
                )
            for statement in indexes:
                self.execute(statement)

    def _script(self, statements: str) -> None:
        for statement in filter(str.strip, statements.split(";")):
            self.execute(statement)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._translated():
            return self._connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; takes the write lock at once, so that what is read inside still holds when it writes."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # A full disk may have rolled it back already.
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{self.path}: {error}") from error

    def close(self) -> None:
        self._connection.close()

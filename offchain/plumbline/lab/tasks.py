# SPDX-License-Identifier: AGPL-3.0-only
"""Many tasks over all cores, each one's results written down at once: a study that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

RESULTS: Final = "results.jsonl"
Progress = Callable[[int, int, str], None]
"""(tasks done, tasks in all, what was done last)."""


class Task(Protocol):
    """Small enough to be sent to another process."""

    @property
    def key(self) -> str:
        """Of everything the results depend on: `key_of`."""
        ...

    @property
    def name(self) -> str:
        """For the progress."""
        ...


T = TypeVar("T", bound=Task)
R = TypeVar("R")


class _Line(msgspec.Struct):
    """What a task found, in the results' file."""

    task: str
    results: msgspec.Raw


def key_of(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, enc_hook=str)).hexdigest()[:16]


def run_tasks(
    tasks: Sequence[T],
    study: Callable[[T], list[R]],
    kind: type[R],
    folder: Path,
    jobs: int,
    progress: Progress,
    prepare: Callable[[], object],
) -> list[R]:
    """All results in the tasks' order, those of an earlier run in the same folder included.

    study: a function of a module, for other processes. prepare: what they share, loaded before they fork.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = dict(_kept(folder / RESULTS, kind))
    found = {task.key: known[task.key] for task in tasks if task.key in known}
    left = [task for task in tasks if task.key not in found]
    progress(len(found), len(tasks), "kept from before" if found else "")
    if left:
        prepare()  # once, and what cannot be read is said before anything runs; forked workers have it
    with (folder / RESULTS).open("ab") as file, ProcessPoolExecutor(max_workers=min(jobs, len(left) or 1)) as pool:
        waiting = {pool.submit(study, task): task for task in left}
        for done in as_completed(waiting):
            task = waiting[done]
            found[task.key] = done.result()
            line = _Line(task.key, msgspec.Raw(msgspec.json.encode(found[task.key])))
            # A line that a kill tore ends here: what follows begins a new one.
            file.write(b"\n" + msgspec.json.encode(line) + b"\n")
            file.flush()
            progress(len(found), len(tasks), task.name)
    return [result for task in tasks for result in found[task.key]]


def _kept(path: Path, kind: type[R]) -> Iterator[tuple[str, list[R]]]:
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                told = msgspec.json.decode(line, type=_Line)
                results = msgspec.json.decode(told.results, type=list[kind])  # type: ignore[valid-type]
            except msgspec.MsgspecError:
                continue  # empty, or torn by a kill: that task runs again
            yield told.task, results


def stamp(file: Path | None) -> Sequence[int]:
    """Tells a recording from another of the same name."""
    if file is None or not file.is_file():
        return ()
    found = file.stat()
    return found.st_size, found.st_mtime_ns

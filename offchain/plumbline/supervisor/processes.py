# SPDX-License-Identifier: AGPL-3.0-only
"""Child processes with their logs: in groups of their own, never restarted, all stopped at the end, or with us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plumbline.errors import PlumblineError
from plumbline.supervisor.lifeline import tied

TAIL_BYTES: Final = 2_000


class ProcessDied(PlumblineError):
    """A process that should run has ended; names it, its status and its last words."""


@dataclass
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    @property
    def status(self) -> str:
        code = self.process.returncode
        if code is None:
            return "running"
        return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def last_words(self) -> str:
        """The end of its log; empty when it said nothing."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-8:])


class Processes:
    """Everything one run has started. `stop` leaves nothing of it behind, children of children included."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self.children: dict[str, Child] = {}

    async def start(self, name: str, command: Sequence[str], cwd: Path | None = None) -> Child:
        """One process, its output in <logs>/<name>.log. Its own group: a Ctrl-C at the terminal reaches only us."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *tied(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                cwd=cwd,
                start_new_session=True,
            )
        child = self.children[name] = Child(name, process, log)
        return child

    async def run(self, name: str, command: Sequence[str], timeout_s: float, cwd: Path | None = None) -> None:
        """A process that is meant to end. Raises ProcessDied unless it ends well and in time."""
        child = await self.start(name, command, cwd)
        try:
            await asyncio.wait_for(child.process.wait(), timeout_s)
        except TimeoutError:
            await self.stop([name])
            raise ProcessDied(f"{name} did not finish within {timeout_s:.0f} s:\n{child.last_words()}") from None
        except asyncio.CancelledError:
            await self.stop([name])
            raise
        del self.children[name]
        if child.process.returncode != 0:
            raise ProcessDied(f"{name}: {child.status}\n{child.last_words()}")

    def check(self) -> None:
        """Raises ProcessDied for the first process found dead: the run has failed, nothing is restarted silently."""
        for child in self.children.values():
            if not child.running:
                raise ProcessDied(f"{child.name}: {child.status}; log: {child.log}\n{child.last_words()}")

    async def stop(self, names: Sequence[str] | None = None, grace_s: float = 5.0) -> None:
        """SIGTERM to the groups, the last started first; SIGKILL to what is left of any of them after `grace_s`."""
        chosen = [self.children.pop(name) for name in reversed(names or list(self.children))]
        for child in chosen:
            _signal_group(child, signal.SIGTERM)
        waits = [asyncio.create_task(child.process.wait()) for child in chosen]
        if waits:
            await asyncio.wait(waits, timeout=grace_s)
        for child in chosen:
            # A group outlives its leader as long as a member does, so this reaches grandchildren too.
            _signal_group(child, signal.SIGKILL)
        await asyncio.gather(*waits)


def _signal_group(child: Child, number: signal.Signals) -> None:
    # It leads its own session, so the group bears its pid. A group that is gone, or that holds only a zombie (which
    # macOS reports as a lack of permission), is what we want.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)

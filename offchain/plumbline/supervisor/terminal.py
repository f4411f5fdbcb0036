# SPDX-License-Identifier: AGPL-3.0-only
"""Runs a demo in front of somebody: a live screen on a terminal, plain lines elsewhere, one summary line at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from plumbline.supervisor import view
from plumbline.supervisor.demo import Demo, Outcome
from plumbline.supervisor.scenario import Scenario
from plumbline.supervisor.watch import Snapshot

LINE_S: Final = 5.0
"""Without a terminal: a line this often."""


async def run(scenario: Scenario, folder: Path, *, seconds: float | None, port: int | None) -> int:
    """The demo's exit status. Raises PlumblineError when it cannot begin."""
    console = Console()
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    own = (folder / f"{scenario.kind}-{started}").resolve()
    own.mkdir(parents=True)
    with _Screen(console, scenario) as screen:
        demo = Demo(scenario, own, port=port, say=screen.say, show=screen.show)
        outcome = await _until_signalled(demo, seconds)
    failures = outcome.failures()
    console.print(summary(outcome), style="green" if not failures else "red", highlight=False, soft_wrap=True)
    return 1 if failures else 0


def summary(outcome: Outcome) -> str:
    """One line: what happened, and why it is a success or not."""
    seen = outcome.premium_ppm
    premium = f"last premium {seen / 100:+.1f} bps" if seen is not None else "no premium was seen"
    told = (
        f"{outcome.rounds} rounds published; keeper: "
        f"{view.keeper_text(outcome.trades, outcome.profit, outcome.gas_wei)}; {premium}"
    )
    failures = outcome.failures()
    return f"plumbline demo: {told}" + (f" - FAILED: {'; '.join(failures)}" if failures else " - all well")


class _Screen:
    """Where the demo's words and looks go."""

    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._title = f"{scenario.kind} market" + (f" at {scenario.speed:g}x" if scenario.speed != 1 else "")
        self._live: Live | None = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._hint = "Ctrl-C ends it"
        self._next_line = 0.0

    def __enter__(self) -> _Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, words: str) -> None:
        self._console.print(f"plumbline: {words}", highlight=False, soft_wrap=True)

    def show(self, snapshot: Snapshot, processes: dict[str, str]) -> None:
        if self._live is not None:
            self._live.update(view.screen(self._title, snapshot, processes, self._hint))
        elif time.monotonic() >= self._next_line and snapshot.rounds:
            self._next_line = time.monotonic() + LINE_S
            self._console.print(view.line(snapshot), highlight=False, soft_wrap=True)


async def _until_signalled(demo: Demo, seconds: float | None) -> Outcome:
    """SIGINT, SIGTERM and SIGHUP end the run in order; a second one cancels it (and still stops every process)."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(demo.run(seconds))

    def interrupted() -> None:
        if demo.stop.is_set():
            running.cancel()
        demo.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, interrupted)
    return await running

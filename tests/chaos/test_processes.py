# SPDX-License-Identifier: AGPL-3.0-only
"""Real processes on a real Anvil, killed and paused at random: what the lock-step world cannot show of a node.

Seven reporters and two relayers in turns; a few faults here, by `make chaos` (PLUMBLINE_CHAOS=long) many.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from scripts.bench import network

from plumbline.store.relays import RelayJournal

pytestmark = pytest.mark.anvil
LONG = os.environ.get("PLUMBLINE_CHAOS") == "long"
FAULTS = 60 if LONG else 3
REPORTERS = [f"reporter-{index}" for index in range(1, 8)]
RELAYERS = ["relayer-1", "relayer-2"]
HEARTBEAT_S = 60


async def fault(run: network.Run, dice: random.Random) -> str:
    """One thing that happens to an operator; over when it returns. Its name."""
    kind = dice.choice(
        ["kill -9: reporters", "kill -9: relayer", "kill -9: exchanges", "pause: reporter", "pause: chain"]
    )
    if kind == "pause: chain":
        assert run.anvil.pid is not None
        os.kill(run.anvil.pid, signal.SIGSTOP)
        await asyncio.sleep(1.5)
        os.kill(run.anvil.pid, signal.SIGCONT)
    elif kind == "pause: reporter":
        # As long as a machine sleeps: its rounds are over when it wakes up.
        child = run.processes.children[dice.choice(REPORTERS)].process
        child.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2.5)
        child.send_signal(signal.SIGCONT)
    else:
        names = {"reporters": dice.sample(REPORTERS, 2), "relayer": [dice.choice(RELAYERS)], "exchanges": ["replay"]}
        killed = names[kind.removeprefix("kill -9: ")]
        for name in killed:
            run.processes.children[name].process.kill()
            await run.processes.children[name].process.wait()
        await asyncio.sleep(dice.uniform(0, 1))
        for name in killed:
            await run.start(name)
    return kind


async def play(folder: Path, seed: int) -> int:
    """Rounds on chain at the end; fails when they stop coming."""
    dice = random.Random(seed)
    async with network.network(folder, faulty=2, relayers=2) as run:
        await more_rounds(run, 0)
        for _ in range(FAULTS):
            await fault(run, dice)
            await more_rounds(run, await rounds(run))
        return await rounds(run)


async def rounds(run: network.Run) -> int:
    return await asyncio.to_thread(run.rounds_on_chain)


async def more_rounds(run: network.Run, before: int) -> None:
    deadline = time.monotonic() + 2 * HEARTBEAT_S
    while await rounds(run) <= before:
        assert time.monotonic() < deadline, f"no round within {2 * HEARTBEAT_S} s; {network.last_words(run)}"
        await asyncio.sleep(0.5)


@pytest.mark.timeout(3_600 if LONG else 300)
def test_processes__killed_and_paused_at_random__rounds_go_on_and_every_journal_is_true(tmp_path: Path):
    done = asyncio.run(play(tmp_path, seed=1))
    assert done > FAULTS
    told: dict[tuple[int, int], set[str]] = {}
    outcomes: list[str] = []
    for name in RELAYERS:
        with RelayJournal(tmp_path / f"{name}.sqlite") as journal:
            assert journal.evidence() == []
            for reporter, timestamp, prices in journal.execute("SELECT reporter, timestamp, prices FROM rows"):
                told.setdefault((reporter, timestamp), set()).add(prices)
            outcomes += [word for (word,) in journal.execute("SELECT outcome FROM submissions")]
    assert all(len(rows) == 1 for rows in told.values())
    assert outcomes.count("reverted") <= len(outcomes) // 20
    for index, name in enumerate(REPORTERS, 1):
        journal = tmp_path / f"{name}.sqlite"
        with closing(sqlite3.connect(journal)) as connection:
            kept = dict(connection.execute("SELECT timestamp, prices FROM rows WHERE r IS NOT NULL"))
        # Nothing that was served is lost.
        assert all(kept.get(at) == next(iter(rows)) for (reporter, at), rows in told.items() if reporter == index)
        command = [sys.executable, "-m", "plumbline.cli", "journal", "verify", str(journal)]
        verified = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert verified.returncode == 0, verified.stdout

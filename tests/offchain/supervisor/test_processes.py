# SPDX-License-Identifier: AGPL-3.0-only
"""Real small processes: what was started is seen, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.helpers.processes import living

from plumbline.supervisor.processes import Child, ProcessDied, Processes

SLEEPER = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    " print(c.pid, flush=True); time.sleep(60)",
]


async def until_it_speaks(child: Child) -> str:
    for _ in range(500):
        if text := child.last_words():
            return text
        await asyncio.sleep(0.01)
    raise AssertionError("the process said nothing within 5 s")


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path, os.environ)


def test_stop__ends_a_process_that_listens_and_one_that_does_not(processes: Processes) -> None:
    async def scenario() -> tuple[float, list[int]]:
        children = [await processes.start("sleeper", SLEEPER), await processes.start("stubborn", STUBBORN)]
        for child in children:
            await until_it_speaks(child)
        started = time.monotonic()
        await processes.stop(grace_s=0.5)
        assert [child.status for child in children] == ["killed by SIGTERM", "killed by SIGKILL"]
        return time.monotonic() - started, [child.process.pid for child in children]

    took_s, pids = asyncio.run(scenario())
    assert took_s < 5
    assert not set(pids) & living().keys()
    assert processes.children == {}


def test_stop__ends_the_children_of_its_children(processes: Processes) -> None:
    async def scenario() -> int:
        parent = await processes.start("parent", PARENT)
        grandchild = int(await until_it_speaks(parent))
        assert grandchild in living()
        await processes.stop()
        return grandchild

    grandchild = asyncio.run(scenario())
    deadline = time.monotonic() + 5
    while grandchild in living() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert grandchild not in living()


def test_check__a_dead_process__is_named_with_its_status_and_last_words(processes: Processes) -> None:
    async def scenario() -> None:
        child = await processes.start("relayer", [sys.executable, "-c", "raise SystemExit('no quorum of keys')"])
        await processes.start("sleeper", SLEEPER)
        await child.process.wait()
        try:
            with pytest.raises(
                ProcessDied, match=r"(?s)relayer: exit status 1; log: .*relayer\.log.*no quorum of keys"
            ):
                processes.check()
        finally:
            await processes.stop()

    asyncio.run(scenario())


def test_check__all_alive__says_nothing(processes: Processes) -> None:
    async def scenario() -> None:
        await processes.start("sleeper", SLEEPER)
        processes.check()
        await processes.stop()

    asyncio.run(scenario())


def test_run__a_process_that_fails__raises_with_its_words(processes: Processes) -> None:
    with pytest.raises(ProcessDied, match=r"(?s)deploy: exit status 3.*out of gas"):
        asyncio.run(processes.run("deploy", [sys.executable, "-c", "print('out of gas'); raise SystemExit(3)"], 20))


def test_run__a_process_that_hangs__is_stopped_and_reported(processes: Processes) -> None:
    with pytest.raises(ProcessDied, match=r"deploy did not finish within 0 s"):
        asyncio.run(processes.run("deploy", SLEEPER, 0.3))
    assert processes.children == {}


def test_run__a_process_that_ends_well__is_forgotten(processes: Processes) -> None:
    asyncio.run(processes.run("deploy", [sys.executable, "-c", "pass"], 20))
    assert processes.children == {}


SUPERVISOR = """
import asyncio, os, sys
from pathlib import Path
from plumbline.supervisor.processes import Processes
async def main():
    processes = Processes(Path(sys.argv[1]), os.environ)
    child = await processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"])
    print(child.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_supervisor_killed__its_children_go_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        assert child in living()
        supervisor.kill()
        supervisor.wait()
    for _ in range(500):
        if child not in living():
            return
        time.sleep(0.01)
    raise AssertionError("the child is alive 5 s after its supervisor was killed")


def test_run__cancelled__its_process_is_stopped(processes: Processes) -> None:
    async def scenario() -> int:
        running = asyncio.create_task(processes.run("sleeper", SLEEPER, 60))
        while "sleeper" not in processes.children:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        child = processes.children["sleeper"]
        await until_it_speaks(child)
        running.cancel()
        await asyncio.wait((running,))
        return child.process.pid

    assert asyncio.run(scenario()) not in living()
    assert processes.children == {}

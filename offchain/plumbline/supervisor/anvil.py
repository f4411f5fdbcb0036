# SPDX-License-Identifier: AGPL-3.0-only
"""One local chain as a child process: the native Anvil, never the Node wrapper (killing that orphans the chain)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import deque
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final

import httpx

from plumbline.errors import PlumblineError
from plumbline.supervisor.lifeline import tied

CHAIN_ID: Final = 31337
HARDFORK: Final = "prague"
KEPT_STATES: Final = "64"
"""A short history lets a chain run for days; with none, a question about "latest" fails when a block comes between."""
_LISTENING = re.compile(r"Listening on ([0-9.]+):([0-9]+)")


class AnvilError(PlumblineError):
    """Anvil is not installed, or did not start; says why."""


def anvil_path() -> str:
    """Path of the native binary: on PATH, else in a node_modules above this file."""
    found = shutil.which("anvil")
    if found and "node_modules/.bin" not in found:
        return found
    for parent in Path(__file__).resolve().parents:
        for candidate in sorted(parent.glob("node_modules/@foundry-rs/anvil-*/bin/anvil")):
            return str(candidate)
    raise AnvilError("Anvil is not installed: run `make setup`, or install Foundry and put `anvil` on PATH")


class Anvil:
    """`with Anvil("--no-mining") as anvil: ... anvil.url`; killed by its own pid on the way out.

    Without `port` the system gives a free one, so chains started side by side never meet. Extra arguments go to Anvil.
    """

    def __init__(self, *args: str, port: int | None = None, start_timeout_s: float = 20) -> None:
        self._args = args
        self._port = port
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self._tail: deque[str] = deque(maxlen=20)
        self._listening = False
        self._settled = Event()

    @property
    def port(self) -> int:
        if self._port is None:
            raise AnvilError("Anvil was not started")
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> Anvil:
        command = [anvil_path(), "--host", "127.0.0.1", "--port", str(self._port or 0)]
        command += ["--chain-id", str(CHAIN_ID), "--hardfork", HARDFORK, "--prune-history", KEPT_STATES, *self._args]
        self._listening = False
        self._settled.clear()
        # Its own session: a Ctrl-C at the terminal reaches only us, and we decide the order things stop in.
        self._process = subprocess.Popen(
            tied(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self._settled.wait(self._start_timeout_s)
        if not self._listening:
            self.stop()
            where = f"on port {self._port}" if self._port else "on a free port"
            raise AnvilError(f"Anvil did not start {where}: {' | '.join(self._tail) or 'it said nothing'}")
        # A log line per request would only be thrown away.
        httpx.post(
            self.url,
            json={"jsonrpc": "2.0", "id": 1, "method": "anvil_setLoggingEnabled", "params": [False]},
            timeout=self._start_timeout_s,
        ).raise_for_status()
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Drains the pipe to its end, so that Anvil never blocks on it; learns the port on the way."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.strip():
                    self._tail.append(line.strip())
                found = _LISTENING.search(line)
                if found:
                    self._port, self._listening = int(found[2]), True
                    self._settled.set()
        self._settled.set()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; keeps the port, so that `start` brings up a new chain in the same place."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(timeout=5)
        self._process = None

    def __enter__(self) -> Anvil:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

# SPDX-License-Identifier: AGPL-3.0-only
"""Somebody who follows a page: pastes each block, in order, where the page says it goes.

    ```sh                                       into one shell that stays
    ```sh title="in a terminal of its own"      runs until the page is read
    ```python                                   into one interpreter
    ```toml title="build/market.toml"           saved under that name (any language)
    ```text, ```json, ```                       shown only

Two things are not as written: what goes to build/ goes to a folder of the test's, and ports are free ones. Commands of
Ape are Ape's, in a process that has loaded it once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.helpers.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
OWN_TERMINAL = "in a terminal of its own"
SHOWN = ("", "text", "json")
PORTS = ("9101", "9102", "9300")
_WRITTEN = re.compile(rf"\bbuild/|\b(?:{'|'.join(PORTS)})\b")
_FENCE = re.compile(r'^```(?P<kind>[a-z]*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
_PREAMBLE = """\
set -euo pipefail
exec 3>&1
scripts/run() {
    if [ "$1" != ape ]; then command scripts/run "$@"; return; fi
    printf '\\n\\001ape' >&3; printf '\\037%s' "${@:2}" >&3; echo >&3
    local status; read -r status; return "$status"
}
"""
"""A name with a slash is as good for a function as any: `scripts/run ape` asks the Ape that is loaded already."""


@dataclass(frozen=True)
class Block:
    page: str
    number: int
    kind: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, block {self.number}"


def blocks(page: Path) -> list[Block]:
    found = enumerate(_FENCE.finditer(page.read_text(encoding="utf-8")), 1)
    return [Block(page.name, number, each["kind"], each["title"] or "", each["text"]) for number, each in found]


class WarmApe:
    """Ape's command line, loaded when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Exit status and output. The environment counts the first time."""
        if self._process is None:
            self._process = _popen([sys.executable, "-m", "tests.helpers.warm_ape"], environment, subprocess.PIPE)
        asked, answers = _pipes(self._process)
        asked.write(json.dumps(arguments) + "\n")
        asked.flush()
        for line in answers:
            if line.startswith('{"status"'):
                answer = json.loads(line)
                return answer["status"], answer["output"]
        raise AssertionError(f"Ape ended: {self._process.wait()}")

    def close(self) -> None:
        if self._process is not None:
            _end(self._process)


class Reader:
    def __init__(self, environment: Mapping[str, str], folder: Path, ape: WarmApe) -> None:
        self.environment = dict(environment)
        self._folder, self._ape = folder, ape
        self._written = {"build/": f"{folder}/"} | {port: str(free_port()) for port in PORTS}
        self._python: dict[str, Any] = {"__name__": "__main__"}
        self._terminals: list[tuple[Block, subprocess.Popen[str], Path]] = []
        self._shell = _popen(["bash", "--noprofile", "--norc"], self.environment, subprocess.PIPE)
        self._type(_PREAMBLE)

    def paste(self, block: Block) -> None:
        """Raises AssertionError with what the block said when it did not go well."""
        text = self._own(block.text)
        if block.title == OWN_TERMINAL:
            log = self._folder / f"terminal-{len(self._terminals)}.log"
            with log.open("w") as sink:
                self._terminals.append((block, _popen(["bash", "-c", text], self.environment, sink), log))
        elif block.title:
            path = Path(self._own(block.title))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif block.kind == "sh":
            self._run(block, text)
        elif block.kind == "python":
            with _environment(self.environment):
                exec(compile(text, str(block), "exec"), self._python)
        else:
            assert block.kind in SHOWN, f"{block}: nothing says where {block.kind!r} goes"

    def close(self) -> None:
        """Raises AssertionError when a terminal of its own has ended before the page."""
        ended = [(block, log.read_text()) for block, process, log in self._terminals if process.poll() is not None]
        for process in (self._shell, *(process for _, process, _ in self._terminals)):
            _end(process)
        assert not ended, "\n".join(f"{block} ended:\n{said}" for block, said in ended)

    def _own(self, text: str) -> str:
        return _WRITTEN.sub(lambda found: self._written[found[0]], text)

    def _run(self, block: Block, text: str) -> None:
        script, exported = self._folder / "block.sh", self._folder / "environment"
        script.write_text(text, encoding="utf-8")
        self._type(f"source '{script}'; env -0 >'{exported}'; printf '\\n\\001done\\n'\n")
        said = []
        for line in _pipes(self._shell)[1]:
            if line == "\001done\n":
                # What the block exported is there for the blocks of Python, too, and for other terminals.
                pairs = exported.read_text().split("\0")[:-1]
                self.environment = dict(pair.split("=", 1) for pair in pairs)
                return
            if line.startswith("\001ape\037"):
                status, output = self._ape(line[5:-1].split("\037"), self.environment)
                said.append(output)
                self._type(f"{status}\n")
            else:
                said.append(line)
        raise AssertionError(f"{block} ended with {self._shell.wait()}:\n{''.join(said)}")

    def _type(self, text: str) -> None:
        shell = _pipes(self._shell)[0]
        shell.write(text)
        shell.flush()


@contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    """For an interpreter that is this process: as if it had been started from that shell."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(given)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _popen(command: list[str], environment: Mapping[str, str], output: int | IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _end(process: subprocess.Popen[str]) -> None:
    """The whole group, gently; a Ctrl-C at a terminal reaches all of it as well."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()

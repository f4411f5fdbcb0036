# SPDX-License-Identifier: AGPL-3.0-only
"""`make wheel`: build the wheel and use it as somebody does who has nothing else.

Installed from the lock file into an empty environment, it says what it can do, plays the off-chain part of the
simulated demo (exchanges, reporters, relayer) up to the first round, and checks a reporter. Only the chain and its
contracts come from this checkout: the wheel has no compiler. Exit status 0 only if all of it went well.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

import httpx
from web3 import HTTPProvider, Web3

from plumbline.errors import PlumblineError
from plumbline.supervisor.anvil import Anvil
from plumbline.supervisor.configs import Run, reporters
from plumbline.supervisor.processes import Processes
from plumbline.supervisor.scenario import simulated
from scripts.artifacts import ROOT
from scripts.deployment import cast, steps
from scripts.deployment.chain import Chain

FIRST_ROUND_S = 60
PACKAGE = ROOT / "offchain" / "plumbline"
DIST = ROOT / "build" / "wheel"
"""Where the wheel stays."""


class WheelError(PlumblineError):
    """The wheel is not what it should be; says what."""


def build(folder: Path) -> Path:
    """The wheel, made by the locked build backend without asking any registry."""
    _run(["uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(folder), str(ROOT)], cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def missing(wheel: Path) -> set[str]:
    """What the package has on disk (templates, static files, ABIs, licences too) and the wheel has not."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    sources = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(PACKAGE.parent).as_posix() for path in sources} - packed


def install(wheel: Path, folder: Path) -> Path:
    """An environment of its own with the wheel and what the lock file says; returns its `bin`."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    locked = ["--require-hashes", "-r", str(ROOT / "requirements" / "runtime.txt")]
    _run(["uv", "pip", "install", "--quiet", "--python", str(python), *locked], cwd=ROOT)
    _run(["uv", "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel)], cwd=ROOT)
    _run(["uv", "pip", "check", "--quiet", "--python", str(python)], cwd=ROOT)
    return folder / "bin"


async def play(binaries: Path, folder: Path) -> None:
    """The demo's off-chain part out of the wheel, until the relayer has brought a round to the chain."""
    plumbline = str(binaries / "plumbline")
    # Nothing of this checkout is on its path, and nothing of it in its folder.
    alone = {"PATH": f"{binaries}:{os.defpath}", "HOME": str(folder), "NO_COLOR": "1"}
    scenario = simulated(seed=1)
    processes = Processes(folder / "logs", alone)
    with Anvil() as anvil:
        chain = Chain(Web3(HTTPProvider(anvil.url)))
        steps.deploy(chain, cast.Parameters(period_s=scenario.period_s, heartbeat_s=scenario.heartbeat_s))
        cast.write_keys(folder / "keys")
        contracts = {name: deployed.address for name, deployed in chain.deployed.items()}
        run = Run(folder, scenario, anvil.url, {}, contracts)
        (folder / "journals").mkdir()
        configs = {name: run.reporter(name) for name in reporters()}
        try:
            for name, config in {"replay": run.replay(), **configs, "relayer": run.relayer()}.items():
                await processes.start(name, [plumbline, name.partition("-")[0], "run", "--config", str(config)], folder)
            told = await _until_round(f"{run.url('relayer')}/status", processes)
            print(f"round {told} of five reporters, a relayer and the simulated exchanges")
            check = [plumbline, "reporter", "check", "--config", str(configs["reporter-1"])]
            print(_run(check, cwd=folder, environment=alone), end="")
        finally:
            await processes.stop()


async def _until_round(page: str, processes: Processes) -> int:
    deadline = time.monotonic() + FIRST_ROUND_S
    async with httpx.AsyncClient(timeout=2) as http:
        while time.monotonic() < deadline:
            processes.check()
            try:
                chain = (await http.get(page)).json()["chain"]
            except httpx.HTTPError:
                chain = None  # it does not listen yet
            if chain and chain["round_id"]:
                return int(chain["round_id"])
            await asyncio.sleep(0.2)
    raise WheelError(f"no round within {FIRST_ROUND_S} s: {page}")


def _run(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WheelError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="plumbline-wheel-") as scratch:
        folder = Path(scratch)
        try:
            wheel = build(DIST)
            if lost := missing(wheel):
                raise WheelError(f"{wheel.name} lacks {', '.join(sorted(lost))}")
            print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size:,} bytes, every file of the package is in it")
            binaries = install(wheel, folder / "environment")
            (folder / "run").mkdir()
            print(_run([str(binaries / "plumbline"), "--help"], folder / "run", {"PATH": os.defpath}), end="")
            asyncio.run(play(binaries, folder / "run"))
        except PlumblineError as error:
            print(f"wheel: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

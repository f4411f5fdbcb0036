# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-fresh`: from nothing to the first published round, as a newcomer has it.

Clones what is committed, with empty package caches, and runs `make demo` there until the first round with every price.
It downloads some 300 MB from the package registries, so it measures this machine and its connection as much as us.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench.report import ROOT, Bench

FIRST_ROUND = "first round with every price"
CACHES = ("UV_CACHE_DIR", "PIP_CACHE_DIR", "npm_config_cache", "PYTHONPATH", "VIRTUAL_ENV")
"""Where packages could come from without being downloaded; scripts/env.sh then keeps its own inside the clone."""


def newcomer() -> dict[str, str]:
    """The environment of somebody who has never been here."""
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(str(ROOT)))
    return {name: value for name, value in os.environ.items() if name not in CACHES} | {"PATH": path}


def seconds_to_first_round(folder: Path) -> float:
    """Raises SystemExit with the demo's last words when there is none."""
    began = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    demo = subprocess.Popen(
        ["make", "demo"],
        cwd=folder,
        env=newcomer(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            said.append(line)
            if FIRST_ROUND in line:
                return time.monotonic() - began
    finally:
        # As Ctrl-C does: everything ends in order, and then the clone can be removed.
        os.killpg(demo.pid, signal.SIGINT)
        demo.stdout.read()
        demo.wait()
    raise SystemExit("bench-fresh: no first round:\n" + "".join(said[-20:]))


def main() -> int:
    bench = Bench("fresh")
    with tempfile.TemporaryDirectory(prefix="plumbline-fresh-") as folder:
        bench.add(
            "fresh clone to first published round", seconds_to_first_round(Path(folder) / "plumbline"), "s", "<= 240"
        )
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

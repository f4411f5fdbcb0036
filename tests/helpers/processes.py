# SPDX-License-Identifier: AGPL-3.0-only
"""Which processes are alive: from /proc where there is one (Linux), else from ps."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROC = Path("/proc")


def living() -> dict[int, list[str]]:
    """pid -> command line. A zombie has ended: it only waits to be read, and is left out."""
    if (PROC / "self" / "stat").exists():
        return {int(entry.name): words for entry in PROC.glob("[0-9]*") if (words := _words(entry))}
    table = subprocess.run(["ps", "-axo", "pid=,stat=,command="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in table.splitlines()]
    return {int(pid): words for pid, state, *words in rows if not state.startswith("Z")}


def _words(entry: Path) -> list[str]:
    """Empty for a zombie, for the kernel's own, and for one that has just gone."""
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []

# SPDX-License-Identifier: AGPL-3.0-only
"""Children that do not outlive their parent, however it ends: also by kill -9, when it can stop nobody.

Linux tells a process when its parent dies, if the process asked for it. A small program asks and then becomes the
command, by `exec`: the wish survives that, and nothing has to run between fork and exec of a process with threads.
Elsewhere commands are started as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

_PROGRAM: Final = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)  # it died before we asked
os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command, killed when this process (more exactly: the thread that starts it) ends."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-IS", "-c", _PROGRAM, str(os.getpid()), *command]

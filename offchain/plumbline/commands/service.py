# SPDX-License-Identifier: AGPL-3.0-only
"""Running a service as a process: until SIGTERM or Ctrl-C, then a clean stop with status 0."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import structlog


def run_service(main: Coroutine[Any, Any, None]) -> None:
    """Everything `main` holds is let go by its own context managers when the signal cancels it."""
    asyncio.run(_until_signalled(main))


async def _until_signalled(main: Coroutine[Any, Any, None]) -> None:
    log = structlog.get_logger(__name__)
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(main)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")

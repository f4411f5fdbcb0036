# SPDX-License-Identifier: AGPL-3.0-only
"""A service as a process: until SIGTERM or Ctrl-C, then a clean stop with status 0; SIGHUP reads its config anew."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import structlog

from plumbline.config import Section, load
from plumbline.errors import ConfigError

T = TypeVar("T", bound=Section)


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


def on_hangup(path: Path, running: T, reloadable: Collection[str], apply: Callable[[T], None]) -> None:
    """On SIGHUP load the config again and `apply` it, if it is sound.

    reloadable: the keys `apply` looks at; of any other key that changed it is said that it needs a restart.
    """
    log = structlog.get_logger(__name__)

    def reload() -> None:
        try:
            fresh = load(path, type(running))
        except ConfigError as error:
            log.error("config not reloaded", reason=str(error))
            return
        changed = [key for key in fresh.__struct_fields__ if getattr(fresh, key) != getattr(running, key)]
        apply(fresh)
        log.info(
            "config reloaded",
            changed=[key for key in changed if key in reloadable],
            needs_restart=[key for key in changed if key not in reloadable],
        )

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)

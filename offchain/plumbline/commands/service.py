# SPDX-License-Identifier: AGPL-3.0-only
"""A service as a process: until SIGTERM or Ctrl-C, then a clean stop with status 0; SIGHUP reads its config anew.

`run_node` and `check_node` are the frame of every node's `run` and `check`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import structlog

from plumbline.commands.checks import Checks
from plumbline.config import KeyConfig, LogConfig, Section, SignerConfig, load
from plumbline.errors import ConfigError
from plumbline.log import setup as log_setup

if TYPE_CHECKING:
    import httpx

    from plumbline.ports import Signer

DAY_S: Final = 86_400
T = TypeVar("T", bound=Section)


class NodeConfig(Protocol):
    @property
    def log(self) -> LogConfig: ...


C = TypeVar("C", bound=Section)


def run_node(
    service: str, path: Path, kind: type[C], main: Callable[[C], Coroutine[Any, Any, None]], *, reloads: bool = False
) -> None:
    """Read the config, begin to log as it says, and run until stopped.

    reloads: `main` calls `on_hangup`. A SIGHUP before that waits for it: the config may be read and changed by then.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP} if reloads else ())
    try:
        config = load(path, kind)
        log_setup(cast(NodeConfig, config).log, service=service)
        run_service(main(config))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def check_node(
    path: Path, kind: type[C], check: Callable[[C, Checks], Coroutine[Any, Any, None]], *, as_json: bool
) -> None:
    """Try everything, one line each. Raises PlumblineError when something failed."""
    config, checks = load(path, kind), Checks(as_json=as_json)
    # What fails is said once, by the check itself.
    log_setup(LogConfig(level="error"))
    checks.passed("config", str(path))
    asyncio.run(check(config, checks))
    checks.finish()


def signer_of(key: KeyConfig | None, signer: SignerConfig | None, client: httpx.AsyncClient) -> Signer:
    """The key in its file, or the remote signer that holds it; the config has one of the two."""
    from plumbline.chain.keystore import open_key
    from plumbline.chain.remote_signer import RemoteSigner

    if signer is not None:
        return RemoteSigner(signer, client)
    assert key is not None  # checked when the config was read
    return open_key(key)


def process_name() -> str:
    """What a process is called among those it shares leases with."""
    return f"{socket.gethostname()}-{os.getpid()}".replace(".", "-")


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
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

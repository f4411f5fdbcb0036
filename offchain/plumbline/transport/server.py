# SPDX-License-Identifier: AGPL-3.0-only
"""Serving a node's pages over HTTP beside its loop: read only, bounded, stopped with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from plumbline.config import HttpConfig
from plumbline.errors import ConfigError
from plumbline.transport.connections import BoundedProtocol, Bounds

_MAX_HEADER_BYTES: Final = 16_384
_STOP_S: Final = 1
_BOUNDS: Final = Bounds()


class HttpServer:
    """`async with HttpServer(app, config) as server: server.port`; serves until left."""

    def __init__(self, app: ASGIApp, config: HttpConfig, bounds: Bounds = _BOUNDS) -> None:
        self._socket = _listen(config, bounds)
        self.port: int = self._socket.getsockname()[1]
        self._server = _Embedded(
            uvicorn.Config(
                app,
                http=partial(BoundedProtocol, bounds=bounds),  # type: ignore[arg-type]  # it is only called
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    async def __aenter__(self) -> HttpServer:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._server.should_exit = True
        await self._task
        self._socket.close()


class _Embedded(uvicorn.Server):
    """Leaves the process's signals to the process: it is a part of a service, not the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(config: HttpConfig, bounds: Bounds) -> socket.socket:
    """Bound and listening before anything else starts. Raises ConfigError when the port is taken."""
    try:
        return socket.create_server((config.host, config.port), backlog=bounds.connections)
    except OSError as error:
        raise ConfigError(
            f"http: cannot listen on {config.host}:{config.port}: {error.strerror}; "
            "stop what uses it or choose another http.port"
        ) from None

# SPDX-License-Identifier: AGPL-3.0-only
"""Recorded frames served as they were: the bytes an exchange sent, at the pace it sent them.

A recording is a gzip file of lines: `<unix time>: <what was received>`; other lines (connections, what was sent) are
skipped. To every client the recording is told from its begin, once it has subscribed to something: whatever it asks,
the answers are the recorded ones.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from plumbline.errors import ConfigError


class Frame(NamedTuple):
    after_s: float
    """Since the first frame of the recording, in wall time."""
    payload: bytes


def recorded_frames(path: Path) -> Iterator[Frame]:
    """What was received, in order.

    Raises:
        ConfigError: no such file, or no recording.
    """
    begin: float | None = None
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                at, colon, payload = line.partition(b": ")
                if not colon or not at.replace(b".", b"", 1).isdigit():
                    continue
                begin = float(at) if begin is None else begin
                yield Frame(float(at) - begin, payload.strip())
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path}: expected a gzip recording of frames: {error}") from None
    if begin is None:
        raise ConfigError(f"{path}: expected lines of `<unix time>: <frame>`, got none")


class FrameServer:
    """`async with FrameServer(frames) as server:` tells the frames to each client; then the line stays open."""

    def __init__(self, frames: Iterable[Frame], port: int = 0, *, speed: float = 1.0, host: str = "127.0.0.1") -> None:
        """`speed`: how many times faster than they were recorded."""
        self._frames: Sequence[Frame] = tuple(frames)
        self._host, self.port, self._speed = host, port, speed
        self._server: Server | None = None
        self.told = 0
        """Frames sent, to all clients."""

    @property
    def url(self) -> str:
        return f"ws://{self._host}:{self.port}"

    @property
    def urls(self) -> list[str]:
        return [self.url]

    async def run(self) -> None:
        """Until cancelled: clients come and go."""
        assert self._server is not None
        await self._server.wait_closed()

    async def __aenter__(self) -> FrameServer:
        self._server = await serve(self._serve, self._host, self.port, compression=None, max_size=1 << 16)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            await connection.recv()
            listening = asyncio.create_task(self._listen(connection))
            try:
                await self._tell(connection)
                await connection.wait_closed()
            finally:
                listening.cancel()
        except ConnectionClosed:
            pass

    async def _listen(self, connection: ServerConnection) -> None:
        """What a client says more changes nothing; it has to be read so that pings are."""
        async for _ in connection:
            pass

    async def _tell(self, connection: ServerConnection) -> None:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        for frame in self._frames:
            await asyncio.sleep(max(0.0, begin_s + frame.after_s / self._speed - loop.time()))
            await connection.send(frame.payload, text=True)
            self.told += 1

# SPDX-License-Identifier: AGPL-3.0-only
"""New blocks as they come: a WebSocket subscription, with looking every so often as what is left without one.

A head is a reason to look, and a guess at what is the latest block. What is decided on is read from the chain at that
look, so a lying, late or missing notification can cost time and nothing else, and after a gap there is nothing to make
up for here.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from types import TracebackType
from typing import Final

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from plumbline.chain.rpc import Header
from plumbline.errors import ChainError
from plumbline.log import redacted

_SUBSCRIBE: Final = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'
_MAX_FRAME_BYTES: Final = 1 << 20
_RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Between two attempts to connect; the last one from then on."""
_QUIET_POLLS: Final = 10
"""With a subscription, a look for its own sake comes so many times less often."""

log = structlog.get_logger(__name__)


class Heads:
    """`async with Heads(url, poll_s) as heads: await heads.wait()`."""

    def __init__(self, ws_url: str | None, poll_s: float) -> None:
        """ws_url: an endpoint of the same chain; None: there is only the looking."""
        self._url, self._poll_s = ws_url, poll_s
        self._new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._announced: Header | None = None
        self.subscribed = False
        self.seen = 0

    async def wait(self) -> None:
        """Until a new block, or until it is time to look anyway."""
        patience = self._poll_s * (_QUIET_POLLS if self.subscribed else 1)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._new.wait(), patience)
        self._new.clear()

    def take(self) -> Header | None:
        """The newest block that was announced since this was called last; None: whoever wants one asks the chain."""
        announced, self._announced = self._announced, None
        return announced

    def wake(self) -> None:
        """Somebody has another reason to look."""
        self._new.set()

    async def _follow(self, url: str) -> None:
        """Subscribes, again and again."""
        failures = 0
        while True:
            try:
                async with connect(url, max_size=_MAX_FRAME_BYTES, open_timeout=5, close_timeout=1) as socket:
                    await self._subscribe(socket)
                    failures = 0
                    await self._listen(socket)
                reason = "closed"
            except (OSError, WebSocketException, TimeoutError, ValueError) as error:
                reason = type(error).__name__
            if self.subscribed or not failures:
                log.warning("no subscription to new blocks: looking for them", url=redacted(url), reason=reason)
            self.subscribed = False
            self._new.set()
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    async def _subscribe(self, socket: ClientConnection) -> None:
        """Raises ValueError when the endpoint does not know subscriptions."""
        await socket.send(_SUBSCRIBE)
        async with asyncio.timeout(5):
            answer = json.loads(await socket.recv())
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), str):
            raise ValueError("expected a subscription's id")
        self.subscribed = True
        # Something may have come between the last look and the subscription.
        self._new.set()

    async def _listen(self, socket: ClientConnection) -> None:
        async for frame in socket:
            self.seen += 1
            self._announced = _header_in(frame)
            self._new.set()

    async def __aenter__(self) -> Heads:
        if self._url is not None:
            self._task = asyncio.create_task(self._follow(self._url))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


def _header_in(frame: str | bytes) -> Header | None:
    """Of a notification; None: it wakes all the same."""
    try:
        return Header.of(json.loads(frame)["params"]["result"])
    except (ChainError, LookupError, TypeError, ValueError, RecursionError):
        return None

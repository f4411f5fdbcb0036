# SPDX-License-Identifier: AGPL-3.0-only
"""Looks again and again, keeps what it saw, and hands each look to everybody who listens. One looks for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import structlog

from plumbline.errors import JournalError
from plumbline.overview.look import Overview
from plumbline.web.history import History
from plumbline.web.samples import samples

MAX_LISTENERS: Final = 64

log = structlog.get_logger(__name__)


class Watcher:
    """`run` never returns. `last` is the last look as JSON, with the samples it added to the history."""

    def __init__(self, overview: Overview, history: History) -> None:
        self._overview, self.history = overview, history
        self.last: bytes | None = None
        self.attention: list[dict[str, str]] = []
        self._news: dict[object, asyncio.Queue[bytes]] = {}

    async def run(self) -> None:
        while True:
            self.take(await self._overview.look())
            await asyncio.sleep(self._overview.config.every_s)

    def take(self, look: dict[str, Any]) -> None:
        look["samples"] = samples(look)
        if look["at_s"] is not None:
            try:
                self.history.add(look["at_s"], look["samples"])
            except JournalError as error:
                log.error("history not written", reason=str(error))
        self.attention = look["attention"]
        self.last = msgspec.json.encode(look)
        for queue in self._news.values():
            # Who is slow misses looks, never the last one.
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(self.last)

    @property
    def full(self) -> bool:
        return len(self._news) >= MAX_LISTENERS

    async def listen(self) -> AsyncIterator[bytes]:
        """The last look, then each new one."""
        place, queue = object(), asyncio.Queue[bytes](maxsize=1)
        self._news[place] = queue
        try:
            if self.last is not None:
                yield self.last
            while True:
                yield await queue.get()
        finally:
            del self._news[place]

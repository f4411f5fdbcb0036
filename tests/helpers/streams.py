# SPDX-License-Identifier: AGPL-3.0-only
"""Reading sources in tests, without leaving anything behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from plumbline.core.models import Trade
from plumbline.sources.websocket import WebSocketSource


@asynccontextmanager
async def reading(*sources: WebSocketSource) -> AsyncIterator[list[Trade]]:
    """The trades of the sources so far, while the block runs; then they are cancelled and must be gone soon."""
    got: list[Trade] = []

    async def read(source: WebSocketSource) -> None:
        async for trade in source.trades():
            got.append(trade)

    tasks = [asyncio.create_task(read(source)) for source in sources]
    try:
        yield got
        assert not any(task.done() for task in tasks), "a source never ends by itself"
    finally:
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(source.stats.connected for source in sources)


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Until the condition holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Runs a test and makes sure that it left no task behind."""

    async def all_of_it() -> None:
        await test
        # A cancelled task needs a turn or two to end.
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(all_of_it(), debug=True)

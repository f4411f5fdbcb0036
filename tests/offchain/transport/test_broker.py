# SPDX-License-Identifier: AGPL-3.0-only
"""Questions to the broker, of which the client loses cancellations: `wait_for` before Python 3.12 does."""

from __future__ import annotations

import asyncio

import pytest

from plumbline.errors import BusError
from plumbline.transport.broker import Broker


async def answered_as_it_is_cancelled() -> int:
    """Like `wait_for` whose answer comes in the same turn of the loop as the cancellation."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return 1
    return 2


def ask(question, *, before_cancelled=False):
    """(what came of it, was it cancelled) of a task that is cancelled while it asks, or before."""

    async def asking() -> int:
        broker = Broker("nats://127.0.0.1:1", "plumbline", 1)
        if not before_cancelled:
            return await broker._ask(question())
        try:
            await asyncio.sleep(60)
        finally:
            # As a replica gives up its lease.
            answers.append(await broker._ask(question()))
        return 0

    async def main() -> bool:
        task = asyncio.create_task(asking())
        await asyncio.sleep(0)
        task.cancel()
        answers.extend(each for each in await asyncio.gather(task, return_exceptions=True) if isinstance(each, int))
        return task.cancelled()

    answers: list[int] = []
    cancelled = asyncio.run(main())
    return answers, cancelled


def test_ask__client_loses_the_cancellation__is_cancelled_all_the_same():
    assert ask(answered_as_it_is_cancelled) == ([], True)


def test_ask__cancelled_before_it_asked__is_answered():
    assert ask(lambda: asyncio.sleep(0, 3), before_cancelled=True) == ([3], True)


def test_ask__no_answer_in_time__nobody_knows():
    async def main() -> None:
        with pytest.raises(BusError, match="bus: TimeoutError"):
            await Broker("nats://127.0.0.1:1", "plumbline", 1, ask_s=0.01)._ask(asyncio.sleep(60))

    asyncio.run(main())

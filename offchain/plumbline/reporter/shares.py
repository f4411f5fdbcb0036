# SPDX-License-Identifier: AGPL-3.0-only
"""Dividing work among processes: each holds leases on its share, works on what it holds, and takes what falls free.

A process that dies renews nothing; its leases are gone after `lease_s` and the others take them. One that cannot renew
stops working before the broker forgets it: at no time do two processes that keep the time work on one thing. That this
is not enough for a signature, because a process may be paused for any time between looking and acting, is why a signer
claims each round besides (`Bus.claim`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from plumbline.errors import BusError
from plumbline.transport.broker import LOOKS, Lease
from plumbline.transport.bus import Bus, subject_of

log = structlog.get_logger(__name__)


Work = Callable[[str, Lease], Coroutine[Any, Any, None]]


class Shares:
    """This process's share of `names`, which all processes of this `kind` divide."""

    def __init__(self, bus: Bus, kind: str, names: Sequence[str], holder: str, work: Work) -> None:
        """`work` runs for each name while its lease is held, and is cancelled when it is lost."""
        self._bus, self._kind, self._names, self._holder = bus, kind, tuple(names), holder
        self._work = work
        self._me = f"{kind}-process.{holder}"
        self._presence: Lease | None = None
        self.held: dict[str, Lease] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._look()
                except BusError as error:
                    log.warning("leases not renewed", kind=self._kind, reason=str(error))
                await self._drop([name for name, lease in self.held.items() if not lease.valid])
                for task in self._tasks.values():
                    if task.done():
                        task.result()  # work never ends by itself: raise what broke it
                await asyncio.sleep(self._bus.lease_s / LOOKS)
        finally:
            for lease in [*self.held.values(), *([self._presence] if self._presence else [])]:
                await self._bus.give_up(lease)
            await self._drop(list(self.held))

    async def _look(self) -> None:
        if self._presence is None or not await self._bus.renew(self._presence, self._holder):
            self._presence = await self._bus.take(self._me, self._holder)
        await self._drop([name for name, lease in self.held.items() if not await self._bus.renew(lease, self._holder)])
        present = sum(key.startswith(f"{self._kind}-process.") for key in await self._bus.held())
        share = -(-len(self._names) // max(present, 1))
        for name in list(self.held)[share:]:
            lease = self.held[name]
            await self._drop([name])
            await self._bus.give_up(lease)
        for name in self._names:
            if len(self.held) >= share:
                break
            if name in self.held:
                continue
            taken = await self._bus.take(f"{self._kind}.{subject_of(name)}", self._holder)
            if taken is not None:
                log.info("took over", kind=self._kind, name=name, token=taken.token)
                self.held[name] = taken
                self._tasks[name] = asyncio.create_task(self._work(name, taken), name=name)

    async def _drop(self, names: Sequence[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names]
        for name, task in zip(names, tasks, strict=True):
            log.info("gave up", kind=self._kind, name=name)
            self.held.pop(name).until_s = 0.0
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

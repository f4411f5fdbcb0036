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
from typing import Any, Final

import structlog

from plumbline.errors import BusError
from plumbline.transport.broker import LOOKS, Lease
from plumbline.transport.bus import Bus, subject_of

log = structlog.get_logger(__name__)

GLANCES: Final = 20
"""How often in the life of a lease it is looked at whether it is over."""

AGAIN_S: Final = 0.5
"""After which what was told to stop, and has not, is told again."""

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
        looking = asyncio.create_task(self._keep_looking())
        try:
            # Beside the asking, whose answers may be late: work stops when its lease is over, whatever the broker does.
            while not looking.done():
                await self._drop([name for name, lease in self.held.items() if not lease.valid])
                await asyncio.wait((looking, *self._tasks.values()), timeout=self._bus.lease_s / GLANCES)
                for task in list(self._tasks.values()):
                    if task.done() and not task.cancelled():
                        task.result()  # work never ends by itself: raise what broke it
            looking.result()
        finally:
            await _stop([looking])
            leases = [*self.held.values(), *([self._presence] if self._presence else [])]
            await self._drop(list(self.held))
            await asyncio.gather(*(self._bus.give_up(lease) for lease in leases))

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self._look()
            except BusError as error:
                log.warning("leases not renewed", kind=self._kind, reason=str(error))
            await asyncio.sleep(self._bus.lease_s / LOOKS)

    async def _look(self) -> None:
        """Renew what is held, all at once, for one after the other the last would be late; then take what is free."""
        await self._renew()
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

    async def _renew(self) -> None:
        held = list(self.held.items())
        asked = [self._be_present(), *(self._bus.renew(lease, self._holder) for _, lease in held)]
        # All of them answered or not, before anything is asked of the same leases again.
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for (name, lease), answer in zip(held, answers[1:], strict=True):
            if answer is False:
                await self._drop([name])
            elif answer is True and (self.held.get(name) is not lease or self._tasks[name].cancelling()):
                # Renewed while its work was being stopped for being late.
                await self._bus.give_up(lease)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _be_present(self) -> bool:
        if self._presence is None or not await self._bus.renew(self._presence, self._holder):
            self._presence = await self._bus.take(self._me, self._holder)
        return self._presence is not None

    async def _drop(self, names: Sequence[str]) -> None:
        """Stop the work on these. Held until it has stopped: nobody here takes it again before."""
        tasks = [self._tasks[name] for name in names if name in self.held]
        for task in tasks:
            self.held[task.get_name()].until_s = 0.0
            if not task.cancelling():
                log.info("gave up", kind=self._kind, name=task.get_name())
        await _stop(tasks)
        for task in tasks:
            if self._tasks.get(task.get_name()) is task:
                del self.held[task.get_name()], self._tasks[task.get_name()]


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until it is heard: `wait_for`, in which the broker's client waits, may lose one before Python 3.12."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)

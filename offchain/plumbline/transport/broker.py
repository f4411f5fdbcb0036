# SPDX-License-Identifier: AGPL-3.0-only
"""A connection to NATS JetStream, and the leases that processes keep on it: who does what, until when.

    leases     who holds what, and since which revision: its fencing token; gone when not renewed

A lease alone fences nothing: a process may be paused for any time between looking at it and acting. What must never
happen twice needs a second thing that only one can do, whoever believes what: a claim that is created once, a record
that is replaced only by who has read its last revision, a nonce.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError

from plumbline.errors import BusError
from plumbline.log import redacted

T = TypeVar("T")

TROUBLE: Final = (NatsError, OSError)
"""All that the client raises while the broker is away."""
ASK_S: Final = 2.0
PAUSE_S: Final = 0.2
LOOKS: Final = 5
"""A lease is renewed, and a free one looked for, so many times in its life."""
_MARGIN: Final = 0.7
"""Of its life, after which a lease that could not be renewed is no longer trusted."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Lease:
    """Held as long as `valid`."""

    key: str
    token: int
    """Grows with every holder: of two that believe to hold it, the one with the larger is right."""
    revision: int
    until_s: float

    @property
    def valid(self) -> bool:
        return time.monotonic() < self.until_s


class Broker:
    """`async with Broker(url, name, lease_s) as broker`; connected, or trying to be, until left."""

    def __init__(self, url: str, name: str, lease_s: float, ask_s: float = ASK_S) -> None:
        """name: begins the name of everything on the broker that is ours. ask_s: how long an answer is waited for."""
        self._url, self._name, self.lease_s, self._ask_s = url, name, lease_s, ask_s
        self._nats = Client()
        self._js = self._nats.jetstream(timeout=ask_s)
        self._leases: Any = None

    async def __aenter__(self) -> Self:
        while True:
            try:
                await self._nats.connect(
                    self._url,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=PAUSE_S,  # type: ignore[arg-type]  # seconds, and it takes fractions
                    connect_timeout=self._ask_s,  # type: ignore[arg-type]
                    error_cb=self._trouble,
                )
                await self._prepare()
                return self
            except TROUBLE as error:
                log.warning("bus not reachable", url=redacted(self._url), reason=type(error).__name__)
                with suppress(*TROUBLE):
                    await self._nats.close()
                self._nats = Client()
                self._js = self._nats.jetstream(timeout=self._ask_s)
                await asyncio.sleep(1)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(*TROUBLE):
            await self._nats.close()

    async def _trouble(self, error: Exception) -> None:
        log.warning("bus in trouble", reason=type(error).__name__)

    async def _prepare(self) -> None:
        """What is kept on the broker, if nobody made it yet."""
        self._leases = await self._bucket("leases", self.lease_s)
        # Who made the bucket decides: a process that trusted its leases for longer would share them with the next one.
        found_s = float((await self._leases.status()).ttl or self.lease_s)
        if found_s != self.lease_s:
            log.warning("leases live otherwise than configured", lease_s=found_s, configured_s=self.lease_s)
            self.lease_s = found_s

    async def _bucket(self, name: str, ttl_s: float | None) -> Any:
        """ttl_s: after which what was not written anew is gone; None: it stays."""
        try:
            return await self._js.key_value(f"{self._name}-{name}")
        except BucketNotFoundError:
            bucket = KeyValueConfig(bucket=f"{self._name}-{name}", ttl=ttl_s, storage=StorageType.FILE)
            return await self._js.create_key_value(bucket)

    async def take(self, key: str, holder: str) -> Lease | None:
        """Take a lease nobody holds. None: somebody holds it. Raises BusError."""
        # The life of a lease begins when it was asked for, not when the answer came.
        asked_s = time.monotonic()
        try:
            revision = int(await self._ask(self._leases.create(key, holder.encode())))
        except (KeyWrongLastSequenceError, KeyNotFoundError):
            # The latter: it was held, and ran out while the client looked at who holds it.
            return None
        return Lease(key, revision, revision, asked_s + self.lease_s * _MARGIN)

    async def renew(self, lease: Lease, holder: str) -> bool:
        """Whether it is still ours; then it lives anew. Raises BusError: nobody knows, and it lives on as it was."""
        asked_s = time.monotonic()
        try:
            lease.revision = int(await self._ask(self._leases.update(lease.key, holder.encode(), last=lease.revision)))
        except KeyWrongLastSequenceError:
            lease.until_s = 0.0
            return False
        lease.until_s = asked_s + self.lease_s * _MARGIN
        return True

    async def give_up(self, lease: Lease) -> None:
        lease.until_s = 0.0
        with suppress(*TROUBLE, BusError):
            await self._ask(self._leases.delete(lease.key, last=lease.revision))

    async def held(self) -> list[str]:
        """The keys of all leases. Raises BusError."""
        try:
            return list(await self._ask(self._leases.keys()))
        except NoKeysError:
            return []

    async def _ask(self, question: Awaitable[T]) -> T:
        """Raises what the broker says no with; BusError when it says nothing."""
        try:
            return await _heard(question, self._ask_s)
        except (KeyWrongLastSequenceError, KeyNotFoundError, NoKeysError):
            raise
        except (*TROUBLE, TimeoutError) as error:
            raise BusError(f"bus: {str(error) or type(error).__name__}") from None


async def _heard(question: Awaitable[T], ask_s: float) -> T:
    """The answer within `ask_s`, unless who asks is cancelled meanwhile.

    `wait_for`, in which the client waits, may lose a cancellation before Python 3.12, when the answer comes with it.
    """
    task = cast(asyncio.Task[Any], asyncio.current_task())
    cancelled = task.cancelling()
    try:
        async with asyncio.timeout(ask_s):
            return await question
    finally:
        # More than at first: who was cancelled before asks here to give up its lease.
        if task.cancelling() > cancelled:
            raise asyncio.CancelledError

# SPDX-License-Identifier: AGPL-3.0-only
"""One of several keepers with one key: exactly one acts, and another one takes over when it falls silent.

Nothing is sent twice, whatever is killed or paused when. Three things see to it, each where the one before ends:

    lease      no replica acts without one that is sure to last (`Broker` gives it up with a margin). A process can be
               paused right after it looked.
    record     each transaction is written down before it goes out, as the successor of the last record read; who takes
               over writes it first. So a replica that lost the lease cannot write, and what it cannot write it does not
               send, whatever its clock says. A process can be paused right after it wrote.
    nonce      it is that of the block a decision is made on (`Sender.pin`). The chain takes one transaction a nonce:
               what was decided before another one was mined is worth nothing after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from plumbline.errors import BusError, ChainError
from plumbline.transport.broker import LOOKS, Lease
from plumbline.transport.replicas import ReplicaBroker, Sent

log = structlog.get_logger(__name__)


class Fenced(ChainError):
    """This replica may not send now."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not sent: {why}", why)


class Replica:
    """`run` holds the lease whenever it can; `permit` is a sender's guard."""

    def __init__(self, broker: ReplicaBroker, address: str, holder: str, changed: Callable[[], None]) -> None:
        """address: the key's. changed: told when it begins to act."""
        self._broker, self._holder, self._changed = broker, holder, changed
        self._key = f"keeper.{address}"
        self._lease: Lease | None = None
        self._writing = asyncio.Lock()
        self._revision: int | None = None
        """Of the record, as we wrote it; None: it is not ours, or nobody knows."""
        self.last: Sent | None = None
        """What went out last, by whoever acted."""
        self.trouble = ""
        """Why nobody knows who acts; empty while the broker answers."""

    @property
    def acting(self) -> bool:
        return self._lease is not None and self._lease.valid and self._revision is not None

    async def run(self) -> None:
        acted = False
        try:
            while True:
                try:
                    await self._look()
                    self.trouble = ""
                except BusError as error:
                    if not self.trouble:
                        log.warning("lease not renewed", reason=str(error))
                    self.trouble = str(error)
                if acted and not self.acting:
                    log.warning("acts no more")
                if self.acting and not acted:
                    log.info("took over", last=self.last)
                    self._changed()
                acted = self.acting
                await asyncio.sleep(self._broker.lease_s / LOOKS)
        finally:
            if self._lease is not None:
                await self._broker.give_up(self._lease)

    async def _look(self) -> None:
        if self._lease is None or not await self._broker.renew(self._lease, self._holder):
            self._revision = None
            self._lease = await self._broker.take(self._key, self._holder)
        if self._lease is not None and self._revision is None:
            async with self._writing:
                await self._fence(self._lease)

    async def _fence(self, lease: Lease) -> None:
        """Put the record out of the reach of whoever acted before."""
        found, revision = await self._broker.sent(self._key)
        own = Sent(self._holder, found.nonce, found.hashes) if found else Sent(self._holder)
        if lease.valid:
            self._revision = await self._broker.write_sent(self._key, own, revision)
            self.last = own

    async def permit(self, nonce: int, tx_hash: str) -> None:
        """Before each transaction goes out: it is on record, and the lease was still good then. Raises Fenced."""
        async with self._writing:
            lease = self._lease
            if lease is None or not lease.valid or self._revision is None:
                raise Fenced("another replica may act")
            hashes = self.last.hashes if self.last is not None and self.last.nonce == nonce else ()
            record, revision = Sent(self._holder, nonce, (*hashes, tx_hash)), self._revision
            try:
                self._revision = await self._broker.write_sent(self._key, record, revision)
            except BusError as error:
                self._revision = None
                raise Fenced(f"it may not be on record: {error}") from None
            if self._revision is None:
                raise Fenced("another replica took over")
            self.last = record
            if not lease.valid:
                raise Fenced("the lease ran out meanwhile")

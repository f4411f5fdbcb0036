# SPDX-License-Identifier: AGPL-3.0-only
"""Several processes with one key, over NATS: who of them acts, and what the key was last used for.

leases     one for the key (`plumbline.transport.broker`)
sent       by key: its last nonce and all transactions of it, written before they go out; replaced only by who has
           read the last one, and kept for ever
"""

from __future__ import annotations

from typing import Any

import msgspec
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from plumbline.transport.broker import Broker


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """What went out last, or was about to: whoever wrote it may have died before it did."""

    holder: str
    nonce: int = -1
    """-1: nothing ever did."""
    hashes: tuple[str, ...] = ()
    """The transaction's and its replacements'."""


class ReplicaBroker(Broker):
    """`async with ReplicaBroker(url, name, lease_s) as broker`."""

    _sent: Any = None

    async def _prepare(self) -> None:
        await super()._prepare()
        self._sent = await self._bucket("sent", None)

    async def sent(self, key: str) -> tuple[Sent | None, int]:
        """The record and its revision; (None, 0): there is none. Raises BusError."""
        try:
            entry = await self._ask(self._sent.get(key))
        except KeyNotFoundError:
            return None, 0
        return msgspec.msgpack.decode(entry.value, type=Sent), int(entry.revision)

    async def write_sent(self, key: str, sent: Sent, revision: int) -> int | None:
        """The record's new revision; None: it is not the one that was read any more. Raises BusError: nobody knows."""
        body = msgspec.msgpack.encode(sent)
        write = self._sent.update(key, body, last=revision) if revision else self._sent.create(key, body)
        try:
            return int(await self._ask(write))
        except KeyWrongLastSequenceError:
            return None

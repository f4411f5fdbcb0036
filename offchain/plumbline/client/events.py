# SPDX-License-Identifier: Apache-2.0
"""Events as a stream: from any block on, backfilled in windows, then as they come; a reorganisation is told.

    for event in oracle.events(since_block=0):                # backfill, then follow
        ...
    for event in oracle.events(since_block=0, follow=False):  # backfill, then end

`confirmations=N` shows a block only when N others are on top of it. With 0 a block may be replaced: then the stream
yields Reorganised(block), and after it the events of the chain that won, from that block on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plumbline.client.codec import Abi, EventType, number, quantity
from plumbline.client.errors import BadAnswer, RpcError, Unreachable
from plumbline.client.plans import Plan, Request, head
from plumbline.client.transport import AsyncRunner, Runner

WINDOW_BLOCKS: Final = 2_000
REMEMBERED_BLOCKS: Final = 64
"""How far back a reorganisation is noticed; deeper ones need `confirmations`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One log of the contract, decoded."""

    name: str
    fields: Mapping[str, Any]
    block: int
    log_index: int
    tx_hash: str

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]


@dataclass(frozen=True, slots=True)
class Reorganised:
    """Everything told of this block and later ones is void; what holds instead follows."""

    block: int


class Cursor:
    """Where a stream stands. `page` is a plan for its next events; `at_head` says whether it has them all."""

    def __init__(
        self, contract: str, abi: Abi, names: Collection[str], since_block: int | None, confirmations: int
    ) -> None:
        """names: of the events wanted; empty: all. Raises ValueError for one the contract does not have."""
        for name in names:
            if name not in abi.events:
                raise ValueError(f"expected an event of {', '.join(sorted(abi.events))}, got {name!r}")
        wanted = [abi.events[name] for name in names] or list(abi.events.values())
        self._contract, self._confirmations = contract, confirmations
        self._types: dict[str, EventType] = {each.topic: each for each in wanted}
        self._next = since_block
        self._window = WINDOW_BLOCKS
        self._seen: dict[int, str] = {}
        """Number -> hash of the blocks last read up to."""
        self.at_head = False

    def page(self) -> Plan[list[Event | Reorganised]]:
        """The next events, in order; empty when there is nothing new."""
        latest = yield from head()
        target = latest.number - self._confirmations
        if self._next is None:
            self._next = target + 1
        gone = yield from self._reorganised(latest.number)
        if gone is not None:
            return [gone]
        if self._next > target:
            self.at_head = True
            return []
        last = min(self._next + self._window - 1, target)
        before = yield from head(quantity(last))
        logs = yield from self._logs(self._next, last)
        after = yield from head(quantity(last))
        if logs is None or before.hash != after.hash:
            return []
        self._remember(last, after.hash)
        self._next = last + 1
        self.at_head = last == target
        return [self._decoded(log) for log in logs]

    def _logs(self, first: int, last: int) -> Plan[list[Mapping[str, Any]] | None]:
        """None when the node finds the window too large: the next page asks for half of it."""
        wanted = {
            "address": self._contract,
            "topics": [list(self._types)],
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
        }
        try:
            logs = yield Request("eth_getLogs", (wanted,))
        except RpcError:
            if self._window == 1:
                raise
            self._window //= 2
            return None
        if not isinstance(logs, list):
            raise BadAnswer("eth_getLogs: expected a list")
        return logs

    def _reorganised(self, latest: int) -> Plan[Reorganised | None]:
        """Whether what was read last is still there; goes back to the last block that is."""
        first_gone = None
        for known in sorted(self._seen, reverse=True):
            if known <= latest:
                block = yield from head(quantity(known))
                if block.hash == self._seen[known]:
                    break
            first_gone = known
            del self._seen[known]
        if first_gone is None:
            return None
        kept = max(self._seen, default=None)
        # Between two blocks that were remembered nothing says where the fork was: from after the one that stands.
        self._next = kept + 1 if kept is not None else max(0, first_gone - REMEMBERED_BLOCKS)
        self.at_head = False
        return Reorganised(self._next)

    def _remember(self, block: int, block_hash: str) -> None:
        self._seen[block] = block_hash
        while len(self._seen) > REMEMBERED_BLOCKS:
            del self._seen[min(self._seen)]

    def _decoded(self, log: Mapping[str, Any]) -> Event:
        try:
            topics, data = log["topics"], log["data"]
            kind = self._types[topics[0]]
            place = number(log["blockNumber"]), number(log["logIndex"]), str(log["transactionHash"])
        except (KeyError, IndexError, TypeError):
            raise BadAnswer("eth_getLogs: a log that was not asked for") from None
        return Event(kind.name, kind.decode(topics, data), *place)


def stream(
    runner: Runner, cursor: Cursor, *, follow: bool, poll_s: float, patience_s: float
) -> Iterator[Event | Reorganised]:
    """Raises Unreachable only after `patience_s` of silence; a stream that begins again at the last block loses
    nothing."""
    silent_since: float | None = None
    while True:
        try:
            yield from runner.run(cursor.page())
        except Unreachable as error:
            silent_since = _silent_since(silent_since, patience_s, error)
            time.sleep(poll_s)
            continue
        silent_since = None
        if cursor.at_head:
            if not follow:
                return
            time.sleep(poll_s)


async def astream(
    runner: AsyncRunner, cursor: Cursor, *, follow: bool, poll_s: float, patience_s: float
) -> AsyncIterator[Event | Reorganised]:
    """As `stream`."""
    silent_since: float | None = None
    while True:
        try:
            found = await runner.run(cursor.page())
        except Unreachable as error:
            silent_since = _silent_since(silent_since, patience_s, error)
            await asyncio.sleep(poll_s)
            continue
        silent_since = None
        for event in found:
            yield event
        if cursor.at_head:
            if not follow:
                return
            await asyncio.sleep(poll_s)


def _silent_since(since: float | None, patience_s: float, error: Unreachable) -> float:
    """When the silence began. Raises `error` when that is too long ago."""
    began = time.monotonic() if since is None else since
    if time.monotonic() - began >= patience_s:
        raise error
    return began

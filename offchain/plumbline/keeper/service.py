# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's loop: each new block, every strategy's turn, one after the other.

They share one key, so one acts at a time. A block is known by its hash: a reorganised or restarted chain is a new
block. Nothing from outside stops the loop: a chain that does not answer, or is another one after a restart, is asked
again at the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.strategy import Strategy
from plumbline.metrics import KeeperMetrics

log = structlog.get_logger(__name__)


class Keeper:
    """`run` never returns; `look` is one look, for a loop of one's own."""

    def __init__(
        self, head: Callable[[], Awaitable[bytes]], strategies: Sequence[Strategy], metrics: KeeperMetrics
    ) -> None:
        """head: the hash of the latest block."""
        self._head, self._strategies, self.metrics = head, strategies, metrics
        self._seen: bytes | None = None
        self._trouble = ""
        """What the chain failed with last; empty while it answers."""

    async def run(self, new_block: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled: a look, then a wait for `new_block`, which may also return for nothing."""
        while True:
            await self.look()
            await new_block()

    async def look(self) -> None:
        """Every strategy's turn, if there is a block not seen yet."""
        try:
            head = await self._head()
            if head != self._seen:
                for strategy in self._strategies:
                    outcome = await strategy.turn()
                    self.metrics.turns.labels(strategy.name, outcome).inc()
                self._seen = head
        except ChainError as error:
            self.metrics.chain_errors.inc()
            for strategy in self._strategies:
                strategy.lost_touch()
            if str(error) != self._trouble:
                log.warning("chain does not answer", error=str(error), unreachable=isinstance(error, ChainUnreachable))
            self._trouble = str(error)
        else:
            if self._trouble:
                log.info("chain answers again")
            self._trouble = ""

    def unready(self) -> str:
        """Why this keeper cannot do its work now; empty when it can."""
        if self._trouble:
            return self._trouble
        return "; ".join(why for strategy in self._strategies if (why := strategy.unready()))

    def status(self) -> Mapping[str, Any]:
        """For the page: what the strategies say, each under its name."""
        own = {"trouble": self._trouble, "unready": self.unready()}
        return own | {strategy.name: strategy.status() for strategy in self._strategies}


def every(poll_s: float) -> Callable[[], Awaitable[None]]:
    """A wait for `Keeper.run` that knows nothing of blocks."""

    async def wait() -> None:
        await asyncio.sleep(poll_s)

    return wait

# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's loop: each new block, every strategy's turn, one after the other.

They share one key, so one acts at a time. A block is known by its hash: a reorganised or restarted chain is a new
block. Nothing from outside stops the loop: a chain that does not answer, or is another one after a restart, is asked
again at the next look. Of several replicas with one key (`plumbline.keeper.replica`) only the one that acts looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.replica import Replica
from plumbline.keeper.strategy import Strategy
from plumbline.metrics import KeeperMetrics

log = structlog.get_logger(__name__)


class Keeper:
    """`run` never returns; `look` is one look, for a loop of one's own."""

    def __init__(
        self,
        head: Callable[[], Awaitable[bytes]],
        strategies: Sequence[Strategy],
        metrics: KeeperMetrics,
        replica: Replica | None = None,
    ) -> None:
        """head: the hash of the latest block. replica: says whether it is for this process to act; None: always."""
        self._head, self._strategies, self.metrics, self._replica = head, strategies, metrics, replica
        metrics.acting.set_function(lambda: float(self._acting))
        self._stands_by = False
        self._seen: bytes | None = None
        self._trouble = ""
        """What the chain failed with last; empty while it answers."""

    async def run(self, new_block: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled: a look, then a wait for `new_block`, which may also return for nothing."""
        while True:
            await self.look()
            await new_block()

    async def look(self) -> None:
        """Every strategy's turn, if there is a block not seen yet and it is for this replica to act."""
        if not self._acting:
            self._stands_by, self._trouble = True, ""
            return
        if self._stands_by:
            # Another one acted meanwhile: what it did is to be found, and the block it saw is new to this one.
            self._stands_by, self._seen = False, None
            self._lost_touch()
        try:
            head = await self._head()
            if head != self._seen:
                await self._turns()
                self._seen = head
        except ChainError as error:
            self.metrics.chain_errors.inc()
            self._lost_touch()
            if str(error) != self._trouble:
                log.warning("chain does not answer", error=str(error), unreachable=isinstance(error, ChainUnreachable))
            self._trouble = str(error)
        else:
            if self._trouble:
                log.info("chain answers again")
            self._trouble = ""

    async def _turns(self) -> None:
        """One that the chain denies an answer keeps no other one from its turn, but when nobody answers at all."""
        failed: ChainError | None = None
        for strategy in self._strategies:
            try:
                outcome = await strategy.turn()
            except ChainUnreachable:
                raise
            except ChainError as error:
                failed = failed or error
            else:
                self.metrics.turns.labels(strategy.name, outcome).inc()
        if failed is not None:
            raise failed

    @property
    def _acting(self) -> bool:
        return self._replica is None or self._replica.acting

    def _lost_touch(self) -> None:
        for strategy in self._strategies:
            strategy.lost_touch()

    def unready(self) -> str:
        """Why this keeper cannot do its work now; empty when it can, or when another replica does it."""
        if self._replica is not None and self._replica.trouble:
            return self._replica.trouble
        if self._trouble or self._stands_by:
            return self._trouble
        return "; ".join(why for strategy in self._strategies if (why := strategy.unready()))

    def status(self) -> Mapping[str, Any]:
        """For the page: what the strategies say, each under its name."""
        own = {"trouble": self._trouble, "unready": self.unready(), "stands_by": self._stands_by}
        return own | {strategy.name: strategy.status() for strategy in self._strategies}


def every(poll_s: float) -> Callable[[], Awaitable[None]]:
    """A wait for `Keeper.run` that knows nothing of blocks."""

    async def wait() -> None:
        await asyncio.sleep(poll_s)

    return wait

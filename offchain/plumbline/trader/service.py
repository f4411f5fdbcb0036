# SPDX-License-Identifier: AGPL-3.0-only
"""The trader's loop: waits for the next push of the plan and makes it. For demos and tests only."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from plumbline.core.pushes import Order, Pocket, aim, push_in
from plumbline.errors import ChainError
from plumbline.ports import Clock

log = structlog.get_logger(__name__)


class Swapper(Protocol):
    """A pool of share and quote, and the trader's way into it. Both raise ChainError."""

    async def pocket(self) -> Pocket: ...

    async def swap(self, order: Order) -> None:
        """Returns once it is mined."""
        ...


class Trader:
    def __init__(
        self,
        swapper: Swapper,
        clock: Clock,
        *,
        seed: int,
        interval_s: int,
        min_bps: int,
        max_bps: int,
        retry_s: float = 1.0,
    ) -> None:
        """retry_s: wall time before a push that the chain did not take is tried again."""
        self._swapper, self._clock, self._retry_s = swapper, clock, retry_s
        self._seed, self._interval_ms, self._min_bps, self._max_bps = seed, interval_s * 1_000, min_bps, max_bps
        self.pushes = 0

    async def run(self) -> None:
        """Until cancelled: one push in each interval of the clock's time, the one begun included."""
        interval = self._clock.now_ms() // self._interval_ms
        while True:
            push = push_in(
                interval,
                seed=self._seed,
                interval_ms=self._interval_ms,
                min_bps=self._min_bps,
                max_bps=self._max_bps,
            )
            await self._clock.sleep_until_ms(push.at_ms)
            await self._insist(push.bps)
            # Intervals that passed meanwhile are not made up for: two pushes at once are one of another size.
            interval = max(interval + 1, self._clock.now_ms() // self._interval_ms)

    async def _insist(self, bps: int) -> None:
        while True:
            try:
                order = await self.push(bps)
            except ChainError as error:
                log.warning("push failed", error=str(error))
                await asyncio.sleep(self._retry_s)
            else:
                log.info("pushed", side="buy" if order.buy else "sell", bps=abs(bps))
                return

    async def push(self, bps: int) -> Order:
        """Move the share's price by `bps` (see `aim`). Raises ChainError."""
        order = aim(await self._swapper.pocket(), bps)
        await self._swapper.swap(order)
        self.pushes += 1
        return order

# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker's loop: hears what trades on one venue, and brings the pools there. For demos and tests only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

import structlog

from plumbline.core.making import quoted
from plumbline.errors import ChainError
from plumbline.ports import Clock, TradeSource
from plumbline.trader.maker import Maker

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Priced:
    """Where a token's price is read: `market` per `per`."""

    market: str
    per: str | None
    decimals: int


class Making:
    def __init__(
        self,
        maker: Maker,
        source: TradeSource,
        clock: Clock,
        tokens: Mapping[str, Priced],
        quote: Priced,
        *,
        every_s: float,
        max_age_s: int,
    ) -> None:
        """tokens: by the names the maker knows them by. every_s: wall time; max_age_s: the clock's."""
        self._maker, self._source, self._clock, self._tokens, self._quote = maker, source, clock, tokens, quote
        self._every_s, self._max_age_ms = every_s, max_age_s * 1_000
        self._last: dict[str, tuple[int, int]] = {}
        """By market: (price, time) of its last trade."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="listen")
            tasks.create_task(self._make(), name="make")

    async def _listen(self) -> None:
        async for trade in self._source.trades():
            self._last[trade.symbol] = (trade.price_wad, trade.at_ms)

    async def _make(self) -> NoReturn:
        while True:
            try:
                await self._maker.turn(self.prices())
            except ChainError as error:
                log.warning("pools not moved", error=str(error))
            await asyncio.sleep(self._every_s)

    def prices(self) -> dict[str, Fraction]:
        """{quote} smallest units for a smallest unit of each token; of those that traded lately."""
        since_ms = self._clock.now_ms() - self._max_age_ms
        known = {market: price for market, (price, at_ms) in self._last.items() if at_ms >= since_ms}
        found = {}
        for name, token in self._tokens.items():
            decimals = (token.decimals, self._quote.decimals)
            price = quoted(known, token.market, token.per, self._quote.market, decimals)
            if price is not None:
                found[name] = price
        return found

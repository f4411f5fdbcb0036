# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker of a local chain: keeps every component's pools at the prices that venues show. For demos and tests.

It holds what it holds: when a token or the quote runs out, that pool stays where it is until prices come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final, Protocol

import structlog

from plumbline.core.making import toward
from plumbline.core.pushes import Order, Pocket

log = structlog.get_logger(__name__)

_PLENTY: Final = 1 << 128


class MakerVenue(Protocol):
    """Some pools of tokens against one quote token. Every method raises ChainError."""

    async def pools(self) -> Mapping[str, tuple[str, Pocket]]:
        """By name, what is traded there and the pool as it is, with a pocket that is still empty: to see which are off
        costs one look, whatever their number."""
        ...

    async def held(self, name: str) -> tuple[int, int]:
        """What the maker holds of the token of that pool, and of the quote."""
        ...

    async def swap(self, name: str, order: Order) -> None:
        """Returns once it is mined."""
        ...


class Maker:
    def __init__(self, venue: MakerVenue) -> None:
        self._venue = venue
        self.moves = 0

    async def turn(self, prices: Mapping[str, Fraction]) -> int:
        """Moves every pool that is off; returns how many were. Raises ChainError.

        prices: {quote} smallest units for a smallest unit of each token; a token without one is left alone.
        """
        before = self.moves
        for name, (token, empty) in (await self._venue.pools()).items():
            if token not in prices or toward(replace(empty, shares=_PLENTY, quote=_PLENTY), prices[token]) is None:
                continue
            tokens, quote = await self._venue.held(name)
            order = toward(replace(empty, shares=tokens, quote=quote), prices[token])
            if order is None:
                log.warning("nothing left to move with", pool=name, tokens=tokens, quote=quote)
                continue
            await self._venue.swap(name, order)
            self.moves += 1
            log.info("moved", pool=name, side="buy" if order.buy else "sell", amount_in=order.amount_in)
        return self.moves - before

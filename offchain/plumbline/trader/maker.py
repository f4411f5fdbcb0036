# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker of a local chain: keeps every component's pools at the prices that venues show. For demos and tests.

It holds what it holds: when a token or the quote runs out, that pool stays where it is until prices come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import structlog

from plumbline.core.making import toward
from plumbline.trader.service import Swapper

log = structlog.get_logger(__name__)


class Maker:
    def __init__(self, pools: Mapping[str, tuple[str, Swapper]]) -> None:
        """pools: by name, the token each trades against the quote, and the way into it."""
        self._pools = pools
        self.moves = 0

    async def turn(self, prices: Mapping[str, Fraction]) -> int:
        """Moves every pool that is off; returns how many were. Raises ChainError.

        prices: {quote} smallest units for a smallest unit of each token; a token without one is left alone.
        """
        before = self.moves
        for name, (token, swapper) in self._pools.items():
            if token not in prices:
                continue
            order = toward(await swapper.pocket(), prices[token])
            if order is not None:
                await swapper.swap(order)
                self.moves += 1
                log.info("moved", pool=name, side="buy" if order.buy else "sell", amount_in=order.amount_in)
        return self.moves - before

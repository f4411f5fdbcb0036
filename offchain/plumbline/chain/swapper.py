# SPDX-License-Identifier: AGPL-3.0-only
"""The trader's way into a pool, over web3: Uniswap's own router."""

from __future__ import annotations

import asyncio
from typing import Final

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.pool import ChainPool, find_pool
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.config import TraderConfig
from plumbline.core.pushes import Order, Pocket

_FOREVER: Final = 2**63 - 1
"""A push is wanted whenever it lands."""


class ChainSwapper:
    """Swaps for `sender`, who has approved the router for shares and quote."""

    def __init__(self, rpc: Rpc, sender: Sender, config: TraderConfig) -> None:
        self._rpc, self._sender, self._config = rpc, sender, config
        self._router = rpc.contract("IUniswapV3Router", config.router)

    async def pocket(self) -> Pocket:
        config, holder = self._config, self._sender.address
        # Asked anew each time: after a restart of the chain the pool may be another.
        factory = str(await self._rpc.ask(self._router.functions.factory().call()))
        pool = ChainPool(self._rpc, await find_pool(self._rpc, factory, config.vault, config.quote, config.fee_pips))
        state, shares, quote = await asyncio.gather(
            pool.state(),
            ChainToken(self._rpc, config.vault).balance(holder),
            ChainToken(self._rpc, config.quote).balance(holder),
        )
        return Pocket(state, int(config.vault, 16) < int(config.quote, 16), shares, quote)

    async def swap(self, order: Order) -> None:
        config = self._config
        route = (config.quote, config.vault) if order.buy else (config.vault, config.quote)
        terms = (config.fee_pips, self._sender.address, _FOREVER, order.amount_in, 0, order.limit_x96)
        data = self._router.encode_abi("exactInputSingle", args=[(*route, *terms)])
        await self._sender.send(str(self._router.address), data)

# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker's pools over web3, followed by their events: a look costs the same for any number of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.pool import Place, PoolBook, find_pool
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.core.pushes import Order, Pocket

_FOREVER: Final = 2**63 - 1


class MadePool(NamedTuple):
    """A pool of some token and the quote, by what finds it."""

    name: str
    symbol: str
    token: str
    fee_pips: int


@dataclass(frozen=True, slots=True)
class _Found:
    book: PoolBook
    addresses: tuple[str, ...]
    """Lower case, in the order of the pools."""


class ChainMaking:
    """Swaps for `sender`, who has approved the router for all tokens and the quote."""

    def __init__(self, rpc: Rpc, sender: Sender, router: str, quote: str, pools: Sequence[MadePool]) -> None:
        self._rpc, self._sender, self._quote = rpc, sender, quote
        self._router = rpc.contract("IUniswapV3Router", router)
        self._pools = {pool.name: pool for pool in pools}
        self._found: _Found | None = None

    async def pools(self) -> Mapping[str, tuple[str, Pocket]]:
        found = self._found = self._found or await self._find()
        header = await self._rpc.ask(self._rpc.w3.eth.get_block("latest"))
        block = Place(int(header["number"]), bytes(header["hash"]), bytes(header["parentHash"]))
        states = await found.book.states(block)
        return {
            pool.name: (pool.symbol, Pocket(states[address], int(pool.token, 16) < int(self._quote, 16), 0, 0))
            for pool, address in zip(self._pools.values(), found.addresses, strict=True)
        }

    async def held(self, name: str) -> tuple[int, int]:
        tokens = (self._pools[name].token, self._quote)
        token, quote = await asyncio.gather(
            *(ChainToken(self._rpc, each).balance(self._sender.address) for each in tokens)
        )
        return token, quote

    async def swap(self, name: str, order: Order) -> None:
        pool = self._pools[name]
        route = (self._quote, pool.token) if order.buy else (pool.token, self._quote)
        terms = (pool.fee_pips, self._sender.address, _FOREVER, order.amount_in, 0, order.limit_x96)
        data = self._router.encode_abi("exactInputSingle", args=[(*route, *terms)])
        await self._sender.send(str(self._router.address), data)

    async def _find(self) -> _Found:
        factory = str(await self._rpc.ask(self._router.functions.factory().call()))
        asked = (find_pool(self._rpc, factory, pool.token, self._quote, pool.fee_pips) for pool in self._pools.values())
        addresses = [address.lower() for address in await asyncio.gather(*asked)]
        return _Found(PoolBook(self._rpc, addresses), tuple(addresses))

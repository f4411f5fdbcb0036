# SPDX-License-Identifier: AGPL-3.0-only
"""Reads a Uniswap v3 pool: what decides its next swaps."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from plumbline.chain.rpc import Rpc
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, WORD_TICKS, PoolState
from plumbline.errors import ChainError

NO_POOL: Final = "0x" + "00" * 20


async def find_pool(rpc: Rpc, factory: str, token_a: str, token_b: str, fee_pips: int) -> str:
    """Address of the pool of two tokens at one fee tier. Raises ChainError when there is none."""
    functions = rpc.contract("IUniswapV3Factory", factory).functions
    address = str(await rpc.ask(functions.getPool(token_a, token_b, fee_pips).call()))
    if address == NO_POOL:
        raise ChainError(f"no pool of {token_a} and {token_b} at fee tier {fee_pips}")
    return address


class ChainPool:
    """One pool. What never changes is read once."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self._contract = rpc.contract("IUniswapV3Pool", address)
        self.address = str(self._contract.address)
        self._terms: tuple[int, int] | None = None

    async def state(self, words: int = 1) -> PoolState:
        """The latest state with every initialised tick of the bitmap word of the price and `words` on each side.

        A word spans 256 tick spacings: at spacing 10 the price may move by 29 % before the known range ends.
        """
        if self._terms is None:
            self._terms = await self._read("fee"), await self._read("tickSpacing")
        fee_pips, spacing = self._terms
        (sqrt_price_x96, tick, *_), liquidity = await asyncio.gather(self._read("slot0"), self._read("liquidity"))
        if not sqrt_price_x96:
            raise ChainError(f"pool {self.address} was never given a price")
        word = tick // spacing // WORD_TICKS
        low, high = max(word - words, _word(MIN_TICK, spacing)), min(word + words, _word(MAX_TICK, spacing))
        return PoolState(
            sqrt_price_x96=sqrt_price_x96,
            tick=tick,
            liquidity=liquidity,
            fee_pips=fee_pips,
            tick_spacing=spacing,
            ticks=await self._ticks(low, high, spacing),
            low_tick=max(low * WORD_TICKS * spacing, MIN_TICK),
            high_tick=min((high * WORD_TICKS + WORD_TICKS - 1) * spacing, MAX_TICK),
        )

    async def _ticks(self, low: int, high: int, spacing: int) -> tuple[tuple[int, int], ...]:
        words = range(low, high + 1)
        bitmaps = await asyncio.gather(*(self._read("tickBitmap", word) for word in words))
        ticks = [
            (word * WORD_TICKS + bit) * spacing
            for word, bitmap in zip(words, bitmaps, strict=True)
            for bit in range(bitmap.bit_length())
            if bitmap >> bit & 1
        ]
        found = await asyncio.gather(*(self._read("ticks", tick) for tick in ticks))
        return tuple((tick, net) for tick, (_, net, *_) in zip(ticks, found, strict=True))

    async def _read(self, function: str, *arguments: Any) -> Any:
        return await self._rpc.ask(self._contract.functions[function](*arguments).call())


def _word(tick: int, spacing: int) -> int:
    return tick // spacing // WORD_TICKS

# SPDX-License-Identifier: AGPL-3.0-only
"""Reads an IndexVault: its basket, its terms and what a share is worth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.rpc import Rpc


@dataclass(frozen=True, slots=True)
class VaultTerms:
    """What a trade with the vault must know beside the units and the prices."""

    components: tuple[str, ...]
    scales: tuple[int, ...]
    """10**(token decimals + feed decimals) of each component: smallest units * price / scale is USD."""
    oracle: str
    feeds: tuple[int, ...]
    mint_fee_bps: int
    redeem_fee_bps: int


class ChainVault:
    """One index vault."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self._rpc = rpc
        self._contract = rpc.contract("IndexVault", address)
        self.address = str(self._contract.address)

    async def terms(self) -> VaultTerms:
        (components, _), (oracle, feeds), (mint_fee_bps, redeem_fee_bps, _) = await asyncio.gather(
            self._read("components"), self._read("price_feeds"), self._read("fees")
        )
        scales = await asyncio.gather(
            *(scale(self._rpc, token, oracle, feed) for token, feed in zip(components, feeds, strict=True))
        )
        return VaultTerms(
            components=tuple(components),
            scales=tuple(scales),
            oracle=str(oracle),
            feeds=tuple(feeds),
            mint_fee_bps=mint_fee_bps,
            redeem_fee_bps=redeem_fee_bps,
        )

    async def units(self, block: int | None = None) -> tuple[tuple[str, int], ...]:
        """(component, D18{tok/share}) as of a block, else the latest; fees accrued, rounded down."""
        components, units = await self._read("components", block=block)
        return tuple(zip(components, units, strict=True))

    async def float_of(self, owner: str, block: int | None = None) -> tuple[int, ...]:
        """{tok} of each component that `owner` could mint from or withdraw."""
        return tuple(await self._read("float_of", owner, block=block))

    async def nav_wad(self, max_age_s: int, block: int | None = None) -> int:
        """USD per share. Raises ChainError with the oracle's reason when a price is too old or not served."""
        return int(await self._read("nav", max_age_s, block=block))

    async def _read(self, function: str, *arguments: Any, block: int | None = None) -> Any:
        at: Any = "latest" if block is None else block
        return await self._rpc.ask(self._contract.functions[function](*arguments).call(block_identifier=at))


async def scale(rpc: Rpc, token: str, oracle: str, feed: int) -> int:
    """10**(token decimals + feed decimals)."""
    described = rpc.contract("MedianOracle", oracle).functions.feed(feed)
    decimals, (_, feed_decimals, *_) = await asyncio.gather(
        ChainToken(rpc, token).decimals(), rpc.ask(described.call())
    )
    return int(10 ** (decimals + feed_decimals))

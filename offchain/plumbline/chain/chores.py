# SPDX-License-Identifier: AGPL-3.0-only
"""What is due at a vault, over web3: the `ChoresVenue` of a keeper."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from web3.contract import AsyncContract

from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.core.units import WAD
from plumbline.ports import Due


class ChainChores:
    """For `sender`, whose claims are paid to itself."""

    def __init__(self, rpc: Rpc, sender: Sender, vault: Callable[[], Awaitable[str]], max_age_s: int) -> None:
        """vault: its address, asked anew each time: after a restart of the chain it may be another."""
        self._rpc, self._sender, self._find, self._max_age_s = rpc, sender, vault, max_age_s

    async def _vault(self) -> AsyncContract:
        return self._rpc.contract("IndexVault", await self._find())

    async def due(self) -> Due:
        functions, ask = (await self._vault()).functions, self._rpc.ask
        pending, nav_wad, (tokens, _) = await asyncio.gather(
            ask(functions.pending_fees().call()),
            ask(functions.nav(self._max_age_s).call()),
            ask(functions.components().call()),
        )
        amounts = await asyncio.gather(
            *(ask(functions.claim_of(self._sender.address, token).call()) for token in tokens)
        )
        claims = tuple((str(token), int(amount)) for token, amount in zip(tokens, amounts, strict=True) if amount)
        return Due(pending * nav_wad // WAD, claims)

    async def collect_fees(self) -> None:
        await self._send("collect_fees")

    async def claim(self, token: str) -> None:
        await self._send("claim", token, self._sender.address)

    async def _send(self, function: str, *arguments: str) -> None:
        vault = await self._vault()
        await self._sender.send(str(vault.address), vault.encode_abi(function, args=list(arguments)))

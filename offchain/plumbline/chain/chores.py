# SPDX-License-Identifier: AGPL-3.0-only
"""What is due at a vault: the `ChoresVenue` of a keeper.

A component that leaves the index leaves two things behind. Float of it waits in the generation of places that ended
(`carry_float` brings it over, once for each), and what is owed in it is a claim. The vault keeps no list of what has
left; but every basket of its past is a data contract, named by the event of the auction that changed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from web3.contract import AsyncContract

from plumbline.chain.abi import event_topic
from plumbline.chain.rpc import Rpc, hex_bytes, nonsense, quantity
from plumbline.chain.tx import Sender
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.ports import Due

_BEGUN: Final = event_topic("IndexVault", "AuctionBegun")
_CARRIED: Final = event_topic("IndexVault", "FloatCarried")
_COUNT_AT: Final = 80
"""Of the number of components, in the first word of a basket (contracts/modules/basket.vy)."""


@dataclass
class _Past:
    """What a vault's events have told so far."""

    vault: str
    block: int = -1
    """Up to which they were read."""
    tokens: set[str] = field(default_factory=set)
    """All that were components when an auction began."""
    carried: set[int] = field(default_factory=set)
    """Generations whose float of the arbitrageur's was brought over."""


class ChainChores:
    """For `sender`, whose claims and whose arbitrageur's are paid to itself."""

    def __init__(
        self,
        rpc: Rpc,
        sender: Sender,
        vault: Callable[[], Awaitable[str]],
        max_age_s: int,
        arbitrageur: str | None = None,
    ) -> None:
        """vault: its address, asked anew each time: after a restart of the chain it may be another.
        arbitrageur: whose float is looked after; None: it never has any."""
        self._rpc, self._sender, self._find, self._max_age_s = rpc, sender, vault, max_age_s
        self._arbitrageur = None if arbitrageur is None else str(to_checksum_address(arbitrageur))
        self._past = _Past("")

    async def _vault(self) -> AsyncContract:
        return self._rpc.contract("IndexVault", await self._find())

    async def due(self) -> Due:
        """Raises ChainError: the chain did not answer, or its endpoints disagree."""
        await self._rpc.agree()
        vault = await self._vault()
        functions, ask = vault.functions, self._rpc.ask
        await self._sender.pin()
        past, pending, nav_wad, (components, _), generation = await asyncio.gather(
            self._look_back(str(vault.address)),
            ask(functions.pending_fees().call()),
            self._nav_wad(vault),
            ask(functions.components().call()),
            ask(functions.float_generation().call()),
        )
        losses = await self._losses(vault, [str(token) for token in components])
        tokens = sorted({*map(str, components), *past.tokens})
        stranded: tuple[int, ...] = ()
        float_claims: tuple[tuple[str, int], ...] = ()
        if self._arbitrageur is not None:
            stranded = tuple(each for each in range(generation) if each not in past.carried)
            float_claims = await self._claims(vault, self._arbitrageur, tokens)
        claims = await self._claims(vault, self._sender.address, tokens)
        return Due(pending * nav_wad // WAD, claims, stranded, float_claims, losses)

    async def _nav_wad(self, vault: AsyncContract) -> int:
        """0 while the index has no price: claims do not wait for one."""
        try:
            return int(await self._rpc.ask(vault.functions.nav(self._max_age_s).call()))
        except ChainError as error:
            if not error.reason:
                raise
            return 0

    async def _losses(self, vault: AsyncContract, components: list[str]) -> tuple[tuple[str, int], ...]:
        """(component, part lost times 1e18) of those with a loss, as `sync` would find it."""
        left = await asyncio.gather(*(self._left_wad(vault, token) for token in components))
        return tuple((token, WAD - part) for token, part in zip(components, left, strict=True) if part < WAD)

    async def _left_wad(self, vault: AsyncContract, token: str) -> int:
        """1e18 for a token that does not tell its balance: it keeps nobody from the other chores."""
        try:
            return int(await self._rpc.ask(vault.functions.sync(token).call()))
        except ChainError as error:
            if not error.reason:
                raise
            return WAD

    async def _claims(self, vault: AsyncContract, owner: str, tokens: list[str]) -> tuple[tuple[str, int], ...]:
        """(token, amount) of what would be paid now."""
        asked = (self._rpc.ask(vault.functions.claim_of(owner, token).call()) for token in tokens)
        amounts = await asyncio.gather(*asked)
        return tuple((token, int(amount)) for token, amount in zip(tokens, amounts, strict=True) if amount)

    async def _look_back(self, vault: str) -> _Past:
        """Reads the vault's events since the last time; all of them at first, and after the chain began anew."""
        head = quantity(await self._rpc.request("eth_blockNumber"))
        if self._past.vault != vault or head < self._past.block:
            self._past = _Past(vault)
        past = self._past
        topics = [["0x" + topic.hex() for topic in (_BEGUN, _CARRIED)]]
        window = {"fromBlock": hex(past.block + 1), "toBlock": hex(head)}
        for log in await self._rpc.request("eth_getLogs", {"address": vault, "topics": topics, **window}):
            event, subject = hex_bytes(log["topics"][0]), str(to_checksum_address(hex_bytes(log["topics"][1])[-20:]))
            if event == _BEGUN:
                past.tokens |= await self._tokens_of(subject)
            elif subject == self._arbitrageur:
                past.carried.add(int(log["data"], 16))
        past.block = head
        return past

    async def _tokens_of(self, basket: str) -> set[str]:
        """The components that a basket's data contract names."""
        said = await self._rpc.call(basket, "0x")
        try:
            (words,) = decode(["uint256[]"], said)
            count = words[0] >> _COUNT_AT & 0xFF
            return {str(to_checksum_address((word % (1 << 160)).to_bytes(20))) for word in words[1 : 1 + count]}
        except (IndexError, ValueError) as error:
            raise nonsense(error) from None

    async def collect_fees(self) -> None:
        await self._send(await self._vault(), "collect_fees")

    async def sync(self, token: str) -> None:
        await self._send(await self._vault(), "sync", token)

    async def claim(self, token: str) -> None:
        await self._send(await self._vault(), "claim", token, self._sender.address)

    async def carry(self, generation: int) -> None:
        await self._send(await self._vault(), "carry_float", self._arbitrageur, generation)

    async def claim_float(self, token: str) -> None:
        assert self._arbitrageur is not None
        await self._send(self._rpc.contract("ParityArbitrageur", self._arbitrageur), "claim_float", token)

    async def _send(self, contract: AsyncContract, function: str, *arguments: Any) -> None:
        await self._sender.send(str(contract.address), contract.encode_abi(function, args=list(arguments)))

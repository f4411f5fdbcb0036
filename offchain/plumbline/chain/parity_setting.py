# SPDX-License-Identifier: AGPL-3.0-only
"""Who trades what where: what a keeper asks once, and again when anything of it turns out to be otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.chain.pool import PoolBook, look_for_pool
from plumbline.chain.rpc import Rpc
from plumbline.chain.vault import ChainVault, VaultTerms, scale
from plumbline.config import KeeperConfig
from plumbline.core.curve import Market
from plumbline.core.uniswap_math import PoolState
from plumbline.errors import ChainError


@dataclass(frozen=True, slots=True)
class Setting:
    vault: str
    terms: VaultTerms
    tokens: tuple[str, ...]
    """The components, then the quote token, even if it is one of them."""
    scales: tuple[int, ...]
    feeds: tuple[int, ...]
    book: PoolBook
    pools: tuple[tuple[str, ...], ...]
    """The share's pools against the quote, then each component's: none of the quote's own, or of an illiquid one."""

    def market(self, place: int, token: str, states: Mapping[str, PoolState]) -> Market:
        """Of the share (place 0), or of the component before that place."""
        pools = tuple(states[address] for address in self.pools[place])
        return Market(pools, int(token, 16) < int(self.tokens[-1], 16))


async def bound(rpc: Rpc, arbitrageur: str, name: str) -> Any:
    """What an arbitrageur is bound to, by the name of its getter."""
    return await rpc.ask(rpc.contract("ParityArbitrageur", arbitrageur).functions[name]().call())


async def find_setting(rpc: Rpc, config: KeeperConfig, sender: str) -> Setting:
    """Asks the arbitrageur what it is bound to.

    Raises:
        ChainError: it is not the sender's, or trusts another oracle.
    """
    names = ("OWNER", "VAULT", "QUOTE", "QUOTE_FEED", "ORACLE", "FACTORY")
    owner, vault_address, quote, quote_feed, oracle, factory = await asyncio.gather(
        *(bound(rpc, config.arbitrageur, name) for name in names)
    )
    if owner != sender:
        raise ChainError(f"arbitrageur {config.arbitrageur} belongs to {owner}, not to {sender}")
    vault = ChainVault(rpc, vault_address)
    terms = await vault.terms()
    if not int(oracle, 16) == int(terms.oracle, 16) == int(config.chain.oracle, 16):
        raise ChainError(
            f"three oracles: the config's {config.chain.oracle}, the arbitrageur's {oracle}, the vault's {terms.oracle}"
        )
    pools = await asyncio.gather(
        *(_pools(rpc, config, factory, token, quote) for token in (vault.address, *terms.components))
    )
    if not pools[0]:
        raise ChainError(f"no pool of the share and its quote token in any of the tiers {config.tiers}")
    book = PoolBook(rpc, [address for each in pools for address in each])
    tokens, feeds = (*terms.components, quote), (*terms.feeds, quote_feed)
    scales = (*terms.scales, await scale(rpc, quote, oracle, quote_feed))
    return Setting(vault.address, terms, tokens, scales, feeds, book, tuple(pools))


async def _pools(rpc: Rpc, config: KeeperConfig, factory: str, token: str, quote: str) -> tuple[str, ...]:
    """The token's pools against the quote, in lower case; none of the quote's own."""
    if token == quote:
        return ()
    asked = (look_for_pool(rpc, factory, token, quote, tier) for tier in config.tiers)
    return tuple(address.lower() for address in await asyncio.gather(*asked) if address is not None)

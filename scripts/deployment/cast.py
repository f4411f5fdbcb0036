# SPDX-License-Identifier: AGPL-3.0-only
"""Who plays on a local chain, and what is deployed there: the only place these numbers are written down."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount

LOCAL_CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's and Ape's own: published, so worth nothing anywhere but on a local chain."""


@dataclass(frozen=True)
class Feed:
    name: str
    decimals: int = 8


@dataclass(frozen=True)
class Component:
    """A token of the basket and how much of it one share holds."""

    symbol: str
    name: str
    decimals: int
    feed: str
    per_share: int
    """Base units of the token behind one whole share."""
    contract: str = "MockERC20"


FEEDS = (Feed("BTC/USD"), Feed("USDC/USD"), Feed("USDT/USD"), Feed("EUR/USD"))
COMPONENTS = (
    Component("WBTC", "Wrapped BTC", 8, "BTC/USD", 100_000),
    Component("USDC", "USD Coin", 6, "USDC/USD", 25_000_000),
    Component("USDT", "Tether USD", 6, "USDT/USD", 25_000_000, contract="MockNoReturnERC20"),
    Component("EURC", "Euro Coin", 6, "EUR/USD", 20_000_000),
)
QUOTE = "USDC"
"""What the index share is quoted in on the pool."""


@dataclass(frozen=True)
class Parameters:
    """What may differ between a quiet local chain, the demo and a day replayed in minutes."""

    period_s: int = 5
    quorum: int = 3
    heartbeat_s: int = 60
    deviation_bps: int = 25
    mint_fee_bps: int = 5
    redeem_fee_bps: int = 5
    streaming_fee_bps: int = 50
    pool_fee: int = 500
    """Uniswap's fee tier, in hundredths of a basis point."""
    pool_usd: int = 2_000_000
    """Value of the liquidity around NAV, both sides together, in whole dollars."""
    inventory_usd: int = 1_000_000
    """Value of the keeper's and of the trader's own tokens, each, in whole dollars."""


ROLES = (
    "owner",
    "reporter-1",
    "reporter-2",
    "reporter-3",
    "reporter-4",
    "reporter-5",
    "relayer",
    "keeper",
    "trader",
    "liquidity-provider",
)
REPORTERS = tuple(role for role in ROLES if role.startswith("reporter-"))


def account(role: str) -> LocalAccount:
    """The local chain's account that plays `role`; Anvil gives it ether, everybody knows its key."""
    Account.enable_unaudited_hdwallet_features()
    found: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{ROLES.index(role)}")
    return found

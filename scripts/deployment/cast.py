# SPDX-License-Identifier: AGPL-3.0-only
"""Who plays on a local chain, and what is deployed there: the only place these numbers are written down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress

from plumbline.chain.keystore import write_keystore

LOCAL_CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
"""Anvil's and Ape's own: published, so worth nothing anywhere but on a local chain."""
KEY_PASSWORD = "plumbline"
ROLES = (
    "owner",
    *(f"reporter-{index}" for index in range(1, 6)),
    "relayer",
    "keeper",
    "trader",
    "liquidity-provider",
)
"""In the order of the mnemonic's accounts: ape's `accounts.test_accounts[0]` is the owner."""
REPORTERS = tuple(role for role in ROLES if role.startswith("reporter-"))


@dataclass(frozen=True)
class Feed:
    name: str
    opening: int
    """Price a quiet local chain opens with (`ape run deploy`), for want of reporters; in the feed's decimals."""
    floor: int
    ceiling: int
    """A median outside is a mistake, whoever signed it."""
    step_bps: int
    """A larger move has to be confirmed by further rounds before it is served."""
    decimals: int = 8


@dataclass(frozen=True)
class Component:
    """A token of the basket, and how much of it one share holds."""

    symbol: str
    name: str
    decimals: int
    feed: str
    per_share: int
    """Base units of the token behind one whole share."""
    contract: str = "MockERC20"


E8 = 10**8
FEEDS = (
    Feed("BTC/USD", opening=60_000 * E8, floor=100 * E8, ceiling=10_000_000 * E8, step_bps=2_000),
    Feed("USDC/USD", opening=1 * E8, floor=E8 // 100, ceiling=10 * E8, step_bps=1_000),
    Feed("USDT/USD", opening=1 * E8, floor=E8 // 100, ceiling=10 * E8, step_bps=1_000),
    Feed("EUR/USD", opening=108 * E8 // 100, floor=E8 // 100, ceiling=10 * E8, step_bps=1_000),
)
COMPONENTS = (
    Component("WBTC", "Wrapped BTC", 8, "BTC/USD", 100_000),
    Component("USDC", "USD Coin", 6, "USDC/USD", 25_000_000),
    Component("USDT", "Tether USD", 6, "USDT/USD", 25_000_000, contract="MockNoReturnERC20"),
    Component("EURC", "Euro Coin", 6, "EUR/USD", 20_000_000),
)
QUOTE = "USDC"
"""What the index share is traded against."""
INDEX_NAME = "Plumbline Index"
INDEX_SYMBOL = "PLUMB"


@dataclass(frozen=True)
class Parameters:
    """What may differ between a quiet local chain, the demo and a day replayed in minutes."""

    period_s: int = 5
    quorum: int = 3
    heartbeat_s: int = 60
    deviation_bps: int = 25
    max_lateness_s: int = 300
    """A round older than this is refused."""
    owner_delay_s: int = 3_600
    """Between the owner's proposal and its effect."""
    mint_fee_bps: int = 5
    redeem_fee_bps: int = 5
    streaming_fee_bps: int = 50
    """A year."""
    pool_fee_pips: int = 500
    """Uniswap's fee tier {1e-6} of the share's main pool ..."""
    side_pool_fee_pips: int = 3_000
    """... and of the one beside it, with a tenth of its liquidity."""
    pool_shares: int = 10_000
    """Whole shares on the main pool's share side; as much value in the quote token stands against them."""
    v4_pool_shares: int = 0
    """As much again in a pool of Uniswap v4's, and what so many shares hold of each component in one of its own; 0:
    there are none."""
    pooled_components: int = 40_000
    """The pools of each component hold what so many shares hold of it; as much value in the quote against it."""
    inventory_shares: int = 5_000
    """The keeper gets the components of so many shares, as float, the trader the shares; each as much in the quote."""


QUIET = Parameters(heartbeat_s=86_400, owner_delay_s=0)
"""A local chain without reporters, to try things on: its one round stands for a day, the owner waits for nothing."""


@cache
def account(role: str) -> LocalAccount:
    """The local chain's account that plays `role`; Anvil gives it ether, everybody can know its key."""
    Account.enable_unaudited_hdwallet_features()
    found: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{ROLES.index(role)}")
    return found


def address(role: str) -> ChecksumAddress:
    return account(role).address


def write_keys(folder: Path) -> None:
    """`<role>.json` for every role and one `password`. Sealed lightly: everybody knows these keys anyway."""
    for role in ROLES:
        write_keystore(folder / f"{role}.json", bytes(account(role).key), KEY_PASSWORD, scrypt_n=2)
    (folder / "password").write_text(KEY_PASSWORD)


def feed_index(name: str) -> int:
    return [feed.name for feed in FEEDS].index(name)


def component(symbol: str) -> Component:
    return next(component for component in COMPONENTS if component.symbol == symbol)

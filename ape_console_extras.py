# SPDX-License-Identifier: AGPL-3.0-only
"""What `ape console` finds ready: `oracle`, `vault`, `pool`, `feeds["BTC/USD"]`, `tokens["USDC"]`, and who is who.

With units, through the client library: `price("BTC/USD")`, `nav()`, `preview_mint("1.5")`, `preview_redeem("1.5")`,
`auction()`.

Reads deployments/<network>.json, or the record that $PLUMBLINE_DEPLOYMENT names (a demo's).
"""

from __future__ import annotations

from typing import Any

from ethpm_types import ContractType
from scripts.artifacts import compile_contract
from scripts.deployment import cast, record

from plumbline.chain.abi import load_abi
from plumbline.chain.uniswap import artifact
from plumbline.client import Amount, Auction, Nav, Oracle, Price, Vault, parse_units

MAX_AGE_S = 3_600
"""Of a price in the console: a quiet local chain has no reporters."""


def ape_init_extras(networks: Any, accounts: Any, Contract: Any) -> dict[str, Any]:
    """Called by Ape when the console opens."""
    provider = networks.active_provider
    try:
        deployment = record.read(record.path_of(provider.network.name), provider.web3)
    except record.RecordError as error:
        print(f"plumbline: {error}")  # noqa: T201 - the console opens without the names, and says why
        return {}

    def contract(key: str, abi: list[dict[str, Any]]) -> Any:
        known = deployment.contracts[key]
        return Contract(known.address, contract_type=ContractType(contractName=known.contract, abi=abi))

    def family(kind: str, abi: list[dict[str, Any]]) -> dict[str, Any]:
        # A feed is named for its pair: "feed notices" and "feed set writer" are none.
        names = [*(feed.name for feed in cast.FEEDS), *(token.symbol for token in cast.COMPONENTS)]
        keys = [key for key in (f"{kind} {name}" for name in names) if key in deployment.contracts]
        return {key.removeprefix(f"{kind} "): contract(key, abi) for key in keys}

    return {
        "oracle": contract("oracle", load_abi("MedianOracle")),
        "vault": contract("vault", load_abi("IndexVault")),
        "pool": contract("pool", artifact("UniswapV3Pool")["abi"]),
        "arbitrageur": contract("arbitrageur", load_abi("ParityArbitrageur")),
        "feeds": family("feed", load_abi("AggregatorAdapter")),
        "auction_house": contract("auction house", load_abi("AuctionHouse")),
        "notices": contract("feed notices", load_abi("FeedNotices")),
        # The mocks' ABI: on a local chain anybody may `tokens["WBTC"].mint(...)`.
        "tokens": family("token", compile_contract("MockERC20").abi),
        **_with_units(provider, deployment),
        **{role.replace("-", "_"): accounts.test_accounts[i] for i, role in enumerate(cast.ROLES)},
    }


def _with_units(provider: Any, deployment: record.Record) -> dict[str, Any]:
    prices = Oracle(provider, deployment.address("oracle"), notices=deployment.address("feed notices"))
    shares = Vault(provider, deployment.address("vault"))

    def price(feed: str, max_age_s: int = MAX_AGE_S) -> Price:
        return prices.price(feed, max_age_s)

    def nav(max_age_s: int = MAX_AGE_S) -> Nav:
        return shares.nav(max_age_s)

    def preview_mint(whole_shares: str) -> tuple[Amount, ...]:
        return shares.preview_mint(parse_units(whole_shares))

    def preview_redeem(whole_shares: str) -> tuple[Amount, ...]:
        return shares.preview_redeem(parse_units(whole_shares))

    def auction() -> Auction | None:
        return shares.auction()

    return {each.__name__: each for each in (price, nav, preview_mint, preview_redeem, auction)}

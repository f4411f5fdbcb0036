# SPDX-License-Identifier: AGPL-3.0-only
"""The pools of a local market: the share's and every component's against the quote token, in several tiers, at the
oracle's prices. The liquidity provider owns all positions, and keeps what its market making needs (trader/maker.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from eth_typing import ChecksumAddress

from plumbline.chain.uniswap import Uniswap, add_liquidity, create_pool
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK
from scripts.artifacts import compile_contract
from scripts.deployment import cast
from scripts.deployment.cast import COMPONENTS, FEEDS, QUOTE, Parameters
from scripts.deployment.chain import Chain

WAD = 10**18
SOLC = "solc 0.7.6, as Uniswap's npm packages hold it"
PROVIDER = "liquidity-provider"
DEEP_PIPS = 500
"""The tier in which components are mostly traded."""


class Tier(NamedTuple):
    """One pool of a token: its fee {1e-6}, the part of the token's liquidity it gets, and how far that reaches."""

    fee_pips: int
    percent: int
    reach: int | None
    """Ticks either side of the price; None: over all prices."""


COMPONENT_TIERS = (Tier(500, 60, None), Tier(500, 20, 2_000), Tier(3_000, 20, None))


def open_component_pools(chain: Chain, parameters: Parameters, uniswap: Uniswap, max_age_s: int) -> None:
    """Each component's pools at the oracle's price, with what `pooled_components` shares hold of it on each side."""
    for symbol, worth in component_worths(chain, parameters.pooled_components, max_age_s):
        for tier in COMPONENT_TIERS:
            open_pool(chain, uniswap, component_pool(symbol, tier.fee_pips), worth, tier)


def component_worths(chain: Chain, shares: int, max_age_s: int) -> Iterator[tuple[str, dict[ChecksumAddress, int]]]:
    """(symbol, {token: smallest units}): what so many whole shares hold of each component, and as much in the quote."""
    for token in COMPONENTS:
        if token.symbol != QUOTE:
            pooled = shares * token.per_share
            in_quote = _in_quote(chain, token, pooled, max_age_s)
            yield (
                token.symbol,
                {chain.address(f"token {token.symbol}"): pooled, chain.address(f"token {QUOTE}"): in_quote},
            )


def component_pool(symbol: str, fee_pips: int) -> str:
    """Its name in the deployment's record."""
    return f"pool {symbol} {fee_pips}"


def open_pool(
    chain: Chain, uniswap: Uniswap, key: str, worth: dict[ChecksumAddress, int], tier: Tier
) -> ChecksumAddress:
    """Adds the tier's part of `worth` on each side; makes the pool, at the price `worth` says, if there is none."""
    provider = cast.address(PROVIDER)
    pool = create_pool(chain.web3, provider, uniswap, worth, tier.fee_pips)
    token0, token1 = sorted(worth, key=lambda token: int(token, 16))
    chain.remember(key, "UniswapV3Pool", pool, [token0, token1, tier.fee_pips], SOLC)
    deposit = {token: amount * tier.percent // 100 for token, amount in worth.items()}
    low, high = MIN_TICK, MAX_TICK
    if tier.reach is not None:
        tick = chain.read(chain.at(key, compile_contract("IUniswapV3Pool").abi).functions.slot0())[1]
        low, high = tick - tier.reach, tick + tier.reach
    add_liquidity(chain.web3, provider, uniswap, deposit, tier.fee_pips, low, high)
    return pool


def _in_quote(chain: Chain, token: cast.Component, amount: int, max_age_s: int) -> int:
    """What an amount of a component is worth in base units of the quote token, at the oracle's prices."""
    oracle = chain.at("oracle", compile_contract("MedianOracle").abi)
    quote = cast.component(QUOTE)
    prices, scales = [], []
    for each in (token, quote):
        index = cast.feed_index(each.feed)
        prices.append(chain.read(oracle.functions.price(index, max_age_s)))
        scales.append(10 ** (each.decimals + FEEDS[index].decimals))
    return amount * prices[0] * scales[1] // (scales[0] * prices[1])

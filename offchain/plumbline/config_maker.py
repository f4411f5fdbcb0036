# SPDX-License-Identifier: AGPL-3.0-only
"""The config of a local chain's market maker."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from plumbline.config import ClockConfig, KeyConfig, LogConfig, TxConfig
from plumbline.config_venues import VenueConfig
from plumbline.sections import Address, PoolFee, Positive, Seconds, Section, check_url

_Market = Annotated[str, Meta(pattern=r"^[A-Z0-9]+/[A-Z0-9]+\Z")]


class MadePoolConfig(Section, frozen=True):
    """A pool of a token and the quote token, and where the token's price is read."""

    token: Address
    fee_pips: PoolFee
    market: _Market
    """Of the venue, as "BTC/USD"."""
    per: _Market | None = None
    """Divides it: EUR/USD is BTC/USD per BTC/EUR, where nobody trades euros for dollars."""


class MakerConfig(Section, frozen=True):
    """Somebody who keeps the components' pools at a venue's prices, for demos and tests, with what the key holds."""

    rpc_url: str
    key: KeyConfig
    router: Address
    """Uniswap's SwapRouter; the maker has approved it for all tokens."""
    quote: Address
    quote_market: _Market
    """Of the quote token's own price, in the currency of the others."""
    venue: VenueConfig
    pools: Annotated[tuple[MadePoolConfig, ...], Meta(min_length=1)]
    every_s: Seconds = 2.0
    """Wall time between two looks at the pools."""
    max_age_s: Positive = 60
    """Market time after which a trade is no price any more."""
    timeout_s: Seconds = 5.0
    clock: ClockConfig = ClockConfig()
    log: LogConfig = LogConfig()
    tx: TxConfig = TxConfig()

    def __post_init__(self) -> None:
        check_url("rpc_url", self.rpc_url, ("http", "https"))

    @property
    def markets(self) -> list[str]:
        """All that are read."""
        return sorted({self.quote_market, *(name for pool in self.pools for name in (pool.market, pool.per) if name)})

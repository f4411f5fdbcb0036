# SPDX-License-Identifier: AGPL-3.0-only
"""The sections of a keeper's config."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from plumbline.core.desk import DeskRules
from plumbline.core.units import parse_wad
from plumbline.sections import Address, Decimal, PoolFee, Positive, Section, check_url


class RelayConfig(Section, frozen=True):
    """A private relay: takes raw transactions (`eth_sendRawTransaction`) and shows them to nobody but block makers."""

    url: str
    blocks: Annotated[int, Meta(ge=1)] = 5
    """Not mined after so many blocks, it has failed ..."""
    then_public: bool = False
    """... and the transaction goes to the chain's endpoints; else it is given up."""

    def __post_init__(self) -> None:
        check_url("url", self.url, ("http", "https"))


class LeaseConfig(Section, frozen=True):
    """NATS JetStream between the replicas of one keeper: all of one key, of which one acts."""

    url: str = "nats://127.0.0.1:4222"
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "plumbline-keeper"
    """Begins the names of the buckets: the same in all replicas; another one on another chain."""
    lease_s: Annotated[float, Meta(ge=0.5, le=4)] = 2.0
    """A replica that is silent for so long does not act any more: the next one takes over in less than 5 s."""

    def __post_init__(self) -> None:
        check_url("url", self.url, ("nats", "tls"))


class DeskConfig(Section, frozen=True):
    """A market maker in the share, with a key of its own: what the key holds is the desk's."""

    position_manager: Address
    """Uniswap's; the key has approved it, and the router, for shares and quote."""
    router: Address
    """An IndexRouter: what the desk mints and redeems through, against the quote."""
    quoter: Address
    """Its IndexQuoter."""
    position_shares: Decimal
    """In the range while the price is in its middle; as much value in quote beside it."""
    band_shares: Decimal
    """The net exposure may be so far from the target."""
    hedge_from_shares: Decimal
    """Exposure beyond this is hedged as soon as arbitrage would not take it back."""
    target_shares: Decimal = "0"
    """The exposure that is sold elsewhere, or wanted."""
    fee_pips: PoolFee = 500
    """Tier of the pool of share and quote that the range is in."""
    component_fee_pips: Annotated[tuple[PoolFee, ...], Meta(min_length=1)] = (500,)
    """Tier that components are swapped in: one, or one for each in the index's order."""
    reach_bps: Annotated[int, Meta(ge=20, le=5_000)] = 1_000
    """The range is NAV -+ so much."""
    calm_bps: Positive = 50
    """No range is placed while the pool is further than this from NAV."""
    max_cost_bps: Annotated[int, Meta(ge=1, le=1_000)] = 100
    """A hedge that costs more of its value at NAV is not made."""

    def __post_init__(self) -> None:
        if parse_wad(self.hedge_from_shares) > parse_wad(self.band_shares):
            raise ValueError(f"hedge_from_shares: expected at most band_shares, got {self.hedge_from_shares}")

    def rules(self) -> DeskRules:
        return DeskRules(
            target=parse_wad(self.target_shares),
            band=parse_wad(self.band_shares),
            hedge_from=parse_wad(self.hedge_from_shares),
            position=parse_wad(self.position_shares),
            reach_bps=self.reach_bps,
            calm_bps=self.calm_bps,
        )

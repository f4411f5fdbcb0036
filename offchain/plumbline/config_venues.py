# SPDX-License-Identifier: AGPL-3.0-only
"""The sections of a config that name venues: the exchanges and pools to read, and the faults of their stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta

from plumbline.core.units import MAX_BPS
from plumbline.replay.faults import FaultKind
from plumbline.sections import Address, Decimal, Instant, Name, NonNegative, Seconds, Section, Symbol, check_url


class VenueConfig(Section, frozen=True):
    name: Name
    url: str | None = None
    """None: the exchange's public endpoint."""
    rest_url: str | None = None
    """Asked for what was missed, and for what trades while there is no connection. None: the exchange's public one;
    beside a `url` of your own: none.
    """
    ccxt: Name | None = None
    """ccxt's name of the exchange, to read one without an adapter of its own; needs the extra `ccxt`."""
    regulated: bool = False
    """For source selection."""

    def __post_init__(self) -> None:
        if self.ccxt is not None and (self.url is not None or self.rest_url is not None):
            raise ValueError("ccxt: expected no url beside it; ccxt has its own")
        if self.url is not None:
            check_url("url", self.url, ("ws", "wss"))
        if self.rest_url is not None:
            check_url("rest_url", self.rest_url, ("http", "https"))


class PoolConfig(Section, frozen=True):
    """A Uniswap v3 pool as a venue; see `plumbline.sources.uniswap`."""

    rpc_url: str
    """Of the chain the pool is on."""
    pool: Address
    symbol: Symbol
    """What it is to the index: "BTC/USDC"."""
    base: Address
    """The token that is the symbol's base."""
    min_depth: Decimal
    """Base units that the mean liquidity sells until they are 1% dearer; with less there is no price."""
    name: Name = "uniswap"
    """Venue name in `markets`; one for each pool."""
    window_s: Annotated[int, Meta(ge=60, le=86_400)] = 1_800
    poll_s: Seconds = 5.0
    timeout_s: Seconds = 5.0
    regulated: bool = False
    """For source selection."""

    def __post_init__(self) -> None:
        check_url("rpc_url", self.rpc_url, ("http", "https"))


class TapeConfig(Section, frozen=True):
    """What the replay servers play: a seeded simulation, a recording of one-minute bars (Parquet), or one exchange's
    frames as they were received (gzip; see `plumbline.replay.frames`).
    """

    kind: Literal["simulated", "recorded", "frames"] = "simulated"
    seed: NonNegative = 1
    """simulated: the same seed gives the same market."""
    file: Path | None = None
    """recorded, frames: the recording."""
    hours: Annotated[int, Meta(ge=1, le=24 * 31)] = 24
    """recorded: how much of the recording to load, from the clock's origin on."""

    def __post_init__(self) -> None:
        if (self.kind != "simulated") != (self.file is not None):
            raise ValueError('file: expected a path beside kind = "recorded" or "frames", and only there')


_BPS_FAULTS: Final = ("scale", "fat_finger", "loss")
_DELAY_FAULTS: Final = ("latency", "skew")


class FaultConfig(Section, frozen=True):
    """One fault of one venue from `start` until before `end`, in market time; see `plumbline.replay.faults`."""

    kind: FaultKind
    venue: Name
    start: Instant
    end: Instant
    bps: Annotated[int, Meta(gt=-MAX_BPS, le=1_000 * MAX_BPS)] = 0
    """scale, fat_finger: how far prices are off. loss: the share of frames that never come."""
    delay_ms: Annotated[int, Meta(ge=-3_600_000, le=3_600_000)] = 0
    """latency: how late trades come. skew: how far the venue's clock is ahead; below 0: behind."""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"end: expected a time after start, {self.start.isoformat()}, got {self.end.isoformat()}")
        for key, value, kinds in (("bps", self.bps, _BPS_FAULTS), ("delay_ms", self.delay_ms, _DELAY_FAULTS)):
            if (self.kind in kinds) != (value != 0):
                named = " or ".join(f'"{kind}"' for kind in kinds)
                raise ValueError(f"{key}: expected a value beside kind = {named}, and only there")
        if self.kind == "latency" and self.delay_ms < 0:
            raise ValueError(f'delay_ms: expected more than 0 beside kind = "latency", got {self.delay_ms}')
        if self.kind == "loss" and not 0 < self.bps <= MAX_BPS:
            raise ValueError(f'bps: expected 1 to {MAX_BPS} beside kind = "loss", got {self.bps}')

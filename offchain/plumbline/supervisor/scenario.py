# SPDX-License-Identifier: AGPL-3.0-only
"""What a demo plays: which market, how fast, and the numbers that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Final

from plumbline.errors import ConfigError
from plumbline.supervisor import feeds

RECORDING: Final = "bars_1m_*.parquet"
RECORDED_START: Final = datetime(2023, 3, 11, 8, 0, tzinfo=UTC)
"""The morning on which a dollar coin was worth 90 cents."""
RECORDED_SPEED: Final = 30.0
BLOCK_WALL_S: Final = 0.5
"""A block lasts at least so long on the wall: it must be possible to read one before the next."""


class MarketKind(StrEnum):
    SIMULATED = "simulated"
    RECORDED = "recorded"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Times are market time unless said otherwise; a minute of it lasts 60 / speed seconds on the wall."""

    kind: MarketKind
    listed: Mapping[str, Sequence[str]]
    """The markets each venue has."""
    seed: int = 1
    recording: Path | None = None
    start_ms: int | None = None
    """When the market begins; None: now."""
    speed: float = 1.0
    period_s: int = 5
    """Between two possible rounds."""
    block_s: int = 1
    heartbeat_s: int = 10
    deviation_bps: int = 10
    push_s: int = 10
    """The trader pushes the pool once in each interval."""
    market_age_s: int = 60
    """A venue's market silent for longer is out."""
    peg_venues: int = 2
    """How many venues make a stablecoin's price."""

    @property
    def max_age_s(self) -> int:
        """The oldest price anybody here acts on: two missed heartbeats."""
        return 2 * self.heartbeat_s + self.period_s


def simulated(seed: int) -> Scenario:
    from plumbline.replay.simulation import simulated_markets

    return Scenario(MarketKind.SIMULATED, simulated_markets(), seed=seed)


def live() -> Scenario:
    # Two of the exchanges refuse whole countries: the rest must be able to go on.
    return Scenario(MarketKind.LIVE, feeds.LIVE, peg_venues=1)


def recorded(data: Path | None, start: datetime = RECORDED_START, speed: float = RECORDED_SPEED) -> Scenario:
    """Raises ConfigError when the recording is not where it should be, or does not cover `start`."""
    if data is None:
        raise ConfigError("DEMO_MARKET=recorded needs DEMO_DATA=<folder with the recording>; see docs/architecture.md")
    found = sorted(data.rglob(RECORDING)) if data.is_dir() else []
    if not found:
        raise ConfigError(f"DEMO_DATA={data}: expected a folder that holds a recording named {RECORDING}")
    _check_covered(found[0], start)
    return Scenario(
        MarketKind.RECORDED,
        feeds.RECORDED,
        recording=found[0],
        start_ms=round(start.timestamp() * 1000),
        speed=speed,
        # One trade a minute and market: a faster grid would sign the same minute again.
        period_s=60,
        block_s=max(1, ceil(speed * BLOCK_WALL_S)),
        heartbeat_s=60,
        deviation_bps=25,
        push_s=60,
        market_age_s=180,
    )


def _check_covered(recording: Path, start: datetime) -> None:
    from plumbline.replay.bars import covered_s

    first, last = (datetime.fromtimestamp(at_s, UTC) for at_s in covered_s(recording))
    if not first <= start <= last:
        # To the day when that tells them apart, else to the minute.
        exact = start.date() in (first.date(), last.date())
        shown = [f"{at:%Y-%m-%dT%H:%M}" if exact else f"{at:%Y-%m-%d}" for at in (start, first, last)]
        raise ConfigError(f"DEMO_START={shown[0]}: the recording covers {shown[1]} to {shown[2]}")

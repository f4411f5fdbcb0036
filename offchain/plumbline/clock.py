# SPDX-License-Identifier: AGPL-3.0-only
"""Time, as every service takes it: the system's, or a market's that runs at its own speed in a replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from plumbline.config import ClockConfig
from plumbline.ports import Clock

_LONGEST_NAP_S: Final = 1.0
"""A sleep looks at the time again at least this often, so that a stepped system clock is noticed."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class SystemClock:
    """UTC milliseconds of the machine."""

    def now_ms(self) -> int:
        return _wall_ms()

    async def sleep_until_ms(self, at_ms: int) -> None:
        await _sleep_until(self, at_ms, 1.0)


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Market ms = market_origin_ms + (wall ms - wall_origin_ms) * speed; every process with the same three agrees."""

    market_origin_ms: int
    wall_origin_ms: int
    speed: float = 1.0
    wall_ms: Callable[[], int] = _wall_ms

    def now_ms(self) -> int:
        return self.market_origin_ms + int((self.wall_ms() - self.wall_origin_ms) * self.speed)

    async def sleep_until_ms(self, at_ms: int) -> None:
        await _sleep_until(self, at_ms, self.speed)


async def _sleep_until(clock: Clock, at_ms: int, speed: float) -> None:
    """Returns at once for a time that has passed, but always lets other tasks run."""
    await asyncio.sleep(0)
    while (left_ms := at_ms - clock.now_ms()) > 0:  # noqa: ASYNC110 - time has no event to wait for
        # At least 1 ms: a remainder below the clock's resolution must not spin.
        await asyncio.sleep(min(max(left_ms / 1000 / speed, 0.001), _LONGEST_NAP_S))


def make_clock(config: ClockConfig) -> Clock:
    if config.kind == "system":
        return SystemClock()
    # Both were checked when the config was read.
    assert config.market_origin_ms is not None
    assert config.wall_origin_ms is not None
    return MarketClock(config.market_origin_ms, config.wall_origin_ms, config.speed)

# SPDX-License-Identifier: AGPL-3.0-only
"""Market time is a line through its origin; sleeping follows it."""

from __future__ import annotations

import asyncio
import time

import pytest

from plumbline.clock import MarketClock, SystemClock, make_clock
from plumbline.config import ClockConfig


def test_market_clock__sixtyfold_speed__a_wall_second_is_a_market_minute():
    wall = [1_700_000_000_000]
    clock = MarketClock(1_678_492_800_000, wall[0], speed=60, wall_ms=lambda: wall[0])
    assert clock.now_ms() == 1_678_492_800_000
    wall[0] += 1_000
    assert clock.now_ms() == 1_678_492_860_000


def test_sleep_until__market_time_ahead__takes_the_wall_time_of_its_speed():
    async def slept_s() -> float:
        clock = MarketClock(0, time.time_ns() // 1_000_000, speed=1_000)
        start = time.monotonic()
        await clock.sleep_until_ms(clock.now_ms() + 60_000)
        assert clock.now_ms() >= 60_000
        return time.monotonic() - start

    assert 0.05 < asyncio.run(slept_s()) < 1


@pytest.mark.parametrize("clock", [SystemClock(), MarketClock(10**12, 0)])
def test_sleep_until__time_has_passed__returns_but_lets_others_run(clock):
    async def others_ran() -> bool:
        ran = []
        task = asyncio.create_task(asyncio.sleep(0))
        task.add_done_callback(lambda _: ran.append(True))
        for _ in range(3):
            await clock.sleep_until_ms(0)
        return bool(ran)

    assert asyncio.run(others_ran())


def test_make_clock__either_kind__is_what_the_config_says():
    assert make_clock(ClockConfig()) == SystemClock()
    market = ClockConfig(kind="market", market_origin_ms=5, wall_origin_ms=6, speed=2.0)
    assert make_clock(market) == MarketClock(5, 6, 2.0)

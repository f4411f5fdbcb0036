# SPDX-License-Identifier: AGPL-3.0-only
"""The market's clock drives a real chain's."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.helpers.anvil import Anvil, rpc

from plumbline.clock import MarketClock
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.supervisor.block_clock import BlockClock

ORIGIN_S = 1_678_492_800
"""2023-03-11 00:00 UTC."""


def market(speed: float, origin_s: int = ORIGIN_S) -> MarketClock:
    return MarketClock(origin_s * 1000, time.time_ns() // 1_000_000, speed)


async def run_for(clock: BlockClock, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(clock.run(), seconds)


@pytest.mark.anvil
def test_run__a_fast_market__blocks_bear_market_time_on_the_grid() -> None:
    with Anvil("--no-mining", "--timestamp", str(ORIGIN_S - 60)) as chain:
        clock = BlockClock(chain.url, market(speed=60), interval_s=12)
        asyncio.run(run_for(clock, 2.5))
        stamps = [
            int(rpc(chain.url, "eth_getBlockByNumber", hex(n), False)["timestamp"], 16)
            for n in range(1, int(rpc(chain.url, "eth_blockNumber"), 16) + 1)
        ]
    assert len(stamps) in (clock.blocks, clock.blocks + 1)  # the last may have been mined while it was cancelled
    # 2.5 s at speed 60 are 150 s of market: 12 blocks of 12 s; a busy machine may skip some, never double one.
    assert 6 <= len(stamps) <= 13
    assert all(stamp % 12 == 0 for stamp in stamps)
    assert stamps == sorted(set(stamps))
    assert ORIGIN_S < stamps[0] <= ORIGIN_S + 60
    assert stamps[-1] <= ORIGIN_S + 150


@pytest.mark.anvil
def test_run__a_chain_that_is_ahead_of_the_market__is_an_error_that_names_the_time() -> None:
    with Anvil("--no-mining", "--timestamp", str(ORIGIN_S + 3600)) as chain:
        clock = BlockClock(chain.url, market(speed=60), interval_s=12)
        with pytest.raises(ChainError, match=r"block clock: no block for 16784928\d\d"):
            asyncio.run(asyncio.wait_for(clock.run(), 10))


@pytest.mark.anvil
def test_run__no_chain__is_unreachable(anvil: Anvil) -> None:
    clock = BlockClock(anvil.url, market(speed=60), interval_s=12)
    anvil.stop()
    with pytest.raises(ChainUnreachable, match="block clock"):
        asyncio.run(asyncio.wait_for(clock.run(), 10))

# SPDX-License-Identifier: AGPL-3.0-only
"""The trader: one push in each interval, of the size it says, with what it has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction

import pytest
from tests.helpers.parity import WIDE, market_at

from plumbline.core.pushes import Order, Pocket, aim, push_in
from plumbline.core.uniswap_math import swap, tick_at_sqrt_price
from plumbline.errors import ChainUnreachable
from plumbline.trader.service import Trader

TERMS = {"seed": 7, "interval_ms": 60_000, "min_bps": 50, "max_bps": 300}
RICH = 10**30


def pocket_of(*, share_is_token0: bool, shares: int = RICH, quote: int = RICH) -> Pocket:
    market = market_at(Fraction(0), WIDE, share_is_token0=share_is_token0)
    return Pocket(market.pool, share_is_token0, shares, quote)


def share_price(pocket: Pocket) -> Fraction:
    price = Fraction(pocket.pool.sqrt_price_x96**2, 1 << 192)
    return price if pocket.share_is_token0 else 1 / price


def swapped(pocket: Pocket, order: Order) -> Pocket:
    """The pool after the order, as the router would leave it."""
    down = order.limit_x96 < pocket.pool.sqrt_price_x96
    moved = swap(pocket.pool, zero_for_one=down, amount=order.amount_in, limit_x96=order.limit_x96)
    tick = tick_at_sqrt_price(moved.sqrt_price_x96)
    return replace(pocket, pool=replace(pocket.pool, sqrt_price_x96=moved.sqrt_price_x96, tick=tick))


def test_push_in__every_minute_of_a_day__has_one_push_of_the_size_asked_for():
    pushes = [push_in(minute, **TERMS) for minute in range(1_440)]
    assert all(minute * 60_000 <= push.at_ms < (minute + 1) * 60_000 for minute, push in enumerate(pushes))
    assert all(50 <= abs(push.bps) <= 300 for push in pushes)
    up = sum(push.bps > 0 for push in pushes)
    assert 600 < up < 840
    assert pushes == [push_in(minute, **TERMS) for minute in range(1_440)]
    assert pushes != [push_in(minute, **TERMS | {"seed": 8}) for minute in range(1_440)]


@pytest.mark.parametrize("share_is_token0", [True, False])
@pytest.mark.parametrize("bps", [-300, -50, 50, 300])
def test_aim__with_enough__moves_the_share_by_so_much(share_is_token0, bps):
    pocket = pocket_of(share_is_token0=share_is_token0)
    order = aim(pocket, bps)
    assert order.buy is (bps > 0)
    moved = share_price(swapped(pocket, order)) / share_price(pocket) - 1
    assert abs(moved - Fraction(bps, 10_000)) < Fraction(1, 10**9)


@pytest.mark.parametrize("share_is_token0", [True, False])
def test_aim__nothing_to_buy_with__sells_instead(share_is_token0):
    order = aim(pocket_of(share_is_token0=share_is_token0, quote=10), 100)
    assert not order.buy
    assert order.amount_in > 10
    order = aim(pocket_of(share_is_token0=share_is_token0, shares=10), -100)
    assert order.buy


def test_aim__too_little_of_both__goes_as_far_as_it_lasts():
    order = aim(pocket_of(share_is_token0=True, shares=10**6, quote=10**3), 100)
    assert (order.buy, order.amount_in) == (True, 10**3)


class FakeSwapper:
    def __init__(self, failures: int = 0) -> None:
        self.pocket_now, self.failures, self.orders = pocket_of(share_is_token0=True), failures, []

    async def pocket(self) -> Pocket:
        if self.failures:
            self.failures -= 1
            raise ChainUnreachable("connection refused")
        return self.pocket_now

    async def swap(self, order: Order) -> None:
        self.orders.append(order)
        self.pocket_now = swapped(self.pocket_now, order)


class SteppedClock:
    """Jumps to whatever is slept for, up to `until_ms`; then stops the test."""

    def __init__(self, at_ms: int, until_ms: int) -> None:
        self.at_ms, self.until_ms = at_ms, until_ms

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_until_ms(self, at_ms: int) -> None:
        if at_ms > self.until_ms:
            raise asyncio.CancelledError
        self.at_ms = max(self.at_ms, at_ms)


def run(swapper: FakeSwapper, clock: SteppedClock) -> Trader:
    trader = Trader(swapper, clock, seed=7, interval_s=60, min_bps=50, max_bps=300, retry_s=0.001)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(trader.run())
    return trader


def test_run__an_hour__pushes_once_a_minute():
    swapper = FakeSwapper()
    trader = run(swapper, SteppedClock(0, 3_600_000 - 1))
    assert trader.pushes == len(swapper.orders) == 60
    assert [order.buy for order in swapper.orders] == [push_in(i, **TERMS).bps > 0 for i in range(60)]


def test_run__chain_fails__insists_on_the_push():
    swapper = FakeSwapper(failures=2)
    trader = run(swapper, SteppedClock(0, 60_000 - 1))
    assert trader.pushes == 1

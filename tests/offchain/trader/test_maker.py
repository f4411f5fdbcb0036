# SPDX-License-Identifier: AGPL-3.0-only
"""The market maker: how far it moves a pool, when it leaves it alone, and that it spends what it has and no more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction

import pytest
from tests.helpers.parity import WIDE, after_swap, pool_at

from plumbline.core.making import toward
from plumbline.core.pushes import Order, Pocket
from plumbline.core.uniswap_math import PIPS
from plumbline.trader.maker import Maker

PRICE = Fraction(600)
RICH = 10**24


def pocket_at(price: Fraction, *, is_token0: bool, fee: int = 3_000, tokens: int = RICH, quote: int = RICH) -> Pocket:
    return Pocket(pool_at(price, WIDE, share_is_token0=is_token0, fee=fee), is_token0, tokens, quote)


def price_of(pocket: Pocket) -> Fraction:
    price = Fraction(pocket.pool.sqrt_price_x96**2, 1 << 192)
    return price if pocket.share_is_token0 else 1 / price


def swapped(pocket: Pocket, order: Order) -> Pocket:
    down = pocket.share_is_token0 != order.buy
    return replace(pocket, pool=after_swap(pocket.pool, down, order.amount_in, exact_in=True))


@pytest.mark.parametrize("is_token0", [True, False])
@pytest.mark.parametrize("fee", [500, 3_000])
@pytest.mark.parametrize("off", [Fraction(9, 10), Fraction(98, 100), Fraction(102, 100), Fraction(11, 10)])
def test_toward__pool_off_by_more_than_its_fee__ends_where_the_next_unit_would_not_pay(is_token0, fee, off):
    pocket = pocket_at(PRICE * off, is_token0=is_token0, fee=fee)
    order = toward(pocket, PRICE)
    assert order.buy == (off < 1)
    keep = 1 - Fraction(fee, PIPS)
    edge = PRICE * keep if off < 1 else PRICE / keep
    assert abs(price_of(swapped(pocket, order)) / edge - 1) < Fraction(1, 10**9)
    assert toward(swapped(pocket, order), PRICE) is None or toward(swapped(pocket, order), PRICE).amount_in < 1_000


@pytest.mark.parametrize("is_token0", [True, False])
@pytest.mark.parametrize("off", [Fraction(9_971, 10_000), Fraction(1), Fraction(10_029, 10_000)])
def test_toward__pool_within_its_fee__is_left_alone(is_token0, off):
    assert toward(pocket_at(PRICE * off, is_token0=is_token0), PRICE) is None


@pytest.mark.parametrize("is_token0", [True, False])
def test_toward__little_left__spends_that_and_no_more(is_token0):
    poor = pocket_at(PRICE * Fraction(9, 10), is_token0=is_token0, quote=1_000_000)
    assert toward(poor, PRICE).amount_in == 1_000_000
    assert toward(replace(poor, quote=0), PRICE) is None
    # What is missing is the quote: selling needs none.
    dear = pocket_at(PRICE * Fraction(11, 10), is_token0=is_token0, quote=0, tokens=77)
    assert toward(dear, PRICE).amount_in == 77


class FakePool:
    def __init__(self, pocket: Pocket) -> None:
        self.now, self.orders = pocket, 0

    async def pocket(self) -> Pocket:
        return self.now

    async def swap(self, order: Order) -> None:
        self.now, self.orders = swapped(self.now, order), self.orders + 1


def test_turn__some_pools_off__moves_those_and_leaves_tokens_without_a_price():
    off = pocket_at(PRICE * Fraction(9, 10), is_token0=True)
    pools = {name: FakePool(off) for name in ("a", "b", "c")}
    pools["b"].now = pocket_at(PRICE, is_token0=True)
    maker = Maker({name: (name.upper(), pool) for name, pool in pools.items()})
    assert asyncio.run(maker.turn({"A": PRICE, "B": PRICE})) == 1
    assert [pool.orders for pool in pools.values()] == [1, 0, 0]
    assert maker.moves == 1

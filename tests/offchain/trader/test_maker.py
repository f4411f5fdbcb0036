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


class FakePools:
    """`off` are the pools' states; the maker holds `tokens` of each token and `quote`."""

    def __init__(self, off: dict[str, Pocket], tokens: int = RICH, quote: int = RICH) -> None:
        self.now, self.own, self.orders = dict(off), (tokens, quote), []

    async def pools(self) -> dict[str, tuple[str, Pocket]]:
        return {name: (name.upper(), replace(pocket, shares=0, quote=0)) for name, pocket in self.now.items()}

    async def held(self, name: str) -> tuple[int, int]:
        return self.own

    async def swap(self, name: str, order: Order) -> None:
        self.now[name] = swapped(self.now[name], order)
        self.orders.append((name, order))


def test_turn__some_pools_off__moves_those_and_leaves_tokens_without_a_price():
    off = pocket_at(PRICE * Fraction(9, 10), is_token0=True)
    pools = FakePools({"a": off, "b": pocket_at(PRICE, is_token0=True), "c": off})
    maker = Maker(pools)
    assert asyncio.run(maker.turn({"A": PRICE, "B": PRICE})) == 1
    assert [name for name, _ in pools.orders] == ["a"]
    assert maker.moves == 1


def test_turn__inventory_short__spends_what_is_there_then_leaves_the_pool_where_it_is():
    pools = FakePools({"a": pocket_at(PRICE * Fraction(9, 10), is_token0=True)}, quote=1_000_000)
    maker = Maker(pools)
    assert asyncio.run(maker.turn({"A": PRICE})) == 1
    assert pools.orders[0][1].amount_in == 1_000_000
    pools.own = (RICH, 0)
    assert asyncio.run(maker.turn({"A": PRICE})) == 0
    assert maker.moves == 1

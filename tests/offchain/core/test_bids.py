# SPDX-License-Identifier: AGPL-3.0-only
"""Sizing of bids against trying every size and every route, in integers."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from tests.helpers.parity import pool_at

from plumbline.core.arbitrage import Token
from plumbline.core.bids import Bid, BidMarket, Lot, _paid, _routes, best_bid, fill
from plumbline.core.curve import Market

WBTC, USDT, EURC, USDC = range(4)
_TOKENS = ((8, 20_000_00000000), (6, 100_500_000), (6, 106_000_000), (6, 97_000_000))
"""(decimals, USD with 8 decimals)"""
FREE = {1: Fraction(), 2: Fraction()}


def token(place: int) -> Token:
    decimals, price = _TOKENS[place]
    return Token(0, price, 10 ** (decimals + 8), 0)


def pool(give: int, get: int, *, bps: int = 0, fee: int = 500, depth: int = 10**14):
    """The two at the oracle's prices and `bps` more for `give`, which is token0; liquidity near it and further out."""
    fair = token(give).usd / token(get).usd * Fraction(10_000 + bps, 10_000)
    return pool_at(fair, [(-3_000, 3_000, depth), (-30, 40, 3 * depth)], share_is_token0=True, fee=fee)


def market(factor_bps: int = 9_900, **pools) -> BidMarket:
    """Three WBTC for sale, 20,000 USDT and 15,000 EURC wanted; USDC stands between."""
    amounts = ((3 * 10**8, 0), (0, 20_000 * 10**6), (0, 15_000 * 10**6), (0, 0))
    lots = tuple(Lot(token(place), *each) for place, each in enumerate(amounts))
    found = {
        (WBTC, USDC): (pool(WBTC, USDC), pool(WBTC, USDC, fee=3_000, bps=20)),
        (USDC, USDT): (pool(USDC, USDT, fee=100),),
        (EURC, USDC): (pool(EURC, USDC, fee=500),),
        (WBTC, USDT): (pool(WBTC, USDT, fee=3_000, depth=10**13),),
    }
    return BidMarket(lots, factor_bps, pools.get("pools", found), USDC)


def tried(where: BidMarket, steps: int) -> Fraction:
    """The best profit {USD} of every pair, every route and `steps` sizes."""
    best = Fraction()
    for sell, one in enumerate(where.lots):
        for buy, other in enumerate(where.lots):
            if not one.surplus or not other.deficit:
                continue
            most, _ = fill(where, sell, buy, one.surplus)
            for route in _routes(where, sell, buy):
                for step in range(1, steps + 1):
                    sold, bought = fill(where, sell, buy, most * step // steps)
                    try:
                        profit = left(route, sold, bought)
                    except ValueError:
                        break
                    best = max(best, profit * one.token.usd)
    return best


def left(route: tuple[Market, ...], sold: int, bought: int) -> int:
    """{sell} of a bid that pays `bought` through a route."""
    paid, _ = _paid(route, bought)
    return sold - paid


def usd(where: BidMarket, bid: Bid) -> Fraction:
    return bid.profit * where.lots[bid.sell].token.usd


@pytest.mark.parametrize("seed", range(8))
def test_best_bid__random_pools__leaves_as_much_as_trying_every_size_and_route(seed):
    rng = random.Random(seed)

    def some(give: int, get: int):
        fees = rng.sample((100, 500, 3_000, 10_000), rng.randint(1, 3))
        return tuple(
            pool(give, get, bps=rng.randint(-80, 80), fee=fee, depth=10 ** rng.randint(11, 14)) for fee in fees
        )

    pools = {pair: some(*pair) for pair in ((WBTC, USDC), (USDC, USDT), (EURC, USDC), (WBTC, USDT))}
    where = market(rng.randint(9_800, 10_050), pools=pools)
    best, found = tried(where, 120), best_bid(where, FREE)
    assert (0 if found is None else usd(where, found)) >= best
    if found is not None:
        assert usd(where, found) <= best * Fraction(101, 100) + Fraction(1, 100)


def test_fill__more_than_is_wanted__is_cut_to_what_is_wanted():
    where = market(10_000)
    # 1.005 WBTC cost exactly what is wanted; the house rounds down twice on the way there.
    assert fill(where, WBTC, USDT, 3 * 10**8) == (100_499_999, 19_999_999_801)
    assert fill(where, WBTC, USDT, 10**8) == (10**8, 19_900_497_513)


def test_best_bid__lot_larger_than_the_pools_bear__takes_a_part_and_leaves_the_pools_where_more_would_lose():
    shallow = {(WBTC, USDC): (pool(WBTC, USDC, depth=10**10),), (USDC, USDT): (pool(USDC, USDT, fee=100),)}
    where = market(9_900, pools=shallow)
    found = best_bid(where, FREE)
    assert found is not None
    most, _ = fill(where, WBTC, USDT, 3 * 10**8)
    assert 0 < found.sold < most
    (route,) = _routes(where, WBTC, USDT)
    for other in (found.sold * 99 // 100, found.sold * 101 // 100):
        sold, bought = fill(where, WBTC, USDT, other)
        assert left(route, sold, bought) < found.profit


def test_best_bid__auction_above_the_pools__bids_nothing():
    assert best_bid(market(10_030), FREE) is None


def test_best_bid__costs_of_a_second_pool__decide_between_routes():
    where = market(9_850)
    free = best_bid(where, FREE)
    assert free is not None
    assert len(free.fees_pips) == 2
    straight = best_bid(where, {1: Fraction(), 2: usd(where, free)})
    assert straight is not None
    assert straight.fees_pips == (3_000,)
    assert best_bid(where, dict.fromkeys((1, 2), usd(where, free))) is None


def test_best_bid__nothing_for_sale_or_nothing_wanted__bids_nothing():
    where = market()
    for side in ("surplus", "deficit"):
        lots = tuple(replace(lot, **{side: 0}) for lot in where.lots)
        assert best_bid(replace(where, lots=lots), FREE) is None


def test_best_bid__token_between_is_what_is_wanted__goes_through_one_pool():
    where = market()
    lots = tuple(replace(lot, deficit=10_000 * 10**6 if place == USDC else 0) for place, lot in enumerate(where.lots))
    found = best_bid(replace(where, lots=lots), FREE)
    assert found is not None
    assert (found.buy, len(found.fees_pips)) == (USDC, 1)


@pytest.mark.parametrize("percent", [10, 50, 99])
def test_least__smaller_part_than_it__cannot_leave_the_profit_asked_for(percent):
    where = market(9_850)
    found = best_bid(where, FREE)
    assert found is not None
    asked = found.profit * percent // 100
    least = found.least(asked)
    assert 0 < least <= found.sold
    route = next(
        each
        for each in _routes(where, found.sell, found.buy)
        if tuple(market.pools[0].fee_pips for market in each) == found.fees_pips
    )
    sold, bought = fill(where, found.sell, found.buy, least - 1)
    assert left(route, sold, bought) < asked

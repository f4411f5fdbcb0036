# SPDX-License-Identifier: AGPL-3.0-only
"""Sizing of the circle over several pools of every token: against trying, and against its own exact evaluation."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from scripts.bench.brute import best_tried
from tests.helpers.parity import pool_at

from plumbline.core.arbitrage import Leg, Side
from plumbline.core.curve import Q192, Market, curve, exact_quote, split
from plumbline.core.cycle import Component, CycleMarket, best_cycle, evaluate
from plumbline.core.units import WAD

# (quote units per smallest unit of the token, smallest units behind a share): about 20 USDC each.
BASKET = ((Fraction(600), 33_333), (Fraction(25, 10**10), 8 * 10**15), (Fraction(1), 20_000_000))
NAV = sum(price * unit for price, unit in BASKET) / WAD
SWAP_COST = 30_000


def market_of(rng: random.Random, premium: Fraction, *, tiers: int = 2, quote_units: int = 0) -> CycleMarket:
    components = [
        Component(unit * WAD, some_pools(rng, price, Fraction(rng.randint(-15, 15), 10_000), tiers))
        for price, unit in BASKET
    ]
    if quote_units:
        components.append(Component(quote_units * WAD, None))
    nav = NAV + Fraction(quote_units, WAD)
    return CycleMarket(some_pools(rng, nav, premium, tiers), tuple(components), 5, 5)


def some_pools(rng: random.Random, price: Fraction, off: Fraction, tiers: int) -> Market:
    """Pools of a token about a price, each under one wide and some narrow positions."""
    is_token0, pools = rng.random() < 0.5, []
    for fee in rng.sample((100, 500, 3_000), tiers):
        wide = int(rng.randint(1, 20) * 10**12 / float(price) ** 0.5)
        positions = [(-3_000, 3_000, wide)]
        for _ in range(rng.randint(0, 4)):
            low = rng.randint(-60, 40)
            positions.append((low, low + rng.randint(1, 120), wide * rng.randint(1, 8)))
        here = price * (1 + off + Fraction(rng.randint(-5, 5), 10_000))
        pools.append(pool_at(here, positions, share_is_token0=is_token0, fee=fee))
    return Market(tuple(pools), is_token0)


@pytest.mark.parametrize("seed", range(24))
def test_best_cycle__random_pools__loses_nothing_against_trying_everything(seed):
    rng = random.Random(seed)
    market = market_of(rng, Fraction(rng.randint(-300, 300), 10_000), quote_units=20_000_000 * rng.randint(0, 1))
    best = best_cycle(market, SWAP_COST)
    reach = best.shares * 2 if best else 10**21
    tried = best_tried(market, SWAP_COST, dict.fromkeys(Side, reach), lots=200)
    if best is None:
        assert tried is None
        return
    net = best.profit - best.swaps * SWAP_COST
    # A smallest unit of the dearest component is 600 units of quote.
    assert tried is None or net + 1_000 >= tried.net * 0.9995
    assert best.profit == evaluate(market, best.side, best.share_legs, best.legs)


@pytest.mark.parametrize("seed", range(8))
def test_best_cycle__optimum__leaves_every_used_pool_at_one_marginal_price(seed):
    """What equal marginal prices mean: no unit would bring more in another pool, and no further share pays."""
    rng = random.Random(seed)
    market = market_of(rng, Fraction(2, 100))
    best = best_cycle(market)
    assert best is not None
    assert best.side is Side.PREMIUM
    for change in (Fraction(999, 1000), Fraction(1001, 1000)):
        legs = tuple(replace(leg, amount=int(leg.amount * change)) for leg in best.share_legs)
        scaled = tuple(replace(leg, amount=int(leg.amount * change)) for leg in best.legs)
        assert evaluate(market, best.side, legs, scaled) <= best.profit + 1_000


def test_best_cycle__shares_at_their_value__is_none():
    assert best_cycle(market_of(random.Random(1), Fraction(0))) is None


def test_best_cycle__pools_of_the_share_disagree__takes_the_side_that_leaves_more():
    """One pool is dear and small, the other cheap and deep: both ways pay, the second more."""
    rng = random.Random(3)
    market = market_of(rng, Fraction(0))
    dear = pool_at(NAV * Fraction(103, 100), [(-3_000, 3_000, 10**13)], share_is_token0=True, fee=500)
    cheap = pool_at(NAV * Fraction(97, 100), [(-3_000, 3_000, 10**15)], share_is_token0=True, fee=3_000)
    both = replace(market, share=Market((dear, cheap), is_token0=True))
    alone = best_cycle(replace(market, share=Market((dear,), is_token0=True)))
    assert alone is not None
    assert alone.side is Side.PREMIUM
    best = best_cycle(both)
    assert best is not None
    assert best.side is Side.DISCOUNT
    assert best.profit > 10 * alone.profit


def test_best_cycle__component_without_a_pool__is_none():
    market = market_of(random.Random(1), Fraction(3, 100))
    bare = replace(market.components[0], market=Market((), True))
    assert best_cycle(market) is not None
    assert best_cycle(replace(market, components=(bare, *market.components[1:]))) is None


def test_best_cycle__swaps_dearer_than_a_second_pool_earns__uses_one_pool_each():
    market = market_of(random.Random(2), Fraction(3, 100))
    many = best_cycle(market)
    few = best_cycle(market, many.profit // 8)
    assert many.swaps > few.swaps == 1 + len(BASKET)


def test_best_cycle__gas_eats_the_profit__is_none():
    market = market_of(random.Random(2), Fraction(3, 100))
    assert best_cycle(market, best_cycle(market).profit) is None


def test_evaluate__legs_that_do_not_trade_a_component_in_full__says_so():
    market = market_of(random.Random(2), Fraction(3, 100))
    best = best_cycle(market)
    with pytest.raises(ValueError, match="component 0: the legs do not trade"):
        evaluate(market, best.side, best.share_legs, [leg for leg in best.legs if leg.place != 0])
    with pytest.raises(ValueError, match="no pool of tier 7"):
        evaluate(market, best.side, (Leg(0, 7, WAD),), best.legs)


@pytest.mark.parametrize("selling", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_curve__any_amount__says_what_the_pools_themselves_give(seed, selling):
    rng = random.Random(seed)
    price = rng.choice(BASKET)[0]
    market = some_pools(rng, price, Fraction(0), 3)
    whole = curve(market, selling=selling)
    for part in (1_000, 50, 3):
        amount = int(10**12 / price) // part
        quote = whole.quote_for(amount)
        parts = split(market, whole.x_after(amount), selling=selling)
        assert abs(sum(each for _, each in parts) - amount) <= 100 + amount // 10**9
        assert abs(exact_quote(market, parts, selling=selling) - quote) <= 2_000 + quote // 10**9
        # Marginal price: quote per token at the end of the trade, between the mean price and the next one's.
        mean, last = Fraction(quote, amount), Fraction(whole.x_after(amount) ** 2, Q192)
        assert (last <= mean) if selling else (last >= mean)


def test_curve__no_pools__is_none():
    assert curve(Market((), True), selling=True) is None

# SPDX-License-Identifier: AGPL-3.0-only
"""Sizing against brute force: nobody who may try every size does better."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.parity import LAYERED, PLENTY, USDC, WIDE, after_trade, market_at, pool_at, tokens, with_pool

from plumbline.core.arbitrage import Leg, ParityMarket, ParityTrade, Side, band, best_trade, evaluate, tick_limits
from plumbline.core.curve import Market
from plumbline.core.units import WAD


def dust(market: ParityMarket) -> int:
    """One smallest unit of every token, in quote units: what rounding alone may cost or give."""
    return sum(-(-token.usd // market.quote.usd) for token in market.tokens) + 2


def of(market: ParityMarket, side: Side, shares: int) -> ParityTrade:
    """The trade of so many shares in the only pool."""
    return evaluate(market, side, (Leg(0, market.pool.fee_pips, shares),))


positions_st = st.lists(
    st.tuples(st.integers(-400, 40), st.integers(1, 400), st.integers(10**14, 10**19)).map(
        lambda p: (p[0], max(p[1], p[0] + 1), p[2])
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    premium_bps=st.integers(-2_000, 2_000),
    positions=positions_st,
    share_is_token0=st.booleans(),
    fee=st.sampled_from([100, 500, 3_000, 10_000]),
    held=st.sampled_from([PLENTY, 10**15, 10**12, 10**9]),
    data=st.data(),
)
def test_best_trade__any_other_size__profits_no_more(premium_bps, positions, share_is_token0, fee, held, data):
    market = market_at(Fraction(premium_bps, 10_000), positions, share_is_token0=share_is_token0, fee=fee, held=held)
    best = best_trade(market)
    greatest = best.profit if best else 0
    for side in Side:
        ideal = best_trade(replace(market, tokens=tokens()))
        size = ideal.shares if ideal is not None and ideal.side is side else 10**20
        # The feasible sizes: what inventory allows. The optimum without inventory says where to look.
        for shares in {
            *(size * i // 24 for i in range(1, 36)),
            *(size + step for step in (-(10**13), -1, 1, 10**13)),
            data.draw(st.integers(1, max(2 * size, 1))),
        }:
            if shares <= 0 or not feasible(market, side, shares):
                continue
            assert of(market, side, shares).profit <= greatest + dust(market)


def feasible(market: ParityMarket, side: Side, shares: int) -> bool:
    """Whether the keeper's inventory and the known pool suffice."""
    try:
        trade = of(market, side, shares)
    except ValueError:
        return False
    if side is Side.DISCOUNT:
        return trade.quote_amount <= market.quote.held
    return all(
        amount <= token.held for amount, token in zip(market.amounts(side, shares), market.components, strict=True)
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    premium_bps=st.integers(-2_000, 2_000),
    positions=positions_st,
    share_is_token0=st.booleans(),
    held=st.integers(0, 10**13),
)
def test_best_trade__finite_inventory__is_never_exceeded(premium_bps, positions, share_is_token0, held):
    market = market_at(Fraction(premium_bps, 10_000), positions, share_is_token0=share_is_token0, held=held)
    best = best_trade(market)
    assert best is None or feasible(market, best.side, best.shares)


@pytest.mark.parametrize("share_is_token0", [True, False])
@pytest.mark.parametrize("positions", [WIDE, LAYERED])
@pytest.mark.parametrize("premium_bps", [-250, -30, 30, 250])
def test_best_trade__plenty_of_inventory__leaves_the_premium_at_the_band(premium_bps, positions, share_is_token0):
    market = market_at(Fraction(premium_bps, 10_000), positions, share_is_token0=share_is_token0)
    trade = best_trade(market)
    assert trade.side is (Side.PREMIUM if premium_bps > 0 else Side.DISCOUNT)
    after = replace(market, share=after_trade(market, trade))
    low, high = band(after)
    edge = high if premium_bps > 0 else low
    # First order: the exact edge is (1 + vault fee) / (1 - pool fee).
    assert abs(after.premium - edge) < Fraction(1, 10**6)
    again = best_trade(after)
    assert again is None or again.profit <= dust(market)


@pytest.mark.parametrize("share_is_token0", [True, False])
@pytest.mark.parametrize("premium_bps", [-9, 0, 9])
def test_best_trade__inside_the_band__is_none(premium_bps, share_is_token0):
    assert best_trade(market_at(Fraction(premium_bps, 10_000), WIDE, share_is_token0=share_is_token0)) is None


def test_best_trade__quote_below_its_peg__counts_at_its_own_price():
    market = market_at(Fraction(0), WIDE, share_is_token0=True)
    assert best_trade(market) is None
    scared = list(market.tokens)
    for place in (USDC, -1):
        scared[place] = replace(scared[place], price=90_000_000)
    # The pool still asks the same USDC, but each is worth 7.2 % less and is only a fifth of the basket: a discount.
    trade = best_trade(replace(market, tokens=tuple(scared)))
    assert trade is not None
    assert trade.side is Side.DISCOUNT


def test_best_trade__no_inventory__is_none():
    for premium in (Fraction(1, 50), Fraction(-1, 50)):
        assert best_trade(market_at(premium, WIDE, share_is_token0=True, held=0)) is None


def test_evaluate__more_than_the_known_pool_holds__says_so():
    market = market_at(Fraction(1, 100), WIDE, share_is_token0=True)
    near = replace(market.pool, low_tick=market.pool.tick - 500, high_tick=market.pool.tick + 500)
    with pytest.raises(ValueError, match="the known part of the 500 pool cannot fill"):
        of(replace(market, share=Market((near,), True)), Side.PREMIUM, 10**30)


def test_evaluate__tier_without_a_pool__says_so():
    with pytest.raises(ValueError, match="no pool of tier 3000"):
        evaluate(market_at(Fraction(1, 100), WIDE, share_is_token0=True), Side.PREMIUM, (Leg(0, 3_000, WAD),))


def test_best_trade__beyond_the_known_ticks__stops_at_their_edge():
    market = market_at(Fraction(1, 10), WIDE, share_is_token0=True)
    near = replace(market.pool, low_tick=market.pool.tick - 100, high_tick=market.pool.tick + 100)
    trade = best_trade(replace(market, share=Market((near,), True)))
    assert 0 < trade.shares < best_trade(market).shares


def test_premium__worked_example__is_pool_price_over_nav():
    """100 USD a share, 101 USDC in the pool, USDC at 0.97: 97.97 / 100 - 1 = -2.03 %."""
    market = market_at(Fraction(0), WIDE, share_is_token0=True)
    share_price = Fraction(101 * 10**6, WAD)
    market = replace(market, share=Market((pool_at(share_price, WIDE, share_is_token0=True),), True))
    assert float(market.nav * WAD) == pytest.approx(100, rel=1e-6)
    assert float(market.premium) == pytest.approx(-0.0203, abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    premiums=st.tuples(st.integers(-400, 400), st.integers(-400, 400)),
    positions=st.tuples(positions_st, positions_st),
    share_is_token0=st.booleans(),
    held=st.sampled_from([PLENTY, 10**12, 10**10]),
    seed=st.integers(0, 10**6),
)
def test_best_trade__two_pools__no_other_split_profits_more(premiums, positions, share_is_token0, held, seed):
    market = market_at(Fraction(premiums[0], 10_000), positions[0], share_is_token0=share_is_token0, held=held)
    market = with_pool(market, Fraction(premiums[1], 10_000), positions[1], 3_000)
    best = best_trade(market)
    assert best is None or affordable(market, best.side, best.share_legs)
    greatest = best.profit if best else 0
    ideal = best_trade(replace(market, tokens=tokens()))
    centre = {leg.fee_pips: leg.amount for leg in ideal.share_legs} if ideal else {}
    rng = random.Random(seed)
    for _ in range(10):
        side = ideal.side if ideal else rng.choice(list(Side))
        tried = {fee: centre.get(fee, 10**18) * rng.randint(0, 32) // 16 for fee in (500, 3_000)}
        legs = tuple(Leg(0, fee, amount) for fee, amount in tried.items() if amount)
        if legs and affordable(market, side, legs):
            assert evaluate(market, side, legs).profit <= greatest + 2 * dust(market)


def affordable(market: ParityMarket, side: Side, legs: tuple[Leg, ...]) -> bool:
    try:
        trade = evaluate(market, side, legs)
    except ValueError:
        return False
    if side is Side.DISCOUNT:
        return trade.quote_amount <= market.quote.held
    wanted = market.amounts(side, trade.shares)
    return all(amount <= token.held for amount, token in zip(wanted, market.components, strict=True))


def test_best_trade__second_pool_not_worth_its_gas__is_left_out():
    market = market_at(Fraction(2, 100), WIDE, share_is_token0=True)
    market = with_pool(market, Fraction(2, 100), [(-3_000, 3_000, 10**15)], 3_000)
    free = best_trade(market)
    assert {leg.fee_pips for leg in free.share_legs} == {500, 3_000}
    (leg,) = best_trade(market, swap_cost=free.profit // 10).share_legs
    assert leg.fee_pips == 500


def test_best_trade__gas_dearer_than_the_profit__is_none():
    market = market_at(Fraction(2, 100), WIDE, share_is_token0=True)
    assert best_trade(market, swap_cost=best_trade(market).profit) is None


def is_beyond(market: ParityMarket, side: Side, limits: tuple[int, ...], legs: tuple[Leg, ...]) -> bool:
    """As the contract looks at it: whether some pool of the trade has gone beyond its limit."""
    down = market.share.is_token0 == (side is Side.PREMIUM)
    ticks = {pool.fee_pips: pool.tick for pool in market.share.pools}
    passed = [(ticks[leg.fee_pips], limit) for leg, limit in zip(legs, limits, strict=True)]
    return any(tick < limit if down else tick > limit for tick, limit in passed)


@pytest.mark.parametrize("share_is_token0", [True, False])
@pytest.mark.parametrize("premium_bps", [150, -150, 25])
@pytest.mark.parametrize("positions", [WIDE, LAYERED], ids=["wide", "layered"])
def test_tick_limits__same_trade_made_before__is_beyond_and_an_untouched_pool_is_not(
    share_is_token0, premium_bps, positions
):
    market = market_at(Fraction(premium_bps, 10_000), positions, share_is_token0=share_is_token0)
    market = with_pool(market, Fraction(premium_bps, 12_000), WIDE, 3_000)
    best = best_trade(market)
    assert best is not None
    for asked in (0, best.profit // 2, best.profit, best.profit + 1):
        limits = tick_limits(market.share, best, asked)
        assert not is_beyond(market, best.side, limits, best.share_legs)
        beaten = replace(market, share=after_trade(market, best))
        assert is_beyond(beaten, best.side, limits, best.share_legs)


@pytest.mark.parametrize("percent", [5, 20, 40, 60, 80])
def test_tick_limits__part_of_it_made_before__is_beyond_about_when_too_little_is_left(percent):
    market = market_at(Fraction(2, 100), WIDE, share_is_token0=True)
    best = best_trade(market)
    assert best is not None
    (leg,) = best.share_legs
    part = of(market, best.side, leg.amount * percent // 100)
    after = replace(market, share=after_trade(market, part))
    left = evaluate(after, best.side, best.share_legs).profit
    for asked in (max(left * 9 // 10, 0), left + best.profit // 10):
        limits = tick_limits(market.share, best, asked)
        assert is_beyond(after, best.side, limits, best.share_legs) == (asked > left or left <= 0)

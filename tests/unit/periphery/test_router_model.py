# SPDX-License-Identifier: AGPL-3.0-only
"""IndexRouter over the real pools against an independent model: every token of everybody, to the base unit."""

from __future__ import annotations

import random

import boa

from plumbline.chain.uniswap import TICK_SPACING
from plumbline.core.uniswap_math import PoolState
from tests.helpers.reference.router import PoolModel, RouterModel
from tests.helpers.reference.vault import WAD, growth
from tests.unit.periphery.market import BASKET, START_S, TICK_EDGE, Trade

STEPS = 24
REACHES = (6_000, None, None, 4_000)
"""Ticks either side of the price that each pool's one position was opened at."""
FEE_BPS, STREAMING_BPS = 5, 50


def model_of(pool, reach: int | None) -> PoolModel:
    sqrt_price, tick, *_ = pool.slot0()
    spacing, liquidity = pool.tickSpacing(), pool.liquidity()
    assert TICK_SPACING[pool.fee()] == spacing
    low, high = (-TICK_EDGE, TICK_EDGE) if reach is None else (tick - reach, tick + reach)
    edges = ((low // spacing * spacing, liquidity), (high // spacing * spacing, -liquidity))
    state = PoolState(sqrt_price, tick, liquidity, pool.fee(), spacing, edges)
    return PoolModel(pool.address, pool.token0(), pool.token1(), state)


def test_router__in_any_sequence_of_trades__leaves_every_token_where_the_model_does(trade: Trade):
    dice = random.Random(5)
    wbtc, usdt, eurc, hub = (model_of(*each) for each in zip(trade.pools, REACHES, strict=True))
    model = RouterModel(
        index=trade.vault.address,
        tokens=[token.address for token in trade.tokens],
        asset=trade.usdc.address,
        routes=[[wbtc], [], [usdt], [eurc, hub]],
    )
    people = [trade.depositor, trade.receiver, trade.router.address, trade.vault.address]
    people += [pool.address for pool in trade.pools]
    for who in people:
        for asset in trade.assets:
            model.holdings[who, asset.address] = asset.balanceOf(who)
    done = 0
    for _ in range(STEPS):
        grown = growth(boa.env.evm.patch.timestamp - START_S, STREAMING_BPS)
        in_kind, minting = dice.choice((0, 0, 0b0001, 0b1100)), dice.random() < 0.6
        held = model.holdings[trade.depositor, trade.vault.address]
        shares = int(10 ** dice.uniform(0, 21)) if minting else held // dice.choice((1, 3, 10**9))
        if not shares:
            continue
        fee = -(-shares * FEE_BPS // 10_000)
        order = trade.order(shares, minting=minting)
        routes = tuple(b"" if in_kind >> i & 1 else each for i, each in enumerate(order.routes))
        order = order.but(routes=routes, receiver=trade.depositor if minting else dice.choice(people[:2]))
        if minting:
            base = -(-(shares + fee) * WAD // grown)
            amounts = [-(-base * unit // WAD) for _, _, unit, _ in BASKET]
            expected = model.mint(trade.depositor, order.receiver, shares, amounts, in_kind)
            assert trade.mint(order) == expected
        else:
            base = (shares - fee) * WAD // grown
            amounts = [base * unit // WAD for _, _, unit, _ in BASKET]
            expected = model.redeem(trade.depositor, order.receiver, shares, amounts, in_kind)
            assert trade.redeem(order) == expected
        for who in people:
            assert trade.holdings(who) == [model.holdings[who, asset.address] for asset in trade.assets]
        assert not any(trade.left_in_router())
        done += 1
        boa.env.evm.patch.timestamp += dice.randrange(10**6)
    assert done > STEPS // 2

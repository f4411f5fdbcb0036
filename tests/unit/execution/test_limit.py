# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur's look before a trade: who was beaten pays for it and for nothing else."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.unit.execution.conftest import (
    FOREVER,
    MAX_AGE_S,
    ROUTE,
    WAD,
    Market,
    leg,
    open_pool,
)

SHARES = 70 * WAD
LOOK_GAS = 20_000
"""Without the 21,000 of a transaction and its calldata."""
SELLING = ("take_premium", "mint_and_sell")


@pytest.fixture(params=[*SELLING, "take_discount", "buy_and_redeem"])
def name(request: Any) -> str:
    return request.param


@pytest.fixture
def pushed(market: Market, name: str) -> Market:
    """The share is 2 % dear or cheap."""
    selling = name in SELLING
    market.push(buy=selling, amount=10_000 * 10**6 if selling else 100 * WAD)
    return market


def trade(market: Market, name: str, *share_legs: int) -> int:
    terms = (ROUTE, 1) if name.startswith("take") else (1, MAX_AGE_S)
    return getattr(market.arbitrageur, name)(list(share_legs), *terms, FOREVER, sender=market.keeper)


def limit_of(market: Market, name: str, pool: Any, ahead: int) -> int:
    """A tick so far ahead of the pool's in the direction of the trade; behind it when negative."""
    down = (name in SELLING) == (int(market.vault.address, 16) < int(market.usdc.address, 16))
    return pool.slot0()[1] + (-ahead if down else ahead)


@pytest.mark.parametrize("ahead", [0, 1])
def test_limit__pool_not_beyond_it__trades_for_the_same_profit(pushed, name, ahead):
    with boa.env.anchor():
        free = trade(pushed, name, leg(SHARES))
    assert trade(pushed, name, leg(SHARES, limit=limit_of(pushed, name, pushed.pool, ahead))) == free


@pytest.mark.parametrize("ahead", [-1])
def test_limit__pool_beyond_it__reverts_for_the_price_of_a_look(pushed, name, ahead):
    before = pushed.wealth()
    with boa.reverts("arbitrageur: pool has moved"):
        trade(pushed, name, leg(SHARES, limit=limit_of(pushed, name, pushed.pool, ahead)))
    assert pushed.arbitrageur._computation.get_gas_used() < LOOK_GAS
    assert pushed.wealth() == before
    assert pushed.left_behind() == [0] * 9


def test_limit__second_pool_beyond_its_own__reverts(pushed, name):
    """Each leg has its limit, and a pool further on than the first one's is no matter of the first one's."""
    other = open_pool(pushed.factory, pushed.vault, pushed.usdc, pushed.trader, shares=2_000, fee_pips=3_000)
    first = leg(SHARES, limit=limit_of(pushed, name, pushed.pool, 0))
    second = (limit_of(pushed, name, other, ahead) for ahead in (0, -1))
    with boa.env.anchor():
        trade(pushed, name, first, leg(WAD // 10, 3_000, limit=next(second)))
    with boa.reverts("arbitrageur: pool has moved"):
        trade(pushed, name, first, leg(WAD // 10, 3_000, limit=next(second)))


def test_limit__no_pool_of_that_tier__reverts(pushed, name):
    with boa.reverts():
        trade(pushed, name, leg(SHARES, 10_000, limit=0))


def test_limit__not_the_owner__is_told_so_first(pushed, name, attacker):
    terms = (ROUTE, 1) if name.startswith("take") else (1, MAX_AGE_S)
    beyond = leg(SHARES, limit=limit_of(pushed, name, pushed.pool, -1))
    with boa.reverts("arbitrageur: not the owner"):
        getattr(pushed.arbitrageur, name)([beyond], *terms, FOREVER, sender=attacker)


def test_limit__upper_bits_beyond_any_tick__refuse_or_change_nothing(pushed, name):
    """A limit is one like another, however far away; a component's leg has none."""
    down = limit_of(pushed, name, pushed.pool, 1) < pushed.pool.slot0()[1]
    with boa.env.anchor():
        free = trade(pushed, name, leg(SHARES))
    for word, beyond in ((1, not down), (2**24, down), (2**96 - 1, down)):
        with boa.env.anchor():
            if beyond:
                with boa.reverts("arbitrageur: pool has moved"):
                    trade(pushed, name, word << 160 | leg(SHARES))
            else:
                assert trade(pushed, name, word << 160 | leg(SHARES)) == free
    if name.startswith("take"):
        dirty = [(2**96 - 1) << 160 | word for word in ROUTE]
        assert getattr(pushed.arbitrageur, name)([leg(SHARES)], dirty, 1, FOREVER, sender=pushed.keeper) == free

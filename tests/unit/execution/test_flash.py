# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.take_premium and take_discount: the circle that begins and ends in quote, without capital."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.unit.execution.conftest import (
    FOREVER,
    MAX_AGE_S,
    REST,
    ROUTE,
    START_S,
    USDC,
    WAD,
    Market,
    leg,
    open_component_pool,
    open_pool,
)

SHARES = 70 * WAD


@pytest.fixture(params=["take_premium", "take_discount"])
def name(request: Any) -> str:
    return request.param


@pytest.fixture
def poor(market: Market, name: str) -> Market:
    """The share is 2 % dear or cheap, and the keeper has nothing: no token, no float, no approval."""
    market.push(buy=name == "take_premium", amount=10_000 * 10**6 if name == "take_premium" else 100 * WAD)
    market.arbitrageur.withdraw_float(market.vault.float_of(market.arbitrageur.address), sender=market.keeper)
    for token in market.tokens:
        token.transfer(market.trader, token.balanceOf(market.keeper), sender=market.keeper)
        token.approve(market.arbitrageur.address, 0, sender=market.keeper)
    return market


def take(
    market: Market, name: str, share_legs: list[int] | None = None, legs: list[int] | None = None, **terms: Any
) -> int:
    call = getattr(market.arbitrageur, name)
    route = (share_legs or [leg(SHARES)], ROUTE if legs is None else legs)
    sender = terms.get("sender") or market.keeper
    return call(*route, terms.get("min_profit", 1), terms.get("deadline", START_S), sender=sender)


def test_take__share_off_its_value__earns_quote_out_of_nothing(poor, name):
    profit = take(poor, name)
    assert poor.holdings(poor.keeper) == [0, profit, 0, 0, 0]
    assert profit > 40 * 10**6
    event = {"take_premium": "PremiumTaken", "take_discount": "DiscountTaken"}[name]
    (told,) = [log for log in poor.arbitrageur.get_logs() if type(log).__name__ == event]
    assert (told.shares, told.profit, told.flash) == (SHARES, profit, True)


def test_take__any_outcome__leaves_neither_token_nor_approval(poor, name):
    take(poor, name)
    assert poor.left_behind() == [0] * 9


def test_take__oracle_says_nothing__trades_all_the_same(poor, name):
    boa.env.evm.patch.timestamp = START_S + 100 * MAX_AGE_S
    assert take(poor, name, deadline=FOREVER) > 0


def test_take__min_profit_is_the_profit__trades_and_one_more_reverts(poor, name):
    with boa.env.anchor():
        profit = take(poor, name)
    with boa.reverts("arbitrageur: profit too small"):
        take(poor, name, min_profit=profit + 1)
    assert poor.left_behind() == [0] * 9
    assert take(poor, name, min_profit=profit) == profit


def test_take__share_at_its_value__reverts(market, name):
    """There is not enough quote to pay the last pool: the token itself refuses."""
    with boa.reverts("erc20: insufficient balance"):
        take(market, name, min_profit=0)


def test_take__a_loss_that_a_gift_could_pay__reverts(market, name):
    market.usdc.transfer(market.arbitrageur.address, 10**9, sender=market.trader)
    with boa.reverts("arbitrageur: loss"):
        take(market, name, min_profit=0)


def test_take__two_pools_of_the_share__nests_one_callback_in_the_other(poor, name):
    other = open_pool(poor.factory, poor.vault, poor.usdc, poor.trader, shares=2_000, fee_pips=3_000)
    with boa.env.anchor():
        alone = take(poor, name, [leg(SHARES)])
    before = poor.vault.balanceOf(other.address)
    both = take(poor, name, [leg(SHARES), leg(WAD, 3_000)])
    assert abs(poor.vault.balanceOf(other.address) - before) == WAD
    # The other pool stands at NAV: what goes through it only pays fees.
    assert alone - 10**6 < both < alone
    assert poor.left_behind() == [0] * 9


def test_take__two_pools_of_a_component__the_last_leg_takes_the_rest(poor, name):
    other = open_component_pool(poor.factory, poor.tokens, 0, poor.trader, fee_pips=3_000)
    before = poor.tokens[0].balanceOf(other.address)
    legs = [leg(1_000_000, 3_000, 0), *ROUTE]
    assert take(poor, name, legs=legs) > 0
    assert abs(poor.tokens[0].balanceOf(other.address) - before) == 1_000_000
    assert poor.left_behind() == [0] * 9


def test_take__component_not_traded_in_full__reverts(poor, name):
    with boa.reverts("arbitrageur: component left"):
        take(poor, name, legs=ROUTE[1:])
    with boa.reverts("arbitrageur: component left"):
        take(poor, name, legs=[leg(1_000_000, place=0), *ROUTE[1:]])


def test_take__leg_of_a_place_that_is_not_there__reverts(poor, name):
    with boa.reverts():
        take(poor, name, legs=[*ROUTE, leg(1, place=4)])


def test_take__leg_of_the_quote_itself__reverts(poor, name):
    with boa.reverts():
        take(poor, name, legs=[*ROUTE, leg(REST, place=USDC)])


def test_take__one_pool_of_the_share_twice__reverts(poor, name):
    """It is locked while its first swap waits to be paid."""
    with boa.reverts():
        take(poor, name, [leg(SHARES), leg(WAD)])


def test_take__after_the_deadline__reverts(poor, name):
    boa.env.evm.patch.timestamp = START_S + 1
    with boa.reverts("vault: expired"):
        take(poor, name)


def test_take__not_the_owner__reverts(poor, name, attacker, owner):
    for stranger in (attacker, owner):
        with boa.reverts("arbitrageur: not the owner"):
            take(poor, name, sender=stranger)


def test_take__somebody_was_quicker__reverts_rather_than_loses(poor, name):
    poor.push(buy=name == "take_discount", amount=9_500 * 10**6 if name == "take_discount" else 95 * WAD)
    with boa.reverts("erc20: insufficient balance"):
        take(poor, name, min_profit=0)
    assert poor.left_behind() == [0] * 9


def test_take__component_pool_pushed_away_in_front__reverts_rather_than_loses(poor, name):
    """A sandwich on the way: the components cost more, or bring less, than the share is off."""
    if name == "take_premium":
        poor.push(buy=True, amount=400_000 * 10**6, asset=poor.tokens[0])
    else:
        poor.push(buy=False, amount=20 * 10**8, asset=poor.tokens[0])
    with boa.reverts("erc20: insufficient balance"):
        take(poor, name, min_profit=0)


def test_take__tokens_sent_by_mistake__are_neither_used_nor_earned(poor, name):
    with boa.env.anchor():
        profit = take(poor, name)
    for asset in poor.assets:
        asset.transfer(poor.arbitrageur.address, 12_345, sender=poor.trader)
    assert take(poor, name) == profit
    assert poor.holdings(poor.arbitrageur.address) == [12_345] * 5

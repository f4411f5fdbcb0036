# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.buy_and_redeem: a discount taken with the owner's quote, into the float."""

from __future__ import annotations

import boa
import pytest

from tests.unit.execution.conftest import FOREVER, MAX_AGE_S, START_S, WAD, Market, leg, open_pool

SHARES = 90 * WAD


@pytest.fixture
def cheap(market: Market) -> Market:
    """The trader has sold until the share stands about 2 % under NAV."""
    market.push(buy=False, amount=100 * WAD)
    return market


def buy_and_redeem(market: Market, shares: int = SHARES, *, min_profit: int = 1, sender: str | None = None) -> int:
    return market.arbitrageur.buy_and_redeem(
        [leg(shares)], min_profit, MAX_AGE_S, START_S, sender=sender or market.keeper
    )


def test_buy_and_redeem__discount__brings_the_profit_to_the_owner(cheap):
    before = cheap.wealth()
    gain = cheap.vault.preview_redeem(SHARES)
    float_before = cheap.vault.float_of(cheap.arbitrageur.address)
    profit = buy_and_redeem(cheap)

    assert 0 <= cheap.profit_of(before, cheap.wealth()) - profit <= 2
    assert profit > 50 * 10**6
    float_after = cheap.vault.float_of(cheap.arbitrageur.address)
    assert [now - was for was, now in zip(float_before, float_after, strict=True)] == list(gain)
    (event,) = [log for log in cheap.arbitrageur.get_logs() if type(log).__name__ == "DiscountTaken"]
    assert (event.shares, event.profit, event.flash) == (SHARES, profit, False)


def test_buy_and_redeem__any_outcome__leaves_nothing_behind(cheap):
    buy_and_redeem(cheap)
    assert cheap.left_behind() == [0] * 9


def test_buy_and_redeem__min_profit_is_the_profit__trades(cheap):
    with boa.env.anchor():
        profit = buy_and_redeem(cheap)
    assert buy_and_redeem(cheap, min_profit=profit) == profit


def test_buy_and_redeem__min_profit_one_above__reverts(cheap):
    with boa.env.anchor():
        profit = buy_and_redeem(cheap)
    before = cheap.wealth()
    with boa.reverts("arbitrageur: profit too small"):
        buy_and_redeem(cheap, min_profit=profit + 1)
    assert cheap.wealth() == before


def test_buy_and_redeem__no_discount__reverts(market):
    with boa.reverts("arbitrageur: loss"):
        buy_and_redeem(market, min_profit=0)


def test_buy_and_redeem__not_the_owner__reverts(cheap, attacker):
    with boa.reverts("arbitrageur: not the owner"):
        buy_and_redeem(cheap, sender=attacker)


def test_buy_and_redeem__stale_oracle__reverts(cheap):
    boa.env.evm.patch.timestamp = START_S + MAX_AGE_S + 1
    with boa.reverts("oracle: stale"):
        cheap.arbitrageur.buy_and_redeem([leg(SHARES)], 1, MAX_AGE_S, FOREVER, sender=cheap.keeper)


def test_buy_and_redeem__after_the_deadline__reverts(cheap):
    boa.env.evm.patch.timestamp = START_S + 1
    with boa.reverts("vault: expired"):
        buy_and_redeem(cheap)


def test_buy_and_redeem__more_than_the_pool_holds__reverts(market):
    """Beyond a narrow position there is nothing: the pool would give less than asked for, at any price."""
    open_pool(market.factory, market.vault, market.usdc, market.trader, shares=100, fee_pips=3_000, reach=600)
    with boa.reverts("arbitrageur: pool ran dry"):
        market.arbitrageur.buy_and_redeem([leg(101 * WAD, 3_000)], 0, MAX_AGE_S, FOREVER, sender=market.keeper)


def test_buy_and_redeem__not_enough_quote__reverts(cheap):
    cheap.usdc.transfer(cheap.trader, cheap.usdc.balanceOf(cheap.keeper), sender=cheap.keeper)
    with boa.reverts("erc20: insufficient balance"):
        buy_and_redeem(cheap)


def test_buy_and_redeem__donated_shares__are_not_redeemed(cheap):
    cheap.vault.transfer(cheap.arbitrageur.address, 5 * WAD, sender=cheap.trader)
    buy_and_redeem(cheap)
    assert cheap.vault.balanceOf(cheap.arbitrageur.address) == 5 * WAD

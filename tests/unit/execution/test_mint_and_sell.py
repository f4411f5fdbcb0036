# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.mint_and_sell: a premium taken with float."""

from __future__ import annotations

import boa
import pytest

from tests.unit.execution.conftest import FOREVER, MAX_AGE_S, START_S, WAD, Market, leg, open_pool

SHARES = 90 * WAD


@pytest.fixture
def dear(market: Market) -> Market:
    """The trader has bought until the share stands about 2 % over NAV."""
    market.push(buy=True, amount=10_000 * 10**6)
    return market


def mint_and_sell(market: Market, shares: int = SHARES, *, min_profit: int = 1, sender: str | None = None) -> int:
    return market.arbitrageur.mint_and_sell(
        [leg(shares)], min_profit, MAX_AGE_S, START_S, sender=sender or market.keeper
    )


def test_mint_and_sell__premium__brings_the_profit_to_the_owner(dear):
    before, supply = dear.wealth(), dear.vault.totalSupply()
    cost = dear.vault.preview_mint(SHARES)
    float_before = dear.vault.float_of(dear.arbitrageur.address)
    profit = mint_and_sell(dear)

    # Gains are rounded down and costs up, in USD and in USDC.
    assert 0 <= dear.profit_of(before, dear.wealth()) - profit <= 2
    assert profit > 80 * 10**6
    assert dear.vault.totalSupply() > supply
    float_after = dear.vault.float_of(dear.arbitrageur.address)
    assert [was - now for was, now in zip(float_before, float_after, strict=True)] == list(cost)
    (event,) = [log for log in dear.arbitrageur.get_logs() if type(log).__name__ == "PremiumTaken"]
    assert (event.shares, event.profit, event.flash) == (SHARES, profit, False)


def test_mint_and_sell__several_pools__sells_each_leg_in_its_own(dear):
    """A second pool at NAV takes some of the shares: they bring less there, and the sum is one profit."""
    other = open_pool(dear.factory, dear.vault, dear.usdc, dear.trader, shares=2_000, fee_pips=3_000)
    held = [dear.vault.balanceOf(pool.address) for pool in (dear.pool, other)]
    legs = [leg(60 * WAD), leg(5 * WAD, 3_000)]
    dear.arbitrageur.mint_and_sell(legs, 1, MAX_AGE_S, START_S, sender=dear.keeper)
    assert [dear.vault.balanceOf(pool.address) for pool in (dear.pool, other)] == [
        held[0] + 60 * WAD,
        held[1] + 5 * WAD,
    ]


def test_mint_and_sell__any_outcome__leaves_nothing_behind(dear):
    mint_and_sell(dear)
    assert dear.left_behind() == [0] * 9


def test_mint_and_sell__min_profit_is_the_profit__trades(dear):
    with boa.env.anchor():
        profit = mint_and_sell(dear)
    assert mint_and_sell(dear, min_profit=profit) == profit


def test_mint_and_sell__min_profit_one_above__reverts(dear):
    with boa.env.anchor():
        profit = mint_and_sell(dear)
    before = dear.wealth()
    with boa.reverts("arbitrageur: profit too small"):
        mint_and_sell(dear, min_profit=profit + 1)
    assert dear.wealth() == before


def test_mint_and_sell__no_premium__reverts(market):
    with boa.reverts("arbitrageur: loss"):
        mint_and_sell(market, min_profit=0)


def test_mint_and_sell__sandwiched_in_between__reverts_rather_than_loses(dear):
    """Somebody sells in front of the keeper; nothing but the profit check is needed to refuse."""
    dear.push(buy=False, amount=150 * WAD)
    with boa.reverts("arbitrageur: loss"):
        mint_and_sell(dear, min_profit=0)


def test_mint_and_sell__quote_loses_its_peg__counts_at_its_own_price(dear):
    """2 % more USDC for a share is no premium when USDC is worth 10 % less and four fifths of the basket are not."""
    dear.oracle.set_price(1, 87_300_000)
    with boa.reverts("arbitrageur: loss"):
        mint_and_sell(dear, min_profit=0)


def test_mint_and_sell__not_the_owner__reverts(dear, attacker, owner):
    for stranger in (attacker, owner):
        with boa.reverts("arbitrageur: not the owner"):
            mint_and_sell(dear, sender=stranger)


def test_mint_and_sell__stale_oracle__reverts(dear):
    boa.env.evm.patch.timestamp = START_S + MAX_AGE_S + 1
    with boa.reverts("oracle: stale"):
        dear.arbitrageur.mint_and_sell([leg(SHARES)], 1, MAX_AGE_S, FOREVER, sender=dear.keeper)


def test_mint_and_sell__after_the_deadline__reverts(dear):
    boa.env.evm.patch.timestamp = START_S + 1
    with boa.reverts("vault: expired"):
        mint_and_sell(dear)


def test_mint_and_sell__no_pool_of_that_tier__reverts(dear):
    with boa.reverts():
        dear.arbitrageur.mint_and_sell([leg(SHARES, 10_000)], 1, MAX_AGE_S, START_S, sender=dear.keeper)


def test_mint_and_sell__more_than_the_pool_takes__reverts(market):
    """Beyond a narrow position there is nothing: shares would be left unsold."""
    open_pool(market.factory, market.vault, market.usdc, market.trader, shares=100, fee_pips=3_000, reach=600)
    with boa.reverts("arbitrageur: pool ran dry"):
        market.arbitrageur.mint_and_sell([leg(110 * WAD, 3_000)], 0, MAX_AGE_S, FOREVER, sender=market.keeper)


def test_mint_and_sell__more_than_the_float__reverts(dear):
    floats = dear.vault.float_of(dear.arbitrageur.address)
    dear.arbitrageur.withdraw_float([floats[0], 0, 0, 0], sender=dear.keeper)
    with boa.reverts("float: insufficient"):
        mint_and_sell(dear)


def test_mint_and_sell__donated_tokens_and_shares__change_nothing(dear):
    with boa.env.anchor():
        profit = mint_and_sell(dear)
    for asset in dear.assets:
        asset.transfer(dear.arbitrageur.address, 12_345, sender=dear.trader)
    assert mint_and_sell(dear) == profit
    assert dear.holdings(dear.arbitrageur.address) == [12_345] * 5

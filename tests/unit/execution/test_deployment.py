# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur: what it is bound to, and `rescue`."""

from __future__ import annotations

import boa

from tests.helpers.contracts import deployer
from tests.unit.execution.conftest import FEE_PIPS, FOREVER, MAX_AGE_S, USDC, WAD, deploy_arbitrageur, leg, open_pool


def test_deployment__binds_vault_quote_factory_and_owner(market):
    arbitrageur = market.arbitrageur
    assert arbitrageur.OWNER() == market.keeper
    assert arbitrageur.VAULT() == market.vault.address
    assert arbitrageur.QUOTE() == market.usdc.address
    assert arbitrageur.QUOTE_FEED() == USDC
    assert arbitrageur.ORACLE() == market.oracle.address
    assert arbitrageur.FACTORY() == market.factory.address


def test_deployment__quote_is_the_share__reverts(market):
    with boa.reverts("arbitrageur: quote is the share"):
        deploy_arbitrageur(market.vault, market.vault, USDC, market.factory, market.keeper)


def test_deployment__feed_the_oracle_does_not_have__reverts(market):
    with boa.reverts("arbitrageur: unknown quote feed"):
        deploy_arbitrageur(market.vault, market.usdc, 4, market.factory, market.keeper)


def test_trade__quote_outside_the_basket__is_valued_at_its_own_feed(market):
    """A fifth token of the same price: what the keeper gains in it counts beside the components."""
    quote = deployer("MockERC20").deploy("USDX", "USDX", 6)
    for who in (market.keeper, market.trader):
        quote.mint(who, 10**16)
    open_pool(market.factory, market.vault, quote, market.trader, shares=5_000)
    market.arbitrageur = deploy_arbitrageur(market.vault, quote, USDC, market.factory, market.keeper)
    for token in market.tokens:
        token.approve(market.arbitrageur.address, FOREVER, sender=market.keeper)
    market.arbitrageur.deposit_float([10**10] * 4, sender=market.keeper)
    quote.approve(market.router.address, FOREVER, sender=market.trader)
    order = (quote.address, market.vault.address, FEE_PIPS, market.trader, FOREVER, 10_000 * 10**6, 0, 0)
    market.router.exactInputSingle(order, sender=market.trader)

    before, quote_before = market.wealth(), quote.balanceOf(market.keeper)
    profit = market.arbitrageur.mint_and_sell([leg(40 * WAD)], 1, MAX_AGE_S, FOREVER, sender=market.keeper)
    gained = quote.balanceOf(market.keeper) - quote_before
    # The same price in both: the quote gained is what the basket's USDC would be.
    after = market.wealth()
    after[USDC] += gained
    assert abs(profit - market.profit_of(before, after)) <= 2
    assert profit > 10 * 10**6


def test_rescue__tokens_sent_by_mistake__go_to_the_owner(market):
    market.usdc.transfer(market.arbitrageur.address, 777, sender=market.trader)
    before = market.usdc.balanceOf(market.keeper)
    market.arbitrageur.rescue(market.usdc.address, 777, sender=market.keeper)
    (event,) = [log for log in market.arbitrageur.get_logs() if type(log).__name__ == "Rescued"]
    assert (event.asset, event.amount) == (market.usdc.address, 777)
    assert market.usdc.balanceOf(market.keeper) == before + 777


def test_rescue__not_the_owner__reverts(market, attacker):
    market.usdc.transfer(market.arbitrageur.address, 777, sender=market.trader)
    with boa.reverts("arbitrageur: not the owner"):
        market.arbitrageur.rescue(market.usdc.address, 777, sender=attacker)

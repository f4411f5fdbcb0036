# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.uniswapV3SwapCallback: who may ask for money, and when."""

from __future__ import annotations

import boa
import pytest

from tests.unit.execution.conftest import (
    FEE_PIPS,
    FOREVER,
    MAX_AGE_S,
    USDC,
    WAD,
    Market,
    deploy_arbitrageur,
    make_vault,
    open_pool,
)

# A token that asks the arbitrageur for money in its own transferFrom, as if it were the pool.
_GREEDY_TOKEN = """
# pragma version 0.4.3
# pragma nonreentrancy on
interface Callback:
    def uniswapV3SwapCallback(amount0: int256, amount1: int256, data: Bytes[32]): nonpayable

decimals: public(constant(uint8)) = 8
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
victim: public(address)

@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount

@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True

@external
def aim(victim: address):
    self.victim = victim

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    if self.victim != empty(address):
        extcall Callback(self.victim).uniswapV3SwapCallback(1, 1, b"")
    return True
"""


@pytest.mark.parametrize("deltas", [(1, -1), (-1, 1), (10**18, 10**6)])
def test_callback__anybody_outside_a_swap__reverts(market, attacker, deltas):
    for caller in (attacker, market.keeper, market.pool.address, "0x" + "00" * 20):
        if int(caller, 16):
            with boa.reverts("arbitrageur: not the pool called"):
                market.arbitrageur.uniswapV3SwapCallback(*deltas, b"", sender=caller)


def test_callback__pool_swapped_by_somebody_else__cannot_be_sent_to_the_arbitrageur(market, attacker):
    """The pool calls back whoever called it: an attacker's swap that pays into the arbitrageur costs the attacker."""
    before = market.holdings(market.keeper)
    with boa.reverts():
        market.pool.swap(market.arbitrageur.address, True, 10**6, 4295128740, b"", sender=attacker)
    assert market.holdings(market.keeper) == before


def test_callback__from_a_component_s_hook__reverts_the_trade(market: Market, owner, keeper, trader):
    greedy = boa.loads(_GREEDY_TOKEN)
    tokens = [greedy, *market.tokens[1:]]
    vault = make_vault(tokens, market.oracle, owner, share_is_token0=True)
    for who in (keeper, trader):
        greedy.mint(who, 10**16)
    for token in tokens:
        token.approve(vault.address, FOREVER, sender=trader)
    vault.mint(20_000 * WAD, trader, [FOREVER] * 4, FOREVER, sender=trader)
    open_pool(market.factory, vault, market.usdc, trader)
    arbitrageur = deploy_arbitrageur(vault, market.usdc, USDC, market.factory, keeper)
    for token in tokens:
        token.approve(arbitrageur.address, FOREVER, sender=keeper)
    market.vault = vault
    vault.approve(market.router.address, FOREVER, sender=trader)
    market.push(buy=True, amount=10_000 * 10**6)
    trade = (FEE_PIPS, 50 * WAD, 1, MAX_AGE_S, FOREVER)
    with boa.env.anchor():
        assert arbitrageur.mint_and_sell(*trade, sender=keeper) > 0
    greedy.aim(arbitrageur.address)
    with boa.reverts("arbitrageur: not the pool called"):
        arbitrageur.mint_and_sell(*trade, sender=keeper)

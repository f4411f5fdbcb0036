# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.uniswapV3SwapCallback: who may ask for money, and when."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.unit.execution.conftest import (
    FOREVER,
    ROUTE,
    USDC,
    WAD,
    Market,
    deploy_arbitrageur,
    leg,
    make_vault,
    open_component_pool,
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
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    if self.victim != empty(address):
        extcall Callback(self.victim).uniswapV3SwapCallback(1, 1, b"")
    return True
"""

_IMPOSTOR = """
# pragma version 0.4.3
# pragma nonreentrancy on
interface Callback:
    def uniswapV3SwapCallback(amount0: int256, amount1: int256, data: Bytes[32]): nonpayable

@external
def ask(victim: address):
    extcall Callback(victim).uniswapV3SwapCallback(1, -1, b"")
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


def greedy_market(market: Market, owner: str) -> Any:
    """The market again, with a first component that asks for money in its own transferFrom."""
    greedy = boa.loads(_GREEDY_TOKEN)
    market.tokens[0] = greedy
    market.vault = make_vault(market.tokens, market.oracle, owner, share_is_token0=True)
    for who in (market.keeper, market.trader):
        greedy.mint(who, 10**16)
    for asset in (greedy, market.vault):
        asset.approve(market.router.address, FOREVER, sender=market.trader)
    for token in market.tokens:
        token.approve(market.vault.address, FOREVER, sender=market.trader)
    market.vault.mint(20_000 * WAD, market.trader, [FOREVER] * 4, FOREVER, sender=market.trader)
    market.pool = open_pool(market.factory, market.vault, market.usdc, market.trader)
    open_component_pool(market.factory, market.tokens, 0, market.trader)
    market.arbitrageur = deploy_arbitrageur(market.vault, market.usdc, USDC, market.factory, market.keeper)
    market.push(buy=True, amount=10_000 * 10**6)
    return greedy


def test_callback__from_a_component_s_hook__reverts_the_trade(market: Market, owner):
    greedy = greedy_market(market, owner)
    trade = ([leg(50 * WAD)], ROUTE, 1, FOREVER)
    with boa.env.anchor():
        assert market.arbitrageur.take_premium(*trade, sender=market.keeper) > 0
    greedy.aim(market.arbitrageur.address)
    with boa.reverts("arbitrageur: not the pool called"):
        market.arbitrageur.take_premium(*trade, sender=market.keeper)


def test_callback__from_a_contract_that_looks_like_a_pool__is_never_asked_for(market: Market, attacker):
    """Pools are derived from the factory: nothing in the calldata can name another contract."""
    before = market.holdings(market.keeper)
    with boa.reverts():
        market.arbitrageur.take_premium([leg(WAD, 1)], ROUTE, 0, FOREVER, sender=market.keeper)
    impostor = boa.loads(_IMPOSTOR)
    with boa.reverts("arbitrageur: not the pool called"):
        impostor.ask(market.arbitrageur.address, sender=attacker)
    assert market.holdings(market.keeper) == before

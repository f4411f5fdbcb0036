# SPDX-License-Identifier: AGPL-3.0-only
"""SushiSwap RouteProcessor2, 2023: a route named a pool of the attacker's, whose callback was paid out of a victim's
allowance. Here pools come from one factory, and a callback is paid to the pool just asked, with the caller's money."""

from __future__ import annotations

import json

import boa
import pytest

from plumbline.chain.uniswap import artifact
from tests.unit.periphery.market import FOREVER, WAD, Trade, make_index, route

_GREEDY_POOL = """
# pragma version 0.4.3
# pragma nonreentrancy off
interface Router:
    def uniswapV3SwapCallback(amount0: int256, amount1: int256, data: Bytes[89]): nonpayable

decimals: public(constant(uint8)) = 18
victim: public(address)
loot: public(address)

@external
def aim(victim: address, loot: address):
    self.victim = victim
    self.loot = loot

@external
def swap(recipient: address, zero_for_one: bool, amount: int256, limit: uint160, data: Bytes[96]) -> (int256, int256):
    self._ask(msg.sender)
    return amount, -amount

@external
def transfer(to: address, amount: uint256) -> bool:
    self._ask(self.victim)
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self._ask(self.victim)
    return True

@external
@view
def balanceOf(account: address) -> uint256:
    return 10**30

@internal
def _ask(router: address):
    if router != empty(address):
        extcall Router(router).uniswapV3SwapCallback(10**9, 10**9, slice(convert(self.loot, bytes32), 12, 20))
"""


@pytest.fixture
def greedy(held: Trade):
    """A contract that is pool and token at once, and asks whoever calls it for a victim's USDC."""
    made = boa.loads(_GREEDY_POOL)
    made.aim(held.router.address, held.usdc.address)
    return made


def test_a_route_through_the_attacker_s_own_pool__is_none(held: Trade, greedy, attacker: str):
    before = held.holdings(held.depositor)
    routes = (route(held.tokens[0], 3_000, greedy, 500, held.usdc), *held.routes[1:])
    with boa.reverts("route: no such pool"):
        held.mint(held.order(WAD, minting=True).but(routes=routes), sender=attacker)
    with boa.reverts("router: not the pool asked"):
        greedy.swap(attacker, True, 1, 0, b"", sender=held.router.address)
    assert held.holdings(held.depositor) == before


def test_a_real_pool_of_the_attacker_s_token__pays_for_nobody(held: Trade, greedy, attacker: str):
    """The factory makes a pool of any token. This one's asks the router while the router pays the pool with it."""
    index = make_index(held.factory, [held.usdc], [10**6], held.oracle, held.owner)
    low, high = sorted((greedy, held.usdc), key=lambda token: int(token.address, 16))
    held.exchange.factory.createPool(low.address, high.address, 500)
    interface = boa.loads_abi(json.dumps(artifact("UniswapV3Pool")["abi"]), name="UniswapV3Pool")
    interface.at(held.exchange.factory.getPool(low.address, high.address, 500)).initialize(2**96)
    before = held.holdings(held.depositor)
    order = held.order(WAD, minting=True).but(
        index=index.address, asset=greedy.address, routes=(route(held.usdc, 500, greedy),), limits=(FOREVER,)
    )
    with boa.reverts("router: not the pool asked"):
        held.mint(order, sender=attacker)
    assert held.holdings(held.depositor) == before
    assert not any(held.left_in_router())

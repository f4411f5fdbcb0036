# SPDX-License-Identifier: AGPL-3.0-only
"""IndexRouter under attack: its callback, its lock, tokens that call back, a basket that changes under it."""

from __future__ import annotations

import random
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import FOREVER, HUB, USDC, WAD, Trade, make_index, route

CALLBACK = "uniswapV3SwapCallback(int256,int256,bytes)"


@pytest.mark.parametrize("deltas", [(1, -1), (-1, 1), (10**18, 10**6)])
def test_callback__anybody_outside_a_call__reverts(held: Trade, attacker: str, deltas: tuple[int, int]):
    data = bytes.fromhex(held.usdc.address[2:])
    for caller in (attacker, held.depositor, held.pools[0].address, held.router.address):
        with boa.reverts("router: not the pool asked"):
            held.router.uniswapV3SwapCallback(*deltas, data, sender=caller)


def test_callback__of_a_swap_that_somebody_else_began__is_not_paid(held: Trade, attacker: str):
    """The pool calls back whoever called it, so an attacker cannot make it ask the router."""
    before = held.holdings(held.depositor)
    with boa.reverts():
        held.pools[0].swap(held.router.address, True, 10**6, 4295128740, b"", sender=attacker)
    assert held.holdings(held.depositor) == before


def hooked_index(trade: Trade) -> tuple[Any, Any]:
    """An index of a token with a hook, in kind, and USDC."""
    hooked = deployer("MockReentrantERC20").deploy("Hooked", "HOOK", 6)
    vault = make_index(trade.factory, [hooked, trade.usdc], [10_000_000, 10_000_000], trade.oracle, trade.owner)
    hooked.mint(trade.depositor, 10**15)
    for spender in (vault.address, trade.router.address):
        hooked.approve(spender, FOREVER, sender=trade.depositor)
        trade.usdc.approve(spender, FOREVER, sender=trade.depositor)
    vault.approve(trade.router.address, FOREVER, sender=trade.depositor)
    vault.mint(10 * WAD, trade.depositor, [FOREVER] * 2, FOREVER, sender=trade.depositor)
    return vault, hooked


@pytest.mark.parametrize("entry", ["mint", "redeem", "callback"])
def test_reentry__from_a_component_s_hook__is_locked_out(trade: Trade, entry: str):
    vault, hooked = hooked_index(trade)
    inner = trade.order(WAD, minting=True).but(index=vault.address, routes=(b"", b""), limits=(FOREVER, FOREVER))
    data = {
        "mint": trade.router.mint.prepare_calldata(inner.args, []),
        "redeem": trade.router.redeem.prepare_calldata(inner.but(limits=(0, 0), asset_limit=0).args, []),
        "callback": trade.router.uniswapV3SwapCallback.prepare_calldata(1, 1, bytes.fromhex(trade.usdc.address[2:])),
    }[entry]
    hooked.arm(trade.router.address, data)
    trade.mint(inner)
    trade.redeem(inner.but(limits=(0, 0), asset_limit=0))
    assert hooked.calls() >= 4, "the hook should have run in both directions"
    assert hooked.successes() == 0


def test_reentry__from_a_hub_token_in_the_middle_of_a_swap__is_not_paid(trade: Trade):
    """The hub's hook runs inside a pool's swap that the router waits for, just before the pool calls back."""
    hooked = deployer("MockReentrantERC20").deploy("Hub", "HUB", 18)
    exchange, tokens = trade.exchange, trade.tokens
    exchange.open(tokens[3], hooked, (105_250_000, HUB[3]), 3_000)
    exchange.open(hooked, trade.usdc, (HUB[3], 97_000_000), 500)
    routes = (*trade.routes[:3], route(tokens[3], 3_000, hooked, 500, trade.usdc))
    order = trade.order(WAD, minting=True).but(routes=routes)
    quoted, _ = trade.quoter.quote_mint(order.args)
    theft = trade.router.uniswapV3SwapCallback.prepare_calldata(10**9, 10**9, bytes.fromhex(trade.usdc.address[2:]))
    hooked.arm(trade.router.address, theft)
    assert trade.mint(order) == quoted
    assert hooked.calls() > 0
    assert hooked.successes() == 0


def test_mint__basket_changed_by_a_hook_in_between__reverts(trade: Trade):
    """The hook shares a loss after the preview: what the vault takes is not what was bought any more."""
    slashed = deployer("MockSlashableERC20").deploy("Slashed", "SLA", 6)
    hooked = deployer("MockReentrantERC20").deploy("Hooked", "HOOK", 6)
    tokens = [slashed, hooked]
    vault = make_index(trade.factory, tokens, [10_000_000, 10_000_000], trade.oracle, trade.owner)
    for token in tokens:
        token.mint(trade.depositor, 10**15)
        for spender in (vault.address, trade.router.address):
            token.approve(spender, FOREVER, sender=trade.depositor)
    vault.mint(10 * WAD, trade.depositor, [FOREVER] * 2, FOREVER, sender=trade.depositor)
    order = trade.order(WAD, minting=True).but(index=vault.address, routes=(b"", b""), limits=(FOREVER, FOREVER))
    slashed.slash(vault.address, 10_000_000)
    with boa.env.anchor():
        trade.mint(order)
    hooked.arm(vault.address, vault.sync.prepare_calldata(slashed.address))
    with boa.reverts("router: basket changed"):
        trade.mint(order)


def test_mint__paid_in_a_token_with_a_fee__reverts(trade: Trade):
    """The pool measures what arrives; nobody makes up the difference."""
    fee_token = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    trade.exchange.open(trade.usdc, fee_token, (97_000_000, 10**8), 3_000)
    fee_token.mint(trade.depositor, 10**15)
    fee_token.approve(trade.router.address, FOREVER, sender=trade.depositor)
    routes = [route(token, 3_000, trade.usdc, 3_000, fee_token) for token in trade.tokens]
    routes[USDC] = route(trade.usdc, 3_000, fee_token)
    only_usdc = make_index(trade.factory, [trade.usdc], [10_000_000], trade.oracle, trade.owner)
    order = trade.order(WAD, minting=True).but(
        index=only_usdc.address, asset=fee_token.address, routes=(routes[USDC],), limits=(FOREVER,)
    )
    with boa.env.anchor():
        assert trade.mint(order) > 0
    fee_token.set_fee(10)
    with boa.reverts():
        trade.mint(order)


@pytest.mark.parametrize("seed", range(3))
def test_router__after_any_calls__holds_and_allows_nothing(held: Trade, seed: int):
    """The state invariant: whatever happens, calls that revert among them, nothing is left between calls."""
    rng = random.Random(seed)
    done = refused = 0
    for _ in range(40):
        shares = int(10 ** rng.uniform(0, 26))
        order = held.order(shares, minting=rng.random() < 0.5)
        minting = order.asset_limit != 0
        routes = tuple(rng.choice([each, each, b""]) for each in held.routes)
        order = order.but(routes=routes, receiver=held.depositor)
        try:
            (held.mint if minting else held.redeem)(order)
            done += 1
        except boa.BoaError:
            refused += 1
        assert not any(held.left_in_router())
        boa.env.evm.patch.timestamp += rng.randrange(10**6)
    assert done > 5
    assert refused > 5


# A token that refuses to move nothing, as some do.
_NO_ZERO_TOKEN = """
# pragma version 0.4.3
# pragma nonreentrancy on
decimals: public(constant(uint8)) = 6
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])

@external
def approve(spender: address, amount: uint256) -> bool:
    assert amount != 0, "token: zero"
    self.allowance[msg.sender][spender] = amount
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    assert amount != 0, "token: zero"
    self.allowance[owner][msg.sender] -= amount
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    return True
"""


def test_mint__while_a_component_is_on_its_way_in__does_not_touch_it(held: Trade):
    """Its unit is still zero, and it refuses to move or to allow nothing."""
    vault, house = held.vault, deployer("AuctionHouse").at(held.vault.auction_house())
    odd = boa.loads(_NO_ZERO_TOKEN)
    house.approve_component(vault.address, odd.address, USDC, sender=held.owner)
    boa.env.evm.patch.timestamp = house.approval(vault.address, odd.address)[1]
    units = [2**256 - 1] * 4
    units[0] = vault.components()[1][0] // 2
    plan = ([*units, 10**24], [odd.address], 0, 10_100, 9_900, 3_600, 600)
    house.propose(vault.address, plan, sender=held.owner)
    boa.env.evm.patch.timestamp = house.auction(vault.address).starts_at
    house.open(vault.address, sender=held.owner)
    assert vault.components()[1][4] == 0
    for minting in (True, False):
        order = held.order(WAD, minting=minting)
        order = order.but(limits=(*order.limits, order.limits[0]), routes=(*order.routes, b""))
        quote, act = (held.quoter.quote_mint, held.mint) if minting else (held.quoter.quote_redeem, held.redeem)
        quoted, amounts = quote(order.args)
        assert amounts[4] == 0
        assert act(order) == quoted


def test_redeem__for_an_asset_with_a_fee__holds_the_limit_to_what_arrives(trade: Trade):
    fee_token = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    vault = make_index(trade.factory, [fee_token], [10_000_000], trade.oracle, trade.owner)
    fee_token.mint(trade.depositor, 10**12)
    fee_token.approve(vault.address, FOREVER, sender=trade.depositor)
    vault.mint(10 * WAD, trade.depositor, [FOREVER], FOREVER, sender=trade.depositor)
    vault.approve(trade.router.address, FOREVER, sender=trade.depositor)
    fee_token.set_fee(100)
    [nominal] = vault.preview_redeem(WAD)
    arrived = nominal - nominal // 100
    arrived -= arrived // 100
    order = trade.order(WAD, minting=False).but(
        index=vault.address, asset=fee_token.address, routes=(b"",), limits=(0,), asset_limit=arrived
    )
    with boa.reverts("router: below limit"):
        trade.redeem(order.but(asset_limit=arrived + 1))
    assert trade.redeem(order) == arrived == fee_token.balanceOf(trade.receiver)

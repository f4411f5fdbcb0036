# SPDX-License-Identifier: AGPL-3.0-only
"""IndexRouter.redeem: one token for shares."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import EURC, FOREVER, USDC, WAD, WBTC, ZERO, Trade, make_index, route
from tests.unit.vault.conftest import events


@pytest.mark.parametrize("shares", [1, 10**9, WAD, 1_000 * WAD])
def test_redeem__gives_what_the_quote_said__and_leaves_nothing_behind(held: Trade, shares: int):
    order = held.order(shares, minting=False)
    quoted, amounts = held.quoter.quote_redeem(order.args)
    assert amounts == held.vault.preview_redeem(shares)
    before = held.holdings(held.depositor)
    assert held.redeem(order) == quoted
    after = held.holdings(held.depositor)
    assert [now - was for was, now in zip(before, after, strict=True)] == [0, 0, 0, 0, 0, -shares]
    assert held.holdings(held.receiver) == [0, quoted, 0, 0, 0, 0]
    assert not any(held.left_in_router())
    [redeemed] = events(held.router, "Redeemed")
    fields = (held.vault.address, held.depositor, held.receiver, shares, held.usdc.address, quoted)
    assert redeemed[1:] == fields


def test_redeem__for_less_than_the_limit__reverts(held: Trade):
    order = held.order(WAD, minting=False)
    quoted, _ = held.quoter.quote_redeem(order.args)
    with boa.env.anchor():
        assert held.redeem(order.but(asset_limit=quoted)) == quoted
    with boa.reverts("router: below limit"):
        held.redeem(order.but(asset_limit=quoted + 1))


@pytest.mark.parametrize("component", range(4))
def test_redeem__below_the_limit_of_a_component__reverts(held: Trade, component: int):
    order = held.order(WAD, minting=False)
    _, amounts = held.quoter.quote_redeem(order.args)
    with boa.env.anchor():
        held.redeem(order.but(limits=tuple(amounts)))
    greedy = [amount + (i == component) for i, amount in enumerate(amounts)]
    with boa.reverts("vault: below limit"):
        held.redeem(order.but(limits=tuple(greedy)))


def test_redeem__after_the_deadline__reverts(held: Trade):
    order = held.order(WAD, minting=False)
    now = boa.env.evm.patch.timestamp
    with boa.env.anchor():
        held.redeem(order.but(deadline=now))
    with boa.reverts("router: expired"):
        held.redeem(order.but(deadline=now - 1))


def test_redeem__without_routes__is_in_kind(held: Trade):
    amounts = held.vault.preview_redeem(WAD)
    order = held.order(WAD, minting=False).but(routes=(b"",) * 4)
    assert held.redeem(order) == amounts[USDC]
    assert held.holdings(held.receiver)[:4] == amounts
    assert not any(held.left_in_router())


def test_redeem__to_nobody_or_to_the_router__reverts(held: Trade):
    order = held.order(WAD, minting=False)
    for receiver in (ZERO, held.router.address):
        with boa.reverts("router: invalid receiver"):
            held.redeem(order.but(receiver=receiver))


def test_redeem__more_than_the_caller_has__reverts(held: Trade):
    with boa.reverts("share: insufficient balance"):
        held.redeem(held.order(1_001 * WAD, minting=False))


def test_redeem__without_the_caller_s_allowance__reverts(held: Trade, attacker: str):
    order = held.order(WAD, minting=False).but(receiver=attacker)
    with boa.reverts("share: insufficient allowance"):
        held.redeem(order, sender=attacker)
    assert held.vault.balanceOf(held.depositor) == 1_000 * WAD


def test_redeem__into_a_pool_without_enough_liquidity__reverts(held: Trade):
    """All of what came out is sold, or nothing happens: a part unsold would stay behind."""
    held.exchange.open(held.tokens[WBTC], held.usdc, (20_000 * 10**8, 97_000_000), 10_000, reach=400)
    held.vault.mint(9 * 10**5 * WAD, held.depositor, [FOREVER] * 4, FOREVER, sender=held.depositor)
    thin = route(held.tokens[WBTC], 10_000, held.usdc)
    order = held.order(9 * 10**5 * WAD, minting=False).but(routes=(thin, *held.routes[1:]))
    with boa.reverts("router: pool ran dry"):
        held.redeem(order)
    with boa.reverts("swap: pool ran dry"):
        held.quoter.quote_redeem(order.args)


def test_redeem__while_mints_are_paused__goes_on(held: Trade):
    held.vault.pause(sender=held.owner)
    assert held.redeem(held.order(WAD, minting=False)) > 0


def test_redeem__a_token_with_a_fee__hands_on_what_arrived(trade: Trade):
    """The vault sends the nominal amount; the limit is held to what is left of it, and the rest is not made up."""
    fee_token = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    tokens = [fee_token, trade.usdc]
    vault = make_index(trade.factory, tokens, [10_000_000, 10_000_000], trade.oracle, trade.owner)
    for token in tokens:
        token.mint(trade.depositor, 10**12)
        token.approve(vault.address, FOREVER, sender=trade.depositor)
    vault.mint(10 * WAD, trade.depositor, [FOREVER] * 2, FOREVER, sender=trade.depositor)
    vault.approve(trade.router.address, FOREVER, sender=trade.depositor)
    fee_token.set_fee(100)
    nominal = vault.preview_redeem(WAD)
    arrived = nominal[0] - nominal[0] // 100
    order = trade.order(WAD, minting=False).but(index=vault.address, routes=(b"", b""), limits=(arrived, 0))
    with boa.reverts("router: component below limit"):
        trade.redeem(order.but(limits=(arrived + 1, 0)))
    assert trade.redeem(order) == nominal[1]
    # It pays its fee once more on the way to the receiver.
    assert fee_token.balanceOf(trade.receiver) == arrived - arrived // 100
    assert fee_token.balanceOf(trade.router.address) == 0
    mint = trade.order(WAD, minting=True).but(index=vault.address, routes=(b"", b""), limits=(FOREVER,) * 2)
    fee_token.approve(trade.router.address, FOREVER, sender=trade.depositor)
    with boa.reverts("token: amount not received"):
        trade.mint(mint)


def test_redeem__what_others_sent_to_the_router__is_not_counted(held: Trade):
    gifts = [(token, 10 ** token.decimals()) for token in (*held.tokens, held.hub)]
    for token, gift in gifts:
        token.mint(held.router.address, gift)
    held.vault.transfer(held.router.address, WAD, sender=held.depositor)
    before = held.left_in_router()
    buying, selling = held.order(3 * WAD, minting=True), held.order(3 * WAD, minting=False)
    quoted, _ = held.quoter.quote_mint(buying.args)
    assert held.mint(buying) == quoted
    assert held.left_in_router() == before
    quoted, _ = held.quoter.quote_redeem(selling.args)
    assert held.redeem(selling) == quoted
    assert held.left_in_router() == before


@pytest.mark.parametrize("component", [WBTC, EURC])
def test_redeem__one_component_in_kind__is_handed_over(held: Trade, component: int):
    routes = [b"" if i == component else each for i, each in enumerate(held.routes)]
    order = held.order(WAD, minting=False).but(routes=tuple(routes))
    quoted, amounts = held.quoter.quote_redeem(order.args)
    assert held.redeem(order) == quoted
    expected = [0, quoted, 0, 0, 0, 0]
    expected[component] = amounts[component]
    assert held.holdings(held.receiver) == expected

# SPDX-License-Identifier: AGPL-3.0-only
"""IndexRouter.mint: shares for one token."""

from __future__ import annotations

import random

import boa
import pytest

from tests.unit.periphery.market import BASKET, EURC, USDC, USDT, WAD, WBTC, ZERO, Trade, route
from tests.unit.vault.conftest import events


@pytest.mark.parametrize("shares", [1, 10**9, WAD, 1_000 * WAD])
def test_mint__takes_what_the_quote_said__and_leaves_nothing_behind(trade: Trade, shares: int):
    order = trade.order(shares, minting=True)
    quoted, amounts = trade.quoter.quote_mint(order.args)
    before = trade.holdings(trade.depositor)
    assert trade.mint(order) == quoted > 0
    paid = [was - now for was, now in zip(before, trade.holdings(trade.depositor), strict=True)]
    assert paid == [0, quoted, 0, 0, 0, 0]
    assert trade.vault.balanceOf(trade.receiver) == shares
    assert [token.balanceOf(trade.vault.address) for token in trade.tokens] == amounts
    assert not any(trade.left_in_router())
    [minted] = events(trade.router, "Minted")
    assert minted[1:] == (trade.vault.address, trade.depositor, trade.receiver, shares, trade.usdc.address, quoted)


def test_mint__for_less_than_the_limit__takes_no_more_than_it_costs(trade: Trade):
    order = trade.order(WAD, minting=True)
    quoted, _ = trade.quoter.quote_mint(order.args)
    with boa.env.anchor():
        assert trade.mint(order.but(asset_limit=quoted)) == quoted
    with boa.reverts("router: above limit"):
        trade.mint(order.but(asset_limit=quoted - 1))


@pytest.mark.parametrize("component", range(4))
def test_mint__above_the_limit_of_a_component__reverts(trade: Trade, component: int):
    order = trade.order(WAD, minting=True)
    _, amounts = trade.quoter.quote_mint(order.args)
    with boa.env.anchor():
        trade.mint(order.but(limits=tuple(amounts)))
    short = [amount - (i == component) for i, amount in enumerate(amounts)]
    with boa.reverts("vault: above limit"):
        trade.mint(order.but(limits=tuple(short)))


def test_mint__after_the_deadline__reverts(trade: Trade):
    order = trade.order(WAD, minting=True)
    now = boa.env.evm.patch.timestamp
    with boa.env.anchor():
        trade.mint(order.but(deadline=now))
    with boa.reverts("router: expired"):
        trade.mint(order.but(deadline=now - 1))


def test_mint__to_nobody_or_to_the_router__reverts(trade: Trade):
    order = trade.order(WAD, minting=True)
    for receiver in (ZERO, trade.router.address):
        with boa.reverts("router: invalid receiver"):
            trade.mint(order.but(receiver=receiver))


def test_mint__without_routes__is_in_kind(trade: Trade):
    amounts = trade.vault.preview_mint(WAD)
    order = trade.order(WAD, minting=True).but(routes=(b"",) * 4)
    before = trade.holdings(trade.depositor)
    assert trade.mint(order) == amounts[USDC]
    after = trade.holdings(trade.depositor)
    assert [was - now for was, now in zip(before, after, strict=True)][:4] == amounts
    assert not any(trade.left_in_router())


def test_mint__some_in_kind_and_some_bought__takes_both(trade: Trade):
    routes = [b"" if i in (WBTC, EURC) else each for i, each in enumerate(trade.routes)]
    order = trade.order(WAD, minting=True).but(routes=tuple(routes))
    amounts = trade.vault.preview_mint(WAD)
    quoted, _ = trade.quoter.quote_mint(order.args)
    before = trade.holdings(trade.depositor)
    assert trade.mint(order) == quoted
    paid = [was - now for was, now in zip(before, trade.holdings(trade.depositor), strict=True)]
    assert paid[:4] == [amounts[WBTC], quoted, 0, amounts[EURC]]


def test_mint__for_an_asset_outside_the_index__is_bought_all_of_it(trade: Trade):
    tokens = trade.tokens
    routes = (
        route(tokens[WBTC], 3_000, tokens[USDC], 500, trade.hub),
        route(tokens[USDC], 500, trade.hub),
        route(tokens[USDT], 500, tokens[USDC], 500, trade.hub),
        route(tokens[EURC], 3_000, trade.hub),
    )
    trade.hub.mint(trade.depositor, 10**24)
    trade.hub.approve(trade.router.address, 2**256 - 1, sender=trade.depositor)
    order = trade.order(10 * WAD, minting=True).but(asset=trade.hub.address, routes=routes)
    quoted, _ = trade.quoter.quote_mint(order.args)
    assert trade.mint(order) == quoted > 0
    assert trade.hub.balanceOf(trade.depositor) == 10**24 - quoted
    assert not any(trade.left_in_router())


def test_mint__more_than_a_pool_holds__reverts(trade: Trade):
    order = trade.order(10**6 * WAD, minting=True)
    trade.usdc.mint(trade.depositor, 10**20)
    with boa.reverts("router: pool ran dry"):
        trade.mint(order)
    with boa.reverts("swap: pool ran dry"):
        trade.quoter.quote_mint(order.args)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("other component", "route: not from the component"),
        ("other end", "route: not to the asset"),
        ("no pool", "route: no such pool"),
        ("short", "route: wrong length"),
        ("only a token", "route: wrong length"),
        ("too long by a byte", "route: wrong length"),
    ],
)
def test_mint__along_a_route_that_is_none__reverts(trade: Trade, bad: str, reason: str):
    good, tokens = trade.routes[WBTC], trade.tokens
    wrong = {
        "other component": trade.routes[USDT],
        "other end": route(tokens[WBTC], 3_000, trade.hub),
        "no pool": route(tokens[WBTC], 100, tokens[USDC]),
        "short": good[:-1],
        "only a token": good[:20],
        "too long by a byte": good + b"\x00",
    }[bad]
    order = trade.order(WAD, minting=True).but(routes=(wrong, *trade.routes[1:]))
    with boa.reverts(reason):
        trade.mint(order)
    with boa.reverts(reason):
        trade.quoter.quote_mint(order.args)


def test_mint__along_one_pool_twice__reverts_as_the_quote_does(trade: Trade):
    tokens = trade.tokens
    loop = route(tokens[WBTC], 3_000, tokens[USDC], 3_000, tokens[WBTC], 3_000, tokens[USDC])
    order = trade.order(WAD, minting=True).but(routes=(loop, *trade.routes[1:]))
    with boa.reverts():
        trade.mint(order)
    with boa.reverts("swap: pool is locked"):
        trade.quoter.quote_mint(order.args)


def test_mint__of_an_index_of_nobody_s__reverts(trade: Trade):
    order = trade.order(WAD, minting=True)
    with boa.reverts("router: unknown index"):
        trade.mint(order.but(index=trade.usdc.address))


def test_mint__with_too_few_routes_or_limits__reverts(trade: Trade):
    order = trade.order(WAD, minting=True)
    with boa.reverts("router: wrong number of routes"):
        trade.mint(order.but(routes=trade.routes[:3]))
    with boa.reverts("router: wrong number of routes"):
        trade.quoter.quote_mint(order.but(routes=trade.routes[:3]).args)
    with boa.reverts("router: wrong number of limits"):
        trade.mint(order.but(limits=order.limits[:3]))


def test_mint__without_the_caller_s_allowance__reverts(trade: Trade, attacker: str):
    """The depositor has allowed the router everything; that is nobody else's to spend."""
    order = trade.order(WAD, minting=True)
    before = trade.holdings(trade.depositor)
    with boa.reverts("erc20: insufficient allowance"):
        trade.mint(order, sender=attacker)
    assert trade.holdings(trade.depositor) == before


def test_mint__while_mints_are_paused__reverts(trade: Trade):
    trade.vault.pause(sender=trade.owner)
    with boa.reverts("vault: paused"):
        trade.mint(trade.order(WAD, minting=True))


@pytest.mark.parametrize("seed", range(6))
def test_quote__any_routes_any_size__is_what_the_mint_takes(trade: Trade, seed: int):
    """Routes share pools, and prices have been pushed before: the quote carries each pool from swap to swap."""
    rng = random.Random(seed)
    tokens = trade.tokens
    for one in (WBTC, USDT):
        prices = (BASKET[one][3], BASKET[USDC][3])
        trade.exchange.open(tokens[one], trade.usdc, prices, 10_000, reach=2_000)
    options = {
        WBTC: [trade.routes[WBTC], route(tokens[WBTC], 10_000, tokens[USDC]), b""],
        USDC: [b""],
        USDT: [
            trade.routes[USDT],
            route(tokens[USDT], 10_000, tokens[USDC], 3_000, tokens[WBTC], 10_000, tokens[USDC]),
        ],
        EURC: [trade.routes[EURC], b""],
    }
    for _ in range(4):
        order = trade.order(int(10 ** rng.uniform(3, 21.5)), minting=True)
        order = order.but(routes=tuple(rng.choice(options[i]) for i in range(4)))
        quoted, _ = trade.quoter.quote_mint(order.args)
        assert trade.mint(order) == quoted
    for _ in range(4):
        shares = int(trade.vault.balanceOf(trade.receiver) * rng.uniform(0.01, 0.4))
        order = trade.order(shares, minting=False)
        order = order.but(routes=tuple(rng.choice(options[i]) for i in range(4)), receiver=trade.depositor)
        quoted, _ = trade.quoter.quote_redeem(order.args)
        trade.vault.approve(trade.router.address, shares, sender=trade.receiver)
        assert trade.redeem(order, sender=trade.receiver) == quoted
    assert not any(trade.left_in_router())


def test_most_shares__for_a_budget__are_within_it_and_a_part_more_is_not(trade: Trade):
    budget = 5_000 * 10**6
    order = trade.order(100 * WAD, minting=True).but(asset_limit=budget)
    shares, cost = trade.quoter.most_shares(order.args, 24)
    assert cost <= budget
    assert cost == trade.quoter.quote_mint(order.but(shares=shares).args)[0]
    more = shares + 100 * WAD // 2**24 + 1
    assert trade.quoter.quote_mint(order.but(shares=more).args)[0] > budget
    assert trade.mint(order.but(shares=shares)) == cost


def test_most_shares__when_all_of_them_are_affordable__are_all_of_them(trade: Trade):
    order = trade.order(WAD, minting=True)
    assert trade.quoter.most_shares(order.args, 0) == (WAD, trade.quoter.quote_mint(order.args)[0])
    # A thousandth of a millionth of a share: halved ten times there is nothing left to halve.
    assert trade.quoter.most_shares(order.but(shares=1_000, asset_limit=0).args, 128) == (0, 0)
    with boa.reverts("quoter: too many steps"):
        trade.quoter.most_shares(order.but(asset_limit=0).args, 129)

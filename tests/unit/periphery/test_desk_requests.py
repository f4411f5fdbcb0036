# SPDX-License-Identifier: AGPL-3.0-only
"""NavDesk: deposit, withdraw, request_buy, request_sell, set_terms."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.desk import DELAY_S, INVENTORY, LIFE_S, MAX_AGE_S, SPREAD_BPS, Desk, room
from tests.unit.periphery.market import USDC, WAD, ZERO
from tests.unit.vault.conftest import events


def test_deposit__becomes_credit_of_the_caller(desk: Desk):
    asset, shares = desk.credits(desk.maker)
    desk.desk.deposit(desk.usdc.address, 7, sender=desk.maker)
    [deposited] = events(desk.desk, "Deposited")
    assert deposited[1:] == (desk.maker, desk.usdc.address, 7)
    assert desk.credits(desk.maker) == (asset + 7, shares)


def test_deposit__of_another_token__reverts(desk: Desk):
    with boa.reverts("desk: neither asset nor share"):
        desk.desk.deposit(desk.tokens[0].address, 1, sender=desk.maker)


def test_withdraw__takes_credit_out_to_anybody(desk: Desk):
    receiver = boa.env.generate_address("receiver")
    desk.desk.withdraw(desk.usdc.address, 10**6, receiver, sender=desk.maker)
    [withdrawn] = events(desk.desk, "Withdrawn")
    assert withdrawn[1:] == (desk.maker, receiver, desk.usdc.address, 10**6)
    assert desk.usdc.balanceOf(receiver) == 10**6
    assert desk.credits(desk.maker)[0] == INVENTORY * 120 * 10**6 - 10**6


def test_withdraw__more_than_the_credit_or_to_nobody__reverts(desk: Desk):
    with boa.reverts("desk: insufficient credit"):
        desk.desk.withdraw(desk.usdc.address, INVENTORY * 120 * 10**6 + 1, desk.maker, sender=desk.maker)
    with boa.reverts("desk: insufficient credit"):
        desk.desk.withdraw(desk.usdc.address, 1, desk.requester, sender=desk.requester)
    for receiver in (ZERO, desk.desk.address):
        with boa.reverts("desk: invalid receiver"):
            desk.desk.withdraw(desk.usdc.address, 1, receiver, sender=desk.maker)


def test_withdraw_in_kind__redeems_the_credit(desk: Desk):
    receiver = boa.env.generate_address("receiver")
    expected = desk.vault.preview_redeem(WAD)
    desk.desk.withdraw_in_kind(WAD, receiver, expected, desk.now(), sender=desk.maker)
    assert [token.balanceOf(receiver) for token in desk.tokens] == expected
    assert desk.credits(desk.maker)[1] == (INVENTORY - 1) * WAD
    with boa.reverts("vault: below limit"):
        desk.desk.withdraw_in_kind(WAD, receiver, [each + 1 for each in expected], desk.now(), sender=desk.maker)
    with boa.reverts("desk: insufficient credit"):
        desk.desk.withdraw_in_kind(WAD, receiver, [0] * 4, desk.now(), sender=desk.requester)
    with boa.reverts("desk: invalid receiver"):
        desk.desk.withdraw_in_kind(WAD, desk.desk.address, [0] * 4, desk.now(), sender=desk.maker)


def test_request_buy__sets_both_sides_aside(desk: Desk):
    before, held = desk.usdc.balanceOf(desk.requester), desk.held()
    id_ = desk.buy(2 * WAD, 250 * 10**6)
    [requested] = events(desk.desk, "Requested")
    settles_from = desk.now() + DELAY_S
    assert requested[1:] == (id_, desk.requester, False, 2 * WAD, 250 * 10**6, 0, SPREAD_BPS, settles_from)
    request = (desk.requester, False, 2 * WAD, 250 * 10**6, 0, SPREAD_BPS, settles_from, settles_from + LIFE_S)
    assert tuple(desk.desk.request(id_)) == request
    assert desk.usdc.balanceOf(desk.requester) == before - 250 * 10**6
    assert desk.credits(desk.maker) == (INVENTORY * 120 * 10**6, (INVENTORY - 2) * WAD)
    assert desk.held() == (held[0] + 250 * 10**6, held[1])
    assert (id_, desk.desk.request_count()) == (0, 1)


def test_request_sell__sets_both_sides_aside(desk: Desk):
    before, held = desk.vault.balanceOf(desk.requester), desk.held()
    id_ = desk.sell(2 * WAD, 190 * 10**6, 210 * 10**6)
    assert tuple(desk.desk.request(id_))[:5] == (desk.requester, True, 2 * WAD, 210 * 10**6, 190 * 10**6)
    assert desk.vault.balanceOf(desk.requester) == before - 2 * WAD
    assert desk.credits(desk.maker) == (INVENTORY * 120 * 10**6 - 210 * 10**6, INVENTORY * WAD)
    assert desk.held() == (held[0], held[1] + 2 * WAD)


def test_quote__is_nav_and_the_spread_either_side(desk: Desk):
    for shares in (1, 10**15, WAD, 33 * WAD + 1):
        assert desk.desk.quote(shares) == (desk.cost(shares), desk.proceeds(shares))


def test_request_buy__whose_limit_the_next_tick_would_pass__reverts(desk: Desk):
    """Inventory must not be locked for free by requests that are born to die."""
    today, _ = desk.desk.quote(WAD)
    for limit in (0, today - 1, today, room(today) - 1):
        with boa.reverts("desk: limits too tight"):
            desk.buy(WAD, limit)
    desk.buy(WAD, room(today))


def test_request_sell__whose_limits_the_next_tick_would_pass__reverts(desk: Desk):
    _, today = desk.desk.quote(WAD)
    low, high = today * 99 // 100, room(today)
    for limits in ((today, today), (low + 1, high), (low, high - 1), (0, today - 1), (today + 1, 2 * today)):
        with boa.reverts("desk: limits too tight"):
            desk.sell(WAD, *limits)
    desk.sell(WAD, low, high)


def test_request_sell__that_sets_too_much_of_the_maker_s_aside__reverts(desk: Desk):
    _, today = desk.desk.quote(WAD)
    most = today * 12_500 // 10_000
    with boa.reverts("desk: sets too much aside"):
        desk.sell(WAD, 0, most + 1)
    desk.sell(WAD, 0, most)


def test_request__of_a_size_the_maker_does_not_take__reverts(desk: Desk):
    with boa.reverts("desk: request too small"):
        desk.buy(10**15 - 1)
    with boa.reverts("desk: request too large"):
        desk.sell(100 * WAD + 1)
    desk.buy(10**15)
    desk.desk.set_terms(SPREAD_BPS, 0, 0, sender=desk.maker)
    with boa.reverts("desk: request too large"):
        desk.buy(1)
    with boa.reverts("desk: request too small"):
        desk.buy(0)


def test_request__at_a_spread_above_the_caller_s_limit__reverts(desk: Desk):
    """The maker cannot widen the spread in front of a request and eat up what its limit leaves for the price."""
    desk.desk.set_terms(SPREAD_BPS + 1, 0, 100 * WAD, sender=desk.maker)
    with boa.reverts("desk: spread above limit"):
        desk.buy()
    desk.buy(spread=SPREAD_BPS + 1)


def test_request__beyond_the_inventory__reverts(desk: Desk):
    desk.desk.withdraw(desk.vault.address, (INVENTORY - 1) * WAD, desk.maker, sender=desk.maker)
    desk.desk.withdraw(desk.usdc.address, INVENTORY * 120 * 10**6 - 110 * 10**6, desk.maker, sender=desk.maker)
    with boa.reverts("float: insufficient"):
        desk.buy(WAD + 1)
    with boa.reverts("desk: insufficient credit"):
        desk.sell(WAD, 0, 110 * 10**6 + 1)
    desk.buy(WAD)
    desk.sell(WAD, 0, 110 * 10**6)


def test_request_buy__with_more_than_the_books_hold__reverts(desk: Desk):
    desk.usdc.mint(desk.requester, 2**128)
    with boa.reverts("desk: amount too large"):
        desk.buy(WAD, 2**128)
    assert desk.desk.request(desk.buy(WAD, 2**128 - 1)).assets == 2**128 - 1


def test_request__when_the_oracle_does_not_serve__reverts(desk: Desk):
    boa.env.evm.patch.timestamp += MAX_AGE_S + 6
    with boa.reverts("oracle: stale"):
        desk.buy()
    desk.round(after_s=MAX_AGE_S + 5)
    desk.buy()


def test_set_terms__by_anybody_but_the_maker__reverts(desk: Desk):
    with boa.reverts("desk: not the maker"):
        desk.desk.set_terms(0, 0, 0, sender=desk.requester)
    desk.desk.set_terms(500, 1, 2, sender=desk.maker)
    [changed] = events(desk.desk, "TermsChanged")
    assert changed[1:] == (500, 1, 2) == tuple(desk.desk.terms())
    with boa.reverts("desk: spread too large"):
        desk.desk.set_terms(501, 1, 2, sender=desk.maker)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"asset": "vault"}, "desk: invalid asset or maker"),
        ({"maker": ZERO}, "desk: invalid asset or maker"),
        ({"delay": 29}, "desk: delay out of range"),
        ({"delay": 3_601}, "desk: delay out of range"),
        ({"life": 299}, "desk: life out of range"),
        ({"life": 86_401}, "desk: life out of range"),
        ({"asset_feed": 4}, "oracle: unknown feed"),
    ],
)
def test_deploy__with_terms_out_of_range__reverts(desk: Desk, change: dict, reason: str):
    good = {
        "vault": desk.vault.address,
        "asset": desk.usdc.address,
        "asset_feed": USDC,
        "maker": desk.maker,
        "delay": DELAY_S,
        "life": LIFE_S,
        "max_age": MAX_AGE_S,
    }
    deployer("NavDesk").deploy(*good.values())
    bad = {name: desk.vault.address if each == "vault" else each for name, each in change.items()}
    with boa.reverts(reason):
        deployer("NavDesk").deploy(*{**good, **bad}.values())

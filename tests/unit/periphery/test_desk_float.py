# SPDX-License-Identifier: AGPL-3.0-only
"""NavDesk against the maker's float in the vault: shares minted for a request, shares bought turned back."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.desk import INVENTORY, Desk
from tests.unit.periphery.market import EURC, FOREVER, WAD

FLOAT_SHARES = 50


@pytest.fixture
def floating(desk: Desk) -> Desk:
    """The maker's inventory in shares is all float."""
    desk.desk.withdraw(desk.vault.address, INVENTORY * WAD, desk.maker, sender=desk.maker)
    amounts = desk.vault.preview_mint(FLOAT_SHARES * WAD)
    for token in desk.tokens:
        token.approve(desk.desk.address, FOREVER, sender=desk.maker)
    before = [token.balanceOf(desk.maker) for token in desk.tokens]
    held = desk.held()
    desk.desk.deposit_float(amounts, sender=desk.maker)
    assert [was - token.balanceOf(desk.maker) for was, token in zip(before, desk.tokens, strict=True)] == amounts
    assert desk.vault.float_of(desk.desk.address) == amounts
    assert [token.allowance(desk.desk.address, desk.vault.address) for token in desk.tokens] == [0] * 4
    assert desk.held() == held
    return desk


def test_request_buy__mints_what_the_credit_lacks_from_the_float(floating: Desk):
    before = floating.vault.float_of(floating.desk.address)
    cost = floating.vault.preview_mint(10 * WAD)
    id_ = floating.buy(10 * WAD, 1_100 * 10**6)
    after = floating.vault.float_of(floating.desk.address)
    assert [was - now for was, now in zip(before, after, strict=True)] == cost
    assert floating.held()[1] == 10 * WAD
    assert floating.credits(floating.maker)[1] == 0
    floating.desk.settle(id_, floating.first_round(), [0])
    assert floating.credits(floating.requester)[1] == 10 * WAD
    floating.desk.withdraw(floating.vault.address, 10 * WAD, floating.requester, sender=floating.requester)
    assert floating.held()[1] == 0


def test_request_buy__uses_credit_first(floating: Desk):
    floating.desk.deposit(floating.vault.address, 4 * WAD, sender=floating.maker)
    before = floating.vault.float_of(floating.desk.address)
    cost = floating.vault.preview_mint(6 * WAD)
    floating.buy(10 * WAD, 1_100 * 10**6)
    after = floating.vault.float_of(floating.desk.address)
    assert [was - now for was, now in zip(before, after, strict=True)] == cost
    assert floating.held()[1] == 10 * WAD


def test_request_buy__beyond_credit_and_float__reverts(floating: Desk):
    with boa.reverts("float: insufficient"):
        floating.buy((FLOAT_SHARES + 1) * WAD, 6_000 * 10**6)
    floating.buy(FLOAT_SHARES * WAD, 6_000 * 10**6)


def test_request_buy__while_mints_are_paused__needs_credit(floating: Desk):
    floating.desk.deposit(floating.vault.address, WAD, sender=floating.maker)
    floating.vault.pause(sender=floating.owner)
    with boa.reverts("vault: paused"):
        floating.buy(2 * WAD, 300 * 10**6)
    floating.buy(WAD)


def test_request_that_expires__leaves_the_minted_shares_as_the_maker_s_credit(floating: Desk):
    id_ = floating.buy(10 * WAD, 1_100 * 10**6)
    boa.env.evm.patch.timestamp = floating.desk.request(id_).expires_at + 1
    floating.desk.expire(id_)
    assert floating.credits(floating.maker)[1] == 10 * WAD
    # The next request needs no more of the float: dying requests cannot be used to mint it away.
    before = floating.vault.float_of(floating.desk.address)
    floating.round(after_s=-(-(floating.now() - floating.rounds.timestamp) // 5) * 5)
    floating.buy(10 * WAD, 1_100 * 10**6)
    assert floating.vault.float_of(floating.desk.address) == before


def test_redeem_to_float__turns_bought_shares_back(floating: Desk):
    id_ = floating.sell(10 * WAD, 0, 1_100 * 10**6)
    floating.desk.settle(id_, floating.first_round(), [0])
    before = floating.vault.float_of(floating.desk.address)
    worth = floating.vault.preview_redeem(10 * WAD)
    floating.desk.redeem_to_float(10 * WAD, sender=floating.maker)
    after = floating.vault.float_of(floating.desk.address)
    assert [now - was for was, now in zip(before, after, strict=True)] == worth
    assert floating.held()[1] == 0
    with boa.reverts("desk: insufficient credit"):
        floating.desk.redeem_to_float(1, sender=floating.maker)


def test_redeem_to_float__cannot_touch_what_is_not_the_maker_s(floating: Desk):
    floating.sell(10 * WAD, 0, 1_100 * 10**6)
    with boa.reverts("desk: insufficient credit"):
        floating.desk.redeem_to_float(1, sender=floating.maker)


def test_withdraw_float__takes_components_out_whatever_requests_there_are(floating: Desk):
    floating.buy(10 * WAD, 1_100 * 10**6)
    amounts = floating.vault.float_of(floating.desk.address)
    receiver = boa.env.generate_address("receiver")
    floating.desk.withdraw_float(amounts, receiver, sender=floating.maker)
    assert [token.balanceOf(receiver) for token in floating.tokens] == amounts
    assert floating.held()[1] == 10 * WAD
    with boa.reverts("desk: invalid receiver"):
        floating.desk.withdraw_float([0] * 4, floating.desk.address, sender=floating.maker)


def test_float__is_the_maker_s_alone(floating: Desk):
    desk, who = floating.desk, floating.requester
    for call in (
        lambda: desk.deposit_float([0] * 4, sender=who),
        lambda: desk.withdraw_float([1] * 4, who, sender=who),
        lambda: desk.redeem_to_float(1, sender=who),
        lambda: desk.claim_float(floating.tokens[EURC].address, who, sender=who),
    ):
        with boa.reverts("desk: not the maker"):
            call()
    with boa.reverts("desk: wrong number of amounts"):
        desk.deposit_float([0] * 3, sender=floating.maker)


def test_claim_float__pays_float_of_a_component_that_left(floating: Desk):
    """EURC is sold off and leaves; the desk's float in it becomes a claim, which anybody carries over."""
    vault, eurc = floating.vault, floating.tokens[EURC]
    units = [2**256 - 1] * 4
    units[1], units[EURC] = vault.components()[1][1] * 3, 0
    house = deployer("AuctionHouse").at(vault.auction_house())
    house.propose(vault.address, (units, [], 0, 10_100, 9_900, 3_600, 3_600), sender=floating.owner)
    boa.env.evm.patch.timestamp = house.auction(vault.address).starts_at
    house.open(vault.address, sender=floating.owner)
    floating.round(after_s=-(-(floating.now() - floating.rounds.timestamp) // 5) * 5)
    surplus = house.lots(vault.address)[0][EURC]
    usdc = floating.usdc
    usdc.mint(floating.requester, 10**15)
    house.bid(vault.address, eurc.address, usdc.address, surplus, 0, 10**15, b"", sender=floating.requester)
    owed = vault.float_of(floating.desk.address)[EURC]
    house.close(vault.address, sender=floating.owner)
    assert len(vault.components()[0]) == 3
    vault.carry_float(floating.desk.address, 0)
    receiver = boa.env.generate_address("receiver")
    with boa.reverts("desk: invalid receiver"):
        floating.desk.claim_float(eurc.address, floating.desk.address, sender=floating.maker)
    assert floating.desk.claim_float(eurc.address, receiver, sender=floating.maker) == owed
    assert eurc.balanceOf(receiver) == owed > 0

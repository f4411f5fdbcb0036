# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.deposit_float, withdraw_float and claim_float."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.execution.conftest import BASKET, FOREVER, USDC, Market

EURC = 3


@pytest.fixture
def carried(market: Market, owner: str) -> tuple[Any, int]:
    """EURC and how much of it was float: the index has sold it off, it has left, and somebody has carried the float."""
    vault, eurc = market.vault, market.tokens[EURC]
    house = deployer("AuctionHouse").at(vault.auction_house())
    units = [FOREVER] * 4
    units[USDC], units[EURC] = vault.components()[1][USDC] * 3, 0
    house.propose(vault.address, (units, [], 0, 10_100, 9_900, 3_600, 3_600), sender=owner)
    boa.env.evm.patch.timestamp = house.auction(vault.address).starts_at
    house.open(vault.address, sender=owner)
    for feed, (*_, price) in enumerate(BASKET):
        market.oracle.set_price(feed, price)
    surplus = house.lots(vault.address)[0][EURC]
    house.bid(vault.address, eurc.address, market.usdc.address, surplus, 0, FOREVER, b"", sender=market.trader)
    floating = vault.float_of(market.arbitrageur.address)[EURC]
    house.close(vault.address, sender=owner)
    assert eurc.address not in vault.components()[0]
    vault.carry_float(market.arbitrageur.address, 0, sender=market.trader)
    return eurc, floating


def test_deposit_float__owner__moves_components_into_the_vault_s_float(market):
    before = market.holdings(market.keeper)
    floats = market.vault.float_of(market.arbitrageur.address)
    amounts = [5, 0, 7_000_000, 11]
    market.arbitrageur.deposit_float(amounts, sender=market.keeper)
    moved = zip(before, market.holdings(market.keeper), strict=True)
    assert [was - now for was, now in moved] == [*amounts, 0]
    now = market.vault.float_of(market.arbitrageur.address)
    assert [after - was for was, after in zip(floats, now, strict=True)] == amounts
    assert market.left_behind() == [0] * 9


def test_withdraw_float__owner__gets_all_of_it(market):
    before = market.holdings(market.keeper)
    floats = list(market.vault.float_of(market.arbitrageur.address))
    market.arbitrageur.withdraw_float(floats, sender=market.keeper)
    moved = zip(before, market.holdings(market.keeper), strict=True)
    assert [now - was for was, now in moved] == [*floats, 0]
    assert list(market.vault.float_of(market.arbitrageur.address)) == [0] * 4


def test_float__not_the_owner__reverts(market, attacker, owner):
    for stranger in (attacker, owner, market.trader):
        for call in (market.arbitrageur.deposit_float, market.arbitrageur.withdraw_float):
            with boa.reverts("arbitrageur: not the owner"):
                call([1, 0, 0, 0], sender=stranger)


def test_withdraw_float__more_than_there_is__reverts(market):
    floats = list(market.vault.float_of(market.arbitrageur.address))
    with boa.reverts("float: insufficient"):
        market.arbitrageur.withdraw_float([floats[0] + 1, 0, 0, 0], sender=market.keeper)


def test_claim_float__component_that_left_the_index__pays_the_owner_its_float_once(market, carried):
    eurc, floating = carried
    before = eurc.balanceOf(market.keeper)
    assert market.arbitrageur.claim_float(eurc.address, sender=market.keeper) == floating > 0
    assert eurc.balanceOf(market.keeper) - before == floating
    assert market.left_behind() == [0] * 9
    assert market.arbitrageur.claim_float(eurc.address, sender=market.keeper) == 0


def test_claim_float__not_the_owner__reverts(market, carried, attacker, owner):
    eurc, floating = carried
    for stranger in (attacker, owner, market.trader):
        with boa.reverts("arbitrageur: not the owner"):
            market.arbitrageur.claim_float(eurc.address, sender=stranger)
    assert market.vault.claim_of(market.arbitrageur.address, eurc.address) == floating


def test_claim_float__component_still_in_the_index__leaves_the_float_where_it_is(market):
    floats = market.vault.float_of(market.arbitrageur.address)
    assert market.arbitrageur.claim_float(market.usdc.address, sender=market.keeper) == 0
    assert market.vault.float_of(market.arbitrageur.address) == floats

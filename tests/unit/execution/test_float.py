# SPDX-License-Identifier: AGPL-3.0-only
"""ParityArbitrageur.deposit_float and withdraw_float."""

from __future__ import annotations

import boa


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

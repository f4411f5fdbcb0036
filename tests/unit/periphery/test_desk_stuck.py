# SPDX-License-Identifier: AGPL-3.0-only
"""NavDesk when rounds, feeds or the index go wrong: a request that cannot be settled expires, and all is given back."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, OWNER
from tests.unit.periphery.desk import ASSETS, DELAY_S, LIFE_S, PRICES, SHARES, UP, Desk
from tests.unit.periphery.market import WAD, WBTC
from tests.unit.vault.conftest import events


def test_expire__before_the_time__reverts_for_everybody(desk: Desk):
    """There is no cancel: who could leave after the round would hold an option."""
    id_ = desk.buy()
    for at in (desk.now(), desk.now() + DELAY_S - 1, desk.now() + DELAY_S + LIFE_S):
        boa.env.evm.patch.timestamp = at
        for who in (desk.requester, desk.maker):
            with boa.reverts("desk: not expired yet"):
                desk.desk.expire(id_, sender=who)


def test_settle__to_the_last_second__and_not_after(desk: Desk):
    ids = [desk.buy(), desk.buy()]
    made = desk.now()
    round_id = desk.first_round()
    boa.env.evm.patch.timestamp = made + DELAY_S + LIFE_S
    desk.desk.settle(ids[0], round_id, [0])
    boa.env.evm.patch.timestamp += 1
    with boa.reverts("desk: expired"):
        desk.desk.settle(ids[1], round_id, [0])
    desk.desk.expire(ids[1])
    [expired] = events(desk.desk, "Expired")
    assert expired[1:] == (ids[1],)


def expire_gives_back(desk: Desk, id_: int) -> None:
    boa.env.evm.patch.timestamp = max(desk.now(), desk.desk.request(id_)[-1] + 1)
    desk.desk.expire(id_)
    assert desk.credits(desk.maker) == (ASSETS, SHARES)
    asset, shares = desk.credits(desk.requester)
    assert (asset, shares) in ((200 * 10**6, 0), (0, WAD))
    if asset:
        desk.desk.withdraw(desk.usdc.address, asset, desk.requester, sender=desk.requester)
    else:
        desk.desk.withdraw(desk.vault.address, shares, desk.requester, sender=desk.requester)


@pytest.mark.parametrize("selling", [False, True])
def test_oracle_silent__no_settlement__expiry_gives_back(desk: Desk, selling: bool):
    id_ = desk.sell() if selling else desk.buy()
    with boa.reverts("oracle: round not in history"):
        desk.desk.settle(id_, 2, [0])
    expire_gives_back(desk, id_)


@pytest.mark.parametrize("selling", [False, True])
def test_oracle_paused__no_settlement__withdrawals_go_on(desk: Desk, selling: bool):
    id_ = desk.sell() if selling else desk.buy()
    round_id = desk.first_round()
    desk.rounds.oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        desk.desk.settle(id_, round_id, [0])
    desk.desk.withdraw(desk.usdc.address, 1, desk.maker, sender=desk.maker)
    desk.desk.deposit(desk.usdc.address, 1, sender=desk.maker)
    expire_gives_back(desk, id_)


def test_oracle_paused_and_back_in_time__settles_at_the_same_round(desk: Desk):
    id_ = desk.buy()
    round_id = desk.first_round(*UP)
    desk.rounds.oracle.pause(sender=GUARDIAN)
    boa.env.evm.patch.timestamp += LIFE_S - DELAY_S
    desk.rounds.oracle.unpause(sender=OWNER)
    desk.desk.settle(id_, round_id, [0])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, UP)


def test_feed_held_by_hand__no_settlement__expiry_gives_back(desk: Desk):
    id_ = desk.buy()
    round_id = desk.first_round()
    desk.rounds.oracle.trip(WBTC, sender=GUARDIAN)
    with boa.reverts("oracle: tripped"):
        desk.desk.settle(id_, round_id, [0])
    expire_gives_back(desk, id_)


def test_feed_that_misses_every_round__no_settlement__expiry_gives_back(desk: Desk):
    id_ = desk.buy()
    for _ in range(3):
        round_id = desk.first_round(0, *PRICES[1:])
        with boa.reverts("oracle: no answer in round"):
            desk.desk.settle(id_, round_id, [0])
    expire_gives_back(desk, id_)


def test_vault_paused_and_component_frozen__changes_nothing(desk: Desk):
    id_ = desk.buy()
    desk.vault.pause(sender=desk.owner)
    desk.desk.settle(id_, desk.first_round(), [0])
    assert desk.credits(desk.requester)[1] == WAD

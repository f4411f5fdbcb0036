# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.pause, unpause, set_guardian, set_supply_cap."""

from __future__ import annotations

import boa
import pytest

from tests.unit.vault.conftest import WAD, YEAR_S, events, mint, pass_time, redeem

ZERO = "0x" + "00" * 20


@pytest.fixture
def guardian(held, owner):
    who = boa.env.generate_address("guardian")
    held.set_guardian(who, sender=owner)
    return who


def test_pause__by_the_guardian__stops_mints_and_nothing_else(held, guardian, owner, depositor):
    held.pause(sender=guardian)
    assert [event.caller for event in events(held, "Paused")] == [guardian]
    assert held.paused()
    with boa.reverts("vault: paused"):
        mint(held, WAD, depositor)
    assert redeem(held, WAD, depositor)[0] > 0
    held.collect_fees()
    held.unpause(sender=owner)
    assert [event.caller for event in events(held, "Unpaused")] == [owner]
    assert not held.paused()
    mint(held, WAD, depositor)


def test_unpause__by_the_guardian__reverts(held, guardian):
    held.pause(sender=guardian)
    with boa.reverts("owner: caller is not the owner"):
        held.unpause(sender=guardian)


def test_pause__by_the_owner__works_without_a_guardian(held, owner):
    held.pause(sender=owner)
    assert held.paused()


def test_pause__by_a_stranger__reverts(held, stranger):
    with boa.reverts("vault: not owner or guardian"):
        held.pause(sender=stranger)


def test_set_guardian__tells_old_and_new(held, guardian, owner, receiver):
    held.set_guardian(receiver, sender=owner)
    [changed] = events(held, "GuardianChanged")
    assert (changed.old_guardian, changed.new_guardian) == (guardian, receiver)
    assert held.guardian() == receiver


def test_set_guardian__by_a_stranger__reverts(held, stranger):
    with boa.reverts("owner: caller is not the owner"):
        held.set_guardian(stranger, sender=stranger)


def test_supply_cap__holds_the_total_supply_fees_included(held, owner, depositor):
    old = held.supply_cap()
    held.set_supply_cap(101, sender=owner)
    [changed] = events(held, "SupplyCapChanged")
    assert (changed.old_cap, changed.new_cap) == (old, 101 * WAD) == ((2**56 - 1) * WAD, held.supply_cap())
    # 100.05 shares are there; a mint of s adds s * 1.0005.
    room = 101 * WAD - held.totalSupply()
    most = room * 10_000 // 10_005
    with boa.reverts("vault: above supply cap"):
        mint(held, most + 2, depositor)
    mint(held, most - 1, depositor)
    assert 101 * WAD - 4 <= held.totalSupply() <= 101 * WAD


def test_supply_cap__below_the_supply__forces_nobody_out(held, owner, depositor):
    held.set_supply_cap(1, sender=owner)
    pass_time(YEAR_S)
    with boa.reverts("vault: above supply cap"):
        mint(held, 1, depositor)
    held.collect_fees()
    redeem(held, 100 * WAD, depositor)


def test_set_supply_cap__by_a_stranger_or_beyond_its_field__reverts(held, owner, stranger):
    with boa.reverts("owner: caller is not the owner"):
        held.set_supply_cap(1, sender=stranger)
    with boa.reverts("vault: cap too large"):
        held.set_supply_cap(2**56, sender=owner)

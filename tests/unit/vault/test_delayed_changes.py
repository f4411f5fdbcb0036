# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.announce, retract, ready_at, and what must be announced: fees, the end, registry and flash mints."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, YEAR_S, events, mint, pass_time, redeem

DELAY_S, WINDOW_S = 3 * 86_400, 14 * 86_400
ZERO = "0x" + "00" * 20
CHANGES: dict[str, tuple[Any, ...]] = {
    "set_fees": (10, 20, 30),
    "wind_down": (),
    "set_registry": (ZERO,),
    "set_flash_terms": (9, WAD),
}


def call(vault: Any, name: str, *values: Any) -> bytes:
    return bytes(getattr(vault, name).prepare_calldata(*values))


def change(vault: Any, owner: str, name: str, *values: Any) -> None:
    """Announced, waited for, done."""
    vault.announce(call(vault, name, *values), sender=owner)
    pass_time(DELAY_S)
    getattr(vault, name)(*values, sender=owner)


@pytest.mark.parametrize("name", CHANGES)
def test_change__works_once_after_the_delay_and_within_the_window(held, owner, stranger, name):
    values, data = CHANGES[name], call(held, name, *CHANGES[name])
    with boa.reverts("delay: not announced"):
        getattr(held, name)(*values, sender=owner)
    with boa.reverts("owner: caller is not the owner"):
        held.announce(data, sender=stranger)
    held.announce(data, sender=owner)
    [told] = events(held, "CallAnnounced")
    assert (told.call, told.ready_at) == (data, START_S + DELAY_S)
    assert held.ready_at(data) == START_S + DELAY_S
    pass_time(DELAY_S - 1)
    with boa.reverts("delay: not yet"):
        getattr(held, name)(*values, sender=owner)
    pass_time(1)
    with boa.reverts("owner: caller is not the owner"):
        getattr(held, name)(*values, sender=stranger)
    with boa.env.anchor():
        pass_time(WINDOW_S)
        getattr(held, name)(*values, sender=owner)
        pass_time(-WINDOW_S)
    with boa.env.anchor():
        pass_time(WINDOW_S + 1)
        with boa.reverts("delay: too late"):
            getattr(held, name)(*values, sender=owner)
        pass_time(-WINDOW_S - 1)
    getattr(held, name)(*values, sender=owner)
    assert held.ready_at(data) == 0
    with boa.reverts("delay: not announced"):
        getattr(held, name)(*values, sender=owner)


def test_change__other_than_announced__reverts(held, owner):
    held.announce(call(held, "set_fees", 10, 20, 30), sender=owner)
    pass_time(DELAY_S)
    with boa.reverts("delay: not announced"):
        held.set_fees(10, 20, 31, sender=owner)


def test_retract__takes_an_announcement_back(held, owner, stranger):
    data = call(held, "wind_down")
    with boa.reverts("delay: not announced"):
        held.retract(data, sender=owner)
    held.announce(data, sender=owner)
    with boa.reverts("owner: caller is not the owner"):
        held.retract(data, sender=stranger)
    held.retract(data, sender=owner)
    [told] = events(held, "CallRetracted")
    assert told.call == data
    pass_time(DELAY_S)
    with boa.reverts("delay: not announced"):
        held.wind_down(sender=owner)


def test_set_fees__leaves_what_was_earned_and_goes_on_from_there(held, owner, depositor):
    pass_time(YEAR_S // 2 - DELAY_S)
    held.announce(call(held, "set_fees", 100, 200, 1_000), sender=owner)
    pass_time(DELAY_S)
    supply, pending, units = held.totalSupply(), held.pending_fees(), held.components()
    version = held.basket_version()
    held.set_fees(100, 200, 1_000, sender=owner)
    [told] = events(held, "FeesChanged")
    assert (told.mint_fee_bps, told.redeem_fee_bps, told.streaming_fee_bps) == (100, 200, 1_000)
    assert (held.totalSupply(), held.pending_fees(), held.components()) == (supply, pending, units)
    assert held.fees() == (100, 200, 1_000)
    assert held.basket_version() == version + 1
    pass_time(YEAR_S)
    # e**0.1 of what there was.
    assert held.totalSupply() == pytest.approx(supply * 1.1051709180756477, rel=1e-15)
    paid = mint(held, WAD, depositor)
    assert redeem(held, WAD, depositor)[0] == pytest.approx(paid[0] * 0.98 / 1.01, abs=2)


@pytest.mark.parametrize("fees", [(501, 0, 0), (0, 501, 0), (0, 0, 1_001)])
def test_set_fees__above_a_cap__reverts(held, owner, fees):
    held.announce(call(held, "set_fees", *fees), sender=owner)
    pass_time(DELAY_S)
    with boa.reverts():
        held.set_fees(*fees, sender=owner)


def test_set_fees__leaves_a_component_declared_rebasing_watched(held, tokens, owner):
    held.set_rebasing(tokens[0].address, True, sender=owner)
    change(held, owner, "set_fees", 1, 2, 3)
    assert held.book()[1][0] >> 31 & 1 == 1


def test_wind_down__ends_mints_and_fees_and_leaves_every_exit(held, tokens, owner, depositor, house):
    held.deposit_float([10**6] * 4, sender=depositor)
    claimed = held.redeem_skipping(WAD, depositor, [0] * 4, 1, MAX_UINT, sender=depositor)[0]
    assert not held.wound_down()
    change(held, owner, "wind_down")
    [told] = events(held, "WoundDown")
    assert told.caller == owner
    assert held.wound_down()
    assert held.fees() == (0, 0, 0)
    pending = held.pending_fees()
    pass_time(10 * YEAR_S)
    assert held.pending_fees() == pending
    with boa.reverts("vault: paused"):
        mint(held, WAD, depositor)
    with boa.reverts("vault: paused"):
        held.mint_from_float(1, depositor, held.basket_version(), MAX_UINT, sender=depositor)
    with boa.reverts("vault: no auction now"):
        held.begin_auction([], [], sender=house.address)
    held.unpause(sender=owner)
    with boa.reverts("vault: paused"):
        mint(held, WAD, depositor)
    whole = held.preview_redeem(WAD)
    assert list(whole) == [unit // WAD for unit in held.components()[1]]
    assert redeem(held, WAD, depositor) == list(whole)
    assert held.claim(tokens[0].address, depositor, sender=depositor) == claimed
    held.redeem_to_float(WAD, held.basket_version(), MAX_UINT, sender=depositor)
    held.withdraw_float(held.float_of(depositor), depositor, sender=depositor)
    held.collect_fees()
    redeem(held, held.balanceOf(depositor), depositor)


def test_wind_down__is_for_ever(held, owner):
    change(held, owner, "wind_down")
    held.announce(call(held, "set_fees", 1, 2, 3), sender=owner)
    pass_time(DELAY_S)
    with boa.reverts("vault: wound down"):
        held.set_fees(1, 2, 3, sender=owner)

# SPDX-License-Identifier: AGPL-3.0-only
"""A permissioned index: the registry is asked before shares come to somebody, and never before somebody leaves."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, events, mint, redeem
from tests.unit.vault.test_delayed_changes import change

ZERO = "0x" + "00" * 20


@pytest.fixture
def registry(depositor: str) -> Any:
    """Knows the depositor and nobody else."""
    registry = deployer("MockRegistry").deploy()
    registry.allow(depositor, True)
    return registry


@pytest.fixture
def closed(held: Any, owner: str, registry: Any) -> Any:
    change(held, owner, "set_registry", registry.address)
    return held


def test_registry__is_off_by_default(held):
    assert held.registry() == ZERO


def test_set_registry__is_told(held, owner, registry):
    change(held, owner, "set_registry", registry.address)
    [told] = events(held, "RegistryChanged")
    assert (told.old_registry, told.new_registry) == (ZERO, registry.address)
    assert held.registry() == registry.address


def test_mint__comes_to_the_registered_only(closed, depositor, stranger, registry):
    mint(closed, WAD, depositor)
    with boa.reverts("share: not registered"):
        mint(closed, WAD, depositor, stranger)
    closed.deposit_float([10**6, 10**9, 10**9, 10**9], sender=depositor)
    with boa.reverts("share: not registered"):
        closed.mint_from_float(WAD, stranger, closed.basket_version(), MAX_UINT, sender=depositor)
    closed.mint_from_float(WAD, depositor, closed.basket_version(), MAX_UINT, sender=depositor)
    registry.allow(stranger, True)
    mint(closed, WAD, depositor, stranger)


def test_transfer__needs_both_to_be_registered(closed, depositor, stranger, registry):
    with boa.reverts("share: not registered"):
        closed.transfer(stranger, WAD, sender=depositor)
    closed.approve(stranger, WAD, sender=depositor)
    with boa.reverts("share: not registered"):
        closed.transferFrom(depositor, stranger, WAD, sender=stranger)
    registry.allow(stranger, True)
    closed.transferFrom(depositor, stranger, WAD, sender=stranger)
    # An expired holder may not send on either.
    registry.allow(stranger, False)
    with boa.reverts("share: not registered"):
        closed.transfer(depositor, WAD, sender=stranger)


def leave(index: Any, who: str) -> None:
    """Every way out."""
    index.redeem_skipping(WAD, who, [0] * 4, 0b0101, MAX_UINT, sender=who)
    index.claim(index.components()[0][0], who, sender=who)
    index.redeem_to_float(WAD, index.basket_version(), MAX_UINT, sender=who)
    index.withdraw_float(index.float_of(who), who, sender=who)
    redeem(index, WAD, who)


@pytest.mark.parametrize("breaks", ["expires", "fail", "burn_gas"])
def test_exits__never_ask__whatever_the_registry_does(closed, depositor, registry, breaks):
    if breaks == "expires":
        registry.allow(depositor, False)
    else:
        getattr(registry, breaks)()
    leave(closed, depositor)
    with boa.reverts():
        closed.mint(WAD, depositor, [MAX_UINT] * 4, MAX_UINT, sender=depositor, gas=1_000_000)


def test_fees__are_collected_past_the_registry(closed, fee_recipient, registry):
    registry.fail()
    assert closed.collect_fees() > 0
    assert closed.balanceOf(fee_recipient) > 0


def test_registry__can_be_taken_away_again(closed, owner, depositor, stranger, registry):
    registry.fail()
    change(closed, owner, "set_registry", ZERO)
    mint(closed, WAD, depositor, stranger)
    closed.transfer(stranger, WAD, sender=depositor)


def test_flash_loan__comes_to_the_registered_only(closed, owner, depositor, registry):
    borrower = deployer("MockFlashBorrower").deploy()
    change(closed, owner, "set_flash_terms", 0, WAD)
    with boa.reverts("share: not registered"):
        closed.flashLoan(borrower.address, closed.address, WAD, b"")
    registry.allow(borrower.address, True)
    closed.flashLoan(borrower.address, closed.address, WAD, b"")

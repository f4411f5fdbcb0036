# SPDX-License-Identifier: AGPL-3.0-only
"""ERC-3156 over the share: off by default, paid for, and nothing but transfers while it is out (test_reentry.py)."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import WAD, events
from tests.unit.vault.test_delayed_changes import call, change

CAP, FEE_BPS = 1_000_000 * WAD, 9
AMOUNT = 50_000 * WAD
FEE = AMOUNT * FEE_BPS // 10_000


@pytest.fixture
def borrower(held: Any, depositor: str) -> Any:
    """Has what the fee costs, and a share more."""
    contract = deployer("MockFlashBorrower").deploy()
    held.transfer(contract.address, FEE + WAD, sender=depositor)
    return contract


@pytest.fixture
def lending(held: Any, owner: str) -> Any:
    change(held, owner, "set_flash_terms", FEE_BPS, CAP)
    return held


def flash(vault: Any, borrower: Any, amount: int = AMOUNT, sender: str | None = None) -> Any:
    return vault.flashLoan(borrower.address, vault.address, amount, b"", sender=sender)


def test_flash_loan__is_off_by_default(held, borrower):
    assert held.maxFlashLoan(held.address) == 0
    with boa.reverts("flash: above cap"):
        flash(held, borrower, 1)


def test_flash_loan__lends_takes_back_and_leaves_the_fee_pending(lending, borrower, stranger):
    supply, pending = lending.totalSupply(), lending.pending_fees()
    assert flash(lending, borrower, sender=stranger) is True
    [told] = events(lending, "FlashMinted")
    assert (told.caller, told.receiver, told.amount, told.fee) == (stranger, borrower.address, AMOUNT, FEE)
    assert (borrower.initiator(), borrower.fee(), borrower.held()) == (stranger, FEE, AMOUNT + FEE + WAD)
    assert lending.balanceOf(borrower.address) == WAD
    assert lending.totalSupply() == supply
    assert lending.pending_fees() == pending + FEE
    assert lending.allowance(borrower.address, lending.address) == 0


def test_flash_views__say_the_cap_and_the_fee(lending, tokens):
    assert lending.maxFlashLoan(lending.address) == CAP
    assert lending.maxFlashLoan(tokens[0].address) == 0
    assert lending.flashFee(lending.address, AMOUNT) == FEE
    # Rounded up.
    assert lending.flashFee(lending.address, 1) == 1
    with boa.reverts("flash: not this token"):
        lending.flashFee(tokens[0].address, 1)


def test_flash_loan__above_the_cap_or_of_another_token__reverts(lending, borrower, tokens):
    with boa.reverts("flash: above cap"):
        flash(lending, borrower, CAP + 1)
    with boa.reverts("flash: above cap"):
        lending.flashLoan(borrower.address, tokens[0].address, 1, b"")


def test_flash_loan__that_is_not_paid_back__reverts(lending, borrower):
    borrower.behave(False, borrower.answer())
    with boa.reverts("share: insufficient allowance"):
        flash(lending, borrower)


def test_flash_loan__to_who_cannot_pay_the_fee__reverts(lending):
    poor = deployer("MockFlashBorrower").deploy()
    with boa.reverts("share: insufficient balance"):
        flash(lending, poor)


def test_flash_loan__without_the_answer_of_the_standard__reverts(lending, borrower):
    borrower.behave(True, b"\x01" * 32)
    with boa.reverts("flash: refused"):
        flash(lending, borrower)


def test_flash_loan__while_it_is_out__shares_move(lending, borrower, receiver):
    data = bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(receiver[2:]) + WAD.to_bytes(32, "big")
    borrower.arm(lending.address, data)
    flash(lending, borrower)
    assert (borrower.calls(), borrower.successes()) == (1, 1)
    assert lending.balanceOf(receiver) == WAD


def test_set_flash_terms__beyond_the_limits__reverts(held, owner):
    for terms, reason in (((101, WAD), "flash: fee too high"), ((0, 2**112), "flash: cap too large")):
        with boa.env.anchor(), boa.reverts(reason):
            change(held, owner, "set_flash_terms", *terms)
    held.announce(call(held, "set_flash_terms", 100, 2**112 - 1), sender=owner)


def test_set_flash_terms__of_zero__turns_it_off_again(lending, borrower, owner):
    change(lending, owner, "set_flash_terms", 0, 0)
    [told] = events(lending, "FlashTermsChanged")
    assert (told.fee_bps, told.cap) == (0, 0)
    with boa.reverts("flash: above cap"):
        flash(lending, borrower, 1)

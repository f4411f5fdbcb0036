# SPDX-License-Identifier: AGPL-3.0-only
"""The share as an ERC-20: transfer, transferFrom, approve."""

from __future__ import annotations

import boa

from tests.unit.vault.conftest import MAX_UINT, WAD, events

ZERO = "0x" + "00" * 20


def test_transfer__moves_shares_and_nothing_else(held, depositor, receiver):
    total = held.totalSupply()
    assert held.transfer(receiver, 40 * WAD, sender=depositor) is True
    [transfer] = events(held, "Transfer")
    assert (transfer.sender, transfer.receiver, transfer.value) == (depositor, receiver, 40 * WAD)
    assert (held.balanceOf(depositor), held.balanceOf(receiver)) == (60 * WAD, 40 * WAD)
    assert held.totalSupply() == total


def test_transfer__to_oneself__changes_nothing(held, depositor):
    held.transfer(depositor, 100 * WAD, sender=depositor)
    assert held.balanceOf(depositor) == 100 * WAD


def test_transfer__of_more_than_held__reverts(held, depositor, receiver):
    with boa.reverts("share: insufficient balance"):
        held.transfer(receiver, 100 * WAD + 1, sender=depositor)


def test_transfer__to_zero_or_to_the_vault__reverts(held, depositor):
    for receiver in (ZERO, held.address):
        with boa.reverts("share: invalid receiver"):
            held.transfer(receiver, 1, sender=depositor)


def test_approve__replaces_the_allowance(held, depositor, receiver):
    assert held.approve(receiver, 5, sender=depositor) is True
    [approval] = events(held, "Approval")
    assert (approval.owner, approval.spender, approval.value) == (depositor, receiver, 5)
    held.approve(receiver, 3, sender=depositor)
    assert held.allowance(depositor, receiver) == 3


def test_transfer_from__uses_up_the_allowance(held, depositor, receiver, stranger):
    held.approve(receiver, 10, sender=depositor)
    assert held.transferFrom(depositor, stranger, 4, sender=receiver) is True
    assert held.balanceOf(stranger) == 4
    assert held.allowance(depositor, receiver) == 6


def test_transfer_from__an_infinite_allowance__stays(held, depositor, receiver, stranger):
    held.approve(receiver, MAX_UINT, sender=depositor)
    held.transferFrom(depositor, stranger, 4, sender=receiver)
    assert held.allowance(depositor, receiver) == MAX_UINT


def test_transfer_from__beyond_the_allowance__reverts(held, depositor, receiver, stranger):
    held.approve(receiver, 3, sender=depositor)
    with boa.reverts("share: insufficient allowance"):
        held.transferFrom(depositor, stranger, 4, sender=receiver)


def test_transfer_from__without_allowance__reverts_even_for_the_owner_himself(held, depositor, stranger):
    with boa.reverts("share: insufficient allowance"):
        held.transferFrom(depositor, stranger, 1, sender=depositor)

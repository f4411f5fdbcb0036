# SPDX-License-Identifier: AGPL-3.0-only
"""Two-step ownership through a clone."""

from __future__ import annotations

import boa

from tests.unit.vault.conftest import events


def test_ownership__passes_only_when_accepted(vault, owner, receiver):
    vault.transfer_ownership(receiver, sender=owner)
    [started] = events(vault, "OwnershipTransferStarted")
    assert (started.previous_owner, started.new_owner) == (owner, receiver)
    assert (vault.owner(), vault.pending_owner()) == (owner, receiver)
    vault.accept_ownership(sender=receiver)
    [passed] = events(vault, "OwnershipTransferred")
    assert (passed.previous_owner, passed.new_owner) == (owner, receiver)
    assert vault.owner() == receiver
    assert int(vault.pending_owner(), 16) == 0


def test_transfer_ownership__by_a_stranger__reverts(vault, stranger):
    with boa.reverts("owner: caller is not the owner"):
        vault.transfer_ownership(stranger, sender=stranger)


def test_accept_ownership__by_another_than_the_one_named__reverts(vault, owner, receiver, stranger):
    vault.transfer_ownership(receiver, sender=owner)
    with boa.reverts("owner: caller is not pending"):
        vault.accept_ownership(sender=stranger)

# SPDX-License-Identifier: AGPL-3.0-only
"""transfer_ownership, accept_ownership."""

from __future__ import annotations

import boa

from tests.helpers.feeds import OWNER, ZERO
from tests.unit.oracle.conftest import Rounds


def test_transfer_ownership__is_an_offer_only(oracle, stranger):
    oracle.transfer_ownership(stranger, sender=OWNER)
    (log,) = oracle.get_logs()
    assert (log.previous_owner, log.new_owner) == (OWNER, stranger)
    assert (oracle.owner(), oracle.pending_owner()) == (OWNER, stranger)
    with boa.reverts("owner: caller is not the owner"):
        oracle.set_guardian(stranger, sender=stranger)


def test_accept_ownership__by_the_offered__hands_over(oracle, stranger):
    oracle.transfer_ownership(stranger, sender=OWNER)
    oracle.accept_ownership(sender=stranger)
    (log,) = oracle.get_logs()
    assert (log.previous_owner, log.new_owner) == (OWNER, stranger)
    assert (oracle.owner(), oracle.pending_owner()) == (stranger, ZERO)
    with boa.reverts("owner: caller is not the owner"):
        oracle.transfer_ownership(OWNER, sender=OWNER)


def test_accept_ownership__by_anybody_else__reverts(oracle, stranger):
    with boa.reverts("owner: caller is not pending"):
        oracle.accept_ownership(sender=stranger)


def test_accept_ownership__after_the_offer_was_withdrawn__reverts(oracle, stranger):
    oracle.transfer_ownership(stranger, sender=OWNER)
    oracle.transfer_ownership(ZERO, sender=OWNER)
    with boa.reverts("owner: caller is not pending"):
        oracle.accept_ownership(sender=stranger)


def test_transfer_ownership__by_anybody_else__reverts(oracle, stranger):
    with boa.reverts("owner: caller is not the owner"):
        oracle.transfer_ownership(stranger, sender=stranger)


def test_deploy__without_an_owner__reverts():
    with boa.reverts("owner: zero address"):
        Rounds(owner=ZERO)

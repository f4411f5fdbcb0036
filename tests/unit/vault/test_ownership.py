# SPDX-License-Identifier: AGPL-3.0-only
"""Two-step ownership through a clone."""

from __future__ import annotations

import boa
import pytest
from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector as selector

from tests.helpers.contracts import deployer
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


@pytest.mark.parametrize("house_s", [False, True])
def test_owner_s_and_pending_owner_s_calls__made_by_a_token_they_move__are_refused(vault, house, owner, house_s):
    """Whose transaction it is gives no contract in it a right."""
    token = deployer("MockReentrantERC20").deploy("Phishing", "PHISH", 18)
    vault.transfer_ownership(owner, sender=owner)
    index, someone = vault.address, token.address
    calls = {
        "set_rebalancer(address,address)": [index, someone],
        "set_limits(address,uint256,uint256)": [index, 10_000, 86_400],
        "approve_component(address,address,uint256)": [index, someone, 0],
        "revoke_component(address,address)": [index, someone],
        "pause(address)": [index],
        "unpause(address)": [index],
    }
    if not house_s:
        calls = {
            "accept_ownership()": [],
            "transfer_ownership(address)": [someone],
            "set_guardian(address)": [someone],
            "set_fee_recipient(address)": [someone],
            "set_supply_cap(uint256)": [1],
            "set_rebasing(address,bool)": [vault.components()[0][0], True],
            "pause()": [],
            "unpause()": [],
            "announce(bytes)": [b"1234"],
        }
    target = house.address if house_s else index
    for signature, values in calls.items():
        types = signature[signature.index("(") + 1 : -1]
        data = bytes(selector(signature)) + encode(types.split(",") if types else [], values)
        with boa.env.anchor():
            boa.env.raw_call(target, sender=owner, data=data)
        token.arm(target, data)
        token.transfer(owner, 0, sender=owner)
        assert (token.calls(), token.successes()) == (1, 0), signature

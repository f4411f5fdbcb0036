# SPDX-License-Identifier: AGPL-3.0-only
"""Vyper 0.2.15 to 0.3.0, Curve 2023: each function had a lock slot of its own; one that was locked let the others in.

Played on the compiled code: with the one slot taken, as an operation takes it, no door of core, extension or house
opens. That operations take it: tests/unit/vault/test_reentry.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boa
import pytest
from scripts.artifacts import compile_alone

from tests.helpers.doors import doors, knock

CONTRACTS = ("IndexVault", "IndexVaultExtension", "AuctionHouse")
TAKEN, FREE = b"\x01", b""


def lock_slot(name: str) -> int:
    return int(compile_alone(name).layout["transient_storage_layout"]["$.nonreentrant_key"]["slot"])


@contextmanager
def slot(address: str, at: int, value: bytes) -> Iterator[None]:
    transient = boa.env.evm.vm.state
    transient.set_transient_storage(bytes.fromhex(address[2:]), at, value)
    yield
    transient.clear_transient_storage()


def answer(target: str, index: Any, signature: str) -> tuple[bool, bytes]:
    """(refused, what was said) of a call that changes nothing for good."""
    with boa.env.anchor():
        done = boa.env.execute_code(to_address=target, data=knock(signature, index.address))
    return done.is_error, bytes(done.output)


@pytest.mark.parametrize("contract", ["IndexVault", "AuctionHouse"])
def test_door__while_the_one_slot_is_taken__refuses_without_a_word(held, house, contract):
    target = {"IndexVault": held, "AuctionHouse": house}[contract].address
    at = lock_slot(contract)
    for signature in doors(contract):
        with slot(target, at, TAKEN):
            assert answer(target, held, signature) == (True, b""), signature
        with slot(target, at, FREE):
            assert answer(target, held, signature) != (True, b""), signature


def test_lock__of_core_extension_and_house__is_slot_zero_of_each_contract():
    """The extension runs in the clone's own transient storage: that both say the same slot makes it one lock."""
    assert [lock_slot(name) for name in CONTRACTS] == [0, 0, 0]

# SPDX-License-Identifier: AGPL-3.0-only
"""Core and extension run in one storage under one lock: where each keeps what, and that no door is in both."""

from __future__ import annotations

import pytest
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple
from scripts.artifacts import compile_alone, compile_contract

LAYOUT = {
    "ownable": {"owner": 0, "pending_owner": 1},
    "share": {"name": 2, "symbol": 5, "balanceOf": 7, "allowance": 8, "nonces": 9, "registry": 10},
    "reserves": {"_reserves": 11, "_claims": 12, "_swept_at": 13},
    "keeper_float": {"_points": 14, "_baskets": 15, "minted": 16},
    "overlay": {"_mantissas": 17},
    "delays": {"_ready_at": 28},
    "books": {"fee_recipient": 29, "guardian": 30, "_head": 31, "_ledger": 32},
    "flash_mint": {"_flash_terms": 33},
}
HALVES = ("IndexVault", "IndexVaultExtension")


def selectors(abi: list[dict]) -> set[str]:
    """name(types) of every function; their first four bytes are compared where it matters."""
    functions = [entry for entry in abi if entry["type"] == "function"]
    return {f"{entry['name']}({','.join(collapse_if_tuple(i) for i in entry['inputs'])})" for entry in functions}


@pytest.mark.parametrize("name", HALVES)
def test_storage_layout__is_the_one_written_here_in_both_halves(name):
    layout = compile_alone(name).layout["storage_layout"]
    slots = {module: {key: value["slot"] for key, value in entries.items()} for module, entries in layout.items()}
    assert slots == LAYOUT


def test_storage_layout__has_the_same_types_in_both_halves():
    core, extension = (compile_alone(name).layout["storage_layout"] for name in HALVES)
    assert core == extension


@pytest.mark.parametrize("name", HALVES)
def test_lock__is_transient_and_in_the_same_slot_in_both_halves(name):
    layout = compile_alone(name).layout["transient_storage_layout"]
    assert layout == {
        "$.nonreentrant_key": {"n_slots": 1, "slot": 0, "type": "nonreentrant lock"},
        "books": {"minted_now": {"n_slots": 1, "slot": 1, "type": "bool"}},
    }


def test_clones__have_nothing_in_code_but_where_the_other_halves_are():
    assert set(compile_alone("IndexVault").layout["code_layout"]) == {"EXTENSION", "HOUSE"}
    assert set(compile_alone("IndexVaultExtension").layout["code_layout"]) == {"HOUSE"}


def test_selectors__of_the_two_halves_do_not_collide():
    core, extension = (selectors(compile_alone(name).abi) for name in HALVES)
    assert not core & extension
    hashes = [keccak(text=signature)[:4] for signature in core | extension]
    assert len(set(hashes)) == len(hashes)


def test_face__is_all_that_the_interface_promises():
    assert selectors(compile_contract("IIndexVault").abi) <= selectors(compile_contract("IndexVault").abi)


def test_events__that_indices_log_are_those_of_the_interface_and_the_standards():
    def events(name: str) -> set[str]:
        return {entry["name"] for entry in compile_contract(name).abi if entry["type"] == "event"}

    assert events("IndexVault") - events("IIndexVault") == {"Transfer", "Approval"}

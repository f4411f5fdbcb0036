# SPDX-License-Identifier: AGPL-3.0-only
"""Where a clone keeps what: whoever moves a slot must mean it."""

from __future__ import annotations

from scripts.artifacts import compile_contract

LAYOUT = {
    "ownable": {"owner": 0, "pending_owner": 1},
    "share": {"name": 2, "symbol": 5, "balanceOf": 7, "allowance": 8, "nonces": 9},
    "reserves": {"_reserves": 10, "_claims": 11},
    "keeper_float": {"_points": 12, "minted": 13},
    "fee_recipient": 14,
    "guardian": 15,
    "_head": 16,
    "_ledger": 17,
}


def test_storage_layout__is_the_one_written_here():
    layout = compile_contract("IndexVault").layout
    slots = {
        name: entry["slot"] if "slot" in entry else {inner: value["slot"] for inner, value in entry.items()}
        for name, entry in layout["storage_layout"].items()
    }
    assert slots == LAYOUT


def test_lock__is_transient():
    layout = compile_contract("IndexVault").layout
    assert list(layout["transient_storage_layout"]) == ["$.nonreentrant_key"]


def test_clones__have_nothing_in_code_but_the_implementation():
    assert "code_layout" not in compile_contract("IndexVault").layout

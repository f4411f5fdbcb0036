# SPDX-License-Identifier: AGPL-3.0-only
"""Every reason the contracts can give has a type of its own in the client, and the client knows no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts.artifacts import ROOT, sources
from vyper.ast import nodes
from vyper.ast.parse import parse_to_ast

from plumbline.client import errors

_IMPORT = re.compile(r"^from contracts\.[\w.]+ import (\w+)", re.MULTILINE)
_REASON = re.compile(r"[a-z]+: \S.*")
CONTRACTS = (
    *("MedianOracle", "FeedSetWriter", "IndexVault", "IndexVaultExtension", "AuctionHouse", "FeedNotices"),
    *("IndexRouter", "IndexQuoter", "NavDesk", "ERC4626Feeds", "IndexLens", "BasketTokenView", "HolderRegistry"),
)
FEW = {"HolderRegistry": 5}
"""Contracts with less than ten reasons, those of their modules included."""
_OTHERS = ("factory:", "arbitrageur:", "mock:")
"""Contracts that the client does not talk to."""


def imported(name: str, seen: set[str]) -> set[str]:
    """A contract with every module it takes code from."""
    if name not in seen:
        seen.add(name)
        for found in _IMPORT.findall(sources()[name].read_text()):
            imported(found, seen)
    return seen


def reasons(contract: str) -> dict[str, Path]:
    """Every string of `contract` and its modules that is a revert reason, and where it stands."""
    found = {}
    for name in imported(contract, set()):
        path = sources()[name]
        if path.suffix == ".vy":
            for node in parse_to_ast(path.read_text(), module_path=str(path)).get_descendants(nodes.Str):
                if _REASON.fullmatch(node.value) and not node.value.startswith(_OTHERS):
                    found[node.value] = path.relative_to(ROOT)
    return found


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_reason_of_the_contract__has_a_type(contract: str) -> None:
    known = reasons(contract)
    assert len(known) >= FEW.get(contract, 10)
    without = {reason: str(path) for reason, path in known.items() if reason not in errors.BY_REASON}
    assert not without, "give these a type in offchain/plumbline/client/errors.py"


def test_every_reason_of_the_client__is_one_that_a_contract_gives() -> None:
    known: dict[str, Path] = {}
    for contract in CONTRACTS:
        known |= reasons(contract)
    assert [reason for reason in errors.BY_REASON if reason not in known] == []


def test_each_reason__belongs_to_one_type() -> None:
    kinds = errors._every(errors.Reverted)
    named = [reason for kind in kinds if "reasons" in vars(kind) for reason in kind.reasons]
    assert len(named) == len(set(named)) == len(errors.BY_REASON)


def test_error__says_the_contracts_words_and_what_they_mean() -> None:
    error = errors.reverted("oracle: stale")
    assert type(error) is errors.StalePrice
    assert isinstance(error, errors.NoPrice)
    assert str(error) == "oracle: stale: The last answer is older than you accept."


def test_words_that_are_not_ours__are_plain_reverted_with_the_words() -> None:
    error = errors.reverted("ERC20: transfer amount exceeds balance", "0xabc")
    assert type(error) is errors.Reverted
    assert (error.reason, error.tx_hash) == ("ERC20: transfer amount exceeds balance", "0xabc")
    assert str(errors.reverted("")) == "reverted without a reason"


def test_tree_in_the_docstring__names_every_class() -> None:
    assert errors.__doc__ is not None
    told = set(re.findall(r"\w+", errors.__doc__))
    kinds = {
        kind.__name__ for kind in errors._every(errors.Reverted) if issubclass(kind, errors.NoPrice | errors.NoHistory)
    }
    assert kinds <= told

# SPDX-License-Identifier: AGPL-3.0-only
"""Every door of an index and of the auction house, out of their ABIs: what a test of re-entry has to knock at.

A function that is new is knocked at without being named anywhere. What may be called in the middle of an operation is
named here, with why; a test sees that it is so, and that all the rest is shut.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from eth_abi import encode
from eth_abi.grammar import TupleType, parse
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple
from scripts.artifacts import compile_contract

OPEN: dict[str, tuple[str, ...]] = {
    # Balances and allowances: a transfer touches nothing else, and shares are credited only once they are paid for.
    "the share": (
        *("name", "symbol", "decimals", "balanceOf", "allowance", "transfer", "transferFrom", "approve"),
        *("permit", "nonces", "DOMAIN_SEPARATOR", "eip712Domain"),
    ),
    # Who holds a role moves no token and no unit; a claim is no price.
    "roles and claims": (
        *("owner", "pending_owner", "transfer_ownership", "accept_ownership"),
        *("fee_recipient", "guardian", "registry", "claim_of"),
    ),
    # The same for ever.
    "what is written in the code": (
        *("EXTENSION", "supportsInterface", "DELAY", "MAX_DELAY", "OPEN_WINDOW", "APPROVAL_DELAY", "ABANDON_AGE"),
        *("MAX_START_BPS", "MIN_FLOOR_BPS", "MIN_DURATION", "MAX_DURATION", "MAX_PRICE_AGE"),
    ),
}


@cache
def signatures(contract: str) -> tuple[str, ...]:
    """`name(types)` of every function a contract answers to."""
    functions = (entry for entry in compile_contract(contract).abi if entry["type"] == "function")
    return tuple(f"{entry['name']}({','.join(map(collapse_if_tuple, entry['inputs']))})" for entry in functions)


@cache
def doors(contract: str) -> tuple[str, ...]:
    """All that must be shut while an operation is under way."""
    open_names = {name for names in OPEN.values() for name in names}
    return tuple(signature for signature in signatures(contract) if signature.split("(")[0] not in open_names)


def knock(signature: str, address: str, values: Sequence[Any] | None = None) -> bytes:
    """The calldata of a call with `values`, or with whatever fits the types; `address` stands in for every address."""
    types = _types(signature[signature.index("(") :])
    given = [_any_of(kind, address) for kind in types] if values is None else values
    return bytes(keccak(text=signature)[:4] + encode(types, given))


def _types(of_tuple: str) -> list[str]:
    return [] if of_tuple == "()" else [part.to_type_str() for part in parse(of_tuple).components]


def _any_of(kind: str, address: str) -> Any:
    parsed = parse(kind)
    if parsed.is_array:
        return []
    if isinstance(parsed, TupleType):
        return tuple(_any_of(part, address) for part in _types(kind))
    fixed = {"address": address, "bool": True, "string": "x", "uint": 1}
    return fixed.get(parsed.base, b"\x01")

# SPDX-License-Identifier: AGPL-3.0-only
"""The generated ABIs of the contracts, by name, and their functions coded without web3."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic, function_abi_to_4byte_selector

from plumbline.errors import ChainError


@cache
def load_abi(name: str) -> list[dict[str, Any]]:
    """ABI of one contract, as `scripts/export_abi.py` wrote it. Raises ChainError for a name that was not exported."""
    path = files("plumbline") / "abi" / f"{name}.json"
    try:
        abi: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChainError(f"no ABI named {name}: it is not in scripts/export_abi.py") from None
    return abi


class Function:
    """Words and reads one function's calls: a twentieth of what web3 takes, for what is asked at every block."""

    def __init__(self, contract: str, name: str) -> None:
        """Raises ChainError unless the contract has exactly one function of that name."""
        found = _entry(contract, "function", name)
        self._selector = function_abi_to_4byte_selector(found)
        self._inputs = [collapse_if_tuple(each) for each in found["inputs"]]
        self._outputs = [collapse_if_tuple(each) for each in found["outputs"]]

    def encode(self, *arguments: Any) -> str:
        """The call's data, in hex."""
        return "0x" + (self._selector + encode(self._inputs, arguments)).hex()

    def decode(self, output: bytes) -> tuple[Any, ...]:
        """What it answered; addresses in lower case. Raises ChainError for an answer that is none of its."""
        try:
            return decode(self._outputs, output)
        except DecodingError as error:
            raise ChainError(f"the node's answer makes no sense: {type(error).__name__}: {error}") from None


def event_topic(contract: str, name: str) -> bytes:
    """The first topic of an event's logs."""
    return event_abi_to_log_topic(_entry(contract, "event", name))


def _entry(contract: str, kind: str, name: str) -> Any:
    found = [entry for entry in load_abi(contract) if (entry["type"], entry.get("name")) == (kind, name)]
    if len(found) != 1:
        raise ChainError(f"{contract}: expected one {kind} {name}, got {len(found)}")
    return found[0]

# SPDX-License-Identifier: Apache-2.0
"""Calls and events in the contract ABI: what goes into `eth_call`, and what comes out of a log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from plumbline.client.errors import BadAnswer

ERC20: Final = (
    ("symbol", (), ("string",)),
    ("decimals", (), ("uint8",)),
    ("balanceOf", ("address",), ("uint256",)),
    ("allowance", ("address", "address"), ("uint256",)),
    ("approve", ("address", "uint256"), ("bool",)),
)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a contract."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def selector(self) -> bytes:
        return _keccak(f"{self.name}({','.join(self.inputs)})")[:4]

    def encode(self, *arguments: Any) -> str:
        """Calldata. Raises eth_abi's EncodingError for an argument of the wrong type or size."""
        return "0x" + (self.selector + encode(self.inputs, arguments)).hex()

    def decode(self, data: object) -> tuple[Any, ...]:
        """What it returned; addresses with their checksum. Raises BadAnswer."""
        try:
            values = decode(self.outputs, bytes.fromhex(str(data).removeprefix("0x")))
        except (DecodingError, ValueError, OverflowError) as error:
            raise BadAnswer(f"{self.name}: an answer that is not {', '.join(self.outputs)}") from error
        return tuple(_readable(kind, value) for kind, value in zip(self.outputs, values, strict=True))


@dataclass(frozen=True, slots=True)
class EventType:
    """One event of a contract."""

    name: str
    fields: tuple[tuple[str, str, bool], ...]
    """(name, type, indexed)"""

    @property
    def topic(self) -> str:
        return "0x" + _keccak(f"{self.name}({','.join(kind for _, kind, _ in self.fields)})").hex()

    def decode(self, topics: Sequence[str], data: str) -> dict[str, Any]:
        """The fields by name. Raises BadAnswer."""
        indexed = [kind for _, kind, is_indexed in self.fields if is_indexed]
        plain = [kind for _, kind, is_indexed in self.fields if not is_indexed]
        try:
            keys = [decode([kind], _bytes(topic))[0] for kind, topic in zip(indexed, topics[1:], strict=True)]
            values = decode(plain, _bytes(data))
        except (DecodingError, ValueError, OverflowError) as error:
            raise BadAnswer(f"{self.name}: a log that is not this event") from error
        sources = {True: iter(keys), False: iter(values)}
        return {name: _readable(kind, next(sources[is_indexed])) for name, kind, is_indexed in self.fields}


class Abi:
    """Functions and events by name. Of an overloaded function (Vyper's default arguments) the longest form."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.functions: dict[str, Function] = {}
        self.events: dict[str, EventType] = {}
        for entry in entries:
            if entry["type"] == "function":
                function = Function(entry["name"], _types(entry["inputs"]), _types(entry["outputs"]))
                known = self.functions.get(function.name)
                if known is None or len(known.inputs) < len(function.inputs):
                    self.functions[function.name] = function
            elif entry["type"] == "event":
                fields = tuple((part["name"], _type(part), part["indexed"]) for part in entry["inputs"])
                self.events[entry["name"]] = EventType(entry["name"], fields)

    def __getitem__(self, name: str) -> Function:
        return self.functions[name]


@cache
def abi(name: str) -> Abi:
    """Of one of Plumbline's contracts, as it was exported."""
    path = files("plumbline") / "abi" / f"{name}.json"
    return Abi(json.loads(path.read_text(encoding="utf-8")))


@cache
def erc20() -> Abi:
    """What is needed of any token."""
    found = Abi([])
    found.functions = {name: Function(name, inputs, outputs) for name, inputs, outputs in ERC20}
    return found


def quantity(number: int) -> str:
    return hex(number)


def number(value: object) -> int:
    """A JSON-RPC quantity. Raises BadAnswer."""
    try:
        return int(str(value), 16)
    except ValueError:
        raise BadAnswer(f"expected a hexadecimal quantity, got {str(value)[:40]!r}") from None


def address(text: str) -> str:
    """With its checksum. Raises ValueError for what is no address."""
    return str(to_checksum_address(text))


def _types(parts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(part) for part in parts)


def _type(part: Mapping[str, Any]) -> str:
    kind = str(part["type"])
    if kind.startswith("tuple"):
        return f"({','.join(_types(part['components']))}){kind.removeprefix('tuple')}"
    return kind


def _readable(kind: str, value: Any) -> Any:
    if kind == "address":
        return address(value)
    if kind == "address[]":
        return tuple(address(each) for each in value)
    return value


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _keccak(text: str) -> bytes:
    return bytes(keccak(text=text))

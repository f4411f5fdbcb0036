# SPDX-License-Identifier: AGPL-3.0-only
"""A chain in memory for bulk tests: pyrevm with a thin ABI shim. Each call is a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyrevm
from eth_abi import decode, encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple
from scripts.artifacts import Artifact

CALLER = "0x00000000000000000000000000000000000C0FFE"
CHAIN_ID = 1
_ERROR = keccak(text="Error(string)")[:4]


class Reverted(Exception):
    """A call reverted; the message is the contract's reason, "" when it gave none."""


class Chain:
    """One in-memory chain under the rules the figures are measured with."""

    def __init__(self, timestamp: int = 1_700_000_000) -> None:
        self.evm = pyrevm.EVM(spec_id="PRAGUE", gas_limit=2**40)
        self.timestamp = timestamp
        self.number = 1
        self.gas_used = 0
        self.set_time(timestamp)

    def set_time(self, timestamp: int) -> None:
        self.timestamp = timestamp
        self.number += 1
        self.evm.set_block_env(pyrevm.BlockEnv(number=self.number, timestamp=timestamp, gas_limit=2**40))

    def deploy(self, artifact: Artifact, *args: Any, sender: str = CALLER) -> Contract:
        constructor = next((entry for entry in artifact.abi if entry["type"] == "constructor"), {"inputs": []})
        code = bytes.fromhex(artifact.bytecode[2:]) + encode(_types(constructor["inputs"]), args)
        address = self.evm.deploy(sender, code)
        return Contract(self, address, artifact.abi)

    def send(self, to: str, data: bytes, sender: str = CALLER) -> bytes:
        """Mine one transaction; its gas is in `gas_used`, its logs in `logs`."""
        self.evm.reset_transient_storage()
        try:
            output = self.evm.message_call(sender, to, data)
        except RuntimeError as error:
            raise Reverted(_reason(str(error))) from None
        self.gas_used = self.evm.result.gas_used
        return bytes(output)

    @property
    def logs(self) -> list[Any]:
        return list(self.evm.result.logs)


@dataclass(frozen=True)
class Function:
    """How to call one function. Numbers and lists of them, nearly all, take a road ten times as fast as eth_abi's."""

    selector: bytes
    inputs: list[str]
    outputs: list[str]

    def encode(self, args: Sequence[Any]) -> bytes:
        if len(args) == len(self.inputs) and _NUMBERS.issuperset(self.inputs):
            return self.selector + _encode_numbers(self.inputs, args)
        return self.selector + bytes(encode(self.inputs, args))

    def decode(self, output: bytes) -> Any:
        """The single return value, or a tuple of several."""
        if len(output) == 32 * len(self.outputs) and all(kind == "uint256" for kind in self.outputs):
            values = tuple(int.from_bytes(output[at : at + 32], "big") for at in range(0, len(output), 32))
        else:
            values = decode(self.outputs, output)
        return values[0] if len(values) == 1 else values


_NUMBERS = frozenset({"uint256", "uint256[]"})


def _encode_numbers(kinds: Sequence[str], args: Sequence[Any]) -> bytes:
    """Heads, then tails: the head of a list says where its length stands."""
    heads, tails, at = [], [], 32 * len(args)
    for kind, arg in zip(kinds, args, strict=True):
        if kind == "uint256":
            heads.append(arg)
        else:
            heads.append(at)
            tails += [len(arg), *arg]
            at += 32 * (1 + len(arg))
    return b"".join(word.to_bytes(32, "big") for word in (*heads, *tails))


class Contract:
    """Call functions by name with Python values: `oracle.call("price", 0, 60)`."""

    def __init__(self, chain: Chain, address: str, abi: Sequence[dict[str, Any]]) -> None:
        self.chain = chain
        self.address = address
        self.functions = {
            entry["name"]: Function(_signature(entry)[:4], _types(entry["inputs"]), _types(entry["outputs"]))
            for entry in abi
            if entry["type"] == "function"
        }
        self.events = {_signature(entry): entry for entry in abi if entry["type"] == "event"}

    def call(self, name: str, *args: Any, sender: str = CALLER) -> Any:
        """The single return value, or a tuple of several."""
        function = self.functions[name]
        return function.decode(self.chain.send(self.address, function.encode(args), sender))

    def calldata(self, name: str, *args: Any) -> bytes:
        return self.functions[name].encode(args)


def _types(parameters: Sequence[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(parameter) for parameter in parameters]


def _signature(entry: dict[str, Any]) -> bytes:
    return bytes(keccak(text=f"{entry['name']}({','.join(_types(entry['inputs']))})"))


def _reason(text: str) -> str:
    """The reason out of what pyrevm tells of a revert: `Revert { gas_used: .., output: 0x.. }`."""
    _, told, output = text.rpartition("0x")
    return _words(output) if told else ""


@lru_cache
def _words(told: str) -> str:
    output = bytes.fromhex(told.split(" ")[0].rstrip(",})"))
    return output[68 : 68 + int.from_bytes(output[36:68], "big")].decode() if output[:4] == _ERROR else ""

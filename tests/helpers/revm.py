# SPDX-License-Identifier: AGPL-3.0-only
"""A chain in memory for bulk tests: pyrevm with a thin ABI shim. Each call is a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
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
        try:
            output = self.evm.message_call(sender, to, data)
        except RuntimeError as error:
            raise Reverted(_reason(str(error))) from None
        self.gas_used = self.evm.result.gas_used
        return bytes(output)

    @property
    def logs(self) -> list[Any]:
        return list(self.evm.result.logs)


class Contract:
    """Call functions by name with Python values: `oracle.call("price", 0, 60)`."""

    def __init__(self, chain: Chain, address: str, abi: Sequence[dict[str, Any]]) -> None:
        self.chain = chain
        self.address = address
        self.functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self.events = {_signature(entry): entry for entry in abi if entry["type"] == "event"}

    def call(self, name: str, *args: Any, sender: str = CALLER) -> Any:
        """The single return value, or a tuple of several."""
        entry = self.functions[name]
        output = self.chain.send(self.address, self.calldata(name, *args), sender)
        values = decode(_types(entry["outputs"]), output)
        return values[0] if len(values) == 1 else values

    def calldata(self, name: str, *args: Any) -> bytes:
        entry = self.functions[name]
        return bytes(_signature(entry)[:4] + encode(_types(entry["inputs"]), args))


def _types(parameters: Sequence[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(parameter) for parameter in parameters]


def _signature(entry: dict[str, Any]) -> bytes:
    return bytes(keccak(text=f"{entry['name']}({','.join(_types(entry['inputs']))})"))


def _reason(text: str) -> str:
    """The reason out of what pyrevm tells of a revert: `Revert { gas_used: .., output: 0x.. }`."""
    start = text.find("0x")
    output = bytes.fromhex(text[start + 2 :].split(" ")[0].rstrip(",})")) if start >= 0 else b""
    return str(decode(["string"], output[4:])[0]) if output[:4] == _ERROR else ""

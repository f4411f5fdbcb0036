# SPDX-License-Identifier: AGPL-3.0-only
"""Sends what a deployment needs, one transaction after the other, and remembers what it put where."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import Web3Exception
from web3.types import TxReceipt

from scripts.artifacts import EVM_VERSION, compile_contract


class DeployError(Exception):
    """A transaction failed or something needed is absent; says which and why."""


@dataclass(frozen=True)
class Deployed:
    """What stands at one address."""

    contract: str
    address: ChecksumAddress
    block: int
    """The first block in which it was seen."""
    arguments: list[Any]
    """Of its constructor, or of the factory call that made it."""
    compiler: str
    code_sha256: str


@dataclass
class Chain:
    """The chain a deployment goes to, through a node that signs for the senders (Anvil does, for its own accounts).

    `deployed` maps a plain name ("oracle") to what stands there.
    """

    web3: Web3
    deployed: dict[str, Deployed] = field(default_factory=dict)

    def deploy(self, key: str, name: str, *arguments: Any, sender: ChecksumAddress) -> Contract:
        """Compile (cached), deploy, remember."""
        artifact = compile_contract(name)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        inputs = next((entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), [])
        in_order = [_by_abi(value, entry) for value, entry in zip(arguments, inputs, strict=True)]
        receipt = self._send(f"deploying {name}", factory.constructor(*in_order), sender)
        self.remember(key, name, receipt["contractAddress"], arguments, f"vyper {version('vyper')}, {EVM_VERSION}")
        return self.at(key, artifact.abi)

    def remember(self, key: str, contract: str, address: Any, arguments: Any, compiler: str) -> None:
        """Note what stands at `address` since this block."""
        code = self.web3.eth.get_code(address)
        if not code:
            raise DeployError(f"{contract}: no code at {address}")
        self.deployed[key] = Deployed(
            contract=contract,
            address=address,
            block=self.web3.eth.block_number,
            arguments=_plain(arguments),
            compiler=compiler,
            code_sha256=hashlib.sha256(code).hexdigest(),
        )

    def address(self, key: str) -> ChecksumAddress:
        return self.deployed[key].address

    def at(self, key: str, abi: list[dict]) -> Contract:
        return self.web3.eth.contract(address=self.address(key), abi=abi)

    def read(self, call: ContractFunction) -> Any:
        """What a view answers. Raises DeployError with the function's name and the reason it reverted."""
        try:
            return call.call()
        except (Web3Exception, ValueError) as error:
            raise DeployError(f"{call.fn_name}: {error}") from error

    def send(self, call: ContractFunction, sender: ChecksumAddress) -> TxReceipt:
        """Send one call and wait for it. Raises DeployError with the function's name and the reason it failed."""
        return self._send(call.fn_name, call, sender)

    def _send(self, what: str, call: ContractFunction | ContractConstructor, sender: ChecksumAddress) -> TxReceipt:
        try:
            sent = call.transact({"from": sender})
            receipt = self.web3.eth.wait_for_transaction_receipt(sent, timeout=60, poll_latency=0.01)
        except (Web3Exception, ValueError) as error:
            raise DeployError(f"{what}: {error}") from error
        if receipt["status"] != 1:
            raise DeployError(f"{what}: reverted in {receipt['transactionHash'].to_0x_hex()}")
        return receipt


def _by_abi(value: Any, entry: dict[str, Any]) -> Any:
    """Structs, written as dicts, in the ABI's order of their fields: web3 does this for calls, not for constructors."""
    if entry["type"].endswith("]"):
        element = {**entry, "type": entry["type"].rpartition("[")[0]}
        return [_by_abi(item, element) for item in value]
    if entry["type"] != "tuple":
        return value
    if set(value) != {part["name"] for part in entry["components"]}:
        raise DeployError(f"{entry['name']}: expected the fields of {[part['name'] for part in entry['components']]}")
    return tuple(_by_abi(value[part["name"]], part) for part in entry["components"])


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value

# SPDX-License-Identifier: AGPL-3.0-only
"""Sends what a deployment needs, one transaction after the other, and remembers what it deployed.

The seam is `Sender`: an unlocked or local account over plain web3 (demo, tests), or an Ape account (`ape run`), which
asks its owner to sign. Everything above it is the same code.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract
from web3.types import TxParams, TxReceipt

from scripts.artifacts import EVM_VERSION, compile_contract


class DeployError(Exception):
    """A transaction reverted or something needed is absent; says which and why."""


class Sender(Protocol):
    """Who pays and signs."""

    address: str

    def send(self, transaction: TxParams) -> TxReceipt: ...


@dataclass(frozen=True)
class KeySender:
    """Signs with a key in memory and waits for the receipt: local chains only."""

    web3: Web3
    account: LocalAccount
    timeout_s: float = 60

    @property
    def address(self) -> str:
        return str(self.account.address)

    def send(self, transaction: TxParams) -> TxReceipt:
        web3 = self.web3
        filled: TxParams = {
            "chainId": web3.eth.chain_id,
            "nonce": web3.eth.get_transaction_count(self.account.address, "pending"),
            "maxFeePerGas": Web3.to_wei(50, "gwei"),
            "maxPriorityFeePerGas": Web3.to_wei(1, "gwei"),
            **transaction,
        }
        filled.setdefault("gas", web3.eth.estimate_gas({**filled, "from": self.account.address}) * 5 // 4)
        raw = self.account.sign_transaction(filled).raw_transaction
        return web3.eth.wait_for_transaction_receipt(
            web3.eth.send_raw_transaction(raw), timeout=self.timeout_s, poll_latency=0.01
        )


@dataclass(frozen=True)
class Deployed:
    """One line of deployments/<network>.json."""

    contract: str
    address: str
    block: int
    transaction: str
    arguments: list[Any]
    compiler: str
    code_sha256: str
    """Of the code found at the address after the deployment."""


@dataclass
class Chain:
    """The chain a deployment goes to. `deployed` maps a plain name ("oracle") to what stands there."""

    web3: Web3
    sender: Sender
    deployed: dict[str, Deployed] = field(default_factory=dict)

    def deploy(self, key: str, contract: str, *arguments: Any) -> Contract:
        """Compile (cached), deploy, remember; the contract at its address."""
        artifact = compile_contract(contract)
        return self.deploy_code(
            key,
            contract,
            artifact.abi,
            artifact.bytecode,
            *arguments,
            compiler=f"vyper {version('vyper')} {EVM_VERSION}",
        )

    def deploy_code(
        self, key: str, contract: str, abi: list[dict], bytecode: str, *arguments: Any, compiler: str
    ) -> Contract:
        factory = self.web3.eth.contract(abi=abi, bytecode=bytecode)
        receipt = self._send(f"deploying {contract}", {"data": factory.constructor(*arguments).data_in_transaction})
        address = receipt["contractAddress"]
        if address is None:
            raise DeployError(f"deploying {contract}: the receipt names no contract")
        return self.remember(key, contract, abi, address, receipt, arguments, compiler)

    def remember(
        self,
        key: str,
        contract: str,
        abi: list[dict],
        address: str,
        receipt: TxReceipt,
        arguments: tuple[Any, ...],
        compiler: str,
    ) -> Contract:
        """Note what a transaction of ours has put at `address`, made by itself or by a factory."""
        code = self.web3.eth.get_code(Web3.to_checksum_address(address))
        if not code:
            raise DeployError(f"{contract}: no code at {address}")
        self.deployed[key] = Deployed(
            contract=contract,
            address=address,
            block=receipt["blockNumber"],
            transaction=receipt["transactionHash"].to_0x_hex(),
            arguments=[_plain(argument) for argument in arguments],
            compiler=compiler,
            code_sha256=hashlib.sha256(code).hexdigest(),
        )
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=abi)

    def at(self, key: str, abi: list[dict] | None = None) -> Contract:
        known = self.deployed[key]
        return self.web3.eth.contract(
            address=Web3.to_checksum_address(known.address), abi=abi or compile_contract(known.contract).abi
        )

    def call(self, contract: Contract, function: str, *arguments: Any, sender: Sender | None = None) -> TxReceipt:
        """Send one transaction; raises DeployError with the function and the reason when it reverts."""
        data = contract.encode_abi(function, list(arguments))
        return self._send(function, {"to": contract.address, "data": data}, sender)

    def _send(self, what: str, transaction: TxParams, sender: Sender | None = None) -> TxReceipt:
        try:
            receipt = (sender or self.sender).send(transaction)
        except Exception as error:
            raise DeployError(f"{what}: {error}") from error
        if receipt["status"] != 1:
            raise DeployError(f"{what}: reverted in {receipt['transactionHash'].to_0x_hex()}")
        return receipt


def _plain(value: Any) -> Any:
    """Arguments as JSON holds them: bytes as hex, big integers as they are (JSON has no limit on digits)."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(list(asdict(value).values()))
    return value

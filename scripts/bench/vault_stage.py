# SPDX-License-Identifier: AGPL-3.0-only
"""One chain with the real oracle and the real factory, for the benches of the vault."""

from __future__ import annotations

from typing import Any, cast

from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator, pack, row_digest
from plumbline.core.models import Row
from plumbline.supervisor.anvil import CHAIN_ID
from scripts.artifacts import compile_contract

WAD = 10**18
MAX_UINT = 2**256 - 1
MAX_LANE = 2**63 - 1
ZERO = "0x" + "00" * 20
PERIOD_S = 5
PRICE = 10**8
QUORUM = 3


class Stage:
    """One chain, one unlocked caller, tokens and an index over them."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3
        self.caller, self.owner, self.fee_recipient = web3.eth.accounts[:3]

    def send(self, call: Any, sender: str | None = None) -> TxReceipt:
        receipt = self.web3.eth.wait_for_transaction_receipt(
            call.transact({"from": sender or self.caller, "gas": 16_000_000}), poll_latency=0.002
        )
        if receipt["status"] != 1:
            raise SystemExit(f"bench-vault: {call} reverted")
        return receipt

    def deploy(self, name: str, *arguments: Any) -> Contract:
        artifact = compile_contract(name)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        return self.at(name, cast(str, self.send(factory.constructor(*arguments))["contractAddress"]))

    def at(self, name: str, address: str) -> Contract:
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=compile_contract(name).abi)

    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def pass_time(self, seconds: int) -> None:
        self.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]


class Oracle:
    """A MedianOracle whose five reporters agree that everything is worth one."""

    def __init__(self, stage: Stage, feeds: int) -> None:
        self.stage, self.feeds = stage, feeds
        self.keys = [LocalKey(keccak(text=f"bench reporter {index}")) for index in range(5)]
        guards = (1, MAX_LANE, 1, MAX_LANE, 500, 100, 5_000, 3, 60)
        self.contract = stage.deploy(
            "MedianOracle",
            [(f"T{i}/USD", 8, QUORUM, 60, 25, guards) for i in range(feeds)],
            [key.address for key in self.keys],
            1,
            (PERIOD_S, 4_096, 60, 3_600, ZERO, False, stage.deploy("FeedSetWriter").address),
            stage.owner,
            ZERO,
        )
        self.domain = domain_separator(CHAIN_ID, self.contract.address)

    def publish(self) -> None:
        """A round of now."""
        timestamp = self.stage.now() // PERIOD_S * PERIOD_S
        prices = (PRICE,) * self.feeds
        digest, words = row_digest(self.domain, Row(1, timestamp, prices)), list(pack(prices))
        signers, rows, signatures = 0, [], []
        for place, key in enumerate(self.keys[:QUORUM]):
            signers |= (place + 1) << (8 * place)
            rows += words
            signatures += key.sign(digest)
        self.stage.send(self.contract.functions.submit(timestamp, signers, words, rows, signatures))


class Factory:
    """The code every index runs, and new indices of it."""

    def __init__(self, stage: Stage, oracle: Oracle) -> None:
        self.stage, self.oracle = stage, oracle
        self.house = stage.deploy("AuctionHouse")
        extension = stage.deploy("IndexVaultExtension", self.house.address)
        self.contract = stage.deploy("IndexFactory", stage.deploy("IndexVault", extension.address).address)

    def create(self, tokens: list[Contract]) -> int:
        """The gas of a new index; token i is (i + 1) to a share."""
        params = {
            "name": "Bench Index",
            "symbol": "BENCH",
            "tokens": [token.address for token in tokens],
            "units": [(i + 1) * WAD * WAD for i in range(len(tokens))],
            "oracle": self.oracle.contract.address,
            "feeds": list(range(len(tokens))),
            "mint_fee_bps": 5,
            "redeem_fee_bps": 5,
            "streaming_fee_bps": 50,
            "owner": self.stage.owner,
            "fee_recipient": self.stage.fee_recipient,
        }
        return int(self.stage.send(self.contract.functions.create(params))["gasUsed"])

    def newest(self, tokens: list[Contract]) -> Contract:
        """The last index made; the caller is rich in its tokens and has allowed it everything."""
        functions = self.contract.functions
        vault = self.stage.at("IndexVault", functions.index_at(functions.index_count().call() - 1).call())
        for token in tokens:
            self.stage.send(token.functions.mint(self.stage.caller, 10**30))
            self.stage.send(token.functions.approve(vault.address, MAX_UINT))
        return vault


def deploy_tokens(stage: Stage, size: int) -> list[Contract]:
    return [stage.deploy("MockERC20", f"Token {i}", f"T{i}", 18) for i in range(size)]

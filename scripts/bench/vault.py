# SPDX-License-Identifier: AGPL-3.0-only
"""Gas of the index vault through a clone, on Anvil, beside its peers: `make bench-vault`.

Components are plain ERC-20s with OpenZeppelin's storage, allowances are infinite, what arrives is checked. An
operation is measured twice: the first of its kind on a fresh index (cold slots are written for the first time) and the
third, a day later (the steady state, with a day of streaming fee in between). Bounds hold the steady state.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import TxReceipt

from plumbline.supervisor.anvil import Anvil
from scripts.artifacts import compile_contract
from scripts.bench.report import Bench

WAD = 10**18
MAX_UINT = 2**256 - 1
MAX_LANE = 2**63 - 1
ZERO = "0x" + "00" * 20
DAY_S = 86_400
SIZES = (3, 5, 10, 20)
SHARES = 100 * WAD

BOUNDS = {
    "mint": {3: 118_000, 5: 160_000, 10: 265_000, 20: 475_000},
    "redeem": {3: 108_000, 5: 142_000, 10: 225_000, 20: 390_000},
    "float_mint": {3: 72_000, 5: 79_000, 10: 92_000, 20: 125_000},
    "new_index": {5: 750_000, 20: 1_000_000},
}
PEERS = {
    ("mint", 3): "transfers alone 78k, Folio 159k, Set 173k",
    ("mint", 5): "transfers alone 116k, Folio 205k, Set 240k",
    ("mint", 10): "transfers alone 209k, Folio 320k, Set 408k",
    ("mint", 20): "transfers alone 396k, Folio 550k, Set 743k",
    ("redeem", 3): "transfers alone 71k, Folio 122k, Set 184k",
    ("redeem", 5): "transfers alone 103k, Folio 165k, Set 262k",
    ("redeem", 10): "transfers alone 184k, Folio 272k, Set 457k",
    ("redeem", 20): "transfers alone 346k, Folio 485k, Set 847k",
    ("new_index", 5): "Folio 1.7M or more, Set 3.6M or more",
    ("new_index", 20): "Folio up to 3.2M, Set up to 4.4M",
}


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

    def pass_time(self, seconds: int) -> None:
        self.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]


def measure(stage: Stage, factory: Contract, oracle: Contract, size: int) -> dict[str, tuple[int, int]]:
    """(first, steady) gas of each operation on a new index of `size` components."""
    tokens = [stage.deploy("MockERC20", f"Token {i}", f"T{i}", 18) for i in range(size)]
    params = {
        "name": "Bench Index",
        "symbol": "BENCH",
        "tokens": [token.address for token in tokens],
        "units": [(i + 1) * WAD * WAD for i in range(size)],
        "oracle": oracle.address,
        "feeds": list(range(size)),
        "mint_fee_bps": 5,
        "redeem_fee_bps": 5,
        "streaming_fee_bps": 50,
        "owner": stage.owner,
        "fee_recipient": stage.fee_recipient,
    }
    gas: dict[str, list[int]] = {"new_index": [], "mint": [], "float_mint": [], "redeem": [], "redeem_one_rebasing": []}
    for _ in range(2):
        gas["new_index"].append(stage.send(factory.functions.create(params))["gasUsed"])
    vault = stage.at("IndexVault", factory.functions.index_at(factory.functions.index_count().call() - 1).call())
    for token in tokens:
        stage.send(token.functions.mint(stage.caller, 10**30))
        stage.send(token.functions.approve(vault.address, MAX_UINT))
    limits = [MAX_UINT] * size
    for _ in range(3):
        call = vault.functions.mint(SHARES, stage.caller, limits, MAX_UINT)
        gas["mint"].append(stage.send(call)["gasUsed"])
        stage.pass_time(DAY_S)
    stage.send(vault.functions.deposit_float([10**27] * size))
    version = vault.functions.basket_version().call()
    for _ in range(3):
        call = vault.functions.mint_from_float(SHARES, stage.caller, version, MAX_UINT)
        gas["float_mint"].append(stage.send(call)["gasUsed"])
        stage.pass_time(DAY_S)
    for _ in range(3):
        call = vault.functions.redeem(SHARES // 2, stage.caller, [0] * size, MAX_UINT)
        gas["redeem"].append(stage.send(call)["gasUsed"])
        stage.pass_time(DAY_S)
    stage.send(vault.functions.set_rebasing(tokens[0].address, True), stage.owner)
    for _ in range(2):
        call = vault.functions.redeem(SHARES // 2, stage.caller, [0] * size, MAX_UINT)
        gas["redeem_one_rebasing"].append(stage.send(call)["gasUsed"])
    return {name: (values[0], values[-1]) for name, values in gas.items()}


def deploy_factory(stage: Stage) -> Contract:
    house = stage.deploy("AuctionHouse")
    extension = stage.deploy("IndexVaultExtension", house.address)
    return stage.deploy("IndexFactory", stage.deploy("IndexVault", extension.address).address)


def deploy_oracle(stage: Stage, feeds: int) -> Contract:
    """The real one: an index asks it for the decimals of each feed once."""
    guards = (1, MAX_LANE, 1, MAX_LANE, 500, 100, 5_000, 3, 60)
    return stage.deploy(
        "MedianOracle",
        [(f"T{i}/USD", 8, 3, 60, 25, guards) for i in range(feeds)],
        stage.web3.eth.accounts[:5],
        1,
        (5, 4_096, 60, 3_600, ZERO, False, stage.deploy("FeedSetWriter").address),
        stage.owner,
        ZERO,
    )


def main() -> int:
    bench = Bench("vault")
    with Anvil() as anvil:
        stage = Stage(Web3(HTTPProvider(anvil.url)))
        oracle = deploy_oracle(stage, max(SIZES))
        factory = deploy_factory(stage)
        for size in SIZES:
            for operation, (first, steady) in measure(stage, factory, oracle, size).items():
                limit = BOUNDS.get(operation, {}).get(size)
                bound, peer = f"<= {limit}" if limit else None, PEERS.get((operation, size), "")
                bench.add(f"{operation}/components={size}", steady, "gas", bound, peer)
                bench.add(f"{operation}/components={size}/first", first, "gas")
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

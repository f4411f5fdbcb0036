# SPDX-License-Identifier: AGPL-3.0-only
"""Gas of the index vault through a clone, on Anvil, beside its peers: `make bench-vault`.

Components are plain ERC-20s with OpenZeppelin's storage, allowances are infinite, what arrives is checked. An
operation is measured twice: the first of its kind on a fresh index (cold slots are written for the first time) and the
third, a day later (the steady state, with a day of streaming fee in between). Bounds hold the steady state.
"""

from __future__ import annotations

import sys

from web3 import HTTPProvider, Web3

from plumbline.supervisor.anvil import Anvil
from scripts.bench.report import Bench
from scripts.bench.vault_auctions import (
    BID_BOUND,
    BID_PEERS,
    REBALANCE_BOUNDS,
    REBALANCED_SIZES,
    measure_rebalance,
)
from scripts.bench.vault_stage import MAX_UINT, WAD, Factory, Oracle, Stage, deploy_tokens

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


def measure(stage: Stage, factory: Factory, size: int) -> dict[str, tuple[int, int]]:
    """(first, steady) gas of each operation on a new index of `size` components."""
    tokens = deploy_tokens(stage, size)
    gas: dict[str, list[int]] = {"new_index": [], "mint": [], "float_mint": [], "redeem": [], "redeem_one_rebasing": []}
    for _ in range(2):
        gas["new_index"].append(factory.create(tokens))
    vault = factory.newest(tokens)
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


def main() -> int:
    bench = Bench("vault")
    with Anvil() as anvil:
        stage = Stage(Web3(HTTPProvider(anvil.url)))
        factory = Factory(stage, Oracle(stage, max(SIZES)))
        for size in SIZES:
            for operation, (first, steady) in measure(stage, factory, size).items():
                limit = BOUNDS.get(operation, {}).get(size)
                bound, peer = f"<= {limit}" if limit else None, PEERS.get((operation, size), "")
                bench.add(f"{operation}/components={size}", steady, "gas", bound, peer)
                bench.add(f"{operation}/components={size}/first", first, "gas")
        for size in REBALANCED_SIZES:
            for name, gas in measure_rebalance(stage, factory, size).items():
                limit, peer = REBALANCE_BOUNDS.get((name, size), (None, ""))
                bench.add(f"{name}/components={size}", gas, "gas", f"<= {limit}" if limit else None, peer)
                if name == "bid" and size == max(REBALANCED_SIZES):
                    bench.add("bid", gas, "gas", f"<= {BID_BOUND}", BID_PEERS)
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

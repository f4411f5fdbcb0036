# SPDX-License-Identifier: AGPL-3.0-only
"""Writes offchain/plumbline/abi/*.json from the contracts; `--check` only says what differs.

A node runs on these files, without Ape and without Vyper. They are generated: never edit them.
"""

from __future__ import annotations

import json
import sys

from scripts.artifacts import ROOT, compile_contract

# What the off-chain package talks to. Interfaces are what integrators may rely on; contracts are what nodes need.
EXPORTED: tuple[str, ...] = (
    "MedianOracle",
    "IndexVault",
    "AuctionHouse",
    "IndexFactory",
    "ParityArbitrageur",
    "RebalanceBidder",
    "AggregatorAdapter",
    "IndexRouter",
    "IndexQuoter",
    "IndexLens",
    "NavDesk",
    "ERC4626Feeds",
    "HolderRegistry",
    "FeedNotices",
    "IUniswapV3Factory",
    "IUniswapV3Pool",
    "IUniswapV3Router",
    "IUniswapV3Positions",
)
FOLDER = ROOT / "offchain" / "plumbline" / "abi"


def render(name: str) -> str:
    return json.dumps(compile_contract(name).abi, indent=1, sort_keys=True) + "\n"


def main() -> int:
    check = "--check" in sys.argv[1:]
    wanted = {f"{name}.json": render(name) for name in EXPORTED}
    present = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if check:
        if stale:
            print(f"ABI drift in {', '.join(stale)}: run `make abi` and commit the result", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name])
        else:
            (FOLDER / name).unlink()
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

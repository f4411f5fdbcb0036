# SPDX-License-Identifier: AGPL-3.0-only
"""Gates on the Vyper sources: plain ASCII (compiler advisories), compiles, fits 24,576 bytes, ABIs not stale."""

from __future__ import annotations

import sys

from scripts import export_abi
from scripts.artifacts import ROOT, compile_contract, deployable, sources

RUNTIME_LIMIT = 24_576
ALLOWED = frozenset(range(0x20, 0x7F)) | {0x0A}


def main() -> int:
    faults: list[str] = []
    for path in sources().values():
        bad = next((i for i, byte in enumerate(path.read_bytes()) if byte not in ALLOWED), None)
        if bad is not None:
            faults.append(f"{path.relative_to(ROOT)}: byte {bad} is not plain ASCII with \\n line ends")
        if "pragma nonreentrancy o" not in path.read_text() and path.suffix == ".vy":
            faults.append(
                f"{path.relative_to(ROOT)}: says nothing of reentrancy (pragma nonreentrancy on, or off in a module)"
            )
    for name in deployable():
        artifact = compile_contract(name)
        room = RUNTIME_LIMIT - artifact.runtime_size
        print(f"  {name:28} {artifact.runtime_size:6,} bytes, {room:6,} left")
        if room < 0:
            faults.append(f"{name}: runtime is {artifact.runtime_size} bytes, the limit is {RUNTIME_LIMIT}")
    sys.argv = [sys.argv[0], "--check"]
    if export_abi.main():
        faults.append("ABI drift")
    for fault in faults:
        print(f"check_contracts: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

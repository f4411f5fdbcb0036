# SPDX-License-Identifier: AGPL-3.0-only
"""Compiles contracts with the one compiler and setting of ape-config.yaml, without Ape; caches by content.

`compile_contract("MedianOracle")` gives ABI, deployment bytecode and runtime size. Used by the ABI export, the size
gate, benches and tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
CACHE = ROOT / ".cache" / "vyper"
EVM_VERSION = "cancun"
EXTENSIONS = {"IndexVault": "IndexVaultExtension"}
"""A contract that delegates what it does not know to another: to its callers the two are one, and so is their ABI."""


@dataclass(frozen=True)
class Artifact:
    name: str
    abi: list[dict]
    bytecode: str
    runtime_size: int
    layout: dict


@cache
def sources() -> dict[str, Path]:
    """Stem -> path of everything under contracts/; stems are unique in the whole tree."""
    found: dict[str, Path] = {}
    for path in sorted([*CONTRACTS.rglob("*.vy"), *CONTRACTS.rglob("*.vyi")]):
        if path.stem in found:
            raise SystemExit(f"two sources with one stem: {found[path.stem]} and {path}")
        found[path.stem] = path
    return found


def deployable() -> list[str]:
    return [stem for stem, path in sources().items() if path.suffix == ".vy" and "modules" not in path.parts]


@cache
def _tree_hash() -> str:
    digest = hashlib.sha256(EVM_VERSION.encode())
    for path in sources().values():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


@cache
def compile_contract(name: str) -> Artifact:
    """Compile one deployable contract (or interface: ABI only); its ABI is its whole face."""
    artifact = compile_alone(name)
    return replace(artifact, abi=_face(name)) if name in EXTENSIONS else artifact


def _face(name: str) -> list[dict]:
    """The core's entries, but for the fallback, and then those of its extension that the core does not have."""
    own = [entry for entry in compile_alone(name).abi if entry["type"] != "fallback"]
    others = [entry for entry in compile_alone(EXTENSIONS[name]).abi if entry["type"] != "constructor"]
    return own + [entry for entry in others if entry not in own]


@cache
def compile_alone(name: str) -> Artifact:
    """One contract as it is, without its extension."""
    path = sources()[name]
    cached = CACHE / _tree_hash() / f"{name}.json"
    if not cached.exists():
        formats = "abi" if path.suffix == ".vyi" else "abi,bytecode,bytecode_runtime,layout"
        command = [sys.executable, "-m", "vyper.cli.vyper_compile", "-f", formats, "--evm-version", EVM_VERSION]
        done = subprocess.run(
            [*command, str(path.relative_to(ROOT))], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"vyper failed on {path.relative_to(ROOT)}:\n{done.stderr}")
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        out = dict(zip(formats.split(","), lines, strict=True))
        cached.parent.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(f".{hashlib.sha256(str(id(out)).encode()).hexdigest()[:8]}.tmp")
        temporary.write_text(json.dumps(out))
        temporary.replace(cached)
    out = json.loads(cached.read_text())
    return Artifact(
        name=name,
        abi=json.loads(out["abi"]),
        bytecode=out.get("bytecode", "0x"),
        runtime_size=len(out.get("bytecode_runtime", "0x")) // 2 - 1,
        layout=json.loads(out["layout"]) if "layout" in out else {},
    )


def compile_many(names: Iterable[str]) -> None:
    """Fill the cache side by side: the compiler is a process of its own, and most machines have idle cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_contract, names))

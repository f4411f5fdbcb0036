# SPDX-License-Identifier: AGPL-3.0-only
"""Is what stands on a chain what this repository would have put there? Bytecode, roles, parameters, on one page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.artifacts import compile_contract, deployable
from scripts.management.actions import Target

CLONE = ("363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3")
"""EIP-1167: what stands before and after the implementation's address."""
NOBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Finding:
    sound: bool
    what: str
    told: str


def verify(target: Target) -> list[Finding]:
    return [*_bytecode(target), *_roles(target), *_parameters(target)]


def _bytecode(target: Target) -> Iterator[Finding]:
    ours = set(deployable())
    for key, known in target.record.contracts.items():
        code = bytes(target.web3.eth.get_code(target.web3.to_checksum_address(known.address)))
        if not code:
            yield Finding(False, key, f"no code at {known.address}")
        elif hashlib.sha256(code).hexdigest() != known.code_sha256:
            yield Finding(False, key, "not the code that was recorded")
        elif known.compiler == "EIP-1167 clone":
            yield _clone(target, key, code)
        elif known.contract in ours:
            yield _compiled(key, known.contract, code)
        else:
            yield Finding(True, key, f"{known.contract}: as recorded; not a contract of this repository")


def _compiled(key: str, contract: str, code: bytes) -> Finding:
    """The runtime code is part of the deployment code; behind it stand the immutables of this deployment."""
    made = compile_contract(contract)
    runtime = code[: made.runtime_size]
    if len(runtime) == made.runtime_size and runtime in bytes.fromhex(made.bytecode.removeprefix("0x")):
        immutables = len(code) - made.runtime_size
        return Finding(True, key, f"{contract}: compiled here to the same code ({immutables} bytes of immutables)")
    return Finding(False, key, f"{contract}: this repository compiles to other code")


def _clone(target: Target, key: str, code: bytes) -> Finding:
    implementation = target.record.address(f"{key} implementation").lower().removeprefix("0x")
    if code.hex() == f"{CLONE[0]}{implementation}{CLONE[1]}":
        return Finding(True, key, f"clone of {key} implementation")
    return Finding(False, key, f"expected a clone of {key} implementation")


def _roles(target: Target) -> Iterator[Finding]:
    for key in ("oracle", "vault"):
        owner, guardian = target.read(key, "owner"), target.read(key, "guardian")
        yield Finding(owner != NOBODY, f"{key} owner", owner)
        yield Finding(True, f"{key} guardian", guardian if guardian != NOBODY else "none: only the owner can pause")
        pending = target.read(key, "pending_owner")
        if pending != NOBODY:
            yield Finding(False, f"{key} pending owner", f"{pending} may take the ownership at any time")
        paused = target.read(key, "paused")
        yield Finding(not paused, f"{key} paused", "yes" if paused else "no")


def _parameters(target: Target) -> Iterator[Finding]:
    """Read again from the chain and compared with what the deployment gave; later epochs may differ."""
    feeds, reporters, faulty, terms, *_ = target.record.contracts["oracle"].arguments
    count = target.read("oracle", "feed_count")
    for index in range(count):
        name, decimals, quorum, heartbeat_s, deviation_bps, *_ = target.read("oracle", "feed", index)
        given = feeds[index] if index < len(feeds) else {}
        same = (given.get("name"), given.get("quorum"), given.get("heartbeat")) == (name, quorum, heartbeat_s)
        told = f"{decimals} decimals, quorum {quorum}, heartbeat {heartbeat_s} s, deviation {deviation_bps} bps"
        yield Finding(same, f"feed {name}", told if same else f"{told}; deployed with {given}")
        enough = quorum >= 2 * faulty + 1
        if not enough:
            yield Finding(False, f"feed {name}", f"a quorum of {quorum} does not survive {faulty} faulty reporters")
    on_chain = list(target.read("oracle", "reporters"))
    same = on_chain == list(reporters)
    yield Finding(same, "reporters", f"{len(on_chain)}" if same else f"{on_chain}, deployed with {reporters}")
    now = target.read("oracle", "terms")
    yield Finding(now[0] == terms["period"], "terms", f"period {now[0]} s, history {now[1]}, delay {now[3]} s")
    oracle, _ = target.read("vault", "price_feeds")
    expected = target.record.address("oracle")
    yield Finding(oracle == expected, "vault's oracle", oracle if oracle == expected else f"{oracle}, not {expected}")
    mint_bps, redeem_bps, streaming_bps = target.read("vault", "fees")
    told = f"{mint_bps} bps to mint, {redeem_bps} to redeem, {streaming_bps} a year"
    yield Finding(True, "vault's fees", told)

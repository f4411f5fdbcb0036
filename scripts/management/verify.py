# SPDX-License-Identifier: AGPL-3.0-only
"""Is what stands on a chain what this repository would have put there? Bytecode, roles, parameters, on one page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.artifacts import compile_contract, deployable
from scripts.management.actions import NOBODY, Target
from scripts.management.oracle import settings_of
from scripts.management.rebalance import HOUSE

CLONE = ("363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3")
"""EIP-1167: what stands before and after the implementation's address."""


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
    index = target.record.address("vault")
    rebalancer = target.read(HOUSE, "rebalancer", index)
    yield Finding(True, "rebalancer", rebalancer if rebalancer != NOBODY else "none: only the owner proposes")
    floor_bps, delay_s = target.read(HOUSE, "limits", index)
    told = f"not below {floor_bps} bps of the oracle's price, opened {delay_s:,} s after its proposal at the earliest"
    yield Finding(True, "rebalancer's limits", told)
    paused = target.read(HOUSE, "paused", index)
    yield Finding(not paused, "auctions paused", "yes" if paused else "no")


def _parameters(target: Target) -> Iterator[Finding]:
    """Read again from the chain and compared with what the deployment gave; later epochs may differ."""
    feeds, reporters, faulty, terms, *_ = target.record.contracts["oracle"].arguments
    for index, feed in enumerate(target.feeds()):
        on_chain = settings_of(feed)
        given = _deployed_feed(feeds[index]) if index < len(feeds) else {}
        told = "{decimals} decimals, quorum {quorum}, heartbeat {heartbeat} s, deviation {deviation_bps} bps".format(
            **on_chain
        )
        other = [
            f"{name} {value}, deployed with {given.get(name)}"
            for name, value in on_chain.items()
            if value != given.get(name)
        ]
        yield Finding(not other, f"feed {feed[0]}", "; ".join([told, *other]))
        if on_chain["quorum"] < 2 * faulty + 1:
            said = f"a quorum of {on_chain['quorum']} does not survive {faulty} faulty reporters"
            yield Finding(False, f"feed {feed[0]}", said)
    signing = list(target.read("oracle", "reporters"))
    same = signing == list(reporters)
    yield Finding(same, "reporters", f"{len(signing)}" if same else f"{signing}, deployed with {reporters}")
    now = target.read("oracle", "faulty")
    told = f"{now} bad ones are survived"
    yield Finding(now == faulty, "faulty reporters", told if now == faulty else f"{told}, deployed for {faulty}")
    pending = target.read("oracle", "pending_at")
    yield Finding(not pending, "next epoch", f"announced, may start at {pending}" if pending else "none announced")
    now = target.read("oracle", "terms")
    told = f"period {now[0]} s, history {now[1]}, lateness {now[2]} s, delay {now[3]} s"
    yield Finding(list(now) == list(terms.values()), "terms", told)
    oracle, _ = target.read("vault", "price_feeds")
    expected = target.record.address("oracle")
    yield Finding(oracle == expected, "vault's oracle", oracle if oracle == expected else f"{oracle}, not {expected}")
    mint_bps, redeem_bps, streaming_bps = target.read("vault", "fees")
    told = f"{mint_bps} bps to mint, {redeem_bps} to redeem, {streaming_bps} a year"
    yield Finding(True, "vault's fees", told)
    house, expected = target.read("vault", "auction_house"), target.record.address("auction house")
    yield Finding(house == expected, "vault's auctions", house if house == expected else f"{house}, not {expected}")


def _deployed_feed(given: dict[str, Any]) -> dict[str, Any]:
    """As the record has it, guards among the rest."""
    return {name: value for name, value in given.items() if name != "guards"} | given["guards"]

# SPDX-License-Identifier: AGPL-3.0-only
"""Each action as data: the call, what of the state it changes, and what that will be. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError

from plumbline.chain.abi import load_abi
from plumbline.client.errors import reverted
from scripts.deployment.record import Record

WHOLE_SHARE = 10**18
KINDS = {"oracle": "MedianOracle", "vault": "IndexVault"}


class ActionError(Exception):
    """An argument that cannot be, or a role the sender does not have; says what is expected."""


@dataclass(frozen=True)
class Change:
    """One thing the action changes."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Action:
    """A call that is ready to be simulated and sent."""

    contract: str
    """Its key in the deployment's record: oracle, vault."""
    function: str
    arguments: tuple[Any, ...]
    changes: tuple[Change, ...]
    note: str = ""
    """What to know before saying yes."""


@dataclass(frozen=True)
class Target:
    """The contracts of a deployment, for reading."""

    web3: Web3
    record: Record

    def contract(self, key: str) -> Contract:
        address = self.web3.to_checksum_address(self.record.address(key))
        return self.web3.eth.contract(address=address, abi=load_abi(KINDS[key]))

    def read(self, key: str, function: str, *arguments: Any) -> Any:
        return self.contract(key).functions[function](*arguments).call()

    def feed_index(self, name: str) -> int:
        count = self.read("oracle", "feed_count")
        names = [self.read("oracle", "feed", index)[0] for index in range(count)]
        if name not in names:
            raise ActionError(f"expected a feed of {', '.join(names)}, got {name!r}")
        return names.index(name)

    def address(self, text: str) -> str:
        if not Web3.is_address(text):
            raise ActionError(f"expected an address, got {text!r}")
        return str(Web3.to_checksum_address(text))


def pause(target: Target, contract: str) -> Action:
    note = {
        "oracle": "No round is taken and no price served until the owner unpauses.",
        "vault": "No mints until the owner unpauses; redeems and claims go on.",
    }
    return Action(contract, "pause", (), (_flag(target, contract, "paused", True),), note[contract])


def unpause(target: Target, contract: str) -> Action:
    return Action(contract, "unpause", (), (_flag(target, contract, "paused", False),))


def trip(target: Target, feed: str) -> Action:
    index = target.feed_index(feed)
    held = target.read("oracle", "breaker_state", index)[4]
    change = Change(f"{feed} held by hand", str(held), "True")
    return Action("oracle", "trip", (index,), (change,), "Not served until the owner clears it, after the delay.")


def propose_clear(target: Target, feed: str) -> Action:
    delay_s = target.read("oracle", "terms")[3]
    change = Change(f"{feed} may be cleared", "no", f"{delay_s} s from now")
    return Action("oracle", "propose_clear", (target.feed_index(feed),), (change,))


def execute_clear(target: Target, feed: str) -> Action:
    index = target.feed_index(feed)
    held = target.read("oracle", "breaker_state", index)[4]
    return Action("oracle", "execute_clear", (index,), (Change(f"{feed} held by hand", str(held), "False"),))


def remove_reporter(target: Target, reporter: str) -> Action:
    address, reporters = target.address(reporter), target.read("oracle", "reporters")
    if address not in reporters:
        raise ActionError(f"expected one of the reporters {', '.join(reporters)}, got {address}")
    epoch = target.read("oracle", "epoch")
    changes = (
        Change("reporters", str(len(reporters)), str(len(reporters) - 1)),
        Change("epoch", str(epoch), str(epoch + 1)),
    )
    return Action("oracle", "remove_reporter", (address,), changes, "At once: rows of the old epoch are refused.")


def add_reporter(target: Target, reporter: str, faulty: int) -> Action:
    """The next epoch: today's feeds, today's reporters and one more."""
    address, reporters = target.address(reporter), list(target.read("oracle", "reporters"))
    if address in reporters:
        raise ActionError(f"{address} is a reporter already")
    feeds = [target.read("oracle", "feed", index) for index in range(target.read("oracle", "feed_count"))]
    delay_s = target.read("oracle", "terms")[3]
    change = Change("reporters of the next epoch", str(len(reporters)), str(len(reporters) + 1))
    note = f"Announced now; `execute-epoch` starts it after {delay_s} s."
    return Action("oracle", "propose_epoch", (feeds, [*reporters, address], faulty), (change,), note)


def execute_epoch(target: Target) -> Action:
    epoch = target.read("oracle", "epoch")
    return Action("oracle", "execute_epoch", (), (Change("epoch", str(epoch), str(epoch + 1)),))


def cancel_epoch(target: Target) -> Action:
    pending = target.read("oracle", "pending_config")
    return Action("oracle", "cancel_epoch", (), (Change("proposed set", str(pending), "none"),))


def set_guardian(target: Target, contract: str, guardian: str) -> Action:
    before, after = target.read(contract, "guardian"), target.address(guardian)
    return Action(contract, "set_guardian", (after,), (Change(f"guardian of the {contract}", before, after),))


def transfer_ownership(target: Target, contract: str, owner: str) -> Action:
    before, after = target.read(contract, "pending_owner"), target.address(owner)
    change = Change(f"pending owner of the {contract}", before, after)
    return Action(contract, "transfer_ownership", (after,), (change,), "Done only when the new owner accepts.")


def set_supply_cap(target: Target, whole_shares: int) -> Action:
    before = target.read("vault", "supply_cap") // WHOLE_SHARE
    change = Change("supply cap, whole shares", f"{before:,}", f"{whole_shares:,}")
    return Action("vault", "set_supply_cap", (whole_shares,), (change,))


def set_fee_recipient(target: Target, recipient: str) -> Action:
    before, after = target.read("vault", "fee_recipient"), target.address(recipient)
    pending = target.read("vault", "pending_fees") / WHOLE_SHARE
    note = f"About {pending:.6f} shares of pending fees go to the old recipient first."
    return Action("vault", "set_fee_recipient", (after,), (Change("fee recipient", before, after),), note)


def collect_fees(target: Target) -> Action:
    pending, to = target.read("vault", "pending_fees") / WHOLE_SHARE, target.read("vault", "fee_recipient")
    return Action("vault", "collect_fees", (), (Change(f"pending fees, to {to}", f"{pending:.6f} shares", "0"),))


def _flag(target: Target, contract: str, function: str, after: bool) -> Change:
    return Change(f"{contract} {function}", str(target.read(contract, function)), str(after))


def simulate(target: Target, action: Action, sender: str) -> int:
    """Gas it would take. Raises Reverted (the client's types) with the contract's reason; sends nothing."""
    call = target.contract(action.contract).functions[action.function](*action.arguments)
    try:
        return int(call.estimate_gas({"from": target.web3.to_checksum_address(sender)}))
    except ContractLogicError as error:
        words = str(error.message or "").partition("execution reverted")[2].lstrip(":, ")
        raise reverted(words) from None


def page(action: Action, sender: str) -> list[str]:
    """What is shown before the question."""
    lines = [f"{action.contract}.{action.function}({', '.join(_short(each) for each in action.arguments)})"]
    lines.append(f"  sent by  {sender}")
    width = max((len(change.what) for change in action.changes), default=0)
    lines += [f"  {change.what:{width}}  {change.before} -> {change.after}" for change in action.changes]
    return [*lines, f"  {action.note}"] if action.note else lines


def _short(value: Any) -> str:
    return f"[{len(value)}]" if isinstance(value, Sequence) and not isinstance(value, str | bytes) else str(value)

# SPDX-License-Identifier: AGPL-3.0-only
"""What owner and guardian of an index do, and of either contract: pause and roles. What waits is announced first."""

from __future__ import annotations

from typing import Any, Final

from scripts.management.actions import WHOLE_SHARE, Action, ActionError, Change, Target

STEPS: Final = ("announce", "do", "retract")
"""Of an action that waits: said first, done after the delay as it was said, or taken back."""


def pause(target: Target, contract: str) -> Action:
    note = {
        "oracle": "No round is taken and no price served until the owner unpauses.",
        "vault": "No mints until the owner unpauses; redeems and claims go on.",
    }
    return Action(contract, "pause", (), (_flag(target, contract, "paused", True),), note[contract])


def unpause(target: Target, contract: str) -> Action:
    return Action(contract, "unpause", (), (_flag(target, contract, "paused", False),))


def set_guardian(target: Target, contract: str, guardian: str) -> Action:
    before, after = target.read(contract, "guardian"), target.address(guardian)
    return Action(contract, "set_guardian", (after,), (Change(f"guardian of the {contract}", before, after),))


def transfer_ownership(target: Target, contract: str, owner: str) -> Action:
    before, after = target.read(contract, "pending_owner"), target.address(owner)
    change = Change(f"pending owner of the {contract}", before, after)
    return Action(contract, "transfer_ownership", (after,), (change,), "Done only when the new owner accepts.")


def accept_ownership(target: Target, contract: str) -> Action:
    change = Change(f"owner of the {contract}", target.read(contract, "owner"), target.read(contract, "pending_owner"))
    return Action(contract, "accept_ownership", (), (change,), "Sent by the new owner.")


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


def set_rebasing(target: Target, component: str, rebasing: bool) -> Action:
    place = target.component(component)
    token = target.read("vault", "components")[0][place]
    change = Change(f"balance of {component} checked in each mint and redeem", "as it is", str(rebasing))
    return Action("vault", "set_rebasing", (token, rebasing), (change,))


def set_fees(target: Target, mint_bps: int, redeem_bps: int, streaming_bps: int, step: str) -> Action:
    before = target.read("vault", "fees")
    names = ("mint fee, bps", "redeem fee, bps", "streaming fee, bps a year")
    after = (mint_bps, redeem_bps, streaming_bps)
    changes = tuple(Change(name, str(old), str(new)) for name, old, new in zip(names, before, after, strict=True))
    return _waiting(target, "set_fees", after, changes, step)


def wind_down(target: Target, step: str) -> Action:
    change = Change("wound down", str(target.read("vault", "wound_down")), "True")
    note = "For good: no mint and no streaming fee ever again; redeems and claims for ever."
    return _waiting(target, "wind_down", (), (change,), step, note)


def set_registry(target: Target, registry: str, step: str) -> Action:
    before, after = target.read("vault", "registry"), target.address(registry)
    note = "Asked before shares come to somebody; the zero address: nobody is asked."
    return _waiting(target, "set_registry", (after,), (Change("registry of holders", before, after),), step, note)


def set_flash_terms(target: Target, fee_bps: int, cap_shares: int, step: str) -> Action:
    vault = target.record.address("vault")
    before = target.read("vault", "maxFlashLoan", vault) // WHOLE_SHARE
    change = Change("flash mints, whole shares at once", f"{before:,}", f"{cap_shares:,} for {fee_bps} bps")
    return _waiting(target, "set_flash_terms", (fee_bps, cap_shares * WHOLE_SHARE), (change,), step)


def _waiting(
    target: Target, function: str, arguments: tuple[Any, ...], changes: tuple[Change, ...], step: str, note: str = ""
) -> Action:
    """The call itself, or what is said of it before: an announcement names it to the byte."""
    if step not in STEPS:
        raise ActionError(f"expected one of {', '.join(STEPS)}, got {step!r}")
    if step == "do":
        return Action("vault", function, arguments, changes, note)
    call = target.contract("vault").encode_abi(function, list(arguments))
    ready = target.read("vault", "ready_at", call)
    was = f"may be done from {ready} on" if ready else "not announced"
    if step == "retract":
        return Action("vault", "retract", (call,), (Change(f"{function}{arguments}", was, "not announced"),))
    said = Change(f"{function}{arguments}", was, "announced: to be done 3 to 17 days from now")
    return Action("vault", "announce", (call,), (said, *changes), note)


def _flag(target: Target, contract: str, function: str, after: bool) -> Change:
    return Change(f"{contract} {function}", str(target.read(contract, function)), str(after))

# SPDX-License-Identifier: AGPL-3.0-only
"""What owner, rebalancer and guardian of an index do with its auctions: propose, open, cancel, close, approve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scripts.management.actions import WHOLE_SHARE, Action, ActionError, Change, Target

KEEP: Final = 2**256 - 1
HOUSE: Final = "auction house"
DAY_S: Final = 86_400
_STATES: Final = ("nothing proposed", "proposed", "open")


def propose(
    target: Target,
    units: tuple[str, ...],
    additions: tuple[str, ...],
    start_bps: int,
    floor_bps: int,
    duration_s: int,
    max_age_s: int,
) -> Action:
    """units, additions: TOKEN=BASE_UNITS behind one whole share; what is not named stays, 0 leaves."""
    wanted, added = _pairs("--unit", units), _pairs("--add", additions)
    if not wanted and not added:
        raise ActionError("--unit: expected TOKEN=BASE_UNITS for each component that changes")
    tokens, now = target.read("vault", "components")
    goals, changes = [KEEP] * len(tokens), []
    for name, amount in wanted.items():
        place = target.component(name)
        goals[place] = amount * WHOLE_SHARE
        changes.append(Change(f"{name}, base units a share", f"{now[place] / WHOLE_SHARE:,.3f}", f"{amount:,}"))
    new = [target.address(token) for token in added]
    changes += [Change(f"{token}, base units a share", "not in the index", f"{added[token]:,}") for token in added]
    goals += [amount * WHOLE_SHARE for amount in added.values()]
    rebalance = (goals, new, 0, start_bps, floor_bps, duration_s, max_age_s)
    note = (
        f"May be opened from 1 to 8 days from now; bids from {start_bps} down to {floor_bps} bps of the oracle's price."
    )
    return _action(target, "propose", (rebalance,), tuple(changes), note)


def open_rebalance(target: Target) -> Action:
    return _action(target, "open", (), (_state(target, "open"),), "Bids are taken from this block on.")


def cancel(target: Target) -> Action:
    return _action(target, "cancel", (), (_state(target, "nothing proposed"),))


def contest(target: Target) -> Action:
    note = "Anybody may, where the proposal writes off a component that has a price."
    return _action(target, "contest", (), (_state(target, "nothing proposed"),), note)


def close(target: Target) -> Action:
    note = "What was not traded stays as it is now; components that are to leave and have nothing left, leave."
    return _action(target, "close", (), (_state(target, "nothing proposed"),), note)


def pause(target: Target) -> Action:
    note = "No bids, nothing is opened, until the owner goes on; mints, redeems and `close` go on."
    return _action(target, "pause", (), (_paused(target, True),), note)


def unpause(target: Target) -> Action:
    return _action(target, "unpause", (), (_paused(target, False),))


def set_rebalancer(target: Target, rebalancer: str) -> Action:
    before, after = target.read(HOUSE, "rebalancer", target.record.address("vault")), target.address(rebalancer)
    note = "May propose, open and close beside the owner; the zero address: only the owner."
    return _action(target, "set_rebalancer", (after,), (Change("rebalancer", before, after),), note)


def set_limits(target: Target, floor_bps: int, delay_days: int) -> Action:
    """What the rebalancer, not the owner, is held to."""
    old_floor_bps, old_delay_s = target.read(HOUSE, "limits", target.record.address("vault"))
    changes = (
        Change("lowest floor of the rebalancer, bps", str(old_floor_bps), str(floor_bps)),
        Change("its wait from proposal to opening, s", f"{old_delay_s:,}", f"{delay_days * DAY_S:,}"),
    )
    note = "From its next proposal on; one that is made already stands. The owner is held to the house's own limits."
    return _action(target, "set_limits", (floor_bps, delay_days * DAY_S), changes, note)


def approve_component(target: Target, token: str, feed: str) -> Action:
    address = target.address(token)
    change = Change(f"{address} may be added", _approved(target, address), f"3 days from now, priced by {feed}")
    note = "The one power that is worth everything: a rebalance may sell the whole index for this token."
    return _action(target, "approve_component", (address, target.feed_index(feed)), (change,), note)


def revoke_component(target: Target, token: str) -> Action:
    address = target.address(token)
    change = Change(f"{address} may be added", _approved(target, address), "no")
    return _action(target, "revoke_component", (address,), (change,), "What is in the index already stays.")


def _action(
    target: Target, function: str, arguments: tuple[Any, ...], changes: tuple[Change, ...], note: str = ""
) -> Action:
    """Everything at the house names the index first."""
    return Action(HOUSE, function, (target.record.address("vault"), *arguments), changes, note)


def _state(target: Target, after: str) -> Change:
    state = target.read(HOUSE, "auction", target.record.address("vault"))[0]
    return Change("rebalance", _STATES[state], after)


def _paused(target: Target, after: bool) -> Change:
    return Change("auctions paused", str(target.read(HOUSE, "paused", target.record.address("vault"))), str(after))


def _approved(target: Target, token: str) -> str:
    valid_from = target.read(HOUSE, "approval", target.record.address("vault"), token)[1]
    return f"from {valid_from}" if valid_from else "no"


def _pairs(option: str, pairs: tuple[str, ...]) -> Mapping[str, int]:
    found = {}
    for pair in pairs:
        name, _, amount = pair.partition("=")
        if not name or not (amount.isascii() and amount.isdecimal()) or name in found:
            raise ActionError(f"{option} {pair}: expected TOKEN=BASE_UNITS, each token once")
        found[name] = int(amount)
    return found

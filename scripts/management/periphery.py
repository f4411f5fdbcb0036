# SPDX-License-Identifier: AGPL-3.0-only
"""What who runs a NavDesk, an ERC4626Feeds or a HolderRegistry does: terms, yield feeds and their anchors, holders."""

from __future__ import annotations

from typing import Final

from plumbline.core.units import format_wad, parse_wad
from scripts.management.actions import WHOLE_SHARE, Action, ActionError, Change, Target

DESK: Final = "desk"
YIELDS: Final = "yields"
REGISTRY: Final = "registry"


def desk_terms(target: Target, spread_bps: int, min_shares: int, max_shares: int) -> Action:
    """Sizes in whole shares."""
    before = target.read(DESK, "terms")
    after = (spread_bps, min_shares * WHOLE_SHARE, max_shares * WHOLE_SHARE)
    names = ("spread, bps", "smallest request, base units of shares", "largest request, base units of shares")
    changes = tuple(Change(name, f"{old:,}", f"{new:,}") for name, old, new in zip(names, before, after, strict=True))
    return Action(DESK, "set_terms", after, changes, "For requests to come; a largest of 0 takes no more.")


def add_yield_feed(
    target: Target, name: str, vault: str, asset_feed: str, min_rate: str, max_rate: str, up_bps: int, down_bps: int
) -> Action:
    """Rates in assets a share; limits in bps a day."""
    address, low, high = target.address(vault), _rate(min_rate), _rate(max_rate)
    index = target.read(YIELDS, "FIRST") + _count(target)
    feed = (name, address, target.read(YIELDS, "feed_index", asset_feed), low, high, up_bps, down_bps)
    told = f"{name}: {address} in {asset_feed}, {min_rate} to {max_rate}, {up_bps} bps up and {down_bps} down a day"
    note = f"That {asset_feed} is the price of the vault's asset is your word: nothing on chain says so."
    return Action(YIELDS, "add_feed", (feed,), (Change(f"feed {index}", "none", told),), note)


def checkpoint(target: Target, feed: str) -> Action:
    index = _yield_feed(target, feed)
    now, old, since = target.read(YIELDS, "rate", index)
    change = Change(f"{feed} checkpoint", f"{_told(old)} of {since}", f"{_told(now)} of now")
    return Action(YIELDS, "checkpoint", (index,), (change,), "Keeper or owner, once a day; limits count from it.")


def propose_anchor(target: Target, feed: str, min_rate: str, max_rate: str) -> Action:
    index, delay_s = _yield_feed(target, feed), target.read(YIELDS, "DELAY")
    bounds = target.read(YIELDS, "yield_feed", index)[3:5]
    before = " to ".join(_told(each) for each in bounds)
    change = Change(f"{feed} hard bounds of the rate", before, f"{min_rate} to {max_rate}, {delay_s} s from now")
    note = "For a loss that is real: limits begin anew at whatever rate there is then. Void 7 days after it is ready."
    return Action(YIELDS, "propose_anchor", (index, _rate(min_rate), _rate(max_rate)), (change,), note)


def execute_anchor(target: Target, feed: str) -> Action:
    index = _yield_feed(target, feed)
    now, old, _ = target.read(YIELDS, "rate", index)
    return Action(YIELDS, "execute_anchor", (index,), (Change(f"{feed} checkpoint", _told(old), _told(now)),))


def cancel_anchor(target: Target, feed: str) -> Action:
    change = Change(f"{feed} anchor", "as proposed", "none proposed")
    return Action(YIELDS, "cancel_anchor", (_yield_feed(target, feed),), (change,))


def set_yield_keeper(target: Target, keeper: str) -> Action:
    before, after = target.read(YIELDS, "keeper"), target.address(keeper)
    note = "Says when a checkpoint is made, never how much; the zero address: only the owner."
    return Action(YIELDS, "set_keeper", (after,), (Change("keeper of checkpoints", before, after),), note)


def set_registrar(target: Target, registrar: str, allowed: bool) -> Action:
    address = target.address(registrar)
    change = Change(f"{address} is a registrar", str(target.read(REGISTRY, "is_registrar", address)), str(allowed))
    return Action(REGISTRY, "set_registrar", (address, allowed), (change,), "Registers holders, and takes them out.")


def register(target: Target, accounts: tuple[str, ...], until: int) -> Action:
    """until {s}: the last time; in the past: not any more."""
    if not accounts:
        raise ActionError("ACCOUNT: expected one address at least")
    addresses = [target.address(each) for each in accounts]
    changes = tuple(
        Change(f"{each} may hold until", str(target.read(REGISTRY, "registered_until", each)), str(until))
        for each in addresses
    )
    note = "Registrars only. Who has expired can redeem, and nothing else."
    return Action(REGISTRY, "register", (addresses, until), changes, note)


def _count(target: Target) -> int:
    """Yield feeds there are."""
    return max(0, int(target.read(YIELDS, "feed_count")) - int(target.read(YIELDS, "FIRST")))


def _yield_feed(target: Target, name: str) -> int:
    first = target.read(YIELDS, "FIRST")
    names = [target.read(YIELDS, "yield_feed", first + place)[0] for place in range(_count(target))]
    if name not in names:
        raise ActionError(f"expected a yield feed of {', '.join(names) or 'none'}, got {name!r}")
    return int(first + names.index(name))


def _rate(text: str) -> int:
    try:
        return parse_wad(text)
    except ValueError as error:
        raise ActionError(f"rate: expected assets a share, as 1.05: {error}") from None


def _told(rate_wad: int) -> str:
    return format_wad(rate_wad, places=6)

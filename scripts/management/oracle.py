# SPDX-License-Identifier: AGPL-3.0-only
"""What owner and guardian of the oracle do: the breaker, reporters, feeds, and the notice that a feed will end."""

from __future__ import annotations

from typing import Any, Final

from scripts.management.actions import NOBODY, Action, ActionError, Change, Target

_FIELDS: Final = ("name", "decimals", "quorum", "heartbeat", "deviation_bps", "guards")
_GUARDS: Final = (
    *("min_price", "max_price", "first_min_price", "first_max_price", "step_bps", "step_growth_bps", "step_cap_bps"),
    *("confirm_rounds", "confirm_seconds"),
)
SETTINGS: Final = (*_FIELDS[2:5], *_GUARDS)
"""What may be set of a feed; name and decimals never change."""
_DAY_S: Final = 86_400


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


def add_reporter(target: Target, reporter: str, faulty: int | None) -> Action:
    """The next epoch: today's feeds, today's reporters and one more."""
    address, reporters = target.address(reporter), list(target.read("oracle", "reporters"))
    if address in reporters:
        raise ActionError(f"{address} is a reporter already")
    change = Change("reporters of the next epoch", str(len(reporters)), str(len(reporters) + 1))
    return _propose(target, target.feeds(), [*reporters, address], faulty, (change,))


def change_feed(target: Target, feed: str, settings: tuple[str, ...], faulty: int | None) -> Action:
    """The next epoch: one feed with other settings, each NAME=NUMBER."""
    index, feeds = target.feed_index(feed), target.feeds()
    if not settings:
        raise ActionError(f"--set: expected NAME=NUMBER with a NAME of {', '.join(SETTINGS)}")
    before = feeds[index]
    feeds[index] = _with(before, settings)
    old, new = settings_of(before), settings_of(feeds[index])
    changes = tuple(Change(f"{feed} {name}", str(old[name]), str(new[name])) for name in new if old[name] != new[name])
    return _propose(target, feeds, target.read("oracle", "reporters"), faulty, changes)


def add_feed(
    target: Target, name: str, like: str, decimals: int | None, settings: tuple[str, ...], faulty: int | None
) -> Action:
    """The next epoch: one feed more, with the settings of the feed `like` but for those given."""
    feeds = target.feeds()
    model = feeds[target.feed_index(like)]
    added = (name, model[1] if decimals is None else decimals, *_with(model, settings)[2:])
    told = ", ".join(f"{key} {value}" for key, value in settings_of(added).items() if key != "name")
    change = Change(f"feed {len(feeds)}", "none", f"{name}: {told}")
    return _propose(target, [*feeds, added], target.read("oracle", "reporters"), faulty, (change,))


def _propose(
    target: Target, feeds: list[Any], reporters: Any, faulty: int | None, changes: tuple[Change, ...]
) -> Action:
    """faulty: bad reporters the quorums must withstand; None: as many as now."""
    delay_s, before = target.read("oracle", "terms")[3], target.read("oracle", "faulty")
    faulty = before if faulty is None else faulty
    if faulty != before:
        changes = (*changes, Change("bad reporters survived", str(before), str(faulty)))
    note = f"Announced now, in place of any earlier proposal; `execute-epoch` starts it after {delay_s} s."
    return Action("oracle", "propose_epoch", (feeds, list(reporters), faulty), changes, note)


def _with(feed: tuple[Any, ...], settings: tuple[str, ...]) -> tuple[Any, ...]:
    flat = settings_of(feed)
    for pair in settings:
        name, _, value = pair.partition("=")
        if name not in SETTINGS or not (value.isascii() and value.isdecimal()):
            raise ActionError(f"--set {pair}: expected NAME=NUMBER with a NAME of {', '.join(SETTINGS)}")
        flat[name] = int(value)
    return (*(flat[name] for name in _FIELDS[:-1]), tuple(flat[name] for name in _GUARDS))


def settings_of(feed: tuple[Any, ...]) -> dict[str, Any]:
    """Every field of a feed and of its guards, by name."""
    return dict(zip(_FIELDS[:-1], feed[:-1], strict=True)) | dict(zip(_GUARDS, feed[-1], strict=True))


def execute_epoch(target: Target) -> Action:
    epoch = target.read("oracle", "epoch")
    return Action("oracle", "execute_epoch", (), (Change("epoch", str(epoch), str(epoch + 1)),))


def cancel_epoch(target: Target) -> Action:
    pending = target.read("oracle", "pending_config")
    return Action("oracle", "cancel_epoch", (), (Change("proposed set", str(pending), "none"),))


def announce_end(
    target: Target, feed: str, days: int, reason: str, successor: str | None, successor_feed: int
) -> Action:
    """Say that a feed ends so many days after the last block."""
    index, oracle = target.feed_index(feed), target.record.address("oracle")
    ends_at = target.now() + days * _DAY_S
    before = _notice(target, index)
    instead = NOBODY if successor is None else target.address(successor)
    arguments = (oracle, index, ends_at, instead, successor_feed, reason)
    note = "A word to readers: prices go on, and stop only when reporters leave the feed empty."
    return Action(
        "feed notices", "announce", arguments, (Change(f"end of {feed}", before, f"{ends_at} ({days} days)"),), note
    )


def withdraw_end(target: Target, feed: str) -> Action:
    index = target.feed_index(feed)
    change = Change(f"end of {feed}", _notice(target, index), "none announced")
    return Action("feed notices", "withdraw", (target.record.address("oracle"), index), (change,))


def _notice(target: Target, index: int) -> str:
    ends_at = target.read("feed notices", "notice", target.record.address("oracle"), index)[1]
    return str(ends_at) if ends_at else "none announced"

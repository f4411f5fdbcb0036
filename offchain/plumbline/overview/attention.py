# SPDX-License-Identifier: AGPL-3.0-only
"""What of a look needs somebody's attention, in whole sentences: the worst first, the cause before what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from plumbline.overview.settings import OverviewConfig

Look = Mapping[str, Any]
_LATE_HEARTBEATS = 2
"""A feed that is older than so many of its heartbeats is in trouble, not merely late."""


PAYS_PPM: Final = 1_000
"""So far outside its band a price pays for gas and risk: before that, nobody is expected to bring it back."""


class Level(StrEnum):
    BAD = "bad"
    """Somebody cannot use the network, or soon will not be able to."""
    WARN = "warn"
    """It works, with less to spare."""


def attention(look: Look, config: OverviewConfig) -> list[dict[str, str]]:
    """[{"level", "what"}]; empty when all is well."""
    if look["trouble"]:
        found = [(Level.BAD, f"The chain cannot be read: {look['trouble']}.")]
    else:
        found = [*_oracle(look), *_market(look, config)]
    found += [*_nodes(look, config), *_venues(look)]
    return [
        {"level": level.value, "what": what} for level, what in sorted(found, key=lambda each: each[0] != Level.BAD)
    ]


def _oracle(look: Look) -> Iterator[tuple[Level, str]]:
    oracle = look["oracle"]
    if oracle["paused"]:
        yield Level.BAD, "The oracle is paused: it takes no round and serves no price."
        return
    if not oracle["round_id"]:
        yield Level.BAD, "The oracle has no round yet."
        return
    for feed in oracle["feeds"]:
        if feed["price"] is None:
            yield Level.BAD, f"{feed['name']} is not served: {feed['reason'].removeprefix('oracle: ')}."
        elif feed["age_s"] > feed["heartbeat_s"] + oracle["period_s"]:
            level = Level.BAD if feed["age_s"] > _LATE_HEARTBEATS * feed["heartbeat_s"] else Level.WARN
            yield level, f"{feed['name']} is {feed['age_s']} s old; its heartbeat is {feed['heartbeat_s']} s."
        if (notice := feed.get("notice")) is not None:
            yield Level.WARN, _ending(feed["name"], notice, look["at_s"])


def _ending(feed: str, notice: Mapping[str, Any], now_s: int) -> str:
    verb = "ended" if notice["ends_at_s"] <= now_s else "ends"
    day = datetime.fromtimestamp(notice["ends_at_s"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = f"feed {notice['successor_feed']} of {notice['successor']} takes its place" if notice["successor"] else ""
    # An owner's words: what a terminal would obey is taken out.
    reason = "".join(each if each.isprintable() else "?" for each in notice["reason"])
    return ": ".join(filter(None, (f"{feed} {verb} on {day}, its owner says", reason, where))) + "."


def _market(look: Look, config: OverviewConfig) -> Iterator[tuple[Level, str]]:
    vault, pool = look["vault"], look["pool"]
    if vault is not None and vault["nav"] is None:
        yield Level.BAD, f"The share has no value: {vault['reason']}."
    if vault is not None and vault["paused"]:
        yield Level.WARN, "The vault is paused: no mints; redeems and claims go on."
    auction = vault["auction"] if vault is not None else None
    if auction is not None and auction["state"] == "over":
        yield Level.WARN, "A rebalance takes no bids any more and is not closed: anybody may close it."
    elif auction is not None and auction["paused"]:
        yield Level.WARN, f"A rebalance is {auction['state']}, and auctions are paused: no bids, nothing is opened."
    if config.vault is not None and config.pool is None:
        return
    if pool is not None and pool["premium_ppm"] is not None and _beyond_ppm(pool) > PAYS_PPM:
        side = "premium" if pool["premium_ppm"] > 0 else "discount"
        yield Level.WARN, f"The pool trades at a {side} of {abs(pool['premium_ppm']) / 100:.1f} bps, outside its band."


def _beyond_ppm(pool: Mapping[str, Any]) -> int:
    """How far the premium lies outside the band; below zero inside."""
    beyond: int = max(pool["premium_ppm"] - pool["band_high_ppm"], pool["band_low_ppm"] - pool["premium_ppm"])
    return beyond


def _nodes(look: Look, config: OverviewConfig) -> Iterator[tuple[Level, str]]:
    silent = [each for each in look["reporters"] if each["trouble"]]
    for each in silent:
        yield Level.WARN, f"{each['name']}: {each['trouble']}."
    oracle = look["oracle"]
    if config.reporters and oracle is not None and oracle["feeds"]:
        quorum = max(feed["quorum"] for feed in oracle["feeds"])
        if len(look["reporters"]) - len(silent) < quorum:
            yield Level.BAD, f"Fewer reporters answer than the quorum of {quorum}: no round can be made."
    for name in ("relayer", "keeper"):
        page = look[name]
        if page is not None and (why := page["trouble"] or page.get("unready")):
            yield Level.WARN, f"{name}: {why}."


def _venues(look: Look) -> Iterator[tuple[Level, str]]:
    for venue in look["venues"]:
        if not venue["connected"]:
            yield Level.WARN, f"{venue['name']} is out: {venue['reason'] or 'not connected'}."
    for feed in look["observed"]:
        if feed["price"] is None and feed["at_ms"] is not None:
            yield Level.WARN, f"{look['observer']} sees no price of {feed['name']}: {feed['reason']}."

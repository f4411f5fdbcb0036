# SPDX-License-Identifier: AGPL-3.0-only
"""What `plumbline index` shows: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from plumbline.core.attack import Cost, Push
from plumbline.core.models import Contribution
from plumbline.core.rules import FeedRule
from plumbline.core.selection import Decision, Verdict
from plumbline.core.units import WAD, format_wad
from plumbline.reporter.explain import Explained

_DECISIONS: Final = 10
"""So many of the last decisions are shown."""
_SMALL: Final = 10 * WAD
"""Below this a price is shown with more places."""


# explain ----------------------------------------------------------------------------------------------------------


def explained_text(found: Explained) -> str:
    price, rule = found.price, found.rule
    shown = "no price: " + price.reason if price.price_wad is None else _price(price.price_wad)
    lines = [f"{rule.name}  {shown}  at {_utc(price.at_ms)} UTC", f"made by   {_method(rule)}"]
    if price.confidence_wad is not None:
        lines.append(f"within    {_price(price.confidence_wad)} (confidence)")
    lines.append(
        f"apart     {_bps(price.dispersion_centibps)} now, {_bps(found.fragmentation_centibps)} in the last hour"
    )
    heads = ("venue", "market", "price", "through", "converted", "age", "venue's", "")
    lines += ["", *_table([heads, *(_said(each) for each in price.contributions)])]
    told = [each for each in found.decisions if each.verdict is not Verdict.INCLUDED][-_DECISIONS:]
    if told:
        lines += ["", "source selection", *(f"  {_decided(each)}" for each in told)]
    if not found.complete:
        lines += ["", "The session's beginning was pruned: what the engine remembered of it is missing here."]
    if not found.true:
        kept = "no price" if found.kept_wad is None else format_wad(found.kept_wad, 18)
        lines += ["", f"DIFFERS from the journal, which kept {kept}: see `plumbline journal verify`."]
    return "\n".join(lines)


def reached(at_ms: int) -> str:
    return f"computed until {_utc(at_ms)} UTC"


def _method(rule: FeedRule) -> str:
    """The method with the settings that matter to it."""
    words = [rule.method, f"of each market's {'last trade' if rule.price_from == 'trade' else 'book'}"]
    if "clamp" in rule.method:
        words.append(f"clamp {rule.clamp_bps} bps")
    if rule.weights:
        words.append("weights " + " ".join(f"{venue} {weight}" for venue, weight in rule.weights))
    if rule.volume_window_s:
        words.append(f"volumes of {rule.volume_window_s} s up to {rule.volume_cap_bps / 100:g}% a venue")
    if rule.method == "partitioned_median":
        words.append(f"{rule.partitions} parts of {rule.window_s // rule.partitions} s")
    words += [f"at least {rule.min_venues} venues", f"within {rule.agree_bps} bps", f"no older than {rule.max_age_s} s"]
    return ", ".join(words)


def _said(each: Contribution) -> tuple[str, ...]:
    return (
        each.venue,
        each.symbol,
        "-" if each.price_wad is None else _price(each.price_wad),
        " ".join(each.via) or "-",
        "-" if each.converted_wad is None else _price(each.converted_wad),
        "-" if each.age_ms is None else f"{each.age_ms / 1000:.1f} s",
        f"{each.weight_bps / 100:.1f}%" if each.weight_bps else "-",
        "in" if each.included else f"out: {each.reason}",
    )


def _decided(each: Decision) -> str:
    return f"{_utc(each.at_ms)} {each.venue} {each.verdict}: {each.reason}"


def explained_json(found: Explained) -> str:
    """{"feed", "at_ms", "price", "kept", "true", "complete", "reason", "confidence", "dispersion_centibps",
    "fragmentation_centibps", "version", "rule", "contributions": [...], "decisions": [...]}; prices as decimal text."""
    price = found.price
    told: dict[str, Any] = {
        "feed": found.rule.name,
        "at_ms": price.at_ms,
        "price": _exact(price.price_wad),
        "kept": _exact(found.kept_wad),
        "true": found.true,
        "complete": found.complete,
        "reason": price.reason,
        "confidence": _exact(price.confidence_wad),
        "dispersion_centibps": price.dispersion_centibps,
        "fragmentation_centibps": found.fragmentation_centibps,
        "version": found.version,
        "rule": asdict(found.rule),
        "contributions": [
            {
                "venue": each.venue,
                "symbol": each.symbol,
                "price": _exact(each.price_wad),
                "through": list(each.via),
                "converted": _exact(each.converted_wad),
                "age_ms": each.age_ms,
                "weight_bps": each.weight_bps,
                "included": each.included,
                "reason": each.reason,
            }
            for each in price.contributions
        ],
        "decisions": [asdict(each) for each in found.decisions],
    }
    return json.dumps(told)


# attack-cost ------------------------------------------------------------------------------------------------------


def costs_text(rule: FeedRule, costs: Sequence[Cost]) -> str:
    base, bps = costs[0].base_wad, costs[0].bps
    lines = [f"{rule.name}  {_price(base)}  {_method(rule)}", f"to move it by {bps} bps ({rule.quote})", ""]
    rows: list[tuple[str, ...]] = [("", "direction", "loss", "traded", "")]
    for cost in costs:
        if cost.index is None:
            rows.append(("the index", str(cost.direction), "-", "-", f"no set of venues inside {rule.agree_bps} bps"))
            continue
        attack = cost.index
        note = f"{', '.join(attack.venues)} by {attack.reach_bps} bps"
        rows.append(("the index", str(cost.direction), *_push(attack.push), note))
    for cost in costs:
        rows += [(venue, str(cost.direction), *_push(one), "its own price") for venue, one in cost.alone.items()]
    lines += _table(rows)
    if any(_beyond(cost) for cost in costs):
        lines += ["", '"at least": the known book ends before that price; a real attack costs more.']
    return "\n".join(lines)


def _push(one: Push) -> tuple[str, str]:
    least = "at least " if one.beyond_book else ""
    return least + format_wad(one.loss_wad), least + format_wad(one.notional_wad)


def _beyond(cost: Cost) -> bool:
    pushes = [*cost.alone.values(), *([cost.index.push] if cost.index else [])]
    return any(one.beyond_book for one in pushes)


def costs_json(rule: FeedRule, costs: Sequence[Cost]) -> str:
    """{"feed", "method", "bps", "price", "up", "down"}, the last two {"target", "index": {...} | null, "alone"}."""
    told: dict[str, Any] = {
        "feed": rule.name,
        "method": rule.method,
        "bps": costs[0].bps,
        "price": _exact(costs[0].base_wad),
    }
    for cost in costs:
        index = cost.index and {
            "venues": list(cost.index.venues),
            "reach_bps": cost.index.reach_bps,
            **_push_json(cost.index.push),
        }
        alone = {venue: _push_json(one) for venue, one in cost.alone.items()}
        told[str(cost.direction)] = {"target": _exact(cost.target_wad), "index": index, "alone": alone}
    return json.dumps(told)


def _push_json(one: Push) -> dict[str, Any]:
    return {"loss": _exact(one.loss_wad), "traded": _exact(one.notional_wad), "beyond_book": one.beyond_book}


# ------------------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as they must be; what looks like a number to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(_cell(text, width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text[:1].isdigit() else text.ljust(width)


def _price(price_wad: int) -> str:
    return format_wad(price_wad, 2 if price_wad >= _SMALL else 6)


def _bps(centibps: int | None) -> str:
    return "-" if centibps is None else f"{centibps / 100:.2f} bps"


def _exact(value_wad: int | None) -> str | None:
    if value_wad is None:
        return None
    whole, fraction = divmod(value_wad, WAD)
    return f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")

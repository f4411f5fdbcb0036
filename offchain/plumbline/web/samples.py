# SPDX-License-Identifier: AGPL-3.0-only
"""The series of a look: names and values for charts.

index:<feed>, chain:<feed>, venue:<feed>:<venue>   quote units
nav, pool                                          USD a share
premium_bps, band_low_bps, band_high_bps           basis points
rate:<symbol>                                      assets for a share of a component that is an ERC-4626 share
profit                                             quote units, summed up
off:<feed>:<reporter>                              basis points of a reporter's row off the median of its round
out:<feed>:<reason>                                how many of the feed's markets are out for this reason
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PPM_PER_BPS: Final = 100
_DIGITS: Final = 9
"""What a chart, its hover and a figure in basis points can tell: the rest would be half of what is sent."""


def samples(look: Mapping[str, Any]) -> dict[str, float]:
    """What there is of them in one look; what nobody could tell is left out."""
    found: dict[str, str | None] = {}
    for feed in look["observed"]:
        found[f"index:{feed['name']}"] = feed["price"]
        for each in reversed(feed["contributions"]):
            # Of several markets of a venue the first one that counts, as in the table.
            if each["included"]:
                found[f"venue:{feed['name']}:{each['venue']}"] = each["converted"] or each["price"]
    if look["oracle"] is not None:
        found |= {f"chain:{feed['name']}": feed["price"] for feed in look["oracle"]["feeds"]}
    if look["vault"] is not None:
        found["nav"] = look["vault"]["nav"]
    if look["trades"] is not None:
        found["profit"] = look["trades"]["profit"]
    values = {name: float(text) for name, text in found.items() if text is not None}
    values |= _parity(look["pool"]) | _exclusions(look["observed"]) | _reporters(look["reporters"])
    return {name: float(f"{value:.{_DIGITS}g}") for name, value in values.items()} | _rates(look["vault"])


def _rates(vault: Mapping[str, Any] | None) -> dict[str, float]:
    """With all their digits: a year is told from the growth of hours."""
    components = vault["components"] if vault is not None else ()
    return {f"rate:{each['symbol']}": float(each["rate"]) for each in components if each["rate"] is not None}


def _reporters(reporters: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of those that answer: a gap in a reporter's line is its silence."""
    return {
        f"off:{feed}:{each['name']}": off
        for each in reporters
        if not each["trouble"]
        for feed, off in each["off_bps"].items()
        if off is not None
    }


def _exclusions(observed: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    counted: Counter[str] = Counter()
    for feed in observed:
        counted.update(f"out:{feed['name']}:{each['reason']}" for each in feed["contributions"] if not each["included"])
    return {name: float(count) for name, count in counted.items()}


def _parity(pool: Mapping[str, Any] | None) -> dict[str, float]:
    if pool is None or pool["price"] is None:
        return {}
    values = {"pool": float(pool["price"])}
    if pool["premium_ppm"] is not None:
        for name, key in (
            ("premium_bps", "premium_ppm"),
            ("band_low_bps", "band_low_ppm"),
            ("band_high_bps", "band_high_ppm"),
        ):
            values[name] = pool[key] / _PPM_PER_BPS
    return values

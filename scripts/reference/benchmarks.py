# SPDX-License-Identifier: AGPL-3.0-only
"""The figures of build/bench, as the last `make bench-<area>` on this machine left them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.artifacts import ROOT
from scripts.bench.report import holds

FOLDER = ROOT / "build" / "bench"
FILES = {"reaction": "keeper-reaction"}
"""Where a bench writes to a file of another name."""
AREAS = {
    "oracle": "gas of updates and reads",
    "vault": "gas of mints, redeems, bids and rebalances",
    "periphery": "gas of router, desk, lens and yield feeds",
    "index": "the index against recorded days, and the time to compute it",
    "market": "a recorded day on a local chain: trader, keeper, premium",
    "venues": "adapters: frames a second",
    "node": "a network of reporters: latency, quorum, memory",
    "keeper": "gas and sizing of trades, time from block to trade",
    "reaction": "how long a keeper takes from a block to a trade",
    "rivals": "keepers of different owners after the same trade: what the slower one pays",
    "replicas": "keepers with one key: how long a pause at a takeover is",
    "web": "the page in a real browser, the terminal's start",
    "fresh": "a fresh clone with empty package caches, to the first round of the demo",
}
_INTRO = """\
# Benchmarks

Made from what `make bench-<area>` measured last on the machine that built this site. Gas is exact: Anvil under prague
rules, steady state unless a name says otherwise. Times depend on the machine and on what else it did. A bound is ours;
a figure beyond it is marked, not hidden. What others need for the same is in the [comparison](comparison.md)."""


def page(folder: Path = FOLDER) -> str:
    return "\n\n".join([_INTRO, *(_area(area, words, folder) for area, words in AREAS.items())]) + "\n"


def _area(area: str, words: str, folder: Path) -> str:
    """Raises ValueError for a file that is not a bench's."""
    heading, path = f"## {area.capitalize()}\n\n{words.capitalize()}.", folder / f"{FILES.get(area, area)}.json"
    if not path.is_file():
        return f"{heading} Not measured here: `make bench-{area}`."
    return f"{heading} `make bench-{area}`\n\n| | | | bound |\n|---|--:|---|--:|\n" + "\n".join(
        _row(figure) for figure in json.loads(path.read_text(encoding="utf-8"))
    )


def _row(figure: dict[str, Any]) -> str:
    value, bound = figure["value"], figure["bound"]
    shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
    missed = "" if holds(value, bound) else " **missed**"
    return f"| {figure['name']} | {shown}{missed} | {figure['unit']} | {(bound or '').replace('<', '&lt;')} |"

# SPDX-License-Identifier: AGPL-3.0-only
"""What every bench shares: figures with bounds, the table, build/bench/<area>.json and the exit status."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HARDFORK = "prague"
"""The rules all gas figures are measured under (those of design/ANCHORS)."""


@dataclass
class Bench:
    """Collects figures; `finish` prints them beside the peers', writes the file and returns the exit status."""

    area: str
    figures: list[dict] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, bound: str | None = None, peer: str = "") -> None:
        """`bound` reads like "<= 12500" or ">= 0.99"; None: reported only. `peer`: what others need, for the table."""
        self.figures.append({"name": name, "value": value, "unit": unit, "bound": bound})
        if peer:
            self.peers[name] = peer

    def finish(self) -> int:
        missed = [f for f in self.figures if not holds(f["value"], f["bound"])]
        width = max((len(f["name"]) for f in self.figures), default=0)
        print(f"\n{self.area} (hardfork {HARDFORK})")
        for figure in self.figures:
            value = f"{figure['value']:,.2f}" if isinstance(figure["value"], float) else f"{figure['value']:,}"
            mark = "  MISSED" if figure in missed else ""
            bound = figure["bound"] or ""
            peer = self.peers.get(figure["name"], "")
            print(f"  {figure['name']:{width}} {value:>14} {figure['unit']:6} {bound:>12}{mark}   {peer}".rstrip())
        folder = ROOT / "build" / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.area}.json").write_text(json.dumps(self.figures, indent=1) + "\n")
        if missed:
            print(f"{len(missed)} bound(s) missed")
        return 1 if missed else 0


def holds(value: float, bound: str | None) -> bool:
    if bound is None:
        return True
    sign, limit = bound.split()
    return value <= float(limit) if sign == "<=" else value >= float(limit)

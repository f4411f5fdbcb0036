# SPDX-License-Identifier: AGPL-3.0-only
"""One screen that follows the price: venues, index, round, NAV against pool price, keeper. Or one line of it.

Only shows; every number comes from a `Snapshot`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from plumbline.core.units import WAD, WAD_DECIMALS, format_wad, rescale
from plumbline.supervisor.watch import Snapshot

FEED_DECIMALS: Final = 8
QUOTE_DECIMALS: Final = 6
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")


def screen(title: str, snapshot: Snapshot, processes: Mapping[str, str], hint: str) -> RenderableType:
    """The live view; `processes`: name -> what it is doing."""
    return Panel(
        Group(
            _feeds_table(snapshot),
            Text(),
            _market_table(snapshot),
            Text(),
            _process_line(processes),
            Text(hint, style="dim"),
        ),
        title=f"[bold]plumbline[/] - {title}",
        subtitle=f"block {snapshot.block:,} - {utc(snapshot.at_s)}",
        padding=(0, 1),
    )


def line(snapshot: Snapshot) -> str:
    """The same in one line, for logs and pipes."""
    answers = ", ".join(f"{feed} {price_text(feed, price)}" for feed, price in snapshot.answers.items())
    return (
        f"{utc(snapshot.at_s)}  round {snapshot.rounds}: {answers or 'none yet'}; NAV {usd(snapshot.nav_wad)}, "
        f"pool {usd(snapshot.pool_wad)}, premium {premium_text(snapshot)}; "
        f"{keeper_text(snapshot.trades, snapshot.profit, snapshot.gas_wei)}"
    )


def utc(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at_s else "-"


def usd(value_wad: int | None) -> str:
    return f"{format_wad(value_wad, 4)} USD" if value_wad is not None else "-"


def keeper_text(trades: int, profit: int, gas_wei: int) -> str:
    earned = format_wad(rescale(profit, QUOTE_DECIMALS, WAD_DECIMALS))
    return f"{trades} arbitrages, profit {earned} USDC, gas {format_wad(gas_wei, 6)} ETH"


def venues_out(snapshot: Snapshot) -> str:
    """The venues that are not connected, by reason: "kraken, coinbase (Name or service not known)"; empty if none."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for venue in snapshot.venues:
        if not venue["connected"]:
            by_reason[_ERRNO.sub("", venue["reason"])].append(venue["name"])
    return ", ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())


def price_text(feed: str, price: int) -> str:
    """A stablecoin or a currency needs its fifth digit, a bitcoin does not."""
    return format_wad(rescale(price, FEED_DECIMALS, WAD_DECIMALS), 2 if price > 100 * 10**FEED_DECIMALS else 5)


def premium_text(snapshot: Snapshot) -> str:
    if snapshot.premium_ppm is None or snapshot.band is None:
        return "-"
    low, high = snapshot.band.low_ppm / 100, snapshot.band.high_ppm / 100
    return f"{snapshot.premium_ppm / 100:+.1f} bps (band {low:+.0f} to {high:+.0f})"


def _feeds_table(snapshot: Snapshot) -> Table:
    """A row a feed: each venue's price in the feed's own currency, the index of them, and what is on chain."""
    venues = sorted({each["venue"] for feed in snapshot.feeds for each in feed["contributions"]})
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("feed", *venues, "index", "on chain"):
        table.add_column(name, justify="left" if name == "feed" else "right", no_wrap=True)
    for feed in snapshot.feeds:
        name, index_wad, answer = feed["name"], feed["price_wad"], snapshot.answers.get(feed["name"])
        index = _short(int(index_wad)) if index_wad is not None else f"[red]{feed['reason']}[/]"
        table.add_row(
            name,
            *(_venue_cell(venue, feed["contributions"]) for venue in venues),
            f"[bold]{index}[/]",
            f"[green]{price_text(name, answer)}[/]" if answer is not None else "-",
        )
    return table


def _venue_cell(venue: str, contributions: Sequence[Mapping[str, Any]]) -> str:
    """The first of the venue's markets that counts; else why the first does not."""
    mine = [each for each in contributions if each["venue"] == venue]
    counted = [each for each in mine if each["included"]]
    if counted:
        return _short(int(counted[0]["converted_wad"] or counted[0]["price_wad"]))
    return f"[red]{mine[0]['reason']}[/]" if mine else "[dim]-[/]"


def _short(price_wad: int) -> str:
    return format_wad(price_wad, 2 if price_wad > 100 * WAD else 5)


def _market_table(snapshot: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    age = f", {snapshot.round_age_s} s old" if snapshot.round_age_s is not None else ""
    table.add_row("round", f"{snapshot.rounds}{age}" if snapshot.rounds else "none yet")
    table.add_row("NAV", usd(snapshot.nav_wad))
    table.add_row("pool price", usd(snapshot.pool_wad))
    table.add_row("premium", Text(premium_text(snapshot), style="green" if snapshot.in_band else "yellow"))
    table.add_row("keeper", keeper_text(snapshot.trades, snapshot.profit, snapshot.gas_wei))
    return table


def _process_line(processes: Mapping[str, str]) -> Text:
    text = Text("processes  ", style="bold")
    for name, status in processes.items():
        text.append(f"{name} ", style="green" if status == "running" else "bold red")
    return text

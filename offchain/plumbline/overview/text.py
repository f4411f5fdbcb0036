# SPDX-License-Identifier: AGPL-3.0-only
"""A look in a terminal: the same path as the page, from venues to the keeper, in plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from plumbline.core.units import MAX_BPS

NONE: Final = "-"
_PPM_PER_BPS: Final = 100
_BPS_PER_PERCENT: Final = 100
_MARKS: Final = {"bad": "!!", "warn": " !"}

Look = Mapping[str, Any]


def text(look: Look) -> str:
    """Everything, and first what needs attention."""
    sections = [_verdict(look), _feeds(look), _reporters(look), _market(look), _keeper(look)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _verdict(look: Look) -> list[str]:
    told = look["attention"]
    when = NONE if look["at_s"] is None else datetime.fromtimestamp(look["at_s"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    block = NONE if look["block"] is None else f"{look['block']:,}"
    first = "all well" if not told else f"{len(told)} {'thing needs' if len(told) == 1 else 'things need'} attention"
    return [f"plumbline: {first}; block {block}, {when}", *(f"{_MARKS[each['level']]} {each['what']}" for each in told)]


def _feeds(look: Look) -> list[str]:
    """A row a feed: what the venues make of it, what the chain serves."""
    oracle, observed = look["oracle"], {feed["name"]: feed for feed in look["observed"]}
    rows = []
    for feed in oracle["feeds"] if oracle else []:
        seen = observed.get(feed["name"])
        counted = sum(each["included"] for each in seen["contributions"]) if seen else 0
        rows.append(
            [
                feed["name"],
                price(seen["price"]) if seen else NONE,
                f"{counted}/{len(seen['contributions'])}" if seen else NONE,
                price(feed["price"]),
                NONE if feed["age_s"] is None else f"{feed['age_s']} s",
                f"{feed['heartbeat_s']} s",
                feed["reason"] or _served(feed["notice"]),
            ]
        )
    if not rows:
        return []
    return table(["feed", "observed", "markets in", "on chain", "age", "heartbeat", "state"], rows, left=(0, 6))


def _served(notice: Mapping[str, Any] | None) -> str:
    return "served" if notice is None else f"served; ends {datetime.fromtimestamp(notice['ends_at_s'], UTC):%Y-%m-%d}"


def _reporters(look: Look) -> list[str]:
    if not look["reporters"]:
        return []
    feeds = list(look["reporters"][0]["off_bps"])
    rows = [
        [
            each["name"],
            *(NONE if (off := each["off_bps"].get(feed)) is None else f"{off:+.2f}" for feed in feeds),
            each["trouble"] or "signs",
        ]
        for each in look["reporters"]
    ]
    return table(["off the median, bps", *feeds, "state"], rows, left=(0, len(feeds) + 1))


def _market(look: Look) -> list[str]:
    oracle, vault, pool = look["oracle"], look["vault"], look["pool"]
    lines = []
    if oracle:
        age = f", {oracle['round_age_s']} s old" if oracle["round_id"] else ""
        lines.append(f"round       {oracle['round_id'] or 'none yet'}{age}, epoch {oracle['epoch']}")
    if vault:
        nav = f"{price(vault['nav'], 4)} USD" if vault["nav"] else vault["reason"]
        lines.append(f"NAV         {nav} a {vault['symbol']}, {price(vault['supply'], 2)} outstanding")
    if vault and vault["auction"]:
        lines += _auction(vault["auction"])
    if pool:
        lines.append(f"pool price  {price(pool['price'], 4)} USD" if pool["price"] else f"pool price  {pool['reason']}")
        if pool["premium_ppm"] is not None:
            low, high = pool["band_low_ppm"] / _PPM_PER_BPS, pool["band_high_ppm"] / _PPM_PER_BPS
            where = "inside" if pool["in_band"] else "outside"
            lines.append(
                f"premium     {pool['premium_ppm'] / _PPM_PER_BPS:+.1f} bps, {where} the band {low:+.0f} to {high:+.0f}"
            )
    return lines


def _auction(auction: Mapping[str, Any]) -> list[str]:
    """The rebalance in a line, and one for each of its components."""
    said = auction["state"]
    if auction["factor_bps"] is not None:
        said += f", bids pay {auction['factor_bps'] - MAX_BPS:+,} bps of the oracle's price, {auction['left_s']} s left"
    lines = [f"rebalance   {said}"]
    for each in auction["lots"]:
        done = f"{each['filled_bps'] / _BPS_PER_PERCENT:.1f} % done"
        lines.append(f"            {each['symbol']} {each['side']}: {price(each['left'], 4)} left, {done}")
    return lines


def _keeper(look: Look) -> list[str]:
    node, trades = look["keeper"], look["trades"]
    lines = []
    if node:
        lines.append(f"keeper      {node['trouble'] or node['unready'] or node['said'] or 'no look yet'}")
    if trades and trades["profit"] is not None:
        lines.append(f"trades      {trades['count']}, profit {price(trades['profit'], 2)} {trades['quote']} before gas")
    return lines


def price(decimal: str | None, places: int | None = None) -> str:
    """Exact decimal text, shortened: a stablecoin needs its fifth digit, a bitcoin does not."""
    if decimal is None:
        return NONE
    value = float(decimal)
    return f"{value:,.{(2 if abs(value) >= 100 else 5) if places is None else places}f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Aligned columns; those in `left` to the left."""
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(
            str(cell).ljust(width) if column in left else str(cell).rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]

# SPDX-License-Identifier: AGPL-3.0-only
"""The nodes' side of a look: their /status pages, all asked at once. A node that does not answer is told with why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import httpx
import msgspec

from plumbline.core.units import MAX_BPS
from plumbline.http_client import FAILURES, OversizedError, no_cookies, read_bounded

_MAX_PAGE_BYTES: Final = 1024 * 1024

Table = dict[str, Any]


def page_client(timeout_s: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=timeout_s, cookies=no_cookies(), headers={"accept-encoding": "identity"})


async def status_page(client: httpx.AsyncClient, url: str, service: str) -> Table:
    """The page, or {"trouble": why there is none}."""
    try:
        async with client.stream("GET", f"{url}/status") as response:
            if response.status_code != httpx.codes.OK:
                return {"trouble": f"HTTP {response.status_code}"}
            body = await read_bounded(response, _MAX_PAGE_BYTES)
        page = msgspec.json.decode(body)
    except (*FAILURES, OversizedError) as error:
        return {"trouble": "does not answer" if isinstance(error, httpx.TransportError) else type(error).__name__}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        page = None
    if not isinstance(page, dict) or page.get("service", service) != service:
        return {"trouble": f"answers, but not as a {service}"}
    return page | {"trouble": ""}


async def status_pages(
    client: httpx.AsyncClient, reporters: Mapping[str, str], relayer: str | None, keeper: str | None
) -> tuple[dict[str, Table], Table | None, Table | None]:
    async def one(url: str | None, service: str) -> Table | None:
        return None if url is None else await status_page(client, url, service)

    pages, at_relayer, at_keeper = await asyncio.gather(
        asyncio.gather(*(status_page(client, url, "reporter") for url in reporters.values())),
        one(relayer, "relayer"),
        one(keeper, "keeper"),
    )
    return dict(zip(reporters, pages, strict=True)), at_relayer, at_keeper


def against_median(pages: Mapping[str, Mapping[str, Any]], feeds: Sequence[str]) -> list[Table]:
    """Each reporter's last row, and how far it lies from the median of the rows for the same round {bps}.

    The median is the oracle's: the lower one of the prices that are there.
    """
    rows: dict[str, tuple[int, dict[str, int]]] = {}
    for name, page in pages.items():
        row = page.get("row")
        if isinstance(row, Mapping):
            rows[name] = row["timestamp"], dict(zip(feeds, map(int, row["prices"]), strict=False))
    found = []
    for name, page in pages.items():
        stamp, prices = rows.get(name, (None, {}))
        same = [other for at, other in rows.values() if at == stamp]
        found.append(
            {
                "name": name,
                "address": page.get("address", ""),
                "trouble": page["trouble"] or page.get("unready", ""),
                "round_at_s": stamp,
                "off_bps": {feed: _off_bps(feed, prices, same) for feed in feeds},
            }
        )
    return found


def _off_bps(feed: str, prices: Mapping[str, int], rows: Sequence[Mapping[str, int]]) -> float | None:
    """To a hundredth of a basis point; None without a price."""
    mine = prices.get(feed)
    if not mine:
        return None
    present = sorted(price for row in rows if (price := row.get(feed)))
    median = present[(len(present) - 1) // 2]
    return float(round(Fraction(mine - median, median) * MAX_BPS, 2))

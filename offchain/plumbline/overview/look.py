# SPDX-License-Identifier: AGPL-3.0-only
"""One look at everything, as plain JSON values; and what of it needs somebody's attention.

{"wall_ms", "trouble", "block", "at_s",
 "oracle": {"epoch", "paused", "round_id", "round_age_s", "feeds": [{"name", "price", "age_s", "reason",
            "notice", ...}], "rounds": [...], ...} | null,
 "observer": the reporter whose venues are shown, "venues": [...], "observed": [{"name", "price", "contributions"}],
 "reporters": [{"name", "trouble", "round_at_s", "off_bps": {feed: bps}}], "relayer": {"trouble", "unready"} | null,
 "vault": {"nav", "components": [...], "auction": {"state", "lots", "pairs", ...} | null, ...} | null,
 "pool": {"price", "premium_ppm", "band_low_ppm", ...} | null,
 "keeper": {"trouble", "unready", "outcome", "said"} | null, "trades": {"count", "profit", "recent": [...]} | null,
 "attention": [{"level": "bad" | "warn", "what": a sentence}]}

Prices and amounts are exact decimal text; null is what nobody could tell, with a reason beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from plumbline.client import ClientError, format_units
from plumbline.client.transport import AsyncRunner
from plumbline.core.units import WAD_DECIMALS
from plumbline.overview.attention import attention
from plumbline.overview.chain import ChainLook
from plumbline.overview.nodes import against_median, page_client, status_pages
from plumbline.overview.settings import OverviewConfig

Table = dict[str, Any]

KEEPER_SAYS: Final = {
    "inside": "the price is inside its band",
    "too small": "what a trade would bring does not pay for its gas",
    "no inventory": "it lacks what the trade takes",
    "no price": "the oracle serves no price",
    "forbidden": "a limit of its own is reached",
    "no gas": "its key cannot pay for gas",
    "refused": "the simulation was refused: somebody was quicker",
    "reverted": "the trade reverted: somebody was quicker, and its gas is paid",
    "paused": "it waits, after too many trades that reverted",
    "dry run": "it would have traded (dry run)",
    "traded": "it traded",
}
"""A keeper's outcome in words."""


class Overview:
    """`async with Overview(config) as overview: look = await overview.look()`."""

    def __init__(self, config: OverviewConfig) -> None:
        self.config = config
        self._runner = AsyncRunner(config.rpc_url, config.timeout_s)
        self._http = page_client(config.timeout_s)
        self._chain = ChainLook(config)

    async def look(self) -> Table:
        """Never raises for what is outside: what cannot be seen is said in `trouble` or beside its place."""
        config = self.config
        trouble, chain = "", dict.fromkeys(("block", "at_s", "oracle", "vault", "pool", "trades"))
        try:
            chain = await self._runner.run(self._chain.plan())
        except ClientError as error:
            trouble = str(error)
        urls = {peer.name: peer.url for peer in config.reporters}
        pages, relayer, keeper = await status_pages(self._http, urls, config.relayer, config.keeper)
        feeds = _feed_names(chain, pages)
        observer = next((name for name, page in pages.items() if not page["trouble"]), None)
        seen = pages.get(observer, {}) if observer is not None else {}
        look: Table = {
            "wall_ms": time.time_ns() // 1_000_000,
            "trouble": trouble,
            **chain,
            "observer": observer,
            "venues": seen.get("venues", []),
            "observed": [_observed(feed) for feed in seen.get("feeds", [])],
            "reporters": against_median(pages, feeds),
            "relayer": relayer and {key: relayer.get(key, "") for key in ("trouble", "unready")},
            "keeper": keeper and _keeper(keeper),
        }
        look["attention"] = attention(look, config)
        return look

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        await self._runner.close()


def _feed_names(chain: Mapping[str, Any], pages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """In the chain's order; while the chain is silent, in that of a reporter, which agreed with it when it signed."""
    if chain["oracle"] is not None:
        return [feed["name"] for feed in chain["oracle"]["feeds"]]
    return next(([feed["name"] for feed in page["feeds"]] for page in pages.values() if "feeds" in page), [])


def _keeper(page: Mapping[str, Any]) -> Table:
    """Its strategy that holds the price speaks for it."""
    outcome = (page.get("parity") or {}).get("outcome")
    # A newer keeper may know a word that we do not.
    said = None if outcome is None else KEEPER_SAYS.get(outcome, outcome)
    return {"trouble": page["trouble"], "unready": page.get("unready", ""), "outcome": outcome, "said": said}


def _observed(feed: Mapping[str, Any]) -> Table:
    """A feed of a reporter's page, its WAD prices as decimal text."""
    return {
        "name": feed["name"],
        "at_ms": feed["at_ms"],
        "price": _decimal(feed["price_wad"]),
        "reason": feed["reason"],
        "contributions": [
            {
                "venue": each["venue"],
                "symbol": each["symbol"],
                "price": _decimal(each["price_wad"]),
                "converted": _decimal(each["converted_wad"]),
                "age_ms": each["age_ms"],
                "included": each["included"],
                "reason": each["reason"],
                "weight_bps": each.get("weight_bps"),
            }
            for each in feed["contributions"]
        ],
    }


def _decimal(wad: str | None) -> str | None:
    return None if wad is None else format_units(int(wad), WAD_DECIMALS)

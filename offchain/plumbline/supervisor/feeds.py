# SPDX-License-Identifier: AGPL-3.0-only
"""The four feeds of the demo and the markets they are made of, as far as the day's exchanges list them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

DECIMALS: Final = 8
OFF_PEG: Final = {"off_peg_bps": 100, "on_peg_bps": 50}
WANTED: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "BTC/USD",
        "min_venues": 3,
        "markets": (
            "kraken:BTC/USD",
            "kraken:BTC/USDT",
            "kraken:BTC/USDC",
            "coinbase:BTC/USD",
            "binance:BTC/USD",
            "binance:BTC/USDT",
            "binance:BTC/USDC",
            "bybit:BTC/USDT",
            "bybit:BTC/USDC",
            "cryptocom:BTC/USD",
            "cryptocom:BTC/USDT",
        ),
    },
    {
        "name": "USDC/USD",
        "min_venues": 2,
        "markets": ("kraken:USDC/USD", "kraken:USDC/USDT", "binance:USDC/USDT", "bybit:USDC/USDT"),
        **OFF_PEG,
    },
    {
        "name": "USDT/USD",
        "min_venues": 2,
        "markets": ("kraken:USDT/USD", "coinbase:USDT/USD", "cryptocom:USDT/USD"),
        **OFF_PEG,
    },
    {"name": "EUR/USD", "min_venues": 2, "crosses": ("kraken", "coinbase", "binance")},
)
"""Coinbase's BTC/USDC is left out: it is its BTC/USD under another name."""
LIVE: Final = {
    "kraken": ("BTC/USD", "BTC/USDT", "BTC/USDC", "BTC/EUR", "USDC/USD", "USDC/USDT", "USDT/USD"),
    "coinbase": ("BTC/USD", "BTC/EUR", "USDT/USD"),
    "binance": ("BTC/USDT", "BTC/USDC", "BTC/EUR", "USDC/USDT"),
    "bybit": ("BTC/USDT", "BTC/USDC", "USDC/USDT"),
    "cryptocom": ("BTC/USD", "BTC/USDT", "USDT/USD"),
}
"""What the real exchanges list."""
RECORDED: Final = {
    "kraken": LIVE["kraken"],
    "coinbase": ("BTC/USD", "BTC/USDT", "BTC/EUR", "USDT/USD"),
    "binance": ("BTC/USD", "BTC/USDT", "BTC/USDC", "BTC/EUR", "USDC/USDT"),
    "bybit": ("BTC/USDC",),
    "cryptocom": ("BTC/USD", "BTC/USDT"),
}
"""What the recording of March 2023 holds; its Binance is Binance.US."""


def feeds(listed: Mapping[str, Collection[str]], max_age_s: int) -> list[dict[str, Any]]:
    """The [[feeds]] of a reporter's config, out of the markets that are listed."""
    return [
        {
            "name": feed["name"],
            "decimals": DECIMALS,
            "min_venues": feed["min_venues"],
            "max_age_s": max_age_s,
            "markets": [market for market in feed.get("markets", ()) if _is_listed(market, listed)],
            "crosses": [venue for venue in feed.get("crosses", ()) if {"BTC/USD", "BTC/EUR"} <= set(listed[venue])],
            **{key: feed[key] for key in OFF_PEG if key in feed},
        }
        for feed in WANTED
    ]


def _is_listed(market: str, listed: Mapping[str, Collection[str]]) -> bool:
    venue, _, symbol = market.partition(":")
    return symbol in listed[venue]

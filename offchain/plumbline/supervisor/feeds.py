# SPDX-License-Identifier: AGPL-3.0-only
"""The four feeds of the demo and the markets they are made of, as far as the day's exchanges list them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

DECIMALS: Final = 8
VIA: Final = "BTC/USD"
_BTC: Final = (
    *(f"{venue}:BTC/{quote}" for venue in ("kraken", "binance") for quote in ("USD", "USDT", "USDC", "EUR")),
    *(f"coinbase:BTC/{quote}" for quote in ("USD", "USDT", "EUR")),
    *(f"bybit:BTC/{quote}" for quote in ("USDT", "USDC")),
    *(f"cryptocom:BTC/{quote}" for quote in ("USD", "USDT")),
)
# Coinbase's BTC/USDC is its BTC/USD under another name: no market of its own.
_USDC: Final = ("kraken:USDC/USD", "kraken:USDC/USDT", "binance:USDC/USDT", "bybit:USDC/USDT")
_USDT: Final = ("kraken:USDT/USD", "coinbase:USDT/USD", "cryptocom:USDT/USD")
_CROSSED: Final = ("kraken", "coinbase", "binance", "cryptocom")
"""Venues that may trade bitcoin against dollars and against the feed's base too."""
_PEG: Final = {"off_peg_bps": 100, "on_peg_bps": 50}

LIVE: Final = {
    "kraken": ("BTC/USD", "BTC/USDT", "BTC/USDC", "BTC/EUR", "USDC/USD", "USDC/USDT", "USDT/USD"),
    "coinbase": ("BTC/USD", "BTC/USDT", "BTC/EUR", "USDT/USD"),
    "binance": ("BTC/USDT", "BTC/USDC", "BTC/EUR", "USDC/USDT"),
    "bybit": ("BTC/USDT", "BTC/USDC", "USDC/USDT"),
    "cryptocom": ("BTC/USD", "BTC/USDT", "USDT/USD"),
}
"""What the real exchanges list."""
RECORDED: Final = {
    "kraken": LIVE["kraken"],
    "coinbase": LIVE["coinbase"],
    "binance": ("BTC/USD", "BTC/USDT", "BTC/USDC", "USDC/USDT"),
    "bybit": ("BTC/USDC",),
    "cryptocom": ("BTC/USD", "BTC/USDT"),
}
"""What the recording of March 2023 holds. Its Binance is Binance.US but for BTC/EUR, which is binance.com's and so left
out: a cross of two exchanges is their basis, not an exchange rate."""


def feeds(listed: Mapping[str, Collection[str]], *, max_age_s: int, peg_venues: int) -> list[dict[str, Any]]:
    """The [[feeds]] of a reporter's config, out of the markets that are listed.

    peg_venues: how many venues make a stablecoin's price.
    """

    def feed(base: str, min_venues: int, markets: Sequence[str], **settings: int) -> dict[str, Any]:
        crosses = [venue for venue in _CROSSED if {VIA, f"BTC/{base}"} <= set(listed[venue])] if base != "BTC" else []
        return {
            "name": f"{base}/USD",
            "decimals": DECIMALS,
            "min_venues": min_venues,
            "max_age_s": max_age_s,
            "markets": [market for market in markets if _is_listed(market, listed)],
            "crosses": crosses,
            **settings,
        }

    return [
        feed("BTC", 3, _BTC),
        feed("USDC", peg_venues, _USDC, **_PEG),
        feed("USDT", peg_venues, _USDT, **_PEG),
        # Two or three venues trade bitcoin against both currencies: one of them must be allowed to fail.
        feed("EUR", 1, ()),
    ]


def _is_listed(market: str, listed: Mapping[str, Collection[str]]) -> bool:
    venue, _, symbol = market.partition(":")
    return symbol in listed[venue]

# SPDX-License-Identifier: AGPL-3.0-only
"""Small tapes for tests of sources and replay."""

from __future__ import annotations

from plumbline.core.models import Trade
from plumbline.core.units import WAD

NOW_MS = 1_678_500_000_000
SYMBOLS = ["BTC/USD", "BTC/USDT"]


def few_trades(venue: str, count: int = 6, start_ms: int = NOW_MS - 1_000, symbols: list[str] = SYMBOLS) -> list[Trade]:
    """Every 100 ms one trade, on the markets in turn, each at its own price."""
    return [
        Trade(venue, symbols[n % len(symbols)], (20_000 + n) * WAD + WAD // 4, (n + 1) * WAD // 100, start_ms + 100 * n)
        for n in range(count)
    ]

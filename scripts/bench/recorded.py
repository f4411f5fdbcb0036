# SPDX-License-Identifier: AGPL-3.0-only
"""The recorded days of March 2023 as a market to run an index on, whole or with a venue disturbed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from plumbline.core.engine import IndexEngine
from plumbline.core.models import IndexPrice, Trade
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.replay.bars import MINUTE_S, Bar, read_bars, trades_by_minute
from scripts.bench.report import ROOT

DAY_S = 86_400
FIRST_DAY_S = int(datetime(2023, 3, 1, tzinfo=UTC).timestamp())
DEPEG_DAY_S = int(datetime(2023, 3, 11, tzinfo=UTC).timestamp())
END_S = int(datetime(2023, 3, 14, tzinfo=UTC).timestamp())
REFERENCE = ("coinbase", "BTC/USD")
VENUES = ("kraken", "coinbase", "binanceus", "cryptocom", "bybit", "binance")

Disturb = Callable[[Trade], Trade | None]
"""What becomes of a trade; None: it never arrives."""

MARKETS = {
    "BTC/USD": (
        "kraken:BTC/USD kraken:BTC/USDT kraken:BTC/USDC kraken:BTC/EUR "
        "coinbase:BTC/USD coinbase:BTC/USDT coinbase:BTC/USDC coinbase:BTC/EUR "
        "binanceus:BTC/USD binanceus:BTC/USDT binanceus:BTC/USDC binance:BTC/EUR "
        "cryptocom:BTC/USD cryptocom:BTC/USDT cryptocom:BTC/USDC bybit:BTC/USDC"
    ),
    "USDC/USD": "kraken:USDC/USD kraken:USDC/USDT binanceus:USDC/USDT",
    "USDT/USD": "kraken:USDT/USD coinbase:USDT/USD",
    "EUR/USD": "",
}
CROSSES = {
    "USDC/USD": "kraken coinbase binanceus cryptocom",
    "USDT/USD": "kraken coinbase binanceus cryptocom",
    "EUR/USD": "kraken coinbase",
}


def rules(without: str = "") -> list[FeedRule]:
    """The cast's four feeds over everything recorded, traps and all; `without` leaves one venue out of everything."""

    def listed(words: str) -> list[str]:
        return [word for word in words.split() if word.partition(":")[0] != without]

    def rule(name: str, min_venues: int, **settings: int) -> FeedRule:
        markets = parse_markets(listed(MARKETS[name]))
        return FeedRule(name, 8, min_venues, markets, parse_crosses(listed(CROSSES.get(name, "")), name), **settings)

    peg = {"off_peg_bps": 100, "on_peg_bps": 50}
    return [rule("BTC/USD", 3), rule("USDC/USD", 2, **peg), rule("USDT/USD", 2, **peg), rule("EUR/USD", 1)]


@dataclass(frozen=True)
class Recording:
    """Trades by the second their minute ended, and the reference's close of that minute."""

    bars: Sequence[Bar]
    trades: Mapping[int, Sequence[Trade]]
    reference_wad: Mapping[int, int]

    @property
    def minutes(self) -> range:
        """The ends of all minutes, gaps included."""
        return range(self.bars[0].end_s, self.bars[-1].end_s + 1, MINUTE_S)


def data_folder() -> Path:
    folder = Path(os.environ.get("PLUMBLINE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(f"recorded market data not found at {folder}: set PLUMBLINE_DATA to its folder")
    return folder


@lru_cache
def recording(start_s: int, end_s: int) -> Recording:
    path = data_folder() / "usdc-depeg-2023-03" / "bars_1m_2023-03-01_2023-03-13.parquet"
    bars = read_bars(path, start_s, end_s)
    closes = {bar.end_s: bar.close_wad for bar in bars if (bar.venue, bar.symbol) == REFERENCE and bar.volume_wad}
    return Recording(bars, trades_by_minute(bars), closes)


def index_prices(
    recorded: Recording, feeds: Sequence[FeedRule], disturb: Disturb
) -> Iterator[tuple[int, dict[str, IndexPrice]]]:
    """The index at the end of every minute, out of what was traded until then."""
    engine = IndexEngine(feeds)
    for end_s in recorded.minutes:
        for trade in recorded.trades.get(end_s, ()):
            arrived = disturb(trade)
            if arrived is not None:
                engine.on_trade(arrived)
        yield end_s, engine.observe(end_s * 1000)


def removed(venue: str) -> Disturb:
    return lambda trade: None if trade.venue == venue else trade


def moved(venue: str, percent: int) -> Disturb:
    """Every price of the venue is off; its crosses, being ratios, are not."""

    def disturb(trade: Trade) -> Trade:
        return trade._replace(price_wad=trade.price_wad * (100 + percent) // 100) if trade.venue == venue else trade

    return disturb


def frozen(venue: str, start_s: int, end_s: int) -> Disturb:
    """Between two times the venue goes on trading, at the price each of its markets had before."""
    held: dict[str, int] = {}

    def disturb(trade: Trade) -> Trade:
        if trade.venue != venue:
            return trade
        if start_s * 1000 <= trade.at_ms < end_s * 1000:
            return trade._replace(price_wad=held.get(trade.symbol, trade.price_wad))
        held[trade.symbol] = trade.price_wad
        return trade

    return disturb


def during(start_s: int, end_s: int, disturb: Disturb) -> Disturb:
    return lambda trade: disturb(trade) if start_s * 1000 <= trade.at_ms < end_s * 1000 else trade


def both(first: Disturb, second: Disturb) -> Disturb:
    def disturb(trade: Trade) -> Trade | None:
        left = first(trade)
        return None if left is None else second(left)

    return disturb


def sound(trade: Trade) -> Trade:
    """Nothing is disturbed."""
    return trade

# SPDX-License-Identifier: AGPL-3.0-only
"""The traps that are really in the recorded data, and an hour of the depeg, through the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.core.engine import IndexEngine
from plumbline.core.models import IndexPrice, Trade
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.units import parse_wad
from plumbline.replay.bars import Bar, read_bars, trades_by_minute

pytestmark = pytest.mark.data
START_S = 1_678_518_000  # 2023-03-11 07:00 UTC: USDC at its lowest
PEG = {"off_peg_bps": 100, "on_peg_bps": 50}
RULES = [
    FeedRule(
        "BTC/USD",
        8,
        3,
        parse_markets(
            [
                f"{venue}:BTC/{quote}"
                for venue in ("kraken", "coinbase", "binanceus", "cryptocom")
                for quote in ("USD", "USDC")
            ]
            + ["bybit:BTC/USDC"]
        ),
    ),
    FeedRule(
        "USDC/USD",
        8,
        1,
        parse_markets(["kraken:USDC/USD"]),
        parse_crosses(["coinbase", "kraken", "cryptocom"], "USDC/USD"),
        **PEG,
    ),
]


@pytest.fixture(scope="module")
def bars(market_data: Path) -> list[Bar]:
    path = market_data / "usdc-depeg-2023-03" / "bars_1m_2023-03-01_2023-03-13.parquet"
    return read_bars(path, START_S, START_S + 3_600)


@pytest.fixture(scope="module")
def observed(bars) -> list[dict[str, IndexPrice]]:
    engine, minutes = IndexEngine(RULES), trades_by_minute(bars)
    prices = []
    for end_s in sorted(minutes):
        for trade in minutes[end_s]:
            engine.on_trade(trade)
        prices.append(engine.observe(end_s * 1000))
    return prices


def said(prices: dict[str, IndexPrice], feed: str, venue: str, symbol: str) -> str:
    found = [each for each in prices[feed].contributions if (each.venue, each.symbol) == (venue, symbol)]
    assert len(found) == 1
    return found[0].reason


def test_recorded__a_dead_feed_that_looks_alive__never_speaks(bars, observed):
    dead = [bar for bar in bars if (bar.venue, bar.symbol) == ("cryptocom", "BTC/USDC")]
    assert {(bar.close_wad, bar.volume_wad) for bar in dead} == {(parse_wad("20100"), 0)}
    assert {said(prices, "BTC/USD", "cryptocom", "BTC/USDC") for prices in observed} == {"no trade yet"}


def test_recorded__the_alias_of_coinbase__is_found_by_its_trades(observed):
    assert {said(prices, "BTC/USD", "coinbase", "BTC/USDC") for prices in observed} == {"alias of BTC/USD"}
    assert {said(prices, "USDC/USD", "coinbase", "(BTC/USD)/(BTC/USDC)") for prices in observed} == {"alias of BTC/USD"}


def test_recorded__usdc_at_its_lowest__is_seen_and_converts_nothing(observed):
    assert min(prices["USDC/USD"].price_wad for prices in observed) < parse_wad("0.88")
    assert {said(prices, "BTC/USD", "bybit", "BTC/USDC") for prices in observed[1:]} == {"USDC off its peg"}


def test_recorded__the_worst_hour__stays_near_coinbase_without_hearing_it(bars):
    without = parse_markets([f"{venue}:BTC/USD" for venue in ("kraken", "binanceus", "cryptocom")])
    engine, minutes = IndexEngine([FeedRule("BTC/USD", 8, 3, without)]), trades_by_minute(bars)
    closes = {bar.end_s: bar.close_wad for bar in bars if (bar.venue, bar.symbol) == ("coinbase", "BTC/USD")}
    errors_bps = []
    for end_s in sorted(minutes):
        for trade in minutes[end_s]:
            engine.on_trade(trade)
        price_wad = engine.observe(end_s * 1000)["BTC/USD"].price_wad
        errors_bps.append(abs(price_wad - closes[end_s]) * 10_000 / closes[end_s])
    assert sum(errors_bps) / len(errors_bps) <= 8
    assert max(errors_bps) <= 72


def test_recorded__forward_fills__are_bars_and_no_trades(bars):
    fills = [bar for bar in bars if bar.venue == "binanceus" and bar.volume_wad == 0]
    assert fills
    assert all(bar.trade() is None for bar in fills)


def test_recorded__every_trade__is_sane(bars):
    trades = [trade for trades in trades_by_minute(bars).values() for trade in trades]
    assert all(isinstance(trade, Trade) and trade.price_wad > 0 and trade.size_wad > 0 for trade in trades)

# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Bitstamp 2019-05-17: one seller emptied one venue's book, and an index on few venues followed it.

Must hold: the index moves less than a quarter of that venue's gap to the others.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD, parse_wad

CRASH_S = 1_558_062_000  # 2019-05-17 03:00 UTC
VENUES = ("bitstamp", "coinbase", "kraken", "gemini", "bitfinex")
NO_HASTE_S = 7_200


def engine(*venues: str) -> IndexEngine:
    markets = parse_markets([f"{venue}:BTC/USD" for venue in venues])
    return IndexEngine([FeedRule("BTC/USD", 8, 2, markets, max_age_s=NO_HASTE_S)])


def observe(index: IndexEngine, at_s: int, prices: dict[str, int]) -> int:
    for venue, price_wad in prices.items():
        index.on_trade(Trade(venue, "BTC/USD", price_wad, WAD, at_s * 1000))
    price_wad = index.observe(at_s * 1000)["BTC/USD"].price_wad
    assert price_wad is not None
    return price_wad


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("fall_bps", [50, 300, 1_600, 9_900])
def test_one_of_few_venues__falls_alone__moves_the_index_by_less_than_a_quarter(count, fall_bps):
    index = engine(*VENUES[:count])
    level = {venue: (7_320 + i) * WAD for i, venue in enumerate(VENUES[:count])}
    before = observe(index, 0, level)
    gap = level["bitstamp"] * fall_bps // 10_000
    after = observe(index, 5, level | {"bitstamp": level["bitstamp"] - gap})
    assert abs(before - after) * 4 < gap


@pytest.mark.data
def test_the_real_hour__index_low__stays_with_the_median_venue(market_data: Path):
    path = market_data / "btc-flash-crash-2019-05-17" / "btcusd_1h_2019-05-10_2019-05-24.csv"
    with path.open(newline="") as lines:
        lows = {line["exchange"]: parse_wad(line["low"]) for line in csv.DictReader(lines) if int(line["t"]) == CRASH_S}
    assert set(lows) == set(VENUES)
    low = observe(engine(*VENUES), CRASH_S, lows)
    middle = sorted(lows.values())[2]
    assert abs(low - middle) * 50 <= middle
    # With Bitfinex, which stood apart on the other side, left out too.
    assert abs(observe(engine(*VENUES[:4]), CRASH_S, lows) - middle) * 50 <= middle

# SPDX-License-Identifier: AGPL-3.0-only
"""Recorded bars become exact integers and honest trades."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.errors import ConfigError
from plumbline.replay.bars import COLUMNS, Bar, canonical_symbol, covered_s, read_bars, trades_by_minute, wad_of_double


def write_recording(path: Path, **changes: list) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        "exchange": ["kraken", "binanceus", "kraken"],
        "symbol": ["XBTUSD", "BTCUSDT", "USDCUSD"],
        "t": [120, 60, 60],
        "open": [20_000.1, 20_001.0, 0.99],
        "high": [20_000.1, 20_001.0, 0.99],
        "low": [20_000.1, 20_001.0, 0.98],
        "close": [20_000.12, 20_001.0, 0.9812],
        "volume": [0.1 + 0.2, 0.0, 1e-05],
    }
    parquet.write_table(pa.table(columns | changes), path)
    return path


@pytest.mark.parametrize(
    ("recorded", "canonical"),
    [("XBTUSDT", "BTC/USDT"), ("BTC-USD", "BTC/USD"), ("BTC_USDC", "BTC/USDC"), ("USDCUSDT", "USDC/USDT")],
)
def test_canonical_symbol__names_of_four_exchanges__are_one_name(recorded, canonical):
    assert canonical_symbol(recorded) == canonical


@pytest.mark.parametrize("symbol", ["BTCGBP", "USD", ""])
def test_canonical_symbol__unknown_quote__names_it(symbol):
    with pytest.raises(ValueError, match=f"quote currency of '{symbol}'"):
        canonical_symbol(symbol)


def test_wad_of_double__takes_the_printed_decimal__not_the_binary_fraction():
    assert wad_of_double(20_000.12) == 20_000_120_000_000_000_000_000
    assert wad_of_double(1e-05) == 10**13
    assert wad_of_double(0.1 + 0.2) == 300_000_000_000_000_040
    assert wad_of_double(1.25e-18) == 1


def test_covered_s__is_where_the_first_and_the_last_bar_open__in_whatever_order(tmp_path):
    assert covered_s(write_recording(tmp_path / "bars.parquet")) == (60, 120)
    empty = write_recording(tmp_path / "empty.parquet", **{name: [] for name in COLUMNS})
    with pytest.raises(ConfigError, match=r"empty\.parquet: expected at least one bar"):
        covered_s(empty)


def test_read_bars__orders_by_time_venue_symbol_and_keeps_the_window(tmp_path):
    path = write_recording(tmp_path / "bars.parquet")
    bars = read_bars(path, 60, 180)
    assert [(bar.start_s, bar.venue, bar.symbol) for bar in bars] == [
        (60, "binanceus", "BTC/USDT"),
        (60, "kraken", "USDC/USD"),
        (120, "kraken", "BTC/USD"),
    ]
    assert bars[2].close_wad == 20_000_120_000_000_000_000_000
    assert read_bars(path, 60, 120) == bars[:2]


def test_trades_by_minute__a_bar_without_volume__is_no_trade(tmp_path):
    minutes = trades_by_minute(read_bars(write_recording(tmp_path / "bars.parquet"), 0, 180))
    assert minutes[120] == [Trade("kraken", "USDC/USD", 981_200_000_000_000_000, 10**13, 119_999)]
    assert [trade.venue for trade in minutes[180]] == ["kraken"]
    assert set(minutes) == {120, 180}


def test_trade__closes_in_the_last_millisecond_of_its_minute():
    bar = Bar("kraken", "BTC/USD", 60, WAD, WAD, WAD, 2 * WAD, 3 * WAD)
    assert bar.trade() == Trade("kraken", "BTC/USD", 2 * WAD, 3 * WAD, bar.end_s * 1000 - 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"close": [1.0, float("nan"), 1.0]}, "finite numbers"),
        ({"close": [1.0, None, 1.0]}, "finite numbers"),
        ({"symbol": ["XBTUSD", "BTCGBP", "USDCUSD"]}, "BTCGBP"),
    ],
)
def test_read_bars__a_bad_bar__names_the_file_and_what_is_expected(tmp_path, changes, message):
    path = write_recording(tmp_path / "bad.parquet", **changes)
    with pytest.raises(ConfigError, match=rf"bad\.parquet: .*{message}"):
        read_bars(path, 0, 180)


def test_read_bars__not_a_recording__says_so(tmp_path):
    with pytest.raises(ConfigError, match="no such recording"):
        read_bars(tmp_path / "absent.parquet", 0, 60)
    (tmp_path / "text.parquet").write_text("exchange,symbol\n")
    with pytest.raises(ConfigError, match="expected Parquet with the columns exchange, symbol"):
        read_bars(tmp_path / "text.parquet", 0, 60)

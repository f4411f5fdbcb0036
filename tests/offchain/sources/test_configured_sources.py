# SPDX-License-Identifier: AGPL-3.0-only
"""From a reporter's config to its sources: REST, pools, ccxt, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.clock import SystemClock
from plumbline.commands.reporter import make_sources
from plumbline.config import ReplayConfig, ReporterConfig, load
from plumbline.errors import ConfigError
from plumbline.sources.uniswap import PoolSource
from plumbline.sources.websocket import WebSocketSource

ADDRESS = "0x" + "ab" * 20
CONFIG = f"""
journal = "journal.sqlite"

[chain]
rpc_url = "http://127.0.0.1:8545"
oracle = "{ADDRESS}"

[key]
keystore = "keys/reporter.json"
password_env = "REPORTER_PASSWORD"

[http]
port = 0

[[venues]]
name = "kraken"

[[venues]]
name = "bybit"
url = "ws://127.0.0.1:9001/bybit"

[[venues]]
name = "okx"
url = "ws://127.0.0.1:9001/okx"
rest_url = "http://127.0.0.1:9001/okx"

[[pools]]
rpc_url = "http://127.0.0.1:8545"
pool = "{ADDRESS}"
symbol = "BTC/USDT"
base = "{ADDRESS}"
min_depth = "2.5"

[[feeds]]
name = "USDT/USD"
decimals = 8
min_venues = 1
markets = ["kraken:USDT/USD"]

[[feeds]]
name = "BTC/USD"
decimals = 8
min_venues = 3
markets = ["kraken:BTC/USD", "bybit:BTC/USDT", "okx:BTC/USDT", "uniswap:BTC/USDT"]
"""
REPLAY = """
[listen]
port = 0
[[faults]]
venue = "kraken"
start = 2023-03-11T06:00:00Z
end = 2023-03-11T08:00:00Z
"""


def read(tmp_path: Path, text: str) -> ReporterConfig:
    file = tmp_path / "reporter.toml"
    file.write_text(text)
    return load(file, ReporterConfig)


def test_sources__rest_is_asked_where_it_is_the_exchanges_own_or_given(tmp_path: Path):
    found = {source.venue: source for source in make_sources(read(tmp_path, CONFIG), "reporter.toml", SystemClock())}

    assert list(found) == ["kraken", "bybit", "okx", "uniswap"]
    asks = {
        venue for venue, source in found.items() if isinstance(source, WebSocketSource) and source._rest is not None
    }
    assert asks == {"kraken", "okx"}


def test_sources__a_pool__has_the_configs_terms(tmp_path: Path):
    (pool,) = [s for s in make_sources(read(tmp_path, CONFIG), "x", SystemClock()) if isinstance(s, PoolSource)]
    assert pool._terms.min_depth_wad == 25 * 10**17
    assert (pool._terms.symbol, pool._terms.window_s, pool._terms.venue) == ("BTC/USDT", 1_800, "uniswap")
    assert pool.book("BTC/USDT") is None
    assert not pool.stats.connected


def test_sources__venue_without_an_adapter_and_without_ccxt__is_named(tmp_path: Path):
    text = CONFIG.replace('name = "bybit"\nurl = "ws://127.0.0.1:9001/bybit"', 'name = "htx"').replace("bybit:", "htx:")
    with pytest.raises(ConfigError, match=r"x: venues\[1\]: no adapter for venue 'htx'; there are: binance"):
        make_sources(read(tmp_path, text), "x", SystemClock())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('rest_url = "http://127.0.0.1:9001/okx"', 'rest_url = "ws://a"', "venues[2].rest_url: expected a http:// or"),
        (
            'name = "kraken"',
            'name = "kraken"\nccxt = "kraken"\nurl = "ws://a"',
            "venues[0].ccxt: expected no url beside it",
        ),
        ('name = "bybit"', 'name = "uniswap"', "venues: expected each name once, got 'uniswap' 2 times"),
        ('min_depth = "2.5"', "min_depth = 2.5", "pools[0].min_depth: expected str, got float"),
        ('min_depth = "2.5"', 'min_depth = "2.5"\nwindow_s = 5', "pools[0].window_s: expected int >= 60, got 5"),
    ],
)
def test_config__wrong_venue_or_pool__names_the_key_and_what_is_expected(
    tmp_path: Path, old: str, new: str, expected: str
):
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, CONFIG.replace(old, new, 1))
    assert expected in str(wrong.value)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ('kind = "loss"', 'faults[0].bps: expected a value beside kind = "scale" or "fat_finger" or "loss", and only'),
        ('kind = "loss"\nbps = -5', 'faults[0].bps: expected 1 to 10000 beside kind = "loss", got -5'),
        ('kind = "skew"', 'faults[0].delay_ms: expected a value beside kind = "latency" or "skew", and only there'),
        ('kind = "latency"\ndelay_ms = -1', 'faults[0].delay_ms: expected more than 0 beside kind = "latency", got -1'),
        ('kind = "reorder"\nbps = 1', "faults[0].bps: expected a value beside"),
    ],
)
def test_config__wrong_fault__names_the_key_and_what_is_expected(tmp_path: Path, fault: str, expected: str):
    file = tmp_path / "replay.toml"
    file.write_text(REPLAY + fault)
    with pytest.raises(ConfigError) as wrong:
        load(file, ReplayConfig)
    assert expected in str(wrong.value)

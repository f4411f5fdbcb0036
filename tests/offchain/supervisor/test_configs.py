# SPDX-License-Identifier: AGPL-3.0-only
"""What a run writes is what its processes accept: every config is read back by the loader of its process."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from plumbline.config import KeeperConfig, RelayerConfig, ReplayConfig, ReporterConfig, TraderConfig, load
from plumbline.config_maker import MakerConfig
from plumbline.errors import ConfigError
from plumbline.overview.settings import OverviewConfig
from plumbline.replay.simulation import simulated_markets
from plumbline.supervisor import feeds, scenario
from plumbline.supervisor.configs import Run, free_port, reporters
from plumbline.supervisor.scenario import Scenario

TOKENS = ("token USDC", "token WBTC", "token USDT", "token EURC")
POOLS = ("pool", "pool WBTC 500", "pool WBTC 3000", "pool USDT 500", "pool EURC 500")
NAMES = ("oracle", "vault", "arbitrageur", "swap router", "feed notices", *TOKENS, *POOLS)
CONTRACTS = {name: f"0x{index:040x}" for index, name in enumerate(NAMES, 1)}
CLOCK = {"kind": "market", "market_origin_ms": 1_678_521_600_000, "wall_origin_ms": 1_800_000_000_000, "speed": 30.0}


def at_s(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    bars = pa.table({"t": [at_s(2023, 3, 13, 23, 59), at_s(2023, 3, 1)]})
    parquet.write_table(bars, tmp_path / "deep" / "bars_1m_2023-03-01_2023-03-13.parquet")
    return tmp_path


@pytest.fixture(params=["simulated", "recorded", "live"])
def played(request: pytest.FixtureRequest, recording: Path) -> Scenario:
    made = {"simulated": lambda: scenario.simulated(5), "live": scenario.live}
    return made.get(request.param, lambda: scenario.recorded(recording))()


def test_run__every_config__is_accepted_by_its_own_process(played: Scenario, tmp_path: Path) -> None:
    run = Run(tmp_path, played, "http://127.0.0.1:8545", CLOCK, CONTRACTS)
    replay = load(run.replay(), ReplayConfig)
    read = [load(run.reporter(name), ReporterConfig) for name in reporters()]
    relayer = load(run.relayer(), RelayerConfig)
    keeper, trader = load(run.keeper(), KeeperConfig), load(run.trader(), TraderConfig)
    web = load(run.web(), OverviewConfig)

    assert [peer.url for peer in relayer.peers] == [f"http://127.0.0.1:{each.http.port}" for each in read]
    assert len({each.http.port for each in read} | {relayer.http.port, keeper.http.port, replay.listen.port}) == 8
    assert [feed.name for feed in read[0].feeds] == ["BTC/USD", "USDC/USD", "USDT/USD", "EUR/USD"]
    assert {each.clock.speed for each in (*read, relayer, trader, replay)} == {30.0}
    assert [peer.url for peer in web.reporters] == [peer.url for peer in relayer.peers]
    assert (web.pool, web.keeper) == (CONTRACTS["pool"], f"http://127.0.0.1:{keeper.http.port}")
    assert keeper.max_age_s == played.max_age_s
    assert trader.interval_s == played.push_s <= 60  # the demo promises a push a minute
    assert (trader.min_push_bps, trader.max_push_bps) == (50, 300)


def test_run__maker__moves_every_component_pool_at_prices_of_markets_its_venue_lists(played, tmp_path: Path) -> None:
    maker = load(Run(tmp_path, played, "http://127.0.0.1:8545", CLOCK, CONTRACTS).maker(), MakerConfig)
    made = [(pool.token, pool.fee_pips) for pool in maker.pools]
    assert made == [(CONTRACTS[f"token {pool.split()[1]}"], int(pool.split()[2])) for pool in POOLS[1:]]
    assert set(maker.markets) <= set(played.listed[maker.venue.name])
    assert (maker.venue.url is None) == (played.kind == "live")


def test_run__live__reads_the_exchanges_themselves(tmp_path: Path) -> None:
    run = Run(tmp_path, scenario.live(), "http://127.0.0.1:8545", CLOCK, CONTRACTS)
    read = load(run.reporter("reporter-1"), ReporterConfig)
    assert {venue.url for venue in read.venues} == {None}


def test_run__a_local_market__reads_the_replay_servers_alone(tmp_path: Path) -> None:
    run = Run(tmp_path, scenario.simulated(1), "http://127.0.0.1:8545", CLOCK, CONTRACTS)
    read = load(run.reporter("reporter-1"), ReporterConfig)
    assert {venue.url for venue in read.venues} == {
        f"ws://127.0.0.1:{run.port('replay')}/{venue}" for venue in simulated_markets()
    }


@pytest.mark.parametrize("listed", [feeds.LIVE, feeds.RECORDED])
def test_feeds__every_market_is_listed_by_its_venue__and_every_cross_has_both_legs(listed) -> None:
    for feed in feeds.feeds(listed, max_age_s=60, peg_venues=2):
        assert feed["markets"] or feed["crosses"]
        for venue, symbol in (market.split(":") for market in feed["markets"]):
            assert symbol in listed[venue]
        for venue in feed["crosses"]:
            assert {"BTC/USD", f"BTC/{feed['name'].partition('/')[0]}"} <= set(listed[venue])


def test_recorded__no_folder__says_which_variable_is_missing() -> None:
    with pytest.raises(ConfigError, match="DEMO_MARKET=recorded needs DEMO_DATA=<folder"):
        scenario.recorded(None)


def test_recorded__a_folder_without_a_recording__says_what_is_expected_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"DEMO_DATA={tmp_path}: expected a folder that holds a recording"):
        scenario.recorded(tmp_path)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ((1999, 1, 1), "DEMO_START=1999-01-01: the recording covers 2023-03-01 to 2023-03-13"),
        ((2023, 3, 14), "DEMO_START=2023-03-14: the recording covers 2023-03-01 to 2023-03-13"),
    ],
)
def test_recorded__a_start_outside_the_recording__says_what_it_covers(recording, start, message) -> None:
    with pytest.raises(ConfigError) as caught:
        scenario.recorded(recording, datetime(*start, tzinfo=UTC))
    assert str(caught.value) == message


def test_recorded__the_first_and_the_last_minute__are_inside(recording) -> None:
    for start in (datetime(2023, 3, 1, tzinfo=UTC), datetime(2023, 3, 13, 23, 59, tzinfo=UTC)):
        assert scenario.recorded(recording, start).start_ms == round(start.timestamp() * 1000)


@pytest.mark.parametrize(("speed", "block_s"), [(1, 1), (2, 1), (30, 15), (120, 60)])
def test_recorded__however_fast__a_block_lasts_half_a_second_on_the_wall(recording, speed, block_s) -> None:
    played = scenario.recorded(recording, datetime(2023, 3, 11, tzinfo=UTC), speed)
    assert played.block_s == block_s
    assert played.start_ms == 1_678_492_800_000


def test_free_port__a_taken_one__is_not_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {free_port() for _ in range(50)}
        assert taken.getsockname()[1] not in ports
    assert all(15_000 <= port < 32_000 for port in ports)
    first = free_port()
    assert first not in {free_port(exclude=[first]) for _ in range(50)}

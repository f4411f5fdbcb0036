# SPDX-License-Identifier: AGPL-3.0-only
"""The real sources against the real servers, over sockets: every venue, its faults, and a server that is killed."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.ports import free_port
from tests.helpers.streams import reading, run, until
from tests.helpers.tapes import few_trades
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from plumbline.clock import MarketClock
from plumbline.config import ReplayConfig, load
from plumbline.core.models import Trade
from plumbline.errors import ConfigError
from plumbline.replay.faults import Fault, Faults
from plumbline.replay.server import ReplayServer
from plumbline.replay.tape import Tape, markets_of
from plumbline.sources import CODECS, codec_of
from plumbline.sources.websocket import WebSocketSource

SPEED = 10
ORIGIN_MS = 1_678_492_800_000


def clock_from_now() -> MarketClock:
    return MarketClock(ORIGIN_MS, time.time_ns() // 1_000_000, SPEED)


def busy_tape(seconds: int, venues: Sequence[str]) -> list[Trade]:
    """Ten trades a second of market time on each venue, from before the origin on."""
    trades = [t for v in venues for t in few_trades(v, count=10 * (seconds + 5), start_ms=ORIGIN_MS - 5_000)]
    return sorted(trades, key=lambda t: t.at_ms)


def sources(server: ReplayServer, clock: MarketClock, told: list[Trade]) -> dict[str, WebSocketSource]:
    return {v: WebSocketSource(codec_of(v, s), clock, server.url(v)) for v, s in markets_of(told).items()}


def assert_complete(got: list[Trade], told: list[Trade]) -> None:
    """Every market's trades, from the first that came on, are all the tape's, in order, each once."""
    markets = {(t.venue, t.symbol) for t in told}
    assert {(t.venue, t.symbol) for t in got} == markets
    for market in markets:
        ours = [t for t in got if (t.venue, t.symbol) == market]
        theirs = [t for t in told if (t.venue, t.symbol) == market]
        begin = theirs.index(ours[0])
        assert ours == theirs[begin : begin + len(ours)]


def test_all_venues__every_trade_arrives_exactly_once():
    told = busy_tape(60, sorted(CODECS))

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            venues = sources(server, clock, told)
            async with reading(*venues.values()) as got:
                await until(lambda: len({t.venue for t in got if t.at_ms >= ORIGIN_MS + 59_900}) == len(CODECS), 15)
                for source in venues.values():
                    assert source.stats.connections == 1
                    assert not source.stats.rejected
                    assert not source.stats.refused
        assert_complete(got, told)

    run(test())


def test_snapshots__those_who_send_them__tell_the_latest_trades_oldest_first():
    told = [t for v in sorted(CODECS) for t in few_trades(v, count=200, start_ms=ORIGIN_MS - 60_000)]
    told.sort(key=lambda t: t.at_ms)
    lengths = {"kraken": 50, "coinbase": 50, "cryptocom": 50, "bitfinex": 30}

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            venues = sources(server, clock, told)
            async with reading(*venues.values()) as got:
                await until(lambda: len(got) >= 2 * sum(lengths.values()))
                await until(lambda: all(len(s._codec.confirmed) == 2 for s in venues.values()))
        for venue in CODECS:
            for symbol in markets_of(told)[venue]:
                theirs = [t for t in told if (t.venue, t.symbol) == (venue, symbol)]
                expected = theirs[-lengths[venue] :] if venue in lengths else []
                assert [t for t in got if (t.venue, t.symbol) == (venue, symbol)] == expected

    run(test())


def test_garbage_and_duplicates_on_all_venues__not_a_trade_wrong_or_missing():
    told = busy_tape(40, sorted(CODECS))
    ordered = [Fault(kind, venue, 0, 1 << 60) for venue in CODECS for kind in ("garbage", "duplicates")]

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, Faults(ordered)), clock, markets_of(told), 0) as server:
            venues = sources(server, clock, told)
            async with reading(*venues.values()) as got:
                await until(lambda: len({t.venue for t in got if t.at_ms >= ORIGIN_MS + 39_900}) == len(CODECS), 15)
                assert all(source.stats.rejected and source.stats.connections == 1 for source in venues.values())
        assert_complete(got, told)

    run(test())


def test_outage__closed_refused_and_back_while_others_go_on():
    told = busy_tape(120, ["kraken", "binance"])
    outage = Fault("outage", "kraken", ORIGIN_MS + 20_000, ORIGIN_MS + 50_000)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, Faults([outage])), clock, markets_of(told), 0) as server:
            venues = sources(server, clock, told)
            async with reading(*venues.values()) as got:
                await until(lambda: "503" in venues["kraken"].stats.reason)
                before = len([t for t in got if t.venue == "binance"])
                await until(lambda: venues["kraken"].stats.connections == 2, 20)
                assert len([t for t in got if t.venue == "binance"]) > before + 20
                await until(lambda: any(t.venue == "kraken" and t.at_ms >= outage.end_ms for t in got))
        kraken = [t for t in got if t.venue == "kraken"]
        assert len(set(kraken)) == len(kraken)

    run(test())


def test_freeze_and_scale__seen_by_the_source():
    told = busy_tape(40, ["kraken", "bybit"])
    ordered = [
        Fault("freeze", "kraken", ORIGIN_MS, 1 << 60),
        Fault("scale", "bybit", ORIGIN_MS + 20_000, 1 << 60, bps=3_000),
    ]

    async def test() -> None:
        clock = clock_from_now()
        async with (
            ReplayServer(Tape(told, Faults(ordered)), clock, markets_of(told), 0) as server,
            reading(*sources(server, clock, told).values()) as got,
        ):
            await until(lambda: len({t.venue for t in got if t.at_ms >= ORIGIN_MS + 39_900}) == 2)
        # One price for each of two markets.
        assert len({(t.symbol, t.price_wad) for t in got if t.venue == "kraken" and t.at_ms >= ORIGIN_MS}) == 2
        true = {(t.symbol, t.at_ms): t.price_wad for t in told if t.venue == "bybit"}
        scaled = [t for t in got if t.venue == "bybit" and t.at_ms >= ORIGIN_MS + 20_000]
        assert scaled
        assert all(t.price_wad == true[t.symbol, t.at_ms] * 13 // 10 for t in scaled)

    run(test())


def test_symbol_that_is_not_listed__only_it_is_refused():
    # All but Binance, which accepts any stream.
    told = busy_tape(60, sorted(set(CODECS) - {"binance"}))

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            venues = [
                WebSocketSource(codec_of(v, ["BTC/USD", "BTC/XYZ"]), clock, server.url(v)) for v in markets_of(told)
            ]
            async with reading(*venues) as got:
                await until(lambda: all(s.stats.refused for s in venues) and len({t.venue for t in got}) == len(venues))
                assert all(list(source.stats.refused) == ["BTC/XYZ"] for source in venues)
                assert {t.symbol for t in got} == {"BTC/USD"}

    run(test())


def test_silence__half_open_connection_is_hung_up_on():
    told = busy_tape(100, ["kraken"])
    silence = Fault("silence", "kraken", ORIGIN_MS + 10_000, ORIGIN_MS + 40_000)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, Faults([silence])), clock, markets_of(told), 0) as server:
            codec = codec_of("kraken", ["BTC/USD"])
            codec.silence_s = 1.5  # type: ignore[misc]
            source = WebSocketSource(codec, clock, server.url("kraken"))
            async with reading(source) as got:
                await until(lambda: "silent" in source.stats.reason)
                await until(lambda: any(t.at_ms >= silence.end_ms for t in got))

    run(test())


async def answer(url: str, request: Any) -> list[Any]:
    async with connect(url) as line:
        await line.send(json.dumps(request))
        got = []
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    got.append(json.loads(await line.recv()))
        return got


def test_conversations__wrong_requests__each_exchanges_own_error():
    told = busy_tape(1, sorted(CODECS))
    cases = [
        ("kraken", {"method": "subscribe", "params": {"channel": "trade"}}, {"success": False}),
        ("kraken", {"method": "order"}, {"error": "Unsupported event"}),
        ("kraken", {"method": "ping"}, {"method": "pong"}),
        ("coinbase", {"type": "subscribe", "channel": "candles"}, {"type": "error"}),
        ("binance", {"method": "JUMP", "id": 4}, {"id": 4}),
        ("binance", {"method": "SUBSCRIBE", "params": ["xyzusd@trade"], "id": 5}, {"result": None, "id": 5}),
        ("bybit", {"op": "ping", "req_id": "9"}, {"ret_msg": "pong", "req_id": "9"}),
        ("bybit", {"op": "subscribe", "args": ["publicTrade.BTCUSD"] * 11}, {"success": False}),
        ("cryptocom", {"id": 3, "method": "subscribe", "params": {"channels": ["trade.XYZ_USD"]}}, {"code": 40003}),
        ("cryptocom", {"id": 3, "method": "subscribe"}, {"code": 40001}),
        ("bitfinex", {"event": "subscribe", "channel": "trades", "symbol": "tXYZUSD"}, {"code": 10300}),
        ("bitfinex", {"event": "subscribe", "channel": "ticker", "symbol": "tBTCUSD"}, {"event": "error"}),
        ("bitstamp", {"event": "bts:heartbeat"}, {"event": "bts:heartbeat"}),
        (
            "bitstamp",
            {"event": "bts:subscribe", "data": {"channel": "live_trades_xyzusd"}},
            {"event": "bts:error", "channel": "live_trades_xyzusd"},
        ),
        ("gate", {"channel": "spot.ping"}, {"channel": "spot.pong"}),
        (
            "gate",
            {"id": 2, "channel": "spot.trades", "event": "subscribe", "payload": ["XYZ_USD"]},
            {"id": 2, "error": {"code": 2, "message": "unknown currency pair XYZ_USD"}},
        ),
        ("gemini", {"id": "1", "method": "ping"}, {"id": "1", "status": 200}),
        ("gemini", {"id": "1", "method": "subscribe", "params": ["xyzusd@trade"]}, {"id": "1", "status": 400}),
        ("okx", {"op": "subscribe", "args": [{"channel": "trades", "instId": "XYZ-USD"}]}, {"code": "60018"}),
        ("okx", {"op": "login", "args": []}, {"code": "60012"}),
    ]

    async def test() -> None:
        async with ReplayServer(Tape(told), clock_from_now(), markets_of(told), 0) as server:
            every = await asyncio.gather(*(answer(server.url(venue), request) for venue, request, _ in cases))
            for (venue, request, expected), answers in zip(cases, every, strict=True):
                assert any(expected.items() <= a.items() for a in answers), (venue, request, answers)

    run(test())


def test_paths__the_exchanges_own_or_none__others_are_not_found():
    told = busy_tape(1, ["kraken", "bybit"])

    async def test() -> None:
        async with ReplayServer(Tape(told), clock_from_now(), markets_of(told), 0) as server:
            for path in ("/kraken", "/kraken/v2", "/bybit/v5/public/spot"):
                async with connect(f"ws://127.0.0.1:{server.port}{path}"):
                    pass
            for path in ("/", "/kraken/v1", "/coinbase", "/../kraken"):
                with pytest.raises(InvalidStatus, match="404"):
                    await connect(f"ws://127.0.0.1:{server.port}{path}")

    run(test())


def test_coinbase__client_that_never_subscribes__is_hung_up_on():
    told = busy_tape(1, ["coinbase"])

    async def test() -> None:
        async with (
            ReplayServer(Tape(told), clock_from_now(), markets_of(told), 0) as server,
            connect(server.url("coinbase")) as line,
            asyncio.timeout(8),
        ):
            with pytest.raises(ConnectionClosed, match="nothing heard"):
                await line.recv()

    run(test())


def replay_process(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "plumbline.cli", "replay", "run", "--config", str(config)])


def test_process__killed_and_started_again__sources_come_back_and_nothing_is_told_twice(tmp_path: Path):
    port, origin_ms = free_port(), time.time_ns() // 1_000_000
    config = tmp_path / "replay.toml"
    config.write_text(
        f"""
        [listen]
        port = {port}
        [clock]
        kind = "market"
        market_origin_ms = {origin_ms}
        wall_origin_ms = {origin_ms}
        speed = 4.0
        [tape]
        seed = 7
        """
    )
    clock = MarketClock(origin_ms, origin_ms, 4.0)

    async def test() -> None:
        process = replay_process(config)
        try:
            source = WebSocketSource(codec_of("kraken", ["BTC/USD"]), clock, f"ws://127.0.0.1:{port}/kraken")
            async with reading(source) as got:
                await until(lambda: len(got) > 5, 20)
                process.kill()
                process.wait()
                await until(lambda: not source.stats.connected)
                known = len(got)
                process = replay_process(config)
                await until(lambda: len(got) > known + 5, 20)
                assert source.stats.connections == 2
            assert len(set(got)) == len(got)
            # What traded while the server was dead came with the snapshot: no hole.
            assert source._codec.missed == 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        finally:
            process.kill()
            process.wait()

    run(test())


FREEZE = "[[faults]]\nkind = 'freeze'\nstart = 2023-03-11T06:00:00Z\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "listen: required, but missing"),
        ("[listen]\nport = 'x'", "listen.port: expected int, got str"),
        ("[listen]\nport = 0\n[tape]\nkind = 'recorded'", "tape.file: expected a path beside"),
        ("[listen]\nport = 0\n[tape]\nkind = 'recorded'\nfile = 'x'", 'clock.kind: expected "market" beside'),
        (
            f"[listen]\nport = 0\n{FREEZE}venue = 'kraken'\nend = 2023-03-11T06:00:00Z",
            "faults[0].end: expected a time after start",
        ),
        (
            f"[listen]\nport = 0\n{FREEZE}venue = 'kraken'\nend = 2023-03-11T08:00:00",
            "faults[0].end: expected datetime with a timezone component",
        ),
        (
            f"[listen]\nport = 0\n{FREEZE}venue = 'kraken'\nend = 2023-03-11T08:00:00Z\nbps = 5",
            'faults[0].bps: expected a value beside kind = "scale"',
        ),
    ],
)
def test_config__wrong__names_the_key_and_what_is_expected(tmp_path: Path, text: str, expected: str):
    config = tmp_path / "replay.toml"
    config.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(expected)):
        load(config, ReplayConfig)


def test_process__fault_of_a_venue_that_is_not_on_the_tape__one_clear_sentence(tmp_path: Path):
    config = tmp_path / "replay.toml"
    config.write_text(f"[listen]\nport = 0\n{FREEZE}venue = 'mtgox'\nend = 2023-03-11T08:00:00Z")
    command = [sys.executable, "-m", "plumbline.cli", "replay", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    known = ", ".join(sorted(CODECS))
    assert done.stderr == f"plumbline: {config}: faults[0].venue: expected one of {known}, got 'mtgox'\n"


def test_process__port_taken__one_clear_sentence(tmp_path: Path):
    config = tmp_path / "replay.toml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config.write_text(f"[listen]\nport = {port}")
        command = [sys.executable, "-m", "plumbline.cli", "replay", "run", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"plumbline: {config}: listen.port: expected a free port, got {port}" in done.stderr
    assert "Traceback" not in done.stderr

# SPDX-License-Identifier: AGPL-3.0-only
"""Each venue against its own stand-in: what it refuses, its heartbeat, its silence, its maintenance, and its return."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.helpers.streams import reading, run, until
from tests.helpers.tapes import few_trades

from plumbline.clock import MarketClock
from plumbline.core.models import Trade
from plumbline.replay.faults import Fault, Faults
from plumbline.replay.server import ReplayServer
from plumbline.replay.tape import Tape, markets_of
from plumbline.replay.venues import SESSIONS
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import Codec
from plumbline.sources.websocket import WebSocketSource

SPEED = 10
ORIGIN_MS = 1_678_492_800_000
FOREVER_MS = 1 << 60
VENUES = sorted(CODECS)


def clock_from_now() -> MarketClock:
    return MarketClock(ORIGIN_MS, time.time_ns() // 1_000_000, SPEED)


def tape_of(venue: str, seconds: int = 100) -> list[Trade]:
    return few_trades(venue, count=10 * (seconds + 5), start_ms=ORIGIN_MS - 5_000)


def impatient(codec: Codec[Any], **limits: float) -> Codec[Any]:
    """The codec with its times cut short."""
    for name, value in limits.items():
        setattr(codec, name, value)
    return codec


# All but Binance, which accepts any stream: there a market that does not exist is silent, and goes stale.
@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue != "binance"])
def test_subscription_refused__said_in_log_metric_and_reason_while_the_others_go_on(venue: str, capsys):
    told = tape_of(venue)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0) as server:
            source = WebSocketSource(codec_of(venue, ["BTC/USD", "BTC/XYZ"], "top"), clock, server.url(venue))
            async with reading(source) as got:
                await until(lambda: set(source.stats.refused) == {"BTC/XYZ"} or len(source.stats.refused) == 2)
                await until(lambda: source.stats.rejected["subscription refused"] >= 1 and got)
                assert source.stats.connected
                assert source.stats.reason.startswith("refused BTC/XYZ")
                assert set(source.stats.refused) <= {"BTC/XYZ", "BTC/XYZ book"}
                assert {t.symbol for t in got} == {"BTC/USD"}

    run(test())
    assert "subscription refused" in capsys.readouterr().out


@pytest.mark.parametrize("venue", VENUES)
def test_half_open_socket__hung_up_on_and_made_again(venue: str):
    told = tape_of(venue)
    silence = Fault("silence", venue, ORIGIN_MS + 5_000, ORIGIN_MS + 30_000)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, Faults([silence])), clock, markets_of(told), 0) as server:
            codec = impatient(codec_of(venue, ["BTC/USD"]), silence_s=0.8, settle_s=0.0)
            source = WebSocketSource(codec, clock, server.url(venue), patience_s=3)
            async with reading(source) as got:
                await until(lambda: f"{venue}: silent for " in source.stats.reason)
                await until(lambda: any(t.at_ms >= silence.end_ms for t in got), 20)
                assert source.stats.connections >= 2
        assert len(set(got)) == len(got)

    run(test())


@pytest.mark.parametrize("venue", VENUES)
def test_maintenance__announced_or_not__out_with_a_reason_and_back_after_it(venue: str):
    told = tape_of(venue)
    fault = Fault("maintenance", venue, ORIGIN_MS + 10_000, ORIGIN_MS + 25_000)
    announces = bool(SESSIONS[venue](["BTC/USD"]).maintenance())

    async def test() -> None:
        clock = clock_from_now()
        reasons: list[str] = []
        async with ReplayServer(Tape(told, Faults([fault])), clock, markets_of(told), 0) as server:
            codec = impatient(codec_of(venue, ["BTC/USD"]), settle_s=0.0)
            source = WebSocketSource(codec, clock, server.url(venue))
            async with reading(source) as got:
                await until(lambda: reasons.append(source.stats.reason) or (not source.stats.connected and got))
                await until(lambda: reasons.append(source.stats.reason) or "503" in source.stats.reason)
                await until(lambda: any(t.at_ms >= fault.end_ms for t in got), 20)
        assert any(venue in reason for reason in reasons) == announces
        assert len(set(got)) == len(got)

    run(test())


PINGS = {
    "bitstamp": {"event": "bts:heartbeat"},
    "bybit": {"op": "ping"},
    "gate": {"channel": "spot.ping"},
    "gemini": {"id": "ping", "method": "ping"},
    "okx": "ping",
}


@pytest.mark.parametrize("venue", VENUES)
def test_heartbeat__as_each_venue_wants_it__keeps_a_quiet_connection(venue: str):
    """A venue either beats by itself or is pinged; crypto.com's beat has to be answered, or it hangs up."""
    told = [Trade(venue, "BTC/USD", 10**18, 10**18, ORIGIN_MS - 1_000)]
    heard: list[Any] = []

    class Hasty(SESSIONS[venue]):  # type: ignore[misc]
        heartbeat_s = None if SESSIONS[venue].heartbeat_s is None else 0.2

        def receive(self, frame: bytes, now_ms: int, recent: Any) -> list[bytes]:
            heard.append(frame.decode() if frame == b"ping" else json.loads(frame))
            return super().receive(frame, now_ms, recent)

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told), clock, markets_of(told), 0, sessions={venue: Hasty}) as server:
            codec = impatient(codec_of(venue, ["BTC/USD"]), settle_s=0.0)
            if venue != "binance":
                # Far shorter than the time it then lives: only the heartbeat can have kept it.
                codec.silence_s = 1.2  # type: ignore[misc]
            if codec.ping is not None:
                codec.ping = (0.3, codec.ping[1])  # type: ignore[misc]
            source = WebSocketSource(codec, clock, server.url(venue))
            async with reading(source):
                await until(lambda: codec.confirmed)
                await asyncio.sleep(3)
                assert source.stats.connections == 1
                assert source.stats.connected
                assert not source.stats.rejected

    run(test())
    if venue in PINGS:
        assert PINGS[venue] in heard
    else:
        assert venue == "binance" or SESSIONS[venue].heartbeat_s is not None
    assert (venue == "cryptocom") == any(
        isinstance(frame, dict) and frame.get("method") == "public/respond-heartbeat" for frame in heard
    )


@pytest.mark.parametrize("venue", VENUES)
def test_clock_skew_and_fat_fingers__late_stamps_are_dropped_and_far_prices_are_passed_on(venue: str):
    told = tape_of(venue, seconds=30)
    faults = [
        Fault("skew", venue, ORIGIN_MS, ORIGIN_MS + 10_000, delay_ms=60_000),
        Fault("fat_finger", venue, ORIGIN_MS + 10_000, FOREVER_MS, bps=9_000),
    ]

    async def test() -> None:
        clock = clock_from_now()
        async with ReplayServer(Tape(told, Faults(faults)), clock, markets_of(told), 0) as server:
            codec = impatient(codec_of(venue, markets_of(told)[venue]), settle_s=0.0)
            source = WebSocketSource(codec, clock, server.url(venue))
            async with reading(source) as got:
                await until(lambda: any(t.at_ms >= ORIGIN_MS + 29_000 for t in got))
                assert source.stats.dropped["future"] > 0
        true = {(t.symbol, t.at_ms): t.price_wad for t in told}
        assert all((t.symbol, t.at_ms) in true for t in got), "a stamp a minute ahead is never believed"
        far = [t for t in got if t.price_wad != true[t.symbol, t.at_ms]]
        assert 0 < len(far) < len(got) / 4
        assert all(t.price_wad == true[t.symbol, t.at_ms] * 19 // 10 for t in far)

    run(test())

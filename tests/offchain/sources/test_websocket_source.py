# SPDX-License-Identifier: AGPL-3.0-only
"""A source against servers that behave as exchanges do on bad days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.helpers.ports import free_port
from tests.helpers.streams import reading, run, until
from websockets.asyncio.server import ServerConnection, serve

from plumbline.sources.binance import BinanceCodec
from plumbline.sources.codec import MAX_FRAME_BYTES
from plumbline.sources.cryptocom import CryptocomCodec
from plumbline.sources.kraken import KrakenCodec
from plumbline.sources.websocket import WebSocketSource

NOW_MS = 1_678_500_000_000
Handler = Callable[[ServerConnection], Awaitable[None]]


class StoppedClock:
    def now_ms(self) -> int:
        return NOW_MS

    async def sleep_until_ms(self, at_ms: int) -> None:
        raise AssertionError("a source never waits for market time")


@asynccontextmanager
async def exchange(handler: Handler, port: int = 0) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", port, close_timeout=0.2, max_size=1 << 22) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def trade(number: int, at_ms: int = NOW_MS) -> str:
    event = {"e": "trade", "s": "BTCUSD", "t": number, "p": "20000.5", "q": "0.1", "T": at_ms + number}
    return json.dumps(event)


def binance(url: str, **options: Any) -> WebSocketSource:
    return WebSocketSource(BinanceCodec(["BTC/USD"]), StoppedClock(), url, **options)


def test_trades__connection_lost__reconnects_and_repeats_nothing():
    asked: list[Any] = []

    async def drops(connection: ServerConnection) -> None:
        asked.append(json.loads(await connection.recv()))
        for number in range(1, 3 + len(asked)):
            await connection.send(trade(number))
        await connection.close(1001)

    async def test() -> None:
        async with exchange(drops) as url, reading(binance(url)) as got:
            await until(lambda: len(got) == 5)
        assert [t.at_ms - NOW_MS for t in got] == [1, 2, 3, 4, 5]
        assert asked[0] == asked[1] == {"method": "SUBSCRIBE", "params": ["btcusd@trade"], "id": 1}

    run(test())


def test_trades__venue_not_there_yet__found_once_it_is():
    port = free_port()

    async def answers(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(trade(1))
        await connection.wait_closed()

    async def test() -> None:
        source = binance(f"ws://127.0.0.1:{port}")
        async with reading(source) as got:
            await until(lambda: "refused" in source.stats.reason.lower() or "connect" in source.stats.reason.lower())
            assert source.stats.connections == 0
            async with exchange(answers, port):
                await until(lambda: got)
                assert source.stats.connected
                assert source.stats.reason == ""

    run(test())


def test_trades__garbage_between_trades__counted_and_survived():
    async def babbles(connection: ServerConnection) -> None:
        await connection.recv()
        frames = [
            "{",
            b"\xff\xfe",
            "[" * 50_000,
            trade(1),
            '{"e":"trade"}',
            '{"e":"trade","t":2}',
            trade(2).replace("20000.5", "-1"),
            trade(3),
        ]
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(babbles) as url:
            source = binance(url)
            async with reading(source) as got:
                await until(lambda: len(got) == 2)
                assert source.stats.connections == 1
                assert source.stats.rejected == {"malformed": 4, "unknown market": 1, "price": 1}
                assert source.stats.frames == 8

    run(test())


def test_trades__frame_beyond_the_limit__counted_and_connected_again():
    async def floods(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("x" * (MAX_FRAME_BYTES + 1))
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(floods) as url:
            source = binance(url)
            async with reading(source):
                await until(lambda: source.stats.connections == 2)
                assert source.stats.rejected["too big"] >= 1

    run(test())


class ImpatientKraken(KrakenCodec):
    silence_s = 0.3


def test_trades__half_open_connection__hung_up_on():
    async def says_nothing(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(says_nothing) as url:
            source = WebSocketSource(ImpatientKraken(["BTC/USD"]), StoppedClock(), url)
            async with reading(source):
                await until(lambda: source.stats.connections == 2)
                await until(lambda: source.stats.reason.startswith("kraken: silent for 0."))

    run(test())


def test_trades__subscription_never_answered__said_and_retried():
    async def beats_only(connection: ServerConnection) -> None:
        while True:
            await connection.send('{"channel":"heartbeat"}')
            await asyncio.sleep(0.05)

    async def test() -> None:
        async with exchange(beats_only) as url:
            source = WebSocketSource(KrakenCodec(["BTC/USD"]), StoppedClock(), url, patience_s=0.4)
            async with reading(source):
                await until(lambda: "no answer to the subscription of BTC/USD" in source.stats.reason)
                await until(lambda: source.stats.connections == 2)

    run(test())


def test_trades__every_market_refused__out_with_the_venues_words():
    async def refuses(connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        for symbol in request["params"]["symbol"]:
            why = f"Currency pair not supported {symbol}"
            await connection.send(json.dumps({"method": "subscribe", "success": False, "error": why, "symbol": symbol}))
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(refuses) as url:
            source = WebSocketSource(KrakenCodec(["BTC/USD", "BTC/EUR"]), StoppedClock(), url)
            async with reading(source):
                await until(lambda: source.stats.connections == 2)
                await until(lambda: "BTC/EUR: Currency pair not supported BTC/EUR" in source.stats.reason)

    run(test())


class HastyCryptocom(CryptocomCodec):
    settle_s = 0.0
    ping = (0.1, b'{"op":"ping"}')


def test_trades__heartbeats_and_pings__are_sent_as_the_venue_demands():
    heard: list[Any] = []

    async def listens(connection: ServerConnection) -> None:
        heard.append(json.loads(await connection.recv()))
        await connection.send('{"id":77,"method":"public/heartbeat","code":0}')
        while True:
            heard.append(json.loads(await connection.recv()))

    async def test() -> None:
        async with exchange(listens) as url:
            source = WebSocketSource(HastyCryptocom(["BTC/USD"]), StoppedClock(), url, patience_s=0.6)
            async with reading(source):
                await until(lambda: {"op": "ping"} in heard)
        assert {"id": 77, "method": "public/respond-heartbeat"} in heard

    run(test())


def test_trades__trade_ahead_of_the_clock__dropped_and_counted():
    async def is_fast(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(trade(1, NOW_MS + 60_000))
        await connection.send(trade(2))
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(is_fast) as url:
            source = binance(url)
            async with reading(source) as got:
                await until(lambda: got)
                assert [t.at_ms for t in got] == [NOW_MS + 2]
                assert source.stats.dropped == {"future": 1}

    run(test())


def test_pause__failures_in_a_row__doubles_to_a_limit_with_jitter():
    class Dice:
        def uniform(self, low: float, high: float) -> float:
            assert (low, high) == (0.5, 1.0)
            return 1.0

    source = binance("ws://127.0.0.1:1", rng=Dice())
    assert [source._pause_s(n) for n in (0, 1, 2, 6, 7, 50)] == [0.25, 0.5, 1.0, 16.0, 30.0, 30.0]


def test_trades__cancelled_at_any_moment__ends():
    async def drops_at_once(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(trade(1))
        await connection.close(1001)

    async def test() -> None:
        async with exchange(drops_at_once) as url:
            # A step of the event loop later each time: through the handshake, the trade, the loss and the pause.
            for steps in range(120):
                source = binance(url)
                async with reading(source):
                    for _ in range(steps):
                        await asyncio.sleep(0)

    run(test())


def test_trades__closed_by_its_reader__hangs_up():
    async def answers(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(trade(1))
        await connection.wait_closed()

    async def test() -> None:
        async with exchange(answers) as url:
            source = binance(url)
            trades = source.trades()
            assert (await anext(trades)).symbol == "BTC/USD"
            await trades.aclose()
            assert not source.stats.connected

    run(test())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws://"])
def test_trades__address_that_is_none__is_out_with_the_reason(url: str):
    async def test() -> None:
        source = binance(url)
        async with reading(source):
            await until(lambda: source.stats.reason != "not connected yet")
            assert url in source.stats.reason

    run(test())


@pytest.mark.parametrize(
    "location",
    [
        ["ws://["],
        ["ws://h:99999/"],
        ["ws://a..b/"],
        ["ws://" + "a" * 70 + "/"],
        ["ws://a/", "ws://b/"],
        ["ws://127.0.0.1:1/"],
    ],
)
def test_trades__venue_redirects__is_out_with_the_reason_and_nowhere_is_followed(location: list[str]):
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        lines = ["HTTP/1.1 302 Found", "Content-Length: 0", *(f"Location: {target}" for target in location), "", ""]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(redirect, "127.0.0.1", 0)
        source = binance(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server, reading(source):
            await until(lambda: source.stats.reason != "not connected yet")
            assert "302" in source.stats.reason

    run(test())

# SPDX-License-Identifier: AGPL-3.0-only
"""The REST client against servers that are slow, huge, strict or hostile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.helpers.streams import run

from plumbline.errors import SourceError
from plumbline.sources import codec_of
from plumbline.sources.rest import FEW_LEFT, MAX_BODY_BYTES, RestClient, _retry_after_s

NOW_MS = 1_678_500_000_000
ONE_TRADE = b'[{"id":7,"price":"2.5","qty":"1","time":1678499999000}]'
Answer = Callable[[str], tuple[str, bytes]]
"""From the request's lines to (status line and headers, body)."""


class StoppedClock:
    def now_ms(self) -> int:
        return NOW_MS

    async def sleep_until_ms(self, at_ms: int) -> None:
        raise AssertionError("a client never waits for market time")


@asynccontextmanager
async def server(answer: Answer, heard: list[str]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.append(head)
        status, body = answer(head)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def asking(answer: Answer, test: Callable[[RestClient, list[str]], Awaitable[None]], **options: float) -> None:
    async def all_of_it() -> None:
        heard: list[str] = []
        async with server(answer, heard) as url:
            client = RestClient(codec_of("binance", ["BTC/USD"], "top"), StoppedClock(), url, pause_s=0, **options)
            await test(client, heard)
            await client.aclose()

    run(all_of_it())


def test_trades__asked__the_venues_path_without_cookies_or_compression():
    async def test(client: RestClient, heard: list[str]) -> None:
        (trade,) = await client.trades("BTC/USD")
        assert (trade.symbol, trade.at_ms) == ("BTC/USD", 1_678_499_999_000)
        assert await client.trades("BTC/USD") == []
        assert heard[0].startswith("GET /api/v3/trades?symbol=BTCUSD&limit=100 HTTP/1.1\r\n")
        assert "accept-encoding: identity" in heard[1].lower()
        assert "cookie" not in heard[1].lower()

    asking(lambda head: ("200 OK\r\nSet-Cookie: a=b; Path=/", ONE_TRADE), test)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "418 I'm a teapot", "403 Forbidden", "503 Unavailable"])
def test_refusal__with_a_time__nothing_is_asked_until_it_is_over(status: str):
    async def test(client: RestClient, heard: list[str]) -> None:
        with pytest.raises(SourceError, match=f"binance: HTTP {status[:3]} from /api/v3/trades$"):
            await client.trades("BTC/USD")
        with pytest.raises(SourceError, match=f"no REST for 1 s more: HTTP {status[:3]}"):
            await client.book("BTC/USD")
        assert len(heard) == 1
        await asyncio.sleep(1.05)
        with pytest.raises(SourceError, match=f"HTTP {status[:3]} from"):
            await client.trades("BTC/USD")
        assert len(heard) == 2

    asking(lambda head: (f"{status}\r\nRetry-After: 1", b""), test)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0", 1),
        ("99999999", 3_600),
        (None, 60),
        ("soon", 60),
        ("-5", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 3_600),
        ("\u0663\u0660", 60),
        ("1" * 400, 60),
    ],
)
def test_retry_after__number_date_or_nonsense__a_bounded_time(text: str | None, seconds: float):
    assert _retry_after_s(text) == seconds


def test_weight__nearly_used_up__it_rests_before_it_is_told_to():
    async def test(client: RestClient, heard: list[str]) -> None:
        await client.trades("BTC/USD")
        with pytest.raises(SourceError, match="its weight is nearly used up"):
            await client.trades("BTC/USD")
        assert len(heard) == 1

    asking(lambda head: ("200 OK\r\nX-MBX-USED-WEIGHT-1M: 4801", ONE_TRADE), test)


def test_requests_left__none__it_rests():
    async def all_of_it() -> None:
        heard: list[str] = []
        body = b'{"retCode":0,"retMsg":"OK","result":{"list":[]}}'
        answer: Answer = lambda head: (f"200 OK\r\nX-Bapi-Limit-Status: {FEW_LEFT - 1}", body)  # noqa: E731
        async with server(answer, heard) as url:
            client = RestClient(codec_of("bybit", ["BTC/USD"]), StoppedClock(), url, pause_s=0)
            await client.trades("BTC/USD")
            with pytest.raises(SourceError, match="no requests left"):
                await client.trades("BTC/USD")
            await client.aclose()

    run(all_of_it())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (("200 OK", b" " * (MAX_BODY_BYTES + 1)), "more than"),
        (("200 OK", b"<html>"), "malformed"),
        (("200 OK", b"\xff\xfe"), "malformed"),
        (("200 OK", b"[" * 100_000), "malformed"),
        (("302 Found\r\nLocation: http://127.0.0.1:1/", b""), "HTTP 302"),
        (("302 Found\r\nLocation: http://[", b""), "InvalidURL|HTTP 302|Protocol"),
        (("500 Oops", b""), "HTTP 500"),
        (("nonsense", b""), "unreachable"),
    ],
)
def test_answer__that_is_none__a_source_error(answer: tuple[str, bytes], message: str):
    async def test(client: RestClient, heard: list[str]) -> None:
        with pytest.raises(SourceError, match=message):
            await client.trades("BTC/USD")

    # Patient: what is wrong here is the answer, and a busy machine takes its time over four megabytes.
    asking(lambda head: answer, test, timeout_s=60)


def test_answer__a_byte_a_moment__is_given_up():
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(20):
            writer.write(b" ")
            await asyncio.sleep(0.1)
        writer.close()

    async def all_of_it() -> None:
        listening = await asyncio.start_server(drips, "127.0.0.1", 0)
        async with listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            client = RestClient(codec_of("binance", ["BTC/USD"]), StoppedClock(), url, timeout_s=0.3)
            with pytest.raises(SourceError, match=r"binance: no REST answer within 0\.3 s"):
                await client.trades("BTC/USD")
            await client.aclose()
            await asyncio.sleep(2.2)

    run(all_of_it())

# SPDX-License-Identifier: AGPL-3.0-only
"""Rows over real HTTP: what a reporter serves, and what a hostile peer can do to who asks it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.helpers.streams import until
from tests.offchain.fakes import START_S, signed_row

from plumbline.config import HttpConfig
from plumbline.errors import ConfigError, PeerError, RowError
from plumbline.transport.connections import Bounds
from plumbline.transport.peer import HttpRowPeer, peer_client
from plumbline.transport.rows import MAX_ROW_BYTES, encode_row
from plumbline.transport.server import HttpServer

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ask_server(handler: Handler, timeout_s: float = 0.3) -> object:
    """What a peer whose server is `handler`, byte for byte, gives us."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main() -> object:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, peer_client() as client:
            return await HttpRowPeer("peer", f"http://127.0.0.1:{port}", client, timeout_s=timeout_s).row(START_S)

    return asyncio.run(main())


def answer(status: str, body: bytes = b"", *headers: str) -> Handler:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return handle


def test_row__served_as_reporters_do__comes_back_whole():
    signed = signed_row(3)
    assert ask_server(answer("200 OK", encode_row(signed))) == signed


def test_row__not_there_yet__is_none():
    assert ask_server(answer("404 Not Found", b"no row")) is None


@pytest.mark.parametrize("status", ["500 Oops", "204 No Content", "401 Unauthorized", "302 Found"])
def test_row__other_status__is_a_peer_error_and_nothing_is_followed(status):
    with pytest.raises(PeerError, match="status: HTTP") as caught:
        ask_server(answer(status, b"", "Location: http://127.0.0.1:1/secret"))
    assert caught.value.kind == "status"


@pytest.mark.parametrize("target", ["mailto:a@b", "javascript:x", "urn:[x", "http://[", "http://h:99999/"])
def test_row__redirect_to_nonsense__is_a_peer_error(target):
    with pytest.raises(PeerError):
        ask_server(answer("302 Found", b"", f"Location: {target}"))


def test_row__peer_sets_cookies__nobody_is_sent_any():
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, peer_client() as client:
            for name in ("filler", "honest"):
                assert await HttpRowPeer(name, url, client, timeout_s=1).row(START_S) is None

    asyncio.run(main())
    assert len(requests) == 2
    assert not any(b"cookie" in request.lower() for request in requests)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 3_000, encode_row(signed_row(1))[:-1], b'{"reporter": 1}'],
)
def test_row__not_a_row__is_malformed(body):
    with pytest.raises(RowError) as caught:
        ask_server(answer("200 OK", body))
    assert caught.value.kind == "malformed"


def test_row__endless_body__is_cut_off_at_the_limit():
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"a" * 1024 + b"\r\n")
            await writer.drain()
            sent += 1024

    with pytest.raises(PeerError, match=f"oversized: more than {MAX_ROW_BYTES} bytes"):
        ask_server(endless, timeout_s=10)
    assert sent < 64 * 2**20


@pytest.mark.parametrize("opening", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n{"])
def test_row__socket_hangs__is_a_timeout(opening):
    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(opening)
        await asyncio.sleep(5)

    with pytest.raises(PeerError) as caught:
        ask_server(hang)
    assert caught.value.kind == "timeout"


def test_row__a_byte_now_and_then__is_a_timeout_too():
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + b" " * 300:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(PeerError) as caught:
        ask_server(drip)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("bytes_", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_row__not_http_or_hung_up__is_unreachable(bytes_):
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes_)

    with pytest.raises(PeerError) as caught:
        ask_server(handle)
    assert caught.value.kind == "unreachable"


def test_row__nobody_listens__is_unreachable():
    async def main() -> None:
        async with peer_client() as client:
            await HttpRowPeer("peer", "http://127.0.0.1:1", client, timeout_s=1).row(START_S)

    with pytest.raises(PeerError, match="unreachable: ConnectError"):
        asyncio.run(main())


def test_server__port_taken__says_which_and_what_to_do():
    async def main() -> None:
        async with HttpServer(Starlette(), HttpConfig(port=0)) as server:
            with pytest.raises(
                ConfigError, match=rf"http: cannot listen on 127\.0\.0\.1:{server.port}: .*choose another"
            ):
                HttpServer(Starlette(), HttpConfig(port=server.port))

    asyncio.run(main())


def test_server__huge_request_head__is_refused_and_it_serves_on():
    async def main() -> None:
        app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("fine"))])
        async with HttpServer(app, HttpConfig(port=0)) as server, httpx.AsyncClient() as client:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000)
            await writer.drain()
            assert b"400" in await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == "fine"

    asyncio.run(main())


def test_server__left_with_a_connection_open__stops_within_two_seconds():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        async with HttpServer(Starlette(), HttpConfig(port=0)) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n")
            await asyncio.sleep(0.1)
            start = loop.time()
        writer.close()
        return loop.time() - start

    assert asyncio.run(main()) < 2


async def _silent(port: int, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    return [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]


def test_server__more_silent_connections_than_it_keeps__those_who_ask_are_still_answered():
    async def main() -> None:
        app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("fine"))])
        async with HttpServer(app, HttpConfig(port=0)) as server, httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == "fine"
            idle = await _silent(server.port, Bounds().connections + 40)
            for _ in range(3):
                async with httpx.AsyncClient() as newcomer:
                    assert (await newcomer.get(f"http://127.0.0.1:{server.port}/")).text == "fine"
            # The ones that were silent longest had to go.
            gone = [reader.at_eof() for reader, _ in idle]
            assert 40 <= sum(gone) <= 50
            assert not any(gone[60:])
            for _, writer in idle:
                writer.close()

    asyncio.run(main())


def test_server__connection_that_never_asks__is_hung_up_on():
    async def main() -> None:
        app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("fine"))])
        async with HttpServer(app, HttpConfig(port=0), Bounds(request_s=0.2)) as server:
            ((reader, writer),) = await _silent(server.port, 1)
            # A byte now and then is no request either.
            writer.write(b"GET / HT")
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    asyncio.run(main())


def test_server__slow_answer__is_not_taken_for_silence():
    async def slow(_: object) -> PlainTextResponse:
        await asyncio.sleep(0.5)
        return PlainTextResponse("fine")

    async def main() -> None:
        app = Starlette(routes=[Route("/", slow)])
        async with HttpServer(app, HttpConfig(port=0), Bounds(request_s=0.1)) as server, httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/", timeout=5)).text == "fine"

    asyncio.run(main())


async def _not_reading(port: int, count: int) -> list[socket.socket]:
    """Connections that ask for far more than they ever read."""
    loop, asking = asyncio.get_running_loop(), []
    for _ in range(count):
        each = socket.socket()
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        each.setblocking(False)
        await loop.sock_connect(each, ("127.0.0.1", port))
        await loop.sock_sendall(each, 2 * b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        asking.append(each)
    return asking


def _large() -> Starlette:
    large = PlainTextResponse("x" * (16 << 20))
    return Starlette(routes=[Route("/large", lambda _: large), Route("/", lambda _: PlainTextResponse("fine"))])


def test_server__as_many_unread_answers_as_it_keeps__whoever_comes_is_answered():
    async def main() -> None:
        async with HttpServer(_large(), HttpConfig(port=0), Bounds(connections=8)) as server:
            asking = await _not_reading(server.port, 8)
            await asyncio.sleep(0.2)
            async with httpx.AsyncClient() as newcomer:
                assert (await newcomer.get(f"http://127.0.0.1:{server.port}/", timeout=5)).text == "fine"
            for each in asking:
                each.close()

    asyncio.run(main())


def test_server__answer_that_nobody_reads__is_given_up():
    async def main() -> None:
        async with HttpServer(_large(), HttpConfig(port=0), Bounds(request_s=0.2)) as server:
            (only,) = await _not_reading(server.port, 1)
            await until(lambda: server.connections == 1)
            await until(lambda: server.connections == 0)
            only.close()

    asyncio.run(main())

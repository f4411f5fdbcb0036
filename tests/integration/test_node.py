# SPDX-License-Identifier: AGPL-3.0-only
"""Reporters and a relayer against the real MedianOracle on Anvil, over real HTTP, on good days and bad ones."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.helpers.anvil import Anvil
from tests.integration.node import Network, deploy_oracle, network
from tests.offchain.fakes import KEYS, signed_row

from plumbline.transport.rows import encode_row

pytestmark = pytest.mark.anvil
REPORTERS = [key.address for key in KEYS[:5]]


def run(anvil: Anvil, folder: Path, test: Callable[[Network], Awaitable[None]], **options: object) -> None:
    oracle = deploy_oracle(anvil.url, reporters=REPORTERS)

    async def main() -> None:
        async with network(anvil.url, oracle, folder, **options) as net:
            await test(net)

    asyncio.run(main())


def test_network__market_moves__rounds_follow_it_and_every_page_tells(anvil: Anvil, tmp_path: Path):
    async def test(net: Network) -> None:
        first = await net.round_after(0)
        assert [answer.price for answer in await net.reader.answers()] == [20_000 * 10**8, 10**8]
        net.prices["BTC/USD"] = 20_100

        async def moved() -> bool:
            return (await net.reader.answers())[0].price == 20_100 * 10**8

        await net.until(moved)
        assert (await net.reader.latest_round())[0] > first
        async with httpx.AsyncClient() as client:
            for url, service in [(net.nodes[0].url, "reporter"), (net.relayer_url, "relayer")]:
                assert (await client.get(f"{url}/healthz")).text == "ok\n"
                ready = await client.get(f"{url}/readyz")
                assert (ready.status_code, ready.text) == (200, "ready\n")
                status = (await client.get(f"{url}/status")).json()
                assert status["service"] == service
                assert status["chain"]["epoch"] == 1
                assert [feed["name"] for feed in status["feeds"]] == ["BTC/USD", "USDC/USD"]
                assert (
                    f"plumbline_{'rows_signed' if service == 'reporter' else 'rounds'}_total"
                    in (await client.get(f"{url}/metrics")).text
                )
            for path in ("/rows/", "/rows/x", "/rows/-1", "/rows/" + "9" * 5_000, "/rows/1.5"):
                assert (await client.get(net.nodes[0].url + path)).status_code in (400, 404)
            assert (await client.post(f"{net.nodes[0].url}/rows/5")).status_code == 405

    run(anvil, tmp_path, test)


def test_network__two_of_five_reporters_missing__rounds_go_on(anvil: Anvil, tmp_path: Path):
    async def test(net: Network) -> None:
        first = await net.round_after(0)
        await net.round_after(first)
        assert {answer.price for answer in await net.reader.answers()} == {20_000 * 10**8, 10**8}

    run(anvil, tmp_path, test, keys=KEYS[:3])


@asynccontextmanager
async def hostile_peers():
    """Name -> url of servers that do what a peer must not."""
    over = asyncio.Event()

    async def hang(_: int, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async def flood(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"7" * 65_536)

    def says(body: Callable[[int], bytes]) -> Callable[[int, asyncio.StreamWriter], Awaitable[None]]:
        async def handle(asked: int, writer: asyncio.StreamWriter) -> None:
            answer = body(asked)
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

        return handle

    def serve(handle: Callable[[int, asyncio.StreamWriter], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Whoever asks may hang up at any time.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                await handle(int(head.split(b" ")[1].rpartition(b"/")[2]), writer)
                await writer.drain()
            writer.close()

        return handler

    handlers = {
        "hangs": hang,
        "floods": flood,
        "garbage": says(lambda _: b'{"reporter": '),
        "forged": says(lambda t: encode_row(signed_row(1, t, (1, 1)))),
        "stranger": says(lambda t: encode_row(signed_row(7, t))),
        "past": says(lambda t: encode_row(signed_row(1, t - 1))),
        "future": says(lambda t: encode_row(signed_row(1, t + 1))),
    }
    servers = {name: await asyncio.start_server(serve(handler), "127.0.0.1", 0) for name, handler in handlers.items()}
    try:
        yield {name: f"http://127.0.0.1:{s.sockets[0].getsockname()[1]}" for name, s in servers.items()}
    finally:
        over.set()
        for server in servers.values():
            server.close()
        await asyncio.sleep(0.05)


def test_network__hostile_peers_among_the_good__are_counted_and_change_nothing(anvil: Anvil, tmp_path: Path):
    oracle = deploy_oracle(anvil.url, reporters=REPORTERS)
    kinds = {
        "hangs": "late",
        "floods": "oversized",
        "garbage": "malformed",
        "forged": "signature",
        "stranger": "reporter",
        "past": "timestamp",
        "future": "timestamp",
    }

    async def main() -> None:
        async with hostile_peers() as peers, network(anvil.url, oracle, tmp_path, peers=peers) as net:
            first = await net.round_after(0)
            await net.round_after(first)
            assert [answer.price for answer in await net.reader.answers()] == [20_000 * 10**8, 10**8]

            async def told() -> bool:
                # On a busy machine any of them may be late for a round.
                return {name: net.relayer.collector.states[name].kind for name in peers} == kinds

            await net.until(told)

    asyncio.run(main())


def test_network__chain_restarted__everybody_finds_the_new_one_and_rounds_begin_again(anvil: Anvil, tmp_path: Path):
    async def test(net: Network) -> None:
        before = await net.round_after(0)
        await asyncio.to_thread(anvil.stop)
        await asyncio.sleep(1.5)
        assert net.relayer.unready() != ""
        await asyncio.to_thread(anvil.start)
        await asyncio.to_thread(lambda: deploy_oracle(anvil.url, reporters=REPORTERS))
        assert (await net.reader.latest_round())[0] <= before
        first = await net.round_after(0)
        assert await net.round_after(first) > first

    run(anvil, tmp_path, test)


def test_network__rpc_hangs_for_a_while__reporters_sign_on_and_rounds_come_back(anvil: Anvil, tmp_path: Path):
    async def test(net: Network) -> None:
        before = await net.round_after(0)
        signed = net.nodes[0].reporter.last.row.timestamp
        os.kill(anvil.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(3.5)
            assert net.nodes[0].reporter.last.row.timestamp >= signed + 2
        finally:
            os.kill(anvil.pid, signal.SIGCONT)
        await net.round_after(before)

    run(anvil, tmp_path, test)


def test_network__reporter_restarted_on_its_journal__serves_what_it_signed_before(anvil: Anvil, tmp_path: Path):
    oracle = deploy_oracle(anvil.url, reporters=REPORTERS)

    async def first() -> bytes:
        async with network(anvil.url, oracle, tmp_path) as net:
            await net.round_after(0)
            node = net.nodes[2]
            row = node.reporter.last
            async with httpx.AsyncClient() as client:
                served = (await client.get(f"{node.url}/rows/{row.row.timestamp}")).content
            assert served == encode_row(row)
            return served

    async def again(served: bytes) -> None:
        timestamp = httpx.Response(200, content=served).json()["timestamp"]
        async with network(anvil.url, oracle, tmp_path) as net, httpx.AsyncClient() as client:
            node = net.nodes[2]

            async def agreed() -> bool:
                return node.reporter.config is not None

            await net.until(agreed)
            assert (await client.get(f"{node.url}/rows/{timestamp}")).content == served

    asyncio.run(again(asyncio.run(first())))

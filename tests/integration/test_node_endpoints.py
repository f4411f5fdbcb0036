# SPDX-License-Identifier: AGPL-3.0-only
"""Several endpoints of one chain, on real Anvils: who is elsewhere, behind or on a fork; and reorganisations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tests.helpers.anvil import Anvil, rpc
from tests.integration.node import RELAYER_KEY, deploy_oracle
from tests.offchain.fakes import KEYS

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import Sender
from plumbline.config import TxConfig
from plumbline.errors import ChainError, ChainUnreachable

pytestmark = pytest.mark.anvil
START_S = "1700000000"


@pytest.fixture
def twins() -> Iterator[tuple[Anvil, Anvil]]:
    """Two endpoints that show the same chain, block by block."""
    with Anvil("--timestamp", START_S) as one, Anvil("--timestamp", START_S) as other:
        for chain in (one, other):
            for second in range(1, 9):
                rpc(chain.url, "evm_setNextBlockTimestamp", int(START_S) + second)
                rpc(chain.url, "evm_mine")
        yield one, other


def ask(urls: list[str], test: Callable[[Rpc], Awaitable[None]], chain_id: int | None = None) -> None:
    async def main() -> None:
        async with Rpc(urls, timeout_s=2, chain_id=chain_id, compare_every_s=0.0) as client:
            await test(client)

    asyncio.run(main())


def test_disagreement__same_chain__there_is_none(twins: tuple[Anvil, Anvil]):
    async def test(client: Rpc) -> None:
        assert await client.disagreement() == ""

    ask([each.url for each in twins], test)


def test_disagreement__one_does_not_answer__is_passed_over_and_no_disagreement(anvil: Anvil):
    async def test(client: Rpc) -> None:
        assert await client.disagreement() == ""
        assert await client.chain_id() == 31337

    ask(["http://127.0.0.1:1", anvil.url], test)


def test_disagreement__another_block_below_the_tip__is_said(twins: tuple[Anvil, Anvil]):
    one, other = twins
    rpc(one.url, "anvil_setBalance", KEYS[0].address, "0x1")
    for chain in twins:
        for second in range(9, 19):
            rpc(chain.url, "evm_setNextBlockTimestamp", int(START_S) + second)
            rpc(chain.url, "evm_mine")

    async def test(client: Rpc) -> None:
        assert await client.disagreement() == f"{other.url} shows another block 15"

    ask([one.url, other.url], test)


def test_disagreement__one_is_behind__is_said_and_asked_last(twins: tuple[Anvil, Anvil]):
    one, other = twins
    for second in range(9, 19):
        rpc(other.url, "evm_setNextBlockTimestamp", int(START_S) + second)
        rpc(other.url, "evm_mine")

    async def test(client: Rpc) -> None:
        assert await client.number(client.w3.eth.block_number) == 8
        assert await client.disagreement() == f"{one.url} is 10 blocks behind"
        assert await client.number(client.w3.eth.block_number) == 18
        await asyncio.to_thread(other.stop)
        assert await client.number(client.w3.eth.block_number) == 8

    ask([one.url, other.url], test)


def test_chain_id__pinned_and_another__is_refused_and_its_endpoint_never_asked(anvil: Anvil):
    address = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])

    async def test(client: Rpc) -> None:
        with pytest.raises(ChainError, match="the endpoint is on chain 31337, the config expects 1"):
            await ChainOracle(client, address).config()
        with pytest.raises(ChainError, match="the config expects 1"):
            await Sender(client, RELAYER_KEY, TxConfig()).send(KEYS[0].address, "0x", gas=21_000)
        assert await client.disagreement() == f"{anvil.url} is on chain 31337, expected 1"
        with pytest.raises(ChainUnreachable, match="on another chain"):
            await client.number(client.w3.eth.block_number)

    ask([anvil.url, "http://127.0.0.1:1"], test, chain_id=1)


def test_confirmations__reorganised_away__are_none_and_come_back_when_it_is_mined_again(anvil: Anvil):
    rpc(anvil.url, "anvil_setBalance", RELAYER_KEY.address, hex(10**18))

    async def test(client: Rpc) -> None:
        sender = Sender(client, RELAYER_KEY, TxConfig(), poll_s=0.01)
        before = rpc(anvil.url, "evm_snapshot")
        receipt = await sender.send(KEYS[6].address, "0x", value_wei=1)
        tx_hash = receipt["transactionHash"].to_0x_hex()
        assert await sender.confirmations(tx_hash) == 1
        rpc(anvil.url, "anvil_mine", "0x3")
        assert await sender.confirmations(tx_hash) == 4
        rpc(anvil.url, "evm_revert", before)
        assert await sender.confirmations(tx_hash) is None
        # Its nonce is free again: nothing has to be resynchronised.
        again = await sender.send(KEYS[6].address, "0x", value_wei=2)
        assert await sender.confirmations(again["transactionHash"].to_0x_hex()) == 1

    ask([anvil.url], test)


def test_send__started_anew_beside_a_stuck_transaction_of_before__outbids_it():
    with Anvil("--no-mining") as anvil:
        rpc(anvil.url, "anvil_setBalance", RELAYER_KEY.address, hex(10**19))

        async def test(client: Rpc) -> None:
            stuck = asyncio.create_task(
                Sender(client, RELAYER_KEY, TxConfig(), poll_s=0.01).send(KEYS[5].address, "0x")
            )
            while rpc(anvil.url, "txpool_status")["pending"] == "0x0":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            stuck.cancel()
            await asyncio.wait([stuck])
            sending = asyncio.create_task(
                Sender(client, RELAYER_KEY, TxConfig(), poll_s=0.01).send(KEYS[6].address, "0x", value_wei=5)
            )
            while not sending.done():
                await asyncio.sleep(0.05)
                await asyncio.to_thread(rpc, anvil.url, "evm_mine")
            assert sending.result()["status"] == 1
            assert await client.w3.eth.get_balance(KEYS[6].address) == 5
            assert await client.w3.eth.get_transaction_count(RELAYER_KEY.address) == 1

        ask([anvil.url], test)


def serve(handle: Callable[[object], bytes], test: Callable[[str, list[object]], Awaitable[None]]) -> None:
    """An endpoint that answers `handle` of each body; the bodies are kept."""
    bodies: list[object] = []

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        answer = handle(bodies[-1])
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(each, "127.0.0.1", 0)
        async with server:
            await test(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", bodies)

    asyncio.run(main())


def result(request: dict) -> dict:
    return {"jsonrpc": "2.0", "id": request["id"], "result": hex(len(request["method"]))}


def several(client: Rpc) -> list[Awaitable[int]]:
    eth = client.w3.eth
    return [client.number(question) for question in (eth.chain_id, eth.block_number, eth.chain_id)]


def test_requests__of_one_moment__travel_together_and_each_gets_its_own_answer():
    def shuffled(body: object) -> bytes:
        return json.dumps([result(each) for each in body][::-1] if isinstance(body, list) else result(body)).encode()

    async def test(url: str, bodies: list[object]) -> None:
        async with Rpc([url], timeout_s=2, compare_every_s=0.0) as client:
            assert await asyncio.gather(*several(client)) == [11, 15, 11]
            assert [len(body) for body in bodies] == [3]

    serve(shuffled, test)


@pytest.mark.parametrize(
    "refusal", [b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32600}}', b"<html>", b"[]", b"[1]"]
)
def test_requests__endpoint_knows_no_batches__are_asked_one_by_one_from_then_on(refusal: bytes):
    def single(body: object) -> bytes:
        return refusal if isinstance(body, list) else json.dumps(result(body)).encode()

    async def test(url: str, bodies: list[object]) -> None:
        async with Rpc([url], timeout_s=2, compare_every_s=0.0) as client:
            for _ in range(2):
                assert await asyncio.gather(*several(client)) == [11, 15, 11]
        assert [isinstance(body, list) for body in bodies] == [True, *[False] * 6]

    serve(single, test)

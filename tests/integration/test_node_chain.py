# SPDX-License-Identifier: AGPL-3.0-only
"""JSON-RPC and transactions on a real Anvil: reasons, stuck and replaced transactions, restarts, hostile endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
from scripts.artifacts import compile_contract
from tests.helpers.anvil import Anvil, rpc
from tests.integration.node import RELAYER_KEY, deploy_oracle
from tests.offchain.fakes import KEYS
from web3 import Web3

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.tx import GWEI, Sender
from plumbline.config import TxConfig
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import NoAnswer

pytestmark = pytest.mark.anvil
STRANGER = KEYS[6].address
CONFIG = TxConfig(max_fee_gwei=500, priority_fee_gwei=1, replace_after_blocks=2, deadline_blocks=6)


@pytest.fixture
def chain() -> Iterator[Anvil]:
    """Mines only when told to."""
    with Anvil("--no-mining") as anvil:
        fund(anvil)
        yield anvil


def fund(anvil: Anvil) -> None:
    rpc(anvil.url, "anvil_setBalance", RELAYER_KEY.address, hex(10**19))


def with_sender(
    url: str, test: Callable[[Sender, Rpc], Awaitable[None]], config: TxConfig = CONFIG, timeout_s: float = 2
) -> None:
    async def main() -> None:
        async with Rpc([url], timeout_s=timeout_s) as client:
            await test(Sender(client, RELAYER_KEY, config, poll_s=0.01), client)

    asyncio.run(main())


async def mine(anvil: Anvil, until: asyncio.Task[object], pause_s: float = 0.05) -> None:
    """A block now and then until the task is done."""
    while not until.done():
        await asyncio.sleep(pause_s)
        await asyncio.to_thread(rpc, anvil.url, "evm_mine")


def test_send__mined__gives_the_receipt_and_the_next_nonce_follows(chain: Anvil):
    async def test(sender: Sender, client: Rpc) -> None:
        for nonce in range(2):
            sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=7))
            await mine(chain, sending)
            receipt = sending.result()
            assert receipt["status"] == 1
            assert (await client.w3.eth.get_transaction(receipt["transactionHash"]))["nonce"] == nonce

    with_sender(chain.url, test)


def test_send__would_revert__raises_the_contracts_reason_before_anything_is_paid(anvil: Anvil):
    oracle = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])

    async def test(sender: Sender, client: Rpc) -> None:
        contract = client.contract("MedianOracle", oracle)
        data = contract.encode_abi("submit", args=[1, 0, [], [], []])
        with pytest.raises(ChainError) as caught:
            await sender.send(oracle, data)
        assert caught.value.reason == "oracle: round too late"
        assert await client.w3.eth.get_transaction_count(sender.address) == 0

    with_sender(anvil.url, test)


def test_send__reverts_when_mined__raises_the_reason_and_the_next_one_works(anvil: Anvil):
    oracle = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])

    async def test(sender: Sender, client: Rpc) -> None:
        data = client.contract("MedianOracle", oracle).encode_abi("submit", args=[1, 0, [], [], []])
        with pytest.raises(ChainError, match=r"transaction 0x[0-9a-f]{64} reverted: oracle: round too late") as caught:
            await sender.send(oracle, data, gas=200_000)
        assert caught.value.reason == "oracle: round too late"
        assert (await sender.send(STRANGER, "0x"))["status"] == 1

    with_sender(anvil.url, test)


def test_send__base_fee_jumps__is_replaced_with_higher_fees_and_mined_once(chain: Anvil):
    async def test(sender: Sender, client: Rpc) -> None:
        before = await client.w3.eth.get_balance(STRANGER)
        sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=5))
        await asyncio.sleep(0.2)
        rpc(chain.url, "anvil_setNextBlockBaseFeePerGas", hex(60 * GWEI))
        await mine(chain, sending)
        receipt = sending.result()
        assert receipt["effectiveGasPrice"] > 20 * GWEI
        assert await client.w3.eth.get_balance(STRANGER) - before == 5

    with_sender(chain.url, test)


def test_send__dearer_than_the_cap__gives_up_and_the_next_one_outbids_the_stuck_one(chain: Anvil):
    cheap = TxConfig(max_fee_gwei=5, priority_fee_gwei=1, replace_after_blocks=2, deadline_blocks=4)

    async def test(sender: Sender, client: Rpc) -> None:
        sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=1))
        await asyncio.sleep(0.2)

        while not sending.done():
            rpc(chain.url, "anvil_setNextBlockBaseFeePerGas", hex(6 * GWEI))
            rpc(chain.url, "evm_mine")
            await asyncio.sleep(0.05)
        with pytest.raises(ChainError, match=r"not mined within 4 blocks: 0x"):
            sending.result()
        with pytest.raises(ChainError, match=r"gas is too dear: .* exceed 5\.0 gwei"):
            await sender.send(STRANGER, "0x")
        rpc(chain.url, "anvil_setNextBlockBaseFeePerGas", hex(GWEI // 10))
        rpc(chain.url, "evm_mine")
        sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=2))
        await mine(chain, sending)
        assert sending.result()["status"] == 1
        assert rpc(chain.url, "txpool_status") == {"pending": "0x0", "queued": "0x0"}

    with_sender(chain.url, test, cheap)


def test_send__chain_restarted_while_it_waits__fails_and_the_next_one_begins_at_the_new_nonce(chain: Anvil):
    async def test(sender: Sender, client: Rpc) -> None:
        for _ in range(2):
            first = asyncio.create_task(sender.send(STRANGER, "0x"))
            await mine(chain, first)
        waiting = asyncio.create_task(sender.send(STRANGER, "0x"))
        await asyncio.sleep(0.1)
        chain.stop()
        chain.start()
        fund(chain)
        await mine(chain, waiting)
        with pytest.raises(ChainError):
            waiting.result()
        fresh = asyncio.create_task(sender.send(STRANGER, "0x"))
        await mine(chain, fresh)
        assert (await client.w3.eth.get_transaction(fresh.result()["transactionHash"]))["nonce"] == 0

    with_sender(chain.url, test)


def test_send__endpoint_is_on_another_chain_now__signs_nothing_for_it(anvil: Anvil):
    fund(anvil)

    async def test(sender: Sender, client: Rpc) -> None:
        await sender.send(STRANGER, "0x")
        rpc(anvil.url, "anvil_setChainId", 7)
        with pytest.raises(ChainError, match="the endpoint is on chain 7 now, expected 31337"):
            await sender.send(STRANGER, "0x")
        assert await client.w3.eth.get_transaction_count(sender.address) == 1

    with_sender(anvil.url, test)


def test_send__several_tasks_at_once__each_gets_its_own_nonce(anvil: Anvil):
    fund(anvil)

    async def test(sender: Sender, client: Rpc) -> None:
        receipts = await asyncio.gather(*(sender.send(STRANGER, "0x", value_wei=n) for n in range(6)))
        nonces = [(await client.w3.eth.get_transaction(r["transactionHash"]))["nonce"] for r in receipts]
        assert sorted(nonces) == list(range(6))

    with_sender(anvil.url, test)


def test_oracle__config_and_answers__are_the_contracts_own(anvil: Anvil):
    reporters = [key.address for key in KEYS[:5]]
    address = deploy_oracle(anvil.url, reporters=reporters, heartbeat_s=60)

    async def test(_: Sender, client: Rpc) -> None:
        oracle = ChainOracle(client, address)
        config = await oracle.config()
        assert (config.chain_id, config.address, config.epoch, config.period_s) == (31337, address, 1, 1)
        assert [(f.name, f.decimals, f.quorum, f.heartbeat_s, f.deviation_bps) for f in config.feeds] == [
            ("BTC/USD", 8, 3, 60, 25),
            ("USDC/USD", 8, 3, 60, 25),
        ]
        assert list(config.reporters) == reporters
        assert await oracle.answers() == (NoAnswer.NONE_YET, NoAnswer.NONE_YET)
        assert await oracle.latest_round() == (0, 0)

    with_sender(anvil.url, test)


def test_oracle__feed_tripped_by_hand__is_told_from_one_without_an_answer(anvil: Anvil):
    address = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])
    w3 = Web3(Web3.HTTPProvider(anvil.url))
    oracle = w3.eth.contract(address=address, abi=compile_contract("MedianOracle").abi)
    w3.eth.wait_for_transaction_receipt(oracle.functions.trip(1).transact({"from": w3.eth.accounts[0]}))

    async def test(_: Sender, client: Rpc) -> None:
        assert await ChainOracle(client, address).answers() == (NoAnswer.NONE_YET, NoAnswer.HELD)

    with_sender(anvil.url, test)


def test_oracle__chain_restarted_with_other_reporters__is_read_anew(anvil: Anvil):
    address = deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:5]])

    async def test(_: Sender, client: Rpc) -> None:
        oracle = ChainOracle(client, address)
        assert len((await oracle.config()).reporters) == 5
        anvil.stop()
        with pytest.raises(ChainUnreachable):
            await oracle.config()
        anvil.start()
        with pytest.raises(ChainError, match="makes no sense"):
            await oracle.config()
        assert deploy_oracle(anvil.url, reporters=[key.address for key in KEYS[:4]]) == address
        assert len((await oracle.config()).reporters) == 4

    with_sender(anvil.url, test)


ANSWERS = [
    b"",
    b"<html>502 Bad Gateway</html>",
    b"[]",
    b'{"jsonrpc": "2.0", "id": 1}',
    b'{"jsonrpc": "2.0", "id": 1, "result": null}',
    b'{"jsonrpc": "2.0", "id": 1, "result": "0xzz"}',
    b'{"jsonrpc": "2.0", "id": 1, "result": {"number": "many"}}',
    b'{"jsonrpc": "2.0", "id": 1, "result": [[[]]]}',
    b'{"jsonrpc": "2.0", "id": 1, "result": 1e400}',
    b'{"jsonrpc": "2.0", "id": 1, "error": "no"}',
    b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "execution reverted: oracle: stale"}}',
    b'{"jsonrpc": "2.0", "id": 1, "error": {"code": 3, "message": "execution reverted", "data": "0x08c379a0ff"}}',
    b'{"jsonrpc": "2.0", "id": 1, "error": {}}',
    b'{"jsonrpc": "2.0", "id": 1, "result": ' + b"[" * 5_000,
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_rpc__hostile_endpoint__every_question_ends_in_a_chain_error(answer: bytes):
    async def test(sender: Sender, client: Rpc) -> None:
        oracle = ChainOracle(client, STRANGER)
        for question in (oracle.config(), oracle.answers(), oracle.latest_round(), sender.send(STRANGER, "0x")):
            with pytest.raises(ChainError):
                await question

    serve_rpc(answer, lambda url: ask_with(url, test))


def test_rpc__first_endpoint_dead__asks_the_next_and_tells_no_secrets(anvil: Anvil):
    async def main() -> None:
        dead = "http://user:hunter2@127.0.0.1:1/v3/hunter2?key=hunter2"
        async with Rpc([dead, anvil.url], timeout_s=1) as client:
            assert await client.ask(client.w3.eth.chain_id) == 31337
        async with Rpc([dead], timeout_s=1) as client:
            with pytest.raises(ChainUnreachable) as caught:
                await client.ask(client.w3.eth.chain_id)
        assert str(caught.value) == "eth_chainId: http://127.0.0.1:1: ClientConnectorError"

    asyncio.run(main())


async def ask_with(url: str, test: Callable[[Sender, Rpc], Awaitable[None]]) -> None:
    async with Rpc([url], timeout_s=1) as client:
        await test(Sender(client, RELAYER_KEY, CONFIG, poll_s=0.01), client)


@pytest.mark.parametrize("target", ["mailto:x", "http://[", "http://127.0.0.1:1/"])
def test_rpc__endpoint_redirects__is_unreachable_and_nothing_is_followed(target: str):
    async def test(_: Sender, client: Rpc) -> None:
        with pytest.raises(ChainUnreachable):
            await client.ask(client.w3.eth.chain_id)

    serve_rpc(b"", lambda url: ask_with(url, test), status=f"302 Found\r\nLocation: {target}")


def test_rpc__endpoint_sends_a_byte_now_and_then__the_next_one_is_asked_in_time(anvil: Anvil):
    async def main(url: str) -> None:
        async with Rpc([url, anvil.url], timeout_s=0.5) as client, asyncio.timeout(5):
            assert await client.ask(client.w3.eth.chain_id) == 31337

    serve_rpc(b" " * 200, main, pause_s=0.1)


def serve_rpc(
    answer: bytes, main: Callable[[str], Awaitable[None]], *, status: str = "200 OK", pause_s: float = 0
) -> None:
    """Run `main` against an HTTP server that says `answer` to everything; byte by byte where there is a pause."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        json.loads(await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n\r\n".encode())
        try:
            for part in [answer[i : i + 1] for i in range(len(answer))] if pause_s else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass  # the client had enough
        finally:
            writer.close()

    async def both() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            await main(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    asyncio.run(both())

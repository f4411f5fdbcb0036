# SPDX-License-Identifier: AGPL-3.0-only
"""Transactions that are not taken, on a real Anvil: replaced, cancelled, held by a private relay, or not paid for."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from tests.helpers.anvil import Anvil, rpc

from plumbline.chain.fees import GWEI
from plumbline.chain.flight import Relay, Spent
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.tx import Sender
from plumbline.config import KeeperTxConfig
from plumbline.errors import ChainError, ChainUnfunded

pytestmark = pytest.mark.anvil
KEY = LocalKey(bytes([11] * 32))
STRANGER = "0x000000000000000000000000000000000000bEEF"
CONFIG = KeeperTxConfig(max_fee_gwei=40, priority_fee_gwei=1, replace_after_blocks=1, deadline_blocks=4)
DEAR_GWEI = (5, 12, 26, 37)
"""Base fees of the next blocks, each more than is offered by then, the last one more than a trade may offer."""


def mine(chain: Anvil, base_gwei: int) -> None:
    rpc(chain.url, "anvil_setNextBlockBaseFeePerGas", hex(base_gwei * GWEI))
    rpc(chain.url, "evm_mine")


def waiting(chain: Anvil) -> list[dict[str, Any]]:
    """The key's transactions in the pool."""
    content = rpc(chain.url, "txpool_content")
    # What does not pay the base fee is no longer pending for it.
    queues = [pair for part in ("pending", "queued") for pair in content[part].items()]
    return [each for address, queue in queues if address.lower() == KEY.address.lower() for each in queue.values()]


def nonces(chain: Anvil) -> int:
    return int(rpc(chain.url, "eth_getTransactionCount", KEY.address, "latest"), 16)


def received(chain: Anvil) -> int:
    return int(rpc(chain.url, "eth_getBalance", STRANGER, "latest"), 16)


class Watched(Rpc):
    """Counts how often a sender looked at which head."""

    def __init__(self, chain: Anvil) -> None:
        super().__init__([chain.url], timeout_s=5)
        self.looks: Counter[int] = Counter()

    async def request(self, method: str, *params: Any) -> Any:
        answer = await super().request(method, *params)
        if method == "eth_blockNumber":
            self.looks[int(answer, 16)] += 1
        return answer


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def dealt_with(chain: Anvil, client: Watched, base_gwei: int) -> None:
    """A block, and all that a sender does on its account: it looks again only afterwards."""
    mine(chain, base_gwei)
    head = int(rpc(chain.url, "eth_blockNumber"), 16)
    await until(lambda: client.looks[head] > 1)


def run(chain: Anvil, test: Callable[[Sender, Watched], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Watched(chain) as client, asyncio.timeout(90):
            await test(Sender(client, KEY, CONFIG, poll_s=0.01), client)

    asyncio.run(main())


def fee(chain: Anvil) -> int:
    (only,) = waiting(chain)
    return int(only["maxFeePerGas"], 16)


async def sent(chain: Anvil, sender: Sender) -> asyncio.Task[Any]:
    """Waits in the pool, at a base fee of 1 gwei."""
    mine(chain, 1)
    sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=7, gas=21_000))
    await until(lambda: len(waiting(chain)) == 1)
    return sending


def test_send__stuck__is_replaced_up_to_its_cap_then_cancelled_and_never_mined(still: Anvil):
    async def test(sender: Sender, client: Watched) -> None:
        sending = await sent(still, sender)
        offered = [fee(still)]
        for base_gwei in DEAR_GWEI:
            assert waiting(still)[0]["to"] == STRANGER.lower()
            await dealt_with(still, client, base_gwei)
            offered.append(fee(still))
        (cancellation,) = waiting(still)
        assert (cancellation["to"], cancellation["value"]) == (KEY.address.lower(), "0x0")
        # Replaced each time, then cancelled, by what a node asks for at least.
        assert all(later * 8 >= earlier * 9 for earlier, later in pairwise(offered))
        assert offered[-1] <= CONFIG.max_fee_gwei * GWEI
        mine(still, 1)
        with pytest.raises(Spent, match=r"not mined within 4 blocks, and cancelled: 0x") as caught:
            await sending
        assert caught.value.reason == "not mined within 4 blocks, and cancelled"
        # What was paid for nothing is known to whoever keeps accounts.
        assert caught.value.receipt["gasUsed"] == 21_000
        assert (nonces(still), received(still)) == (1, 0)
        again = await sent(still, sender)
        mine(still, 1)
        assert (await again)["status"] == 1

    run(still, test)


def test_send__mined_after_all_beside_its_cancellation__is_a_success(still: Anvil):
    async def test(sender: Sender, client: Watched) -> None:
        sending = await sent(still, sender)
        (first,) = waiting(still)
        raw = rpc(still.url, "eth_getRawTransactionByHash", first["hash"])
        for base_gwei in DEAR_GWEI:
            await dealt_with(still, client, base_gwei)
        assert waiting(still)[0]["to"] == KEY.address.lower()
        # The maker of the next block still has the first one, and no other.
        rpc(still.url, "anvil_dropAllTransactions")
        rpc(still.url, "anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        rpc(still.url, "eth_sendRawTransaction", raw)
        rpc(still.url, "evm_mine")
        assert (await sending)["transactionHash"].to_0x_hex() == first["hash"]
        assert received(still) == 7

    run(still, test)


@dataclass
class PrivateRelay:
    """Takes raw transactions; nobody else ever sees them."""

    url: str = ""
    taken: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        request = json.loads(await reader.readexactly(length))
        self.asked.append(request["method"])
        self.taken += request["params"]
        said = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": "0x" + "00" * 32}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Rpc]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server, Rpc([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"], timeout_s=5) as client:
            yield client


def with_relay(chain: Anvil, *, then_public: bool, test: Callable[..., Awaitable[None]]) -> None:
    async def main() -> None:
        relay = PrivateRelay()
        async with relay.open() as to_relay, Watched(chain) as client, asyncio.timeout(90):
            outlet = Relay(to_relay, blocks=2, then_public=then_public)
            sender = Sender(client, KEY, CONFIG, poll_s=0.01, relay=outlet)
            mine(chain, 1)
            sending = asyncio.create_task(sender.send(STRANGER, "0x", value_wei=7, gas=21_000))
            await until(lambda: len(relay.taken) == 1)
            assert waiting(chain) == []
            await test(sending, client, relay)

    asyncio.run(main())


def test_relay__gets_it_mined__the_public_pool_never_sees_it(still: Anvil):
    async def test(sending: asyncio.Task[Any], _: Watched, relay: PrivateRelay) -> None:
        # A block maker of the relay's: what it includes nobody saw before.
        rpc(still.url, "eth_sendRawTransaction", relay.taken[0])
        mine(still, 1)
        assert (await sending)["status"] == 1
        assert relay.asked == ["eth_sendRawTransaction"]

    with_relay(still, then_public=False, test=test)


def test_relay__has_not_got_it_mined_in_time__only_its_cancellation_is_public(still: Anvil):
    async def test(sending: asyncio.Task[Any], client: Watched, relay: PrivateRelay) -> None:
        for _ in range(2):
            assert waiting(still) == []
            await dealt_with(still, client, 1)
        assert waiting(still)[0]["to"] == KEY.address.lower()
        mine(still, 1)
        with pytest.raises(ChainError, match="not mined within 2 blocks, and cancelled"):
            await sending
        # What the relay still has can never be mined now.
        assert (nonces(still), received(still)) == (1, 0)

    with_relay(still, then_public=False, test=test)


def test_relay__has_not_got_it_mined_in_time__is_made_public_where_that_is_wanted(still: Anvil):
    async def test(sending: asyncio.Task[Any], client: Watched, relay: PrivateRelay) -> None:
        for _ in range(2):
            assert waiting(still) == []
            await dealt_with(still, client, 1)
        mine(still, 1)
        assert (await sending)["transactionHash"] is not None
        assert received(still) == 7

    with_relay(still, then_public=True, test=test)


def test_send__key_cannot_pay_for_its_gas__says_so_and_nothing_is_used_up(still: Anvil):
    async def test(sender: Sender, _: Watched) -> None:
        rpc(still.url, "anvil_setBalance", KEY.address, "0x1")
        with pytest.raises(ChainUnfunded, match=f"{KEY.address} cannot pay for its gas"):
            await sender.send(STRANGER, "0x", gas=21_000)
        assert nonces(still) == 0

    run(still, test)

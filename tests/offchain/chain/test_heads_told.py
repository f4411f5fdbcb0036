# SPDX-License-Identifier: AGPL-3.0-only
"""An endpoint that tells the same block again and again, or stands still: it costs time, and not for ever."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from plumbline.chain.fees import FeePolicy
from plumbline.chain.flight import Flight
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Header
from plumbline.chain.signing import LocalKey
from plumbline.config import TxConfig

CONTRACT = "0x" + "ab" * 20
TX_HASH = "0x" + "07" * 32


def header(number: int) -> Header:
    return Header(number, bytes([number]) * 32, 10**9, bytes(32), 1_700_000_000 + number)


def test_head__the_same_block_is_announced_for_ever__asks_the_chain():
    class Node:
        latest = header(5)

        async def header(self) -> Header:
            return self.latest

    node, config = Node(), SimpleNamespace(arbitrageur=CONTRACT)
    venue = ChainParity(cast(Any, node), cast(Any, None), cast(Any, config), lambda: header(5))

    async def main() -> None:
        assert await venue.head() == header(5).hash
        for number in (6, 7):
            node.latest = header(number)
            # Once it may be another one than the last: that costs a look, which is of the latest block all the same.
            assert header(number).hash in [await venue.head() for _ in range(2)]

    asyncio.run(main())


class Endpoints:
    """The first one stands still; only who compares them finds out, and is answered by another one."""

    def __init__(self) -> None:
        self.compared = 0

    async def disagreement(self) -> str:
        self.compared += 1
        return ""

    async def request(self, method: str, *params: Any) -> Any:
        if method == "eth_sendRawTransaction":
            return TX_HASH
        if method == "eth_blockNumber":
            return hex(100 + self.compared)
        assert method == "eth_getTransactionReceipt"
        if not self.compared:
            return None
        numbers = {"blockNumber": "0x65", "transactionIndex": "0x0", "status": "0x1", "gasUsed": "0x5208"}
        return numbers | {
            "blockHash": "0x" + "01" * 32,
            "transactionHash": params[0],
            "effectiveGasPrice": "0x1",
            "logs": [],
        }


def test_see_through__endpoint_stands_still__endpoints_are_compared_meanwhile():
    rpc, key = Endpoints(), LocalKey(b"\x11" * 32)
    unsigned = {"type": 2, "chainId": 1, "nonce": 0, "to": CONTRACT, "data": "0x", "value": 0, "gas": 21_000}
    policy = FeePolicy.of(TxConfig())
    flight = Flight(cast(Any, rpc), None, key, TxConfig(), policy, unsigned, guard=None, poll_s=0.001)

    async def main() -> Any:
        async with asyncio.timeout(10):
            return await flight.see_through(10**9)

    assert asyncio.run(main())["blockNumber"] == 0x65

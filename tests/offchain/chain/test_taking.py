# SPDX-License-Identifier: AGPL-3.0-only
"""What becomes of a keeper's transaction, in its own words: mined, reverted, cancelled, or not its own."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from plumbline.chain.abi import Function
from plumbline.chain.flight import Spent
from plumbline.chain.taking import ChainTaking
from plumbline.chain.tx import MinedRevert
from plumbline.errors import ChainError
from plumbline.ports import TakenReceipt

CONTRACT = to_checksum_address("0x" + "ab" * 20)
TOPIC = bytes([7] * 32)
MINED = {"transactionHash": HexBytes(bytes([1] * 32)), "blockNumber": 5, "gasUsed": 21_000, "effectiveGasPrice": 9}


class FakeSender:
    def __init__(self, ends: Any) -> None:
        self._ends = ends

    async def send(self, to: str, data: str, **terms: int) -> Any:
        assert (to, data) == (CONTRACT, "order 3")
        assert terms == {"gas": 100, "tip_wei": 2, "max_fee_wei": 30}
        if isinstance(self._ends, Exception):
            raise self._ends
        return self._ends


class Takes(ChainTaking[int]):
    def _call(self, order: int, min_profit: int) -> str:
        return f"order {order}"

    def _told(self, log: Any) -> tuple[str, int, int]:
        return "what", log["data"][0], log["data"][1]


def executed(ends: Any) -> TakenReceipt:
    profit = Function("RebalanceBidder", "bid")
    taking = Takes(cast(Any, None), cast(Any, FakeSender(ends)), cast(Any, None), CONTRACT.lower(), profit, [TOPIC])
    return asyncio.run(taking.execute(3, 1, 100, 2, 30))


def log(address: str = CONTRACT, topic: bytes = TOPIC) -> dict[str, Any]:
    return {"address": address, "topics": [HexBytes(topic)], "data": b"\x08\x09"}


def test_execute__mined__is_what_the_contracts_own_event_says():
    others = [log(to_checksum_address("0x" + "cd" * 20)), log(topic=bytes(32))]
    done = executed(MINED | {"logs": [*others, log()]})
    assert (done.what, done.amount, done.profit, done.reverted) == ("what", 8, 9, "")
    assert (done.block, done.gas_used, done.gas_price_wei) == (5, 21_000, 9)


@pytest.mark.parametrize("end", [MinedRevert, Spent])
def test_execute__reverted_or_cancelled__tells_the_gas_that_is_paid_and_why(end):
    receipt = cast(Any, MINED)
    ends = MinedRevert(receipt, "too late") if end is MinedRevert else Spent("not mined", receipt, "too late")
    done = executed(ends)
    assert (done.what, done.amount, done.profit, done.reverted) == ("", 0, 0, "too late")
    assert (done.gas_used, done.gas_price_wei) == (21_000, 9)


@pytest.mark.parametrize("logs", [[], [log(), log()]])
def test_execute__not_one_event__says_which_transaction(logs):
    with pytest.raises(ChainError, match=f"transaction 0x01.*expected one event of {CONTRACT}, got {len(logs)}"):
        executed(MINED | {"logs": logs})


def test_execute__refused_before_it_was_sent__is_passed_on():
    with pytest.raises(ChainError, match="too dear"):
        executed(ChainError("gas is too dear"))


class Node:
    """A chain without events, that remembers where they were looked for."""

    def __init__(self, head: int) -> None:
        self._head = head
        self.windows: list[tuple[int, int]] = []

    async def request(self, method: str, *params: Any) -> Any:
        if method == "eth_blockNumber":
            return hex(self._head)
        (asked,) = params
        assert (method, asked["address"], asked["topics"]) == ("eth_getLogs", CONTRACT, [["0x" + TOPIC.hex()]])
        self.windows.append((int(asked["fromBlock"], 16), int(asked["toBlock"], 16)))
        return []


@pytest.mark.parametrize(
    ("since", "head", "windows"),
    [
        (100, 100, [(100, 100)]),
        # Endpoints refuse what is too long: every block once, no gap and no overlap.
        (100, 2_100, [(100, 1_099), (1_100, 2_099), (2_100, 2_100)]),
        # One of a provider's nodes has not seen the last block yet.
        (101, 100, [(100, 100)]),
        # The chain began anew.
        (5_000, 900, [(0, 900)]),
    ],
)
def test_receipts_since__any_gap__looks_through_all_of_it_in_parts(since, head, windows):
    node = Node(head)
    profit = Function("RebalanceBidder", "bid")
    taking = Takes(cast(Any, node), cast(Any, None), cast(Any, None), CONTRACT.lower(), profit, [TOPIC])
    assert asyncio.run(taking.receipts_since(since)) == []
    assert node.windows == windows

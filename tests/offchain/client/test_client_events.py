# SPDX-License-Identifier: AGPL-3.0-only
"""Streams: every event once and in order, through windows, silence and reorganisations."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from plumbline.client import AsyncOracle, Event, Oracle, Reorganised, Unreachable
from plumbline.client import events as events_module

ORACLE = to_checksum_address("0xc0ffee254729296a45a3885639ac7e10f9d54979")
PAUSED = "0x" + keccak(text="Paused(address)").hex()
ROUND = "0x" + keccak(text="RoundSubmitted(uint256,address,uint256,uint256[])").hex()
CALLER = "0x" + "00" * 12 + "11" * 20


class FakeChain:
    """Blocks with at most one event each; a fork replaces the upper ones."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, bool]] = []
        self.largest_window = 10**9
        self.silent = 0
        self.windows: list[tuple[int, int]] = []

    def mine(self, *with_event: bool, branch: str = "a") -> None:
        for each in with_event:
            self.blocks.append((f"0x{branch}{len(self.blocks)}", each))

    def fork(self, keep: int, *with_event: bool) -> None:
        del self.blocks[keep:]
        self.mine(*with_event, branch="b")

    def make_request(self, method: str, params: Any) -> Any:
        if self.silent:
            self.silent -= 1
            raise OSError
        return self._answer(method, params)

    def _answer(self, method: str, params: Any) -> Any:
        if method == "eth_getBlockByNumber":
            number = len(self.blocks) - 1 if params[0] == "latest" else int(params[0], 16)
            fields = {"number": hex(number), "timestamp": hex(number), "hash": self.blocks[number][0]}
            return {"result": fields | {"baseFeePerGas": "0x1"}}
        assert method == "eth_getLogs"
        first, last = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
        if last - first + 1 > self.largest_window:
            return {"error": {"code": -32005, "message": "query returned too much"}}
        self.windows.append((first, last))
        assert params[0]["address"] == ORACLE
        return {"result": [self._log(n) for n in range(first, last + 1) if self.blocks[n][1]]}

    def _log(self, number: int) -> dict[str, Any]:
        place = {"blockNumber": hex(number), "logIndex": "0x0", "transactionHash": self.blocks[number][0]}
        return {"topics": [PAUSED, CALLER], "data": "0x", **place}


def blocks(stream: Any) -> list[int]:
    return [event.block for event in stream]


def test_backfill__windows_join_without_gap_or_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "WINDOW_BLOCKS", 4)
    chain = FakeChain()
    chain.mine(*[True] * 11)
    assert blocks(Oracle(chain, ORACLE).events("Paused", since_block=2, follow=False)) == list(range(2, 11))
    assert chain.windows == [(2, 5), (6, 9), (10, 10)]


def test_backfill__a_node_that_refuses_large_windows__gets_smaller_ones() -> None:
    chain = FakeChain()
    chain.mine(*[True] * 9)
    chain.largest_window = 3
    assert blocks(Oracle(chain, ORACLE).events(since_block=0, follow=False)) == list(range(9))
    assert all(last - first < 3 for first, last in chain.windows)


def test_event__has_its_fields_by_name() -> None:
    chain = FakeChain()
    chain.mine(True)
    (event,) = Oracle(chain, ORACLE).events(since_block=0, follow=False)
    assert event == Event("Paused", {"caller": "0x1111111111111111111111111111111111111111"}, 0, 0, "0xa0")
    assert event["caller"] == "0x1111111111111111111111111111111111111111"


def test_follow__since_none__gives_only_what_comes_after() -> None:
    chain = FakeChain()
    chain.mine(True, True)
    stream = iter(Oracle(chain, ORACLE).events(since_block=None, poll_s=0))
    ticks = itertools.count()

    class Growing(FakeChain):
        pass

    original = chain.make_request

    def growing(method: str, params: Any) -> Any:
        if next(ticks) == 4:
            chain.mine(False, True)
        return original(method, params)

    chain.make_request = growing  # type: ignore[method-assign]
    assert next(stream).block == 3


def test_confirmations__a_block_is_told_only_under_so_many_others() -> None:
    chain = FakeChain()
    chain.mine(True, True, True, True)
    assert blocks(Oracle(chain, ORACLE).events(since_block=0, follow=False, confirmations=2)) == [0, 1]


def test_reorganisation__is_told_and_the_winning_chains_events_follow() -> None:
    chain = FakeChain()
    chain.mine(True, False)
    stream = Oracle(chain, ORACLE).events(since_block=0, poll_s=0)
    assert next(stream).tx_hash == "0xa0"
    chain.mine(True)
    assert next(stream).tx_hash == "0xa2"
    chain.fork(2, True, True)
    assert next(stream) == Reorganised(2)
    assert [next(stream).tx_hash for _ in range(2)] == ["0xb2", "0xb3"]


def test_reorganisation__to_a_shorter_chain__is_noticed_too() -> None:
    chain = FakeChain()
    chain.mine(False, False)
    stream = Oracle(chain, ORACLE).events(since_block=0, poll_s=0)
    chain.mine(True, True)
    assert [next(stream).block for _ in range(2)] == [2, 3]
    chain.fork(1, True)
    assert isinstance(next(stream), Reorganised)
    assert next(stream).tx_hash == "0xb1"


def test_silence__within_the_patience__loses_nothing() -> None:
    chain = FakeChain()
    chain.mine(True, True)
    stream = Oracle(chain, ORACLE).events(since_block=0, follow=False, poll_s=0, patience_s=30)
    chain.silent = 3
    assert blocks(stream) == [0, 1]


def test_silence__beyond_the_patience__is_raised() -> None:
    chain = FakeChain()
    chain.mine(True)
    chain.silent = 10
    with pytest.raises(Unreachable):
        list(Oracle(chain, ORACLE).events(since_block=0, follow=False, poll_s=0, patience_s=0))


def test_async_stream__gives_the_same() -> None:
    chain = FakeChain()
    chain.mine(True, False, True)

    class Async:
        async def make_request(self, method: str, params: Any) -> Any:
            return chain.make_request(method, params)

    async def read() -> list[int]:
        stream = AsyncOracle(Async(), ORACLE).events("Paused", since_block=0, follow=False)
        return [event.block async for event in stream]

    assert asyncio.run(read()) == [0, 2]


def test_events__a_name_the_contract_does_not_have__is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected an event of .*Paused.*, got 'Pausing'"):
        Oracle(FakeChain(), ORACLE).events("Pausing")


@pytest.mark.parametrize("log", [{}, {"topics": [], "data": "0x"}, {"topics": [ROUND], "data": "0x12"}, None])
def test_a_log_that_was_not_asked_for__is_an_error_not_an_event(log: Any) -> None:
    chain = FakeChain()
    chain.mine(True)
    chain._log = lambda number: log  # type: ignore[method-assign]
    with pytest.raises(events_module.BadAnswer):
        list(Oracle(chain, ORACLE).events(since_block=0, follow=False))


def test_round__medians_come_by_feed_and_absent_lanes_are_left_out() -> None:
    chain = FakeChain()
    chain.mine(True)
    word = 5 | 7 << 128
    data = "0x" + encode(["uint256", "uint256[]"], [1_000, [word]]).hex()
    place = {"blockNumber": "0x0", "logIndex": "0x0", "transactionHash": "0xa0"}
    topics = [ROUND, "0x" + (9).to_bytes(32, "big").hex(), CALLER]
    chain._log = lambda number: {"topics": topics, "data": data, **place}  # type: ignore[method-assign]
    oracle = Oracle(chain, ORACLE)
    oracle._index |= {"BTC/USD": 0, "USDC/USD": 1, "EUR/USD": 2}
    (round_,) = oracle.rounds(since_block=0, follow=False)
    assert (round_.round_id, round_.timestamp, round_.amounts) == (9, 1_000, {"BTC/USD": 5, "EUR/USD": 7})

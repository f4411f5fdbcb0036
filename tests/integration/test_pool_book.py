# SPDX-License-Identifier: AGPL-3.0-only
"""Pools kept up to date by their events are the pools as read whole: through swaps, positions, gaps and reorgs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.market import TokenPair, connect, send, token_pair

from plumbline.chain.pool import ChainPool, Place, PoolBook
from plumbline.chain.rpc import Rpc
from plumbline.chain.uniswap import add_liquidity, contract, create_pool
from plumbline.core.uniswap_math import PoolState

pytestmark = pytest.mark.anvil

FEES = (500, 3_000)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[str, TokenPair, dict[int, str]]]:
    with Anvil() as anvil:
        pair = token_pair(connect(anvil.url))
        pools = {}
        for fee in FEES:
            amounts = {pair.token0.address: 10**20, pair.token1.address: 10**20}
            pools[fee] = create_pool(pair.web3, pair.trader, pair.uniswap, amounts, fee)
            add_liquidity(pair.web3, pair.trader, pair.uniswap, amounts, fee)
        yield anvil.url, pair, pools


class Crowd:
    """Somebody swaps, opens and closes positions in the pools."""

    def __init__(self, pair: TokenPair, pools: dict[int, str], seed: int) -> None:
        self._pair, self._pools, self._rng = pair, pools, random.Random(seed)
        self._manager = contract(pair.web3, "NonfungiblePositionManager", pair.uniswap.position_manager)
        self._router = contract(pair.web3, "SwapRouter", pair.uniswap.router).functions
        self._positions: list[tuple[int, int]] = []

    def act(self) -> None:
        self._rng.choice((self._swap, self._swap, self._open, self._close))(self._rng.choice(FEES))

    def _swap(self, fee: int) -> None:
        tokens = [self._pair.token0.address, self._pair.token1.address]
        self._rng.shuffle(tokens)
        order = (*tokens, fee, self._pair.trader, 2**63, self._rng.randint(1, 10**19), 0, 0)
        send(self._pair.web3, self._router.exactInputSingle(order), self._pair.trader)

    def _open(self, fee: int) -> None:
        tick = contract(self._pair.web3, "UniswapV3Pool", self._pools[fee]).functions.slot0().call()[1]
        low = tick + self._rng.randint(-3_000, 1_000)
        amounts = {self._pair.token0.address: 10**19, self._pair.token1.address: 10**19}
        bounds = (low, low + self._rng.randint(500, 3_000))
        liquidity = add_liquidity(self._pair.web3, self._pair.trader, self._pair.uniswap, amounts, fee, *bounds)
        owned = self._manager.functions.balanceOf(self._pair.trader).call()
        token_id = self._manager.functions.tokenOfOwnerByIndex(self._pair.trader, owned - 1).call()
        self._positions.append((token_id, liquidity))

    def _close(self, fee: int) -> None:
        if not self._positions:
            return self._open(fee)
        token_id, liquidity = self._positions.pop()
        part = liquidity // self._rng.randint(1, 2)
        send(
            self._pair.web3, self._manager.functions.decreaseLiquidity((token_id, part, 0, 0, 2**63)), self._pair.trader
        )
        return None


async def place(client: Rpc) -> Place:
    header = await client.ask(client.w3.eth.get_block("latest"))
    return Place(header["number"], bytes(header["hash"]), bytes(header["parentHash"]))


async def check(client: Rpc, book: PoolBook, pools: dict[int, str]) -> None:
    """The book says what each pool says itself."""
    states = await book.states(await place(client))
    for address in pools.values():
        ours, whole = states[address.lower()], await ChainPool(client, address).state()
        # Read at other prices, they know other ranges of ticks.
        low, high = max(ours.low_tick, whole.low_tick), min(ours.high_tick, whole.high_tick)
        assert low < ours.tick < high
        assert within(ours, low, high) == within(whole, low, high)


def within(state: PoolState, low: int, high: int) -> PoolState:
    ticks = tuple((tick, net) for tick, net in state.ticks if low <= tick <= high)
    return replace(state, ticks=ticks, low_tick=low, high_tick=high)


def with_book(stage: tuple[str, TokenPair, dict[int, str]], scenario: Callable) -> None:
    url, pair, pools = stage

    async def main() -> None:
        async with Rpc([url], timeout_s=20) as client:
            book = PoolBook(client, list(pools.values()))
            await scenario(client, book, url, pair, pools)

    before = rpc(url, "evm_snapshot")
    asyncio.run(main())
    assert rpc(url, "evm_revert", before)


@pytest.mark.parametrize("seed", range(3))
def test_states__block_by_block__are_the_pools_own(stage, seed):
    async def scenario(client, book, url, pair, pools) -> None:
        crowd = Crowd(pair, pools, seed)
        for _ in range(25):
            crowd.act()
            await check(client, book, pools)

    with_book(stage, scenario)


def test_states__after_a_gap__are_followed_by_their_events(stage):
    async def scenario(client, book, url, pair, pools) -> None:
        crowd, asked = Crowd(pair, pools, 7), requests_of(client)
        await check(client, book, pools)
        for _ in range(12):
            crowd.act()
        asked.clear()
        states = await book.states(await place(client))
        # The head, the block it is checked to descend from, and the logs: states are read only where prices went far.
        assert asked[:3] == ["eth_getBlockByNumber", "eth_getBlockByNumber", "eth_getLogs"]
        assert len(states) == len(pools)
        await check(client, book, pools)

    with_book(stage, scenario)


def test_states__chain_is_reorganised__are_read_anew(stage):
    async def scenario(client, book, url, pair, pools) -> None:
        crowd = Crowd(pair, pools, 8)
        await check(client, book, pools)
        fork = rpc(url, "evm_snapshot")
        for _ in range(3):
            crowd.act()
            await check(client, book, pools)
        assert rpc(url, "evm_revert", fork)
        # As many other blocks in the place of those: the numbers alone would not tell.
        rpc(url, "evm_increaseTime", 100)
        other = Crowd(pair, pools, 9)
        for _ in range(3):
            other.act()
        await check(client, book, pools)

    with_book(stage, scenario)


def test_states__price_leaves_the_ticks_that_are_known__reads_on(stage):
    async def scenario(client, book, url, pair, pools) -> None:
        router = contract(pair.web3, "SwapRouter", pair.uniswap.router).functions
        await check(client, book, pools)
        # Nearly all of one token: some 90,000 ticks.
        order = (pair.token0.address, pair.token1.address, 500, pair.trader, 2**63, 10**22, 0, 0)
        send(pair.web3, router.exactInputSingle(order), pair.trader)
        await check(client, book, pools)

    with_book(stage, scenario)


def requests_of(client: Rpc) -> list[str]:
    """The methods of every request from now on."""
    asked: list[str] = []
    make_request = client.w3.provider.make_request

    async def counted(method, parameters):
        asked.append(method)
        return await make_request(method, parameters)

    client.w3.provider.make_request = counted
    return asked

# SPDX-License-Identifier: AGPL-3.0-only
"""A pool of the real Uniswap v3 as a source: its exact mean, and liquidity that has to have stood there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fractions import Fraction

import pytest
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.market import TokenPair, connect, send, token_pair
from tests.helpers.streams import run, until
from web3 import Web3

from plumbline.chain.rpc import Rpc
from plumbline.chain.uniswap import add_liquidity, contract, create_pool
from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.sources.uniswap import PoolSource, PoolTerms

pytestmark = pytest.mark.anvil
FEE = 500
WINDOW_S = 600
PRICE = 1_600
"""Token1 per token0, both of 18 decimals."""


@pytest.fixture(scope="module")
def web3() -> Iterator[Web3]:
    with Anvil() as chain:
        yield connect(chain.url)


@pytest.fixture
def pair(web3: Web3) -> TokenPair:
    return token_pair(web3)


@pytest.fixture
def pool(pair: TokenPair) -> str:
    """At 1,600 token1 a token0, with 10,000 token0 over the whole range, and an hour of memory."""
    amounts = {pair.token0.address: 10_000 * WAD, pair.token1.address: 10_000 * PRICE * WAD}
    address = create_pool(pair.web3, pair.trader, pair.uniswap, amounts, FEE)
    add_liquidity(pair.web3, pair.trader, pair.uniswap, amounts, FEE)
    functions = contract(pair.web3, "UniswapV3Pool", address).functions
    send(pair.web3, functions.increaseObservationCardinalityNext(64), pair.trader)
    pass_time(pair.web3, 3_600)
    return address


def pass_time(web3: Web3, seconds: int) -> None:
    url = web3.provider.endpoint_uri
    rpc(url, "anvil_mine", hex(2), hex(seconds // 2))


def buy_token0(pair: TokenPair, amount1: int) -> None:
    """Pushes the price of token0 up."""
    router = contract(pair.web3, "SwapRouter", pair.uniswap.router)
    order = (pair.token1.address, pair.token0.address, FEE, pair.trader, 2**63, amount1, 0, 0)
    send(pair.web3, router.functions.exactInputSingle(order), pair.trader)


def terms(pair: TokenPair, pool: str, *, base: int = 0, min_depth_wad: int = WAD) -> PoolTerms:
    token = (pair.token0, pair.token1)[base]
    return PoolTerms(pool, "ETH/USDC", token.address, WINDOW_S, min_depth_wad, poll_s=0.05)


def first_trade(pair: TokenPair, wanted: PoolTerms) -> Trade | str:
    """What the source tells first, or why it tells nothing."""
    told: list[Trade | str] = []

    async def test() -> None:
        async with Rpc([pair.web3.provider.endpoint_uri], timeout_s=5) as chain:
            source = PoolSource(chain, wanted)
            trades = source.trades()
            reading = asyncio.create_task(anext(trades))
            await until(lambda: reading.done() or source.stats.reason not in ("", "not connected yet"))
            told.append(reading.result() if reading.done() else source.stats.reason)
            if not reading.done():
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await trades.aclose()

    run(test())
    return told[0]


def near(value_wad: int, expected: Fraction, within_bps: int) -> bool:
    return abs(Fraction(value_wad, WAD) - expected) * 10_000 <= expected * within_bps


def test_price__quiet_pool__is_its_price_in_either_direction(pair: TokenPair, pool: str):
    trade = first_trade(pair, terms(pair, pool))
    assert isinstance(trade, Trade)
    assert (trade.venue, trade.symbol) == ("uniswap", "ETH/USDC")
    assert near(trade.price_wad, Fraction(PRICE), 1)
    assert trade.at_ms == 1000 * pair.web3.eth.get_block("latest")["timestamp"]
    # Over the whole range the reserve is the 10,000 deposited; a 1% dearer token0 costs 0.4963% of them.
    assert near(trade.size_wad, Fraction(10_000) * Fraction("0.00496281"), 1)

    other = first_trade(pair, terms(pair, pool, base=1))
    assert isinstance(other, Trade)
    assert near(other.price_wad, Fraction(1, PRICE), 1)
    assert near(other.size_wad, Fraction(10_000 * PRICE) * Fraction("0.00496281"), 1)


def test_price__pushed_for_a_sixth_of_the_window__moves_by_a_sixth_of_the_ticks(pair: TokenPair, pool: str):
    before = first_trade(pair, terms(pair, pool))
    buy_token0(pair, 1_000_000 * WAD)
    functions = contract(pair.web3, "UniswapV3Pool", pool).functions
    pushed = Fraction(functions.slot0().call()[0], 1 << 96) ** 2
    assert pushed > Fraction(PRICE) * 112 / 100
    pass_time(pair.web3, WINDOW_S // 6)

    after = first_trade(pair, terms(pair, pool))

    assert isinstance(before, Trade)
    assert isinstance(after, Trade)
    sixth = float(pushed / PRICE) ** (1 / 6)
    assert near(after.price_wad, Fraction(PRICE) * Fraction(sixth), 5)


def test_liquidity__gone_for_half_the_window__there_is_no_price(pair: TokenPair, pool: str):
    manager = contract(pair.web3, "NonfungiblePositionManager", pair.uniswap.position_manager)
    position = manager.functions.tokenOfOwnerByIndex(
        pair.trader, manager.functions.balanceOf(pair.trader).call() - 1
    ).call()
    liquidity = manager.functions.positions(position).call()[7]
    send(pair.web3, manager.functions.decreaseLiquidity((position, liquidity * 999 // 1000, 0, 0, 2**63)), pair.trader)
    pass_time(pair.web3, WINDOW_S // 2)
    amounts = {pair.token0.address: 10_000 * WAD, pair.token1.address: 10_000 * PRICE * WAD}
    add_liquidity(pair.web3, pair.trader, pair.uniswap, amounts, FEE)

    told = first_trade(pair, terms(pair, pool, min_depth_wad=10 * WAD))

    # It is all there now, and twice the floor; over the window it was not.
    assert isinstance(told, str)
    assert "ETH within 1%, expected at least 10.000000" in told
    assert isinstance(first_trade(pair, terms(pair, pool, min_depth_wad=WAD // 100)), Trade)


def test_memory__shorter_than_the_window__says_what_to_do(pair: TokenPair):
    amounts = {pair.token0.address: 10 * WAD, pair.token1.address: 10 * PRICE * WAD}
    young = create_pool(pair.web3, pair.trader, pair.uniswap, amounts, 3_000)
    add_liquidity(pair.web3, pair.trader, pair.uniswap, amounts, 3_000)
    assert "remembers less than 600 s; its observation cardinality" in str(first_trade(pair, terms(pair, young)))


def test_base__that_the_pool_does_not_hold__is_named(pair: TokenPair, pool: str):
    stranger = PoolTerms(pool, "ETH/USDC", pair.uniswap.weth, WINDOW_S, WAD)
    assert f"expected base {pair.uniswap.weth}" in str(first_trade(pair, stranger))


def test_pool__that_is_none__is_out_with_the_reason(pair: TokenPair):
    told = first_trade(pair, PoolTerms(pair.trader, "ETH/USDC", pair.token0.address, WINDOW_S, WAD))
    assert isinstance(told, str)
    assert told

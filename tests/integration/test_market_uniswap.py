# SPDX-License-Identifier: AGPL-3.0-only
"""The deployed Uniswap is the real one, and our arithmetic is its arithmetic, to the wei."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.helpers.anvil import Anvil
from tests.helpers.market import TokenPair, connect, token_pair
from web3 import Web3

from plumbline.chain.uniswap import TICK_SPACING, add_liquidity, contract, create_pool
from plumbline.core.uniswap_math import (
    MAX_SQRT_PRICE,
    MIN_SQRT_PRICE,
    PoolState,
    sqrt_price_at_tick,
    swap,
    tick_at_sqrt_price,
)

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def web3() -> Iterator[Web3]:
    with Anvil() as chain:
        yield connect(chain.url)


@pytest.fixture
def pair(web3: Web3) -> TokenPair:
    return token_pair(web3)


def pool_with_positions(pair: TokenPair, rng: random.Random, fee_pips: int) -> tuple[str, dict[int, int]]:
    """A pool at a random price under three to six random positions, and the net liquidity those put on ticks."""
    amounts = {pair.token0.address: 10**18, pair.token1.address: rng.randrange(10**12, 10**24)}
    pool = create_pool(pair.web3, pair.trader, pair.uniswap, amounts, fee_pips)
    _, tick, *_ = contract(pair.web3, "UniswapV3Pool", pool).functions.slot0().call()
    spacing, nets = TICK_SPACING[fee_pips], {}
    for _ in range(rng.randrange(3, 7)):
        low = (tick + rng.randrange(-9_000, 3_000)) // spacing * spacing
        high = low + rng.randrange(1, 900) * spacing
        deposits = {token: rng.randrange(10**20, 10**25) for token in amounts}
        liquidity = add_liquidity(pair.web3, pair.trader, pair.uniswap, deposits, fee_pips, low, high)
        nets[low] = nets.get(low, 0) + liquidity
        nets[high] = nets.get(high, 0) - liquidity
    return pool, nets


def state(web3: Web3, pool: str, fee_pips: int, nets: dict[int, int]) -> PoolState:
    functions = contract(web3, "UniswapV3Pool", pool).functions
    sqrt_price, tick, *_ = functions.slot0().call()
    return PoolState(
        sqrt_price_x96=sqrt_price,
        tick=tick,
        liquidity=functions.liquidity().call(),
        fee_pips=fee_pips,
        tick_spacing=TICK_SPACING[fee_pips],
        ticks=tuple(sorted(nets.items())),
    )


def test_the_position_manager_router_and_quoter_belong_to_the_factory(pair):
    for name, address in [
        ("NonfungiblePositionManager", pair.uniswap.position_manager),
        ("SwapRouter", pair.uniswap.router),
        ("QuoterV2", pair.uniswap.quoter),
    ]:
        functions = contract(pair.web3, name, address).functions
        assert functions.factory().call() == pair.uniswap.factory
        assert functions.WETH9().call() == pair.uniswap.weth


def test_a_position_draws_itself_through_the_linked_library(pair):
    amounts = {pair.token0.address: 10**20, pair.token1.address: 10**20}
    create_pool(pair.web3, pair.trader, pair.uniswap, amounts, 3_000)
    add_liquidity(pair.web3, pair.trader, pair.uniswap, amounts, 3_000)
    manager = contract(pair.web3, "NonfungiblePositionManager", pair.uniswap.position_manager)
    token_id = manager.functions.tokenOfOwnerByIndex(pair.trader, 0).call()
    assert manager.functions.tokenURI(token_id).call().startswith("data:application/json;base64,")


@pytest.mark.parametrize("fee_pips", [500, 10_000])
def test_every_quote_equals_the_quoter_s_to_the_wei(pair, fee_pips):
    rng = random.Random(fee_pips)
    address, nets = pool_with_positions(pair, rng, fee_pips)
    pool = state(pair.web3, address, fee_pips, nets)
    quoter = contract(pair.web3, "QuoterV2", pair.uniswap.quoter)
    addresses = [pair.token0.address, pair.token1.address]
    crossed = 0
    for _ in range(60):
        zero_for_one, exact_in = rng.random() < 0.5, rng.random() < 0.5
        amount = int(10 ** rng.uniform(0, 36))
        move = rng.randrange(1, 15_000)
        tick = min(max(pool.tick - move if zero_for_one else pool.tick + move, -887_271), 887_271)
        limit = sqrt_price_at_tick(tick) + rng.randrange(1, 10**6)
        ours = swap(pool, zero_for_one=zero_for_one, amount=amount, limit_x96=limit, exact_in=exact_in)
        token_in, token_out = addresses if zero_for_one else addresses[::-1]
        if exact_in:
            call = quoter.functions.quoteExactInputSingle((token_in, token_out, amount, fee_pips, limit))
            other, sqrt_after, ticks, _ = call.call()
            assert ours.amount_out == other
        else:
            call = quoter.functions.quoteExactOutputSingle((token_in, token_out, amount, fee_pips, limit))
            other, sqrt_after, ticks, _ = call.call()
            assert ours.amount_in == other
        assert ours.sqrt_price_x96 == sqrt_after
        crossed += ticks
    assert crossed > 20, "the trades should have crossed ticks"


def test_a_swap_to_a_price_is_the_swap_that_the_pool_makes(pair):
    rng = random.Random(7)
    address, nets = pool_with_positions(pair, rng, 500)
    functions = contract(pair.web3, "UniswapV3Pool", address).functions
    router = contract(pair.web3, "SwapRouter", pair.uniswap.router).functions
    addresses = [pair.token0.address, pair.token1.address]
    for _ in range(8):
        pool = state(pair.web3, address, 500, nets)
        zero_for_one = rng.random() < 0.5
        move = rng.randrange(50, 3_000)
        limit = sqrt_price_at_tick(pool.tick - move if zero_for_one else pool.tick + move) + 12_345
        ours = swap(pool, zero_for_one=zero_for_one, amount=None, limit_x96=limit)
        token_in, token_out = addresses if zero_for_one else addresses[::-1]
        token = pair.token0 if zero_for_one else pair.token1
        before = token.functions.balanceOf(pair.trader).call()
        order = (token_in, token_out, 500, pair.trader, 2**63, 10**36, 0, limit)
        receipt = pair.web3.eth.wait_for_transaction_receipt(
            router.exactInputSingle(order).transact({"from": pair.trader})
        )
        assert receipt["status"] == 1
        assert before - token.functions.balanceOf(pair.trader).call() == ours.amount_in
        assert functions.slot0().call()[0] == ours.sqrt_price_x96


def test_ticks_and_sqrt_prices_are_each_other_s_inverse():
    assert (MIN_SQRT_PRICE, MAX_SQRT_PRICE) == (4295128739, 1461446703485210103287273052203988822378723970342)
    for tick in (-887_272, -887_271, -50_001, -1, 0, 1, 17, 276_324, 887_271):
        price = sqrt_price_at_tick(tick)
        assert tick_at_sqrt_price(price) == tick
        if tick > -887_272:
            assert tick_at_sqrt_price(price - 1) == tick - 1
    with pytest.raises(ValueError, match="tick 887273 is outside"):
        sqrt_price_at_tick(887_273)
    with pytest.raises(ValueError, match="outside the pool's range"):
        tick_at_sqrt_price(MAX_SQRT_PRICE)

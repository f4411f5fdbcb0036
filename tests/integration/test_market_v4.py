# SPDX-License-Identifier: AGPL-3.0-only
"""Uniswap v4: the real PoolManager, as its npm package has it compiled, and our way into its pools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from scripts.artifacts import compile_contract
from scripts.deployment import cast, pools_v4
from scripts.deployment.chain import Chain, DeployError
from scripts.deployment.pools import DEEP_PIPS, PROVIDER, component_pool
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.market import connect
from tests.helpers.stage import deployed

from plumbline.core.uniswap_math import swap

pytestmark = pytest.mark.anvil
WORTH = (5 * 10**24, 10**12)
"""5,000,000 of a token with 18 decimals against 1,000,000 of one with 6."""


@dataclass
class Stage:
    chain: Chain
    key: pools_v4.PoolKey

    @property
    def trader(self) -> Any:
        return self.chain.at("v4 trader", compile_contract("UniswapV4Trader").abi).functions

    def held(self) -> list[int]:
        return [self.balance(currency, cast.address(PROVIDER)) for currency in self.key[:2]]

    def left_behind(self) -> list[int]:
        return [self.balance(currency, self.chain.address("v4 trader")) for currency in self.key[:2]]

    def balance(self, currency: str, holder: str) -> int:
        token = self.chain.web3.eth.contract(address=currency, abi=compile_contract("MockERC20").abi)
        return token.functions.balanceOf(holder).call()

    def do(self, call: Any, role: str = PROVIDER) -> None:
        self.chain.send(call, cast.address(role))


@pytest.fixture(scope="module")
def opened() -> Iterator[Stage]:
    with Anvil() as anvil:
        chain, provider = Chain(connect(anvil.url)), cast.address(PROVIDER)
        worth = {}
        for symbol, decimals, amount in (("SHARE", 18, WORTH[0]), ("QUOTE", 6, WORTH[1])):
            token = chain.deploy(f"token {symbol}", "MockERC20", symbol, symbol, decimals, sender=provider)
            chain.send(token.functions.mint(provider, 3 * amount), provider)
            worth[token.address] = amount
        yield Stage(chain, pools_v4.open_v4_pools(chain, [worth])[0])


@pytest.fixture
def stage(opened: Stage) -> Iterator[Stage]:
    provider: Any = opened.chain.web3.provider
    before = rpc(provider.endpoint_uri, "evm_snapshot")
    yield opened
    assert rpc(provider.endpoint_uri, "evm_revert", before)


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_sell__in_the_real_pool__brings_what_v3_arithmetic_says_and_leaves_it_there(stage, zero_for_one):
    pool, held = pools_v4.pool_state(stage.chain, stage.key), stage.held()
    assert (pool.fee_pips, pool.liquidity > 0) == (500, True)
    place = 0 if zero_for_one else 1
    amount = WORTH[0 if stage.key[place] == stage.chain.address("token SHARE") else 1] // 50
    expected = swap(pool, zero_for_one=zero_for_one, amount=amount)
    assert expected.amount_in == amount

    stage.do(stage.trader.sell(tuple(stage.key), zero_for_one, amount, expected.amount_out))
    after = stage.held()
    assert held[place] - after[place] == amount
    assert after[1 - place] - held[1 - place] == expected.amount_out
    assert pools_v4.pool_state(stage.chain, stage.key).sqrt_price_x96 == expected.sqrt_price_x96
    assert stage.left_behind() == [0, 0]


def test_sell__brings_less_than_wanted__reverts(stage):
    pool = pools_v4.pool_state(stage.chain, stage.key)
    expected = swap(pool, zero_for_one=True, amount=10**6).amount_out
    with pytest.raises(DeployError, match="v4 trader: too little"):
        stage.do(stage.trader.sell(tuple(stage.key), True, 10**6, expected + 1))


def test_sell__pool_that_was_never_made__reverts(stage):
    with pytest.raises(DeployError, match="sell"):
        stage.do(stage.trader.sell((*stage.key[:2], 3_000, 60, pools_v4.NO_HOOKS), True, 10**6, 0))


def test_change_liquidity__all_of_it_taken_out__gives_back_what_was_paid_less_rounding(stage):
    liquidity = pools_v4.pool_state(stage.chain, stage.key).liquidity
    before = stage.held()
    stage.do(stage.trader.change_liquidity(tuple(stage.key), -887_270, 887_270, -liquidity))
    assert pools_v4.pool_state(stage.chain, stage.key).liquidity == 0
    worth = [WORTH[0 if each == stage.chain.address("token SHARE") else 1] for each in stage.key[:2]]
    got = [now - was for now, was in zip(stage.held(), before, strict=True)]
    # Over all prices but the last ticks of them; to the pool's favour.
    assert all(0 <= put - back <= put // 10**6 + 2 for put, back in zip(worth, got, strict=True))
    with pytest.raises(DeployError, match="v4 trader: pool ran dry"):
        stage.do(stage.trader.sell(tuple(stage.key), True, 10**6, 0))


@pytest.mark.parametrize(
    ("call", "arguments"), [("sell", (True, 10**6, 0)), ("change_liquidity", (-887_270, 887_270, 10**6))]
)
def test_trade__by_somebody_else__reverts(stage, call, arguments):
    with pytest.raises(DeployError, match="v4 trader: not the owner"):
        stage.do(getattr(stage.trader, call)(tuple(stage.key), *arguments), "trader")


@pytest.mark.parametrize("role", ["trader", PROVIDER])
def test_callback__nobody_asked_for_it__reverts(stage, role):
    with pytest.raises(DeployError, match="v4 trader: not awaited"):
        stage.do(stage.trader.unlockCallback(b""), role)


def test_deployment__told_so__has_the_share_and_every_component_there_at_the_price_of_their_v3_pools():
    with deployed(cast.Parameters(v4_pool_shares=1_000)) as (_, chain):
        quote = chain.address(f"token {cast.QUOTE}")
        others = [token.symbol for token in cast.COMPONENTS if token.symbol != cast.QUOTE]
        markets = {component_pool(symbol, DEEP_PIPS): f"token {symbol}" for symbol in others} | {"pool": "vault"}
        for name, token in markets.items():
            pool = pools_v4.pool_state(chain, pools_v4.key_of(chain.address(token), quote))
            slot0 = chain.read(chain.at(name, compile_contract("IUniswapV3Pool").abi).functions.slot0())
            assert pool.liquidity > 0
            assert pool.tick == slot0[1]

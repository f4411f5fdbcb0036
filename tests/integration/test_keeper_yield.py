# SPDX-License-Identifier: AGPL-3.0-only
"""A keeper on an index that holds ERC-4626 shares: priced by ERC4626Feeds, which is the oracle that its config names;
traded in pools of their own, like any token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from scripts.artifacts import compile_contract
from scripts.bench import players
from scripts.deployment import cast, pools
from scripts.deployment.chain import Chain
from tests.helpers.stage import deployed, undone

from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.uniswap import Uniswap, pool_code_hash
from plumbline.config import ChainConfig
from plumbline.core.arbitrage import Side
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.parity import Parity
from plumbline.keeper.rules import KeeperRules
from plumbline.store.trades import TradeJournal

pytestmark = pytest.mark.anvil

GAS_TOKEN_USD, MAX_AGE_S = "1600", 86_400
WBTC, EURC, USDC = "token WBTC", "token EURC", "token USDC"
SHARES = 2_000
EURO = 10**6
TIER = pools.Tier(500, 100, None)
PROVIDER, OWNER = cast.address(pools.PROVIDER), cast.address("owner")


@dataclass(frozen=True)
class Stage:
    url: str
    chain: Chain
    uniswap: Uniswap

    def functions(self, key: str, name: str = "MockERC20") -> Any:
        return self.chain.at(key, compile_contract(name).abi).functions

    def nav_wad(self) -> int:
        return int(self.functions("yield index", "IndexVault").nav(MAX_AGE_S).call())


@pytest.fixture(scope="module")
def opened() -> Iterator[Stage]:
    with deployed(cast.QUIET) as (anvil, chain):
        keys = ("uniswap factory", "position manager", "swap router", "quoter", "weth")
        stage = Stage(anvil.url, chain, Uniswap(*(chain.address(key) for key in keys)))
        open_index(stage)
        yield stage


@pytest.fixture
def stage(opened: Stage) -> Iterator[Stage]:
    with undone(opened.url):
        yield opened


def open_index(stage: Stage) -> None:
    """Half WBTC, half shares of a vault of EURC that has earned a tenth; its pools stand at what all of it is worth."""
    chain = stage.chain
    saving = chain.deploy("saving", "MockERC4626", "Saving", "yEURC", chain.address(EURC), 0, True, sender=OWNER)
    held = 4 * SHARES * 50 * EURO
    give(stage, EURC, held, saving.address)
    chain.send(saving.functions.deposit(held, PROVIDER), PROVIDER)
    chain.send(stage.functions(EURC).mint(saving.address, held // 10), PROVIDER)
    feeds = chain.deploy("yields", "ERC4626Feeds", chain.address("oracle"), 0, OWNER, OWNER, sender=OWNER)
    euro = cast.feed_index("EUR/USD")
    chain.send(feeds.functions.add_feed(("yEURC/USD", saving.address, euro, WAD, 2 * WAD, 100, 100)), OWNER)
    index = {
        "name": "Yield",
        "symbol": "YLD",
        "tokens": [chain.address(WBTC), saving.address],
        "units": [cast.component("WBTC").per_share * WAD, 50 * EURO * WAD],
        "oracle": feeds.address,
        "feeds": [cast.feed_index("BTC/USD"), 32],
        "mint_fee_bps": 5,
        "redeem_fee_bps": 5,
        "streaming_fee_bps": 50,
        "owner": OWNER,
        "fee_recipient": OWNER,
    }
    factory = stage.functions("index factory", "IndexFactory")
    chain.send(factory.create(index), OWNER)
    vault = factory.index_at(factory.index_count().call() - 1).call()
    chain.remember("yield index", "IndexVault", vault, [], "EIP-1167 clone")
    shares = chain.at("yield index", compile_contract("IndexVault").abi).functions
    amounts = shares.preview_mint(SHARES * WAD).call()
    give(stage, WBTC, amounts[0], vault)
    chain.send(saving.functions.approve(vault, amounts[1]), PROVIDER)
    chain.send(shares.mint(SHARES * WAD, PROVIDER, amounts, players.FOREVER), PROVIDER)

    give(stage, USDC, 10**6 * SHARES * 1_000, stage.uniswap.position_manager)
    for token in (shares, saving.functions):
        chain.send(token.approve(stage.uniswap.position_manager, players.MAX_UINT), PROVIDER)
    usdc = feeds.functions.price(cast.feed_index("USDC/USD"), MAX_AGE_S).call()
    own = feeds.functions.price(32, MAX_AGE_S).call()
    for key, token, pooled, worth in (
        # A share costs 3 % more than it is worth.
        ("pool yield index", vault, SHARES // 2 * WAD, SHARES // 2 * stage.nav_wad() * 103 // (100 * usdc * 10**4)),
        ("pool saving", saving.address, held // 2, held // 2 * own // usdc),
    ):
        pools.open_pool(chain, stage.uniswap, key, {token: pooled, chain.address(USDC): worth}, TIER)
    bound = (vault, chain.address(USDC), cast.feed_index("USDC/USD"), stage.uniswap.factory, pool_code_hash())
    chain.deploy("yield arbitrageur", "ParityArbitrageur", *bound, sender=cast.address("keeper"))


def give(stage: Stage, key: str, amount: int, spender: str) -> None:
    """To the provider, who lets `spender` take it."""
    token = stage.functions(key)
    stage.chain.send(token.mint(PROVIDER, amount), PROVIDER)
    stage.chain.send(token.approve(spender, amount), PROVIDER)


@asynccontextmanager
async def keeping(
    stage: Stage, folder: Path, oracle: str = "yields"
) -> AsyncIterator[tuple[ChainParity, Parity, TradeJournal]]:
    config = players.keeper_config(stage.chain, stage.url, gas_token_usd=GAS_TOKEN_USD, max_age_s=MAX_AGE_S)
    config = replace(
        config,
        chain=ChainConfig(rpc_url=stage.url, oracle=stage.chain.address(oracle)),
        arbitrageur=stage.chain.address("yield arbitrageur"),
    )
    with TradeJournal(folder / "keeper.sqlite") as journal:
        async with Rpc([stage.url], timeout_s=20) as client:
            venue = players.parity(client, config)
            rules = KeeperRules(int(GAS_TOKEN_USD) * WAD, funding=("flash",))
            yield venue, Parity(venue, journal, rules), journal


def test_snapshot__of_an_index_with_a_yield_component__is_worth_what_the_index_says(stage: Stage, tmp_path: Path):
    async def main() -> None:
        async with keeping(stage, tmp_path) as (venue, *_):
            market = (await venue.snapshot()).market
            # A millionth of a dollar: the streaming fee of a few seconds.
            assert abs(market.nav * WAD * WAD - stage.nav_wad()) < 10**12
            assert 290 < market.premium * 10_000 < 310

    asyncio.run(main())


def test_keeper__premium_of_an_index_with_a_yield_component__is_taken_out_of_its_pools(stage: Stage, tmp_path: Path):
    async def main() -> None:
        async with keeping(stage, tmp_path) as (venue, keeper, journal):
            assert await keeper.turn() is Outcome.TRADED
            (trade,), market = journal.trades(), (await venue.snapshot()).market
            assert trade.side is Side.PREMIUM
            assert trade.net > 0
            assert abs(market.premium) * 10_000 < 100
            assert await keeper.turn() in (Outcome.INSIDE, Outcome.TOO_SMALL)

    asyncio.run(main())


def test_keeper__rate_out_of_its_limits__trades_nothing_and_says_why(stage: Stage, tmp_path: Path):
    """Somebody donates a tenth to the vault: two days' limits would not let it through."""

    async def main() -> None:
        assets = stage.functions(EURC).balanceOf(stage.chain.address("saving")).call()
        stage.chain.send(stage.functions(EURC).mint(stage.chain.address("saving"), assets // 10), PROVIDER)
        async with keeping(stage, tmp_path) as (venue, *_):
            with pytest.raises(ChainError) as refused:
                await venue.snapshot()
            assert refused.value.reason == "feeds: rate out of limits"

    asyncio.run(main())


def test_keeper__whose_config_names_the_oracle_beneath__is_told_so(stage: Stage, tmp_path: Path):
    async def main() -> None:
        async with keeping(stage, tmp_path, oracle="oracle") as (venue, *_):
            with pytest.raises(ChainError, match="three oracles"):
                await venue.snapshot()

    asyncio.run(main())

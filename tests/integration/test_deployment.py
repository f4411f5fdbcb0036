# SPDX-License-Identifier: AGPL-3.0-only
"""The one plan of deployment: what stands afterwards, where it refuses, and what is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from scripts.artifacts import compile_contract
from scripts.deployment import cast, pools, record, steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain, DeployError
from tests.helpers.anvil import Anvil, rpc
from tests.helpers.stage import connected, deployed

from plumbline.chain.uniswap import artifact

pytestmark = pytest.mark.anvil
PARAMETERS = Parameters(heartbeat_s=600)


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    """Everything deployed, the opening round signed, the market open."""
    with deployed(PARAMETERS) as (_, chain):
        yield chain


def functions(chain: Chain, key: str):
    known = chain.deployed[key].contract
    abi = artifact(known)["abi"] if known.startswith("Uniswap") else compile_contract(known).abi
    return chain.at(key, abi).functions


def test_oracle__knows_the_cast_and_answers_with_the_opening_round(chain: Chain) -> None:
    oracle = functions(chain, "oracle")
    assert list(oracle.reporters().call()) == [cast.address(role) for role in cast.REPORTERS]
    assert [oracle.feed(index).call()[0] for index in range(4)] == [feed.name for feed in cast.FEEDS]
    assert oracle.owner().call() == cast.address("owner")
    for index, feed in enumerate(cast.FEEDS):
        assert oracle.price(index, 600).call() == feed.opening
        assert functions(chain, f"feed {feed.name}").latestRoundData().call()[1] == feed.opening


def test_oracle__believes_the_writer_that_was_deployed_with_it_and_nobody_elses_code(chain: Chain) -> None:
    written = chain.deployed["feed set writer"]
    assert functions(chain, "oracle").terms().call()[-1] == written.address
    code = chain.web3.eth.get_code(written.address)
    assert written.code_sha256 == hashlib.sha256(code).hexdigest()
    assert len(code) == compile_contract("FeedSetWriter").runtime_size
    assert code.hex() in compile_contract("FeedSetWriter").bytecode


def test_vault__is_fully_backed_and_worth_its_basket(chain: Chain) -> None:
    vault = functions(chain, "vault")
    supply, (tokens, units) = vault.totalSupply().call(), vault.components().call()
    for token, unit, component in zip(tokens, units, cast.COMPONENTS, strict=True):
        held = functions(chain, f"token {component.symbol}").balanceOf(chain.address("vault")).call()
        assert token == chain.address(f"token {component.symbol}")
        assert held >= supply * unit // 10**36
    # 0.001 BTC at 60,000, 25 + 25 dollar coins, 20 euros at 1.08; a second of streaming fee is far below a millionth.
    assert abs(vault.nav(600).call() - 131_600_000_000_000_000_000) < 131_600_000_000_000


def test_periphery__sees_the_index_and_trades_it(chain: Chain) -> None:
    lens, vault = functions(chain, "index lens"), chain.address("vault")
    overview, components, market, *_ = lens.snapshot(vault, "0x" + "00" * 20, chain.address("pool"), 1, 600).call()
    assert overview[1:4] == (True, cast.INDEX_NAME, cast.INDEX_SYMBOL)
    assert [component[1] for component in components] == [component.symbol for component in cast.COMPONENTS]
    assert abs(market[2]) <= 1
    router = functions(chain, "index router")
    assert router.index_factory().call() == chain.address("index factory")
    assert router.pool_factory().call() == chain.address("uniswap factory")
    usdc, nobody = chain.address("token USDC"), "0x" + "00" * 20
    order = (vault, 10**18, usdc, 0, [0] * 4, [b""] * 4, nobody, 0)
    paid, amounts = functions(chain, "index quoter").quote_mint(order).call()
    assert list(amounts) == list(functions(chain, "vault").preview_mint(10**18).call())
    assert paid == amounts[1]


def test_pool__opens_at_nav_with_both_sides_filled(chain: Chain) -> None:
    pool, vault = functions(chain, "pool"), chain.address("vault")
    share_first = pool.token0().call() == vault
    sqrt_price = pool.slot0().call()[0]
    ratio = sqrt_price**2 * 10**18 // 2**192 if share_first else 10**18 * 2**192 // sqrt_price**2
    assert abs(ratio - steps.quote_per_share(chain, 600)) <= 2
    shares = functions(chain, "vault").balanceOf(chain.address("pool")).call()
    assert abs(shares - PARAMETERS.pool_shares * 10**18) < 10**18
    assert functions(chain, "token USDC").balanceOf(chain.address("pool")).call() > 10**6 * 10**6


def test_arbitrageur__is_the_keepers_own_and_may_take_what_it_needs(chain: Chain) -> None:
    arbitrageur, keeper = functions(chain, "arbitrageur"), cast.address("keeper")
    assert arbitrageur.OWNER().call() == keeper
    for component in cast.COMPONENTS:
        token = functions(chain, f"token {component.symbol}")
        assert token.allowance(keeper, chain.address("arbitrageur")).call() > 2**200
    floats = functions(chain, "vault").float_of(chain.address("arbitrageur")).call()
    assert floats == [PARAMETERS.inventory_shares * component.per_share for component in cast.COMPONENTS]
    assert functions(chain, "token USDC").balanceOf(keeper).call() > PARAMETERS.inventory_shares * 10**6


@pytest.mark.parametrize("symbol", ["WBTC", "USDT", "EURC"])
def test_component_pools__open_at_the_oracle_s_prices_in_two_tiers(chain: Chain, symbol: str) -> None:
    component, quote = cast.component(symbol), cast.component(cast.QUOTE)
    prices = [cast.FEEDS[cast.feed_index(each.feed)].opening for each in (component, quote)]
    for tier in (500, 3_000):
        pool = functions(chain, pools.component_pool(symbol, tier))
        first = pool.token0().call() == chain.address(f"token {symbol}")
        price = Fraction(pool.slot0().call()[0] ** 2, 1 << 192)
        expected = Fraction(prices[0] * 10**quote.decimals, prices[1] * 10**component.decimals)
        assert abs((price if first else 1 / price) / expected - 1) < Fraction(1, 10**6)
        held = functions(chain, f"token {symbol}").balanceOf(pool.address).call()
        assert held > PARAMETERS.pooled_components * component.per_share // 6


def test_record__is_read_back_as_written__and_refused_on_another_chain(chain: Chain, tmp_path) -> None:
    path = tmp_path / "local.json"
    written = record.write(chain, path)
    assert record.read(path, chain.web3) == written
    assert json.loads(path.read_text())["contracts"]["oracle"]["address"] == chain.address("oracle")
    told = pytest.raises(record.RecordError, match="tells of another chain")
    with Anvil() as other, connected(other.url) as web3, told:
        record.read(path, web3)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contracts": {}}', '{"contracts": {"oracle": 1}}'])
def test_record__damaged__is_an_error_that_names_the_file(tmp_path, text: str) -> None:
    path = tmp_path / "local.json"
    path.write_text(text)
    with pytest.raises(record.RecordError, match=r"local\.json: expected a deployment record"):
        record.read(path)


def test_record__missing__says_what_to_run(tmp_path) -> None:
    with pytest.raises(record.RecordError, match=r"nothing was deployed here yet; run `ape run deploy`"):
        record.read(tmp_path / "local.json")


def test_deploy__a_chain_that_is_not_local__is_refused_before_anything_is_sent(anvil: Anvil) -> None:
    rpc(anvil.url, "anvil_setChainId", 1)
    with connected(anvil.url) as web3:
        with pytest.raises(DeployError, match="chain 1: this deployment has mock tokens and published keys"):
            steps.deploy(Chain(web3), PARAMETERS)
        assert web3.eth.block_number == 0


def test_open_market__before_any_round__fails_with_the_oracles_reason(anvil: Anvil) -> None:
    with connected(anvil.url) as web3:
        chain = Chain(web3)
        steps.deploy(chain, PARAMETERS)
        with pytest.raises(DeployError, match=r"nav: .*no quorum yet"):
            steps.open_market(chain, PARAMETERS)
        assert "pool" not in chain.deployed


def test_deploy__a_constructor_that_reverts__names_the_contract_and_the_reason(anvil: Anvil) -> None:
    told = pytest.raises(DeployError, match=r"deploying MedianOracle: .*terms: period is 0")
    with connected(anvil.url) as web3, told:
        steps.deploy(Chain(web3), replace(PARAMETERS, period_s=0))

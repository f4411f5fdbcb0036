# SPDX-License-Identifier: AGPL-3.0-only
"""An index whose share and components trade in real Uniswap v3 pools at the oracle's prices, a keeper with an
arbitrageur and float, a trader who pushes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import boa
import pytest
from eth_abi import encode
from scripts.artifacts import compile_contract

from plumbline.chain.uniswap import TICK_SPACING, artifact, linked_bytecode, pool_code_hash
from plumbline.core.uniswap_math import TICK_OFFSET, sqrt_price_of, tick_at_sqrt_price
from tests.helpers.contracts import deployer
from tests.helpers.index import deploy_factory

WAD = 10**18
FOREVER = 2**256 - 1
START_S = 1_700_000_000
MAX_AGE_S = 120
FEE_PIPS = 500
TICK_EDGE = 887_270
ZERO = "0x" + "00" * 20

# (symbol, decimals, smallest units behind one share, USD with 8 decimals): a share is worth 100.55 USD.
BASKET = (
    ("WBTC", 8, 200_000, 20_000 * 10**8),
    ("USDC", 6, 20_000_000, 97_000_000),
    ("USDT", 6, 20_000_000, 100_500_000),
    ("EURC", 6, 20_000_000, 105_250_000),
)
USDC = 1
REST = 2**128 - 1
"""As much as is left: the amount of a component's last leg."""


def leg(amount: int, fee: int = FEE_PIPS, place: int = 0, limit: int | None = None) -> int:
    """A swap in one word; limit: the last tick of a pool of the share that will do."""
    return (0 if limit is None else limit + TICK_OFFSET) << 160 | place << 152 | fee << 128 | amount


ROUTE = [leg(REST, place=place) for place in (0, 2, 3)]
"""Each component through its one pool; USDC is the quote token itself."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            # titanoboa looks for the implementation's code behind each clone and wonders.
            item.add_marker(pytest.mark.filterwarnings("ignore:casted bytecode does not match"))


@pytest.fixture(autouse=True)
def stage() -> Iterator[None]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        yield


def _role(name: str) -> Any:
    return pytest.fixture(name=name, scope="session")(lambda: boa.env.generate_address(name))


owner = _role("owner")
keeper = _role("keeper")
trader = _role("trader")
attacker = _role("attacker")


def deploy_uniswap(name: str, *arguments: Any, **libraries: str) -> Any:
    """One of Uniswap's compiled contracts, under titanoboa."""
    interface = boa.loads_abi(json.dumps(artifact(name)["abi"]), name=name)
    inputs = next((entry["inputs"] for entry in artifact(name)["abi"] if entry["type"] == "constructor"), [])
    encoded = encode([entry["type"] for entry in inputs], arguments)
    address, _ = boa.env.deploy_code(bytecode=bytes.fromhex(linked_bytecode(name, libraries)[2:]) + encoded)
    return interface.at(address)


@dataclass
class Market:
    """Everything in one hand; `keeper` and `trader` hold plenty and have approved what they need."""

    tokens: list[Any]
    oracle: Any
    vault: Any
    factory: Any
    router: Any
    pool: Any
    arbitrageur: Any
    keeper: str
    trader: str

    @property
    def usdc(self) -> Any:
        return self.tokens[USDC]

    @property
    def assets(self) -> list[Any]:
        return [*self.tokens, self.vault]

    def holdings(self, who: str) -> list[int]:
        return [asset.balanceOf(who) for asset in self.assets]

    def push(self, *, buy: bool, amount: int, asset: Any = None, fee: int = FEE_PIPS) -> None:
        """The trader buys shares (or another asset) with `amount` of USDC, or sells `amount` of them."""
        asset = asset or self.vault
        route = (self.usdc.address, asset.address) if buy else (asset.address, self.usdc.address)
        order = (*route, fee, self.trader, FOREVER, amount, 0, 0)
        self.router.exactInputSingle(order, sender=self.trader)

    def wealth(self) -> list[int]:
        """What the keeper has of each component, float included, and of the share."""
        floats = [*self.vault.float_of(self.arbitrageur.address), 0]
        return [held + kept for held, kept in zip(self.holdings(self.keeper), floats, strict=True)]

    def left_behind(self) -> list[int]:
        """What the arbitrageur holds, and what it still allows the vault to take."""
        allowed = [token.allowance(self.arbitrageur.address, self.vault.address) for token in self.tokens]
        return [*self.holdings(self.arbitrageur.address), *allowed]

    def profit_of(self, before: list[int], after: list[int]) -> int:
        """USDC units the keeper gained at the oracle's prices, to within a unit or two: an independent reckoning."""
        usd = sum(
            Fraction((now - was) * price, 10 ** (decimals + 8))
            for (_, decimals, _, price), was, now in zip(BASKET, before, after, strict=False)
        )
        return int(usd * 10 ** (6 + 8) / BASKET[USDC][3])


@pytest.fixture(scope="session", params=[True, False], ids=["share-is-token0", "share-is-token1"])
def opened(request: Any, owner: str, keeper: str, trader: str) -> Market:
    boa.env.evm.patch.timestamp = START_S
    return make_market(owner, keeper, trader, share_is_token0=request.param)


@pytest.fixture
def market(opened: Market) -> Market:
    """As it was when it opened: the stage takes back what each test does."""
    return replace(opened, tokens=list(opened.tokens))


def make_market(owner: str, keeper: str, trader: str, *, share_is_token0: bool = True) -> Market:
    tokens = [
        deployer("MockNoReturnERC20" if symbol == "USDT" else "MockERC20").deploy(symbol, symbol, decimals)
        for symbol, decimals, _, _ in BASKET
    ]
    oracle = deployer("MockOracle").deploy([f"{symbol}/USD" for symbol, *_ in BASKET], [8] * 4)
    for feed, (*_, price) in enumerate(BASKET):
        oracle.set_price(feed, price)
    vault = make_vault(tokens, oracle, owner, share_is_token0=share_is_token0)
    factory = deploy_uniswap("UniswapV3Factory")
    router = deploy_uniswap("SwapRouter", factory.address, ZERO)
    arbitrageur = deploy_arbitrageur(vault, tokens[USDC], USDC, factory, keeper)
    for token in tokens:
        for who in (keeper, trader):
            token.mint(who, 10**16)
            token.approve(vault.address, FOREVER, sender=who)
        token.approve(arbitrageur.address, FOREVER, sender=keeper)
    vault.mint(40_000 * WAD, trader, [FOREVER] * 4, FOREVER, sender=trader)
    pool = open_pool(factory, vault, tokens[USDC], trader)
    for place in (0, 2, 3):
        open_component_pool(factory, tokens, place, trader)
    for asset in (vault, *tokens):
        asset.approve(router.address, FOREVER, sender=trader)
    arbitrageur.deposit_float([20_000 * unit for _, _, unit, _ in BASKET], sender=keeper)
    return Market(tokens, oracle, vault, factory, router, pool, arbitrageur, keeper, trader)


def make_vault(tokens: list[Any], oracle: Any, owner: str, *, share_is_token0: bool) -> Any:
    """A clone whose address lies on the wanted side of USDC's: the factory's next one does, sooner or later."""
    factory = deploy_factory()
    interface = boa.loads_abi(json.dumps(compile_contract("IndexVault").abi), name="IndexVault")
    addresses, units = [token.address for token in tokens], [unit * WAD for _, _, unit, _ in BASKET]
    params = ("Index", "IDX", addresses, units, oracle.address, [0, 1, 2, 3], 5, 5, 50, owner, owner)
    while True:
        vault = interface.at(factory.create(params))
        if share_is_token0 == (int(vault.address, 16) < int(tokens[USDC].address, 16)):
            return vault


def deploy_arbitrageur(vault: Any, quote: Any, quote_feed: int, factory: Any, keeper: str) -> Any:
    with boa.env.prank(keeper):
        return deployer("ParityArbitrageur").deploy(
            vault.address, quote.address, quote_feed, factory.address, pool_code_hash()
        )


def open_pool(
    factory: Any,
    vault: Any,
    quote: Any,
    provider: str,
    shares: int = 10_000,
    fee_pips: int = FEE_PIPS,
    reach: int | None = None,
) -> Any:
    """Share against quote at NAV, with so many shares of liquidity over all prices, or `reach` ticks either side."""
    per_share = vault.nav(MAX_AGE_S) * 10 ** (6 + 8) // (BASKET[USDC][3] * WAD)
    return open_pool_of(factory, {vault: WAD, quote: per_share}, provider, shares, fee_pips, reach)


def open_component_pool(
    factory: Any, tokens: list[Any], place: int, provider: str, shares: int = 40_000, fee_pips: int = FEE_PIPS
) -> Any:
    """A component against USDC at the oracle's prices, with what so many shares hold of it."""
    _, decimals, unit, price = BASKET[place]
    worth = unit * price * 10 ** (6 + 8) // 10 ** (decimals + 8) // BASKET[USDC][3]
    return open_pool_of(factory, {tokens[place]: unit, tokens[USDC]: worth}, provider, shares, fee_pips, None)


def open_pool_of(
    factory: Any,
    amounts: dict[Any, int],
    provider: str,
    times: int,
    fee_pips: int,
    reach: int | None,
    manager: Any = None,
) -> Any:
    manager = manager or deploy_uniswap("NonfungiblePositionManager", factory.address, ZERO, ZERO)
    worth = {asset.address: amount for asset, amount in amounts.items()}
    token0, token1 = sorted(worth, key=lambda address: int(address, 16))
    sqrt_price = sqrt_price_of(worth[token1], worth[token0])
    manager.createAndInitializePoolIfNecessary(token0, token1, fee_pips, sqrt_price, sender=provider)
    for asset in amounts:
        if asset.allowance(provider, manager.address) == 0:
            asset.approve(manager.address, FOREVER, sender=provider)
    deposit = (times * worth[token0], times * worth[token1])
    spacing, tick = TICK_SPACING[fee_pips], tick_at_sqrt_price(sqrt_price)
    low, high = (-TICK_EDGE, TICK_EDGE) if reach is None else (tick - reach, tick + reach)
    ticks = (-(-low // spacing) * spacing, high // spacing * spacing)
    position = (token0, token1, fee_pips, *ticks, *deposit, 0, 0, provider, FOREVER)
    manager.mint(position, sender=provider)
    interface = boa.loads_abi(json.dumps(artifact("UniswapV3Pool")["abi"]), name="UniswapV3Pool")
    return interface.at(factory.getPool(token0, token1, fee_pips))

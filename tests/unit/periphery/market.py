# SPDX-License-Identifier: AGPL-3.0-only
"""An index whose components trade in real Uniswap v3 pools, a router and a quoter over them."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import boa
from scripts.artifacts import compile_contract

from plumbline.chain.uniswap import TICK_SPACING, artifact
from plumbline.core.uniswap_math import sqrt_price_of, tick_at_sqrt_price
from tests.helpers.contracts import deployer
from tests.helpers.index import deploy_factory
from tests.unit.execution.conftest import deploy_uniswap

WAD = 10**18
FOREVER = 2**256 - 1
START_S = 1_700_000_000
ZERO = "0x" + "00" * 20
TICK_EDGE = 887_200
PLENTY = 10**30

# (symbol, decimals, smallest units behind one share, USD with 8 decimals)
BASKET = (
    ("WBTC", 8, 200_000, 20_000 * 10**8),
    ("USDC", 6, 20_000_000, 97_000_000),
    ("USDT", 6, 20_000_000, 100_500_000),
    ("EURC", 6, 20_000_000, 105_250_000),
)
WBTC, USDC, USDT, EURC = range(4)
HUB = ("HUB", 18, 0, 3_000 * 10**8)


@dataclass(frozen=True)
class Order:
    """IIndexRouter.Order; `but` makes an adjacent one."""

    index: str
    shares: int
    asset: str
    asset_limit: int
    limits: tuple[int, ...]
    routes: tuple[bytes, ...]
    receiver: str
    deadline: int = FOREVER

    def but(self, **changes: Any) -> Order:
        return replace(self, **changes)

    @property
    def args(self) -> tuple[Any, ...]:
        return tuple(self.__dict__.values())


@dataclass
class Exchange:
    """A fresh Uniswap; `open` makes a pool at the tokens' USD prices."""

    factory: Any
    manager: Any
    provider: str

    def open(self, one: Any, other: Any, prices: tuple[int, int], fee: int, reach: int | None = None) -> Any:
        """A pool with a million USD either side, over all prices or `reach` ticks either side of today's."""
        worth = {
            token.address: 10**6 * 10 ** (8 + token.decimals()) // price
            for token, price in zip((one, other), prices, strict=True)
        }
        low_token, high_token = sorted((one, other), key=lambda token: int(token.address, 16))
        amounts = (worth[low_token.address], worth[high_token.address])
        sqrt_price = sqrt_price_of(amounts[1], amounts[0])
        pair = (low_token.address, high_token.address)
        self.manager.createAndInitializePoolIfNecessary(*pair, fee, sqrt_price, sender=self.provider)
        self.deposit(low_token, high_token, fee, amounts, tick_at_sqrt_price(sqrt_price), reach)
        interface = boa.loads_abi(json.dumps(artifact("UniswapV3Pool")["abi"]), name="UniswapV3Pool")
        return interface.at(self.factory.getPool(*pair, fee))

    def deposit(
        self, token0: Any, token1: Any, fee: int, amounts: tuple[int, int], tick: int, reach: int | None
    ) -> None:
        for token, amount in zip((token0, token1), amounts, strict=True):
            token.mint(self.provider, amount)
            if token.allowance(self.provider, self.manager.address) == 0:
                token.approve(self.manager.address, FOREVER, sender=self.provider)
        spacing = TICK_SPACING[fee]
        low, high = (-TICK_EDGE, TICK_EDGE) if reach is None else (tick - reach, tick + reach)
        ticks = (low // spacing * spacing, high // spacing * spacing)
        position = (token0.address, token1.address, fee, *ticks, *amounts, 0, 0, self.provider, FOREVER)
        self.manager.mint(position, sender=self.provider)


@dataclass
class Trade:
    """Index, exchange, router, quoter. EURC has no pool with USDC: its route goes through a hub token."""

    tokens: list[Any]
    hub: Any
    exchange: Exchange
    pools: list[Any]
    factory: Any
    oracle: Any
    router: Any
    quoter: Any
    vault: Any
    depositor: str
    receiver: str
    owner: str
    routes: tuple[bytes, ...] = field(default=())

    @property
    def usdc(self) -> Any:
        return self.tokens[USDC]

    @property
    def assets(self) -> list[Any]:
        return [*self.tokens, self.hub, self.vault]

    def order(self, shares: int, *, minting: bool) -> Order:
        limit = PLENTY if minting else 0
        return Order(
            index=self.vault.address,
            shares=shares,
            asset=self.usdc.address,
            asset_limit=limit,
            limits=(limit,) * len(self.routes),
            routes=self.routes,
            receiver=self.receiver,
        )

    def mint(self, order: Order, permits: list[Any] | None = None, sender: str | None = None) -> int:
        return int(self.router.mint(order.args, permits or [], sender=sender or self.depositor))

    def redeem(self, order: Order, permits: list[Any] | None = None, sender: str | None = None) -> int:
        return int(self.router.redeem(order.args, permits or [], sender=sender or self.depositor))

    def holdings(self, who: str) -> list[int]:
        return [asset.balanceOf(who) for asset in self.assets]

    def left_in_router(self) -> list[int]:
        """Tokens the router holds, then what it allows the vault of each."""
        held = self.holdings(self.router.address)
        return held + [token.allowance(self.router.address, self.vault.address) for token in self.tokens]


def route(*steps: Any) -> bytes:
    """route(token, fee, token, ...): Uniswap v3's path."""
    return b"".join(step.to_bytes(3) if isinstance(step, int) else bytes.fromhex(step.address[2:]) for step in steps)


def make_index(
    factory: Any,
    tokens: list[Any],
    units: list[int],
    oracle: Any,
    owner: str,
    feeds: list[int] | None = None,
    **fees: int,
) -> Any:
    """An index over these tokens; feeds 0, 1, 2, ... of the oracle and fees of 5, 5 and 50 bps unless told."""
    interface = boa.loads_abi(json.dumps(compile_contract("IndexVault").abi), name="IndexVault")
    bps = [fees.get(name, default) for name, default in (("mint", 5), ("redeem", 5), ("streaming", 50))]
    addresses = [token.address for token in tokens]
    params = (
        "Index",
        "IDX",
        addresses,
        [unit * WAD for unit in units],
        oracle.address,
        feeds or list(range(len(tokens))),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="casted bytecode does not match")
        return interface.at(factory.create((*params, *bps, owner, owner)))


def make_market() -> Trade:
    provider, depositor = boa.env.generate_address("provider"), boa.env.generate_address("depositor")
    receiver, owner = boa.env.generate_address("receiver"), boa.env.generate_address("owner")
    tokens = [
        deployer("MockNoReturnERC20" if symbol == "USDT" else "MockERC20").deploy(symbol, symbol, decimals)
        for symbol, decimals, _, _ in BASKET
    ]
    hub = deployer("MockERC20").deploy("Hub", "HUB", 18)
    oracle = deployer("MockOracle").deploy([f"{symbol}/USD" for symbol, *_ in BASKET], [8] * 4)
    for feed, (*_, price) in enumerate(BASKET):
        oracle.set_price(feed, price)
    pools = deploy_uniswap("UniswapV3Factory")
    exchange = Exchange(pools, deploy_uniswap("NonfungiblePositionManager", pools.address, ZERO, ZERO), provider)
    prices = [price for *_, price in BASKET]
    opened = [
        exchange.open(tokens[WBTC], tokens[USDC], (prices[WBTC], prices[USDC]), 3_000, reach=6_000),
        exchange.open(tokens[USDT], tokens[USDC], (prices[USDT], prices[USDC]), 500),
        exchange.open(tokens[EURC], hub, (prices[EURC], HUB[3]), 3_000),
        exchange.open(hub, tokens[USDC], (HUB[3], prices[USDC]), 500, reach=4_000),
    ]
    factory = deploy_factory()
    router = deployer("IndexRouter").deploy(factory.address, pools.address)
    quoter = deployer("IndexQuoter").deploy(router.address)
    vault = make_index(factory, tokens, [unit for _, _, unit, _ in BASKET], oracle, owner)
    market = Trade(tokens, hub, exchange, opened, factory, oracle, router, quoter, vault, depositor, receiver, owner)
    market.routes = (
        route(tokens[WBTC], 3_000, tokens[USDC]),
        b"",
        route(tokens[USDT], 500, tokens[USDC]),
        route(tokens[EURC], 3_000, hub, 500, tokens[USDC]),
    )
    for token in tokens:
        token.mint(depositor, 10**15)
        token.approve(router.address, FOREVER, sender=depositor)
        token.approve(vault.address, FOREVER, sender=depositor)
    vault.approve(router.address, FOREVER, sender=depositor)
    return market

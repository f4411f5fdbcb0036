# SPDX-License-Identifier: AGPL-3.0-only
"""A market for the keeper's benches and tests: an index of five tokens beside the quote token, its oracle, and real
Uniswap v3 pools of several tiers for the share and for every component, on a local chain.

Everybody is one unlocked account; the keeper is another one, who owns the arbitrageur.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator, pack, row_digest
from plumbline.chain.uniswap import Uniswap, artifact, deploy_uniswap, pool_code_hash
from plumbline.core.models import Row
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, PoolState, sqrt_price_of
from scripts.artifacts import compile_contract
from scripts.bench.onchain import REPORTERS

WAD: Final = 10**18
FOREVER: Final = 2**256 - 1
MAX_LANE: Final = 2**63 - 1
NOBODY: Final = "0x" + "00" * 20
PERIOD_S: Final = 5
HEARTBEAT_S: Final = 3_600
TIERS: Final = (500, 3_000, 10_000)
SPACING: Final = {500: 10, 3_000: 60, 10_000: 200}


class Asset(NamedTuple):
    symbol: str
    decimals: int
    price: int
    """USD with 8 decimals."""
    unit: int
    """Smallest units behind one share; 0: no component."""


ASSETS: Final = (
    Asset("WBTC", 8, 60_000_00000000, 33_333),
    Asset("WETH", 18, 2_500_00000000, 8 * 10**15),
    Asset("USDT", 6, 1_00000000, 20_000_000),
    Asset("LINK", 18, 15_00000000, 13 * 10**17),
    Asset("GOLD", 9, 50000000, 40 * 10**9),
    Asset("USDC", 6, 1_00000000, 0),
)
"""Five components worth about 20 USD a share each, then the quote token."""
QUOTE: Final = 5


@dataclass
class Arena:
    web3: Web3
    everybody: ChecksumAddress
    keeper: ChecksumAddress
    tokens: list[Contract] = field(default_factory=list)
    pools: dict[tuple[str, int], Contract] = field(default_factory=dict)
    """By (token's address, tier): its pool against the quote token."""

    def send(self, call: Any, sender: str | None = None) -> TxReceipt:
        """Mine one call of everybody's, or of somebody else's. Raises SystemExit when it reverts."""
        sent = call.transact({"from": sender or self.everybody, "gas": 25_000_000})
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.002)
        if receipt["status"] != 1:
            raise SystemExit(f"arena: {call} reverted")
        return receipt

    def deploy(self, name: str, *arguments: Any, sender: str | None = None) -> Contract:
        compiled = compile_contract(name)
        factory = self.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        return self.at(name, str(self.send(factory.constructor(*arguments), sender)["contractAddress"]))

    def at(self, name: str, address: str) -> Contract:
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=compile_contract(name).abi)

    @property
    def quote(self) -> Contract:
        return self.tokens[QUOTE]

    def open(self) -> None:
        """Deploys all of it; every pool stands at the oracle's prices, under one position over all prices."""
        self.tokens = [self.deploy("MockERC20", a.symbol, a.symbol, a.decimals) for a in ASSETS]
        self.oracle = self._deploy_oracle()
        self.publish()
        self.house = self.deploy("AuctionHouse")
        extension = self.deploy("IndexVaultExtension", self.house.address)
        indices = self.deploy("IndexFactory", self.deploy("IndexVault", extension.address).address)
        index = {
            "name": "Arena Index",
            "symbol": "ARENA",
            "tokens": [token.address for token in self.tokens[:QUOTE]],
            "units": [asset.unit * WAD for asset in ASSETS[:QUOTE]],
            "oracle": self.oracle.address,
            "feeds": list(range(QUOTE)),
            "mint_fee_bps": 5,
            "redeem_fee_bps": 5,
            "streaming_fee_bps": 50,
            "owner": self.everybody,
            "fee_recipient": self.everybody,
        }
        self.send(indices.functions.create(index))
        self.vault = self.at("IndexVault", indices.functions.index_at(0).call())
        self.uniswap: Uniswap = deploy_uniswap(self.web3, self.everybody, self.deploy("MockWETH9").address)
        self.manager = self._uniswap("NonfungiblePositionManager", self.uniswap.position_manager)
        self.router = self._uniswap("SwapRouter", self.uniswap.router)
        self.factory = self._uniswap("UniswapV3Factory", self.uniswap.factory)
        terms = (self.vault.address, self.quote.address, QUOTE, self.uniswap.factory, pool_code_hash())
        self.arbitrageur = self.deploy("ParityArbitrageur", *terms, sender=self.keeper)
        terms = (self.house.address, self.uniswap.factory, pool_code_hash())
        self.bidder = self.deploy("RebalanceBidder", *terms, sender=self.keeper)
        self.opening_nav_wad = self.vault.functions.nav(HEARTBEAT_S).call()
        self._fill_pockets()

    def _deploy_oracle(self) -> Contract:
        guards = (1, MAX_LANE, 1, MAX_LANE, 500, 100, 5_000, 3, 60)
        feeds = [(f"{asset.symbol}/USD", 8, 3, HEARTBEAT_S, 25, guards) for asset in ASSETS]
        self.reporters = [LocalKey(bytes([0] * 30 + [7, i + 1])) for i in range(REPORTERS)]
        addresses = [Web3.to_checksum_address(key.address) for key in self.reporters]
        terms = (PERIOD_S, 4_096, HEARTBEAT_S, 3_600, NOBODY, False, self.deploy("FeedSetWriter").address)
        return self.deploy("MedianOracle", feeds, addresses, 1, terms, self.everybody, NOBODY)

    def publish(self) -> None:
        """A round at the assets' prices, signed by a quorum of three."""
        now = self.web3.eth.get_block("latest")["timestamp"]
        timestamp = now // PERIOD_S * PERIOD_S
        domain = domain_separator(self.web3.eth.chain_id, self.oracle.address)
        row = Row(self.oracle.functions.epoch().call(), timestamp, tuple(asset.price for asset in ASSETS))
        words, signatures, signers = list(pack(row.prices)), [], 0
        for place in range(3):
            signers |= (place + 1) << (8 * place)
            signatures += self.reporters[place].sign(row_digest(domain, row))
        self.send(self.oracle.functions.submit(timestamp, signers, words, words * 3, signatures))

    def _fill_pockets(self) -> None:
        """Plenty for everybody and the keeper; the keeper's float and approvals; 200,000 shares."""
        for token, asset in zip(self.tokens, ASSETS, strict=True):
            plenty = 10**10 * 10 ** (asset.decimals + 8) // asset.price
            for holder, spenders in (
                (self.everybody, (self.vault, self.manager, self.router)),
                (self.keeper, (self.arbitrageur,)),
            ):
                self.send(token.functions.mint(holder, plenty))
                for spender in spenders:
                    self.send(token.functions.approve(spender.address, FOREVER), holder)
        self.send(self.vault.functions.mint(200_000 * WAD, self.everybody, [FOREVER] * QUOTE, FOREVER))
        for spender in (self.manager, self.router):
            self.send(self.vault.functions.approve(spender.address, FOREVER))

    def open_pool(
        self,
        token: Contract,
        tier: int,
        usd: int,
        low: int = MIN_TICK,
        high: int = MAX_TICK,
        against: Contract | None = None,
    ) -> None:
        """Adds `usd` of liquidity on each side between two ticks relative to the price; makes the pool at first.

        against: another token than the quote.
        """
        other = against or self.quote
        key = (token.address if against is None else token.address + against.address, tier)
        worth = {token.address: self.worth(token, usd), other.address: self.worth(other, usd)}
        token0, token1 = sorted(worth, key=lambda address: int(address, 16))
        if key not in self.pools:
            price = sqrt_price_of(worth[token1], worth[token0])
            make = self.manager.functions.createAndInitializePoolIfNecessary(token0, token1, tier, price)
            self.send(make)
            address = self.factory.functions.getPool(token0, token1, tier).call()
            self.pools[key] = self._uniswap("UniswapV3Pool", address)
        tick, spacing = self.pools[key].functions.slot0().call()[1], SPACING[tier]
        bounds = max(low + tick, MIN_TICK), min(high + tick, MAX_TICK)
        ticks = (-(-bounds[0] // spacing) * spacing, bounds[1] // spacing * spacing)
        position = (token0, token1, tier, *ticks, worth[token0], worth[token1], 0, 0, self.everybody, FOREVER)
        self.send(self.manager.functions.mint(position))

    def worth(self, token: Contract, usd: int) -> int:
        """Smallest units of a token, or of the share, that are worth so many dollars at the oracle's prices."""
        if token.address == self.vault.address:
            return usd * WAD * WAD // self.opening_nav_wad
        asset = ASSETS[[each.address for each in self.tokens].index(token.address)]
        return usd * 10 ** (asset.decimals + 8) // asset.price

    def push(self, token: Contract, tier: int, usd: int) -> None:
        """Buys `usd` worth of a token or the share in one pool; sells when negative."""
        route = (self.quote, token) if usd > 0 else (token, self.quote)
        amount = self.worth(route[0], abs(usd))
        order = (route[0].address, route[1].address, tier, self.everybody, FOREVER, amount, 0, 0)
        self.send(self.router.functions.exactInputSingle(order))

    def _uniswap(self, name: str, address: str) -> Contract:
        return self.web3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact(name)["abi"])

    def state(self, token: Contract, tier: int, nets: dict[int, int]) -> PoolState:
        """A pool as sizing sees it; `nets` is the net liquidity on every initialised tick."""
        functions = self.pools[token.address, tier].functions
        sqrt_price, tick, *_ = functions.slot0().call()
        return PoolState(
            sqrt_price, tick, functions.liquidity().call(), tier, SPACING[tier], tuple(sorted(nets.items()))
        )

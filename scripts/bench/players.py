# SPDX-License-Identifier: AGPL-3.0-only
"""Keeper and trader of the cast on a deployed local chain, in this process: for benches and integration tests."""

from __future__ import annotations

from pathlib import Path

from web3 import Web3
from web3.types import RPCEndpoint

from plumbline.chain.desk import ChainDesk
from plumbline.chain.making import ChainMaking, MadePool
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.swapper import ChainSwapper
from plumbline.chain.tx import Sender
from plumbline.config import ChainConfig, HttpConfig, KeeperConfig, KeyConfig, TraderConfig, TxConfig
from plumbline.config_keeper import DeskConfig
from plumbline.core.units import WAD, parse_wad
from plumbline.keeper.desk import Desk, DeskTerms
from plumbline.store.desk import DeskJournal
from plumbline.store.trades import TradeJournal
from plumbline.trader.maker import Maker
from scripts.artifacts import compile_contract
from scripts.deployment import cast, pools
from scripts.deployment.chain import Chain

POLL_S = 0.002
"""Between two looks for a receipt: a local chain mines at once."""
FOREVER, MAX_UINT = 2**63 - 1, 2**256 - 1
NO_TIP = TxConfig(priority_fee_gwei=0)
"""Nobody competes for room in a local block."""
_NO_KEY = KeyConfig(keystore=Path("unused"), password_env="UNUSED")


def key(role: str) -> LocalKey:
    return LocalKey(bytes(cast.account(role).key))


def sender(rpc: Rpc, role: str) -> Sender:
    return sender_of(rpc, key(role))


def sender_of(rpc: Rpc, key: LocalKey) -> Sender:
    return Sender(rpc, key, NO_TIP, poll_s=POLL_S)


def keeper_config(chain: Chain, url: str, *, gas_token_usd: str, max_age_s: int) -> KeeperConfig:
    return KeeperConfig(
        chain=ChainConfig(rpc_url=url, oracle=chain.address("oracle")),
        key=_NO_KEY,
        http=HttpConfig(port=0),
        journal=Path("unused"),
        arbitrageur=chain.address("arbitrageur"),
        gas_token_usd=gas_token_usd,
        max_age_s=max_age_s,
        tx=NO_TIP,
    )


def parity(rpc: Rpc, config: KeeperConfig) -> ChainParity:
    return ChainParity(rpc, sender(rpc, "keeper"), config)


def swapper(rpc: Rpc, chain: Chain, url: str) -> ChainSwapper:
    """The trader's way into the share's main pool."""
    return ChainSwapper(rpc, sender(rpc, "trader"), _swapper_config(chain, url, "vault", 500))


def maker(rpc: Rpc, chain: Chain) -> Maker:
    """The liquidity provider, who keeps the components' pools at outside prices."""
    made = [
        MadePool(pools.component_pool(token.symbol, tier), token.symbol, chain.address(f"token {token.symbol}"), tier)
        for token in cast.COMPONENTS
        if token.symbol != cast.QUOTE
        for tier in sorted({tier.fee_pips for tier in pools.COMPONENT_TIERS})
    ]
    router, quote = chain.address("swap router"), chain.address(f"token {cast.QUOTE}")
    return Maker(ChainMaking(rpc, sender(rpc, pools.PROVIDER), router, quote, made))


DESK_KEY = LocalKey(bytes([0] * 31 + [77]))
"""The desk is none of the cast: it comes when the market is open."""


def desk_config(chain: Chain, **settings: str | int) -> DeskConfig:
    return DeskConfig(
        position_manager=chain.address("position manager"),
        router=chain.address("index router"),
        quoter=chain.address("index quoter"),
        **settings,
    )


def fund_desk(chain: Chain, shares: int, quote_per_share: int) -> None:
    """The desk's key gets ether, so many whole shares, as much worth of quote, and approves whom it trades through."""
    web3, me = chain.web3, Web3.to_checksum_address(DESK_KEY.address)
    for method, *rest in (("anvil_setBalance", hex(10**20)), ("anvil_impersonateAccount",)):
        web3.provider.make_request(RPCEndpoint(method), [me, *rest])
    vault = chain.at("vault", compile_contract("IndexVault").abi)
    amounts = chain.read(vault.functions.preview_mint(shares * WAD))
    for token, amount in zip(cast.COMPONENTS, amounts, strict=True):
        own = chain.at(f"token {token.symbol}", compile_contract("MockERC20").abi)
        spare = shares * quote_per_share if token.symbol == cast.QUOTE else 0
        chain.send(own.functions.mint(me, amount + spare), me)
        chain.send(own.functions.approve(vault.address, amount), me)
    chain.send(vault.functions.mint(shares * WAD, me, amounts, FOREVER), me)
    for token in (vault, chain.at(f"token {cast.QUOTE}", compile_contract("MockERC20").abi)):
        for spender in ("position manager", "index router"):
            chain.send(token.functions.approve(chain.address(spender), MAX_UINT), me)


def desk(
    rpc: Rpc, chain: Chain, journal: TradeJournal, config: DeskConfig, *, gas_token_usd: str, max_age_s: int
) -> Desk:
    venue = ChainDesk(rpc, sender_of(rpc, DESK_KEY), config, chain.address("arbitrageur"), max_age_s, deadline_s=60)
    terms = DeskTerms(config.rules(), parse_wad(gas_token_usd), config.max_cost_bps)
    return Desk(venue, DeskJournal(journal.database), terms)


def _swapper_config(chain: Chain, url: str, traded: str, fee_pips: int) -> TraderConfig:
    return TraderConfig(
        rpc_url=url,
        key=_NO_KEY,
        router=chain.address("swap router"),
        vault=chain.address(traded),
        quote=chain.address(f"token {cast.QUOTE}"),
        fee_pips=fee_pips,
        tx=NO_TIP,
    )

# SPDX-License-Identifier: AGPL-3.0-only
"""Keeper and trader of the cast on a deployed local chain, in this process: for benches and integration tests."""

from __future__ import annotations

from pathlib import Path

from plumbline.chain.making import ChainMaking, MadePool
from plumbline.chain.parity import ChainParity
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.swapper import ChainSwapper
from plumbline.chain.tx import Sender
from plumbline.config import ChainConfig, HttpConfig, KeeperConfig, KeyConfig, TraderConfig, TxConfig
from plumbline.trader.maker import Maker
from scripts.deployment import cast, pools
from scripts.deployment.chain import Chain

POLL_S = 0.002
"""Between two looks for a receipt: a local chain mines at once."""
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

# SPDX-License-Identifier: AGPL-3.0-only
"""A Uniswap v4 market of the share and of its components beside those of v3, on a local chain: PoolManager as Uniswap's
npm package has it compiled, pools without hooks, one position over all prices in each.

PoolManager is under the Business Source License: it is deployed here for tests and never passed on, neither in this
repository nor in what is built from it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from eth_abi.abi import encode
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from web3.contract import Contract

from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, Q96, PoolState, sqrt_price_of
from scripts.artifacts import compile_contract
from scripts.deployment import cast
from scripts.deployment.chain import Chain, DeployError
from scripts.deployment.pools import PROVIDER

FEE_PIPS: Final = 500
TICK_SPACING: Final = 10
NO_HOOKS: Final = "0x" + "00" * 20
FOREVER: Final = 2**256 - 1
SOLC: Final = "solc 0.8.26, as Uniswap's npm package holds it"
_ARTIFACT: Final = "node_modules/@uniswap/v4-core/out/PoolManager.sol/PoolManager.json"
_POOLS_SLOT: Final = 6
"""Where PoolManager keeps its mapping of pools (Uniswap v4-core 1.0.2, StateLibrary)."""
_LIQUIDITY_SLOT: Final = 3
"""Of a pool's own slots."""


class PoolKey(NamedTuple):
    """What a pool is known by."""

    currency0: ChecksumAddress
    currency1: ChecksumAddress
    fee_pips: int
    tick_spacing: int
    hooks: str

    @property
    def id(self) -> bytes:
        return keccak(encode(["(address,address,uint24,int24,address)"], [tuple(self)]))


@cache
def manager_artifact() -> dict[str, Any]:
    """`abi` and `bytecode`. Raises DeployError when the npm package is not installed."""
    path = Path(__file__).resolve().parent.parent.parent / _ARTIFACT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeployError("Uniswap's compiled PoolManager is not installed: run `make setup`") from None
    return {"abi": found["abi"], "bytecode": found["bytecode"]["object"]}


def open_v4_pools(chain: Chain, worths: Sequence[dict[ChecksumAddress, int]]) -> list[PoolKey]:
    """PoolManager, the liquidity provider's way into it, and a pool for each two tokens in `worths` (smallest units):
    at the price at which the amounts are worth the same, with so much of the provider's in it."""
    provider = cast.address(PROVIDER)
    trader = chain.deploy("v4 trader", "UniswapV4Trader", _deploy_manager(chain, provider), sender=provider)
    for token in sorted({token for worth in worths for token in worth}):
        erc20 = chain.web3.eth.contract(address=token, abi=compile_contract("MockERC20").abi)
        chain.send(erc20.functions.approve(trader.address, FOREVER), provider)
    return [_open_pool(chain, trader, worth) for worth in worths]


def _open_pool(chain: Chain, trader: Contract, worth: dict[ChecksumAddress, int]) -> PoolKey:
    provider, key = cast.address(PROVIDER), key_of(*worth)
    token0, token1 = key[:2]
    sqrt_price = sqrt_price_of(worth[token1], worth[token0])
    pools = chain.at("v4 pool manager", manager_artifact()["abi"]).functions
    chain.send(pools.initialize(tuple(key), sqrt_price), provider)
    # Over all prices, L of liquidity is L / sqrt(price) of token0 and L * sqrt(price) of token1.
    liquidity = min(worth[token0] * sqrt_price // Q96, worth[token1] * Q96 // sqrt_price)
    low, high = -(-MIN_TICK // TICK_SPACING) * TICK_SPACING, MAX_TICK // TICK_SPACING * TICK_SPACING
    chain.send(trader.functions.change_liquidity(tuple(key), low, high, liquidity), provider)
    return key


def key_of(*tokens: ChecksumAddress) -> PoolKey:
    """The pool of two tokens, in any order."""
    token0, token1 = sorted(tokens, key=lambda token: int(token, 16))
    return PoolKey(token0, token1, FEE_PIPS, TICK_SPACING, NO_HOOKS)


def pool_state(chain: Chain, key: PoolKey) -> PoolState:
    """As sizing sees a pool of v3, whose arithmetic v4 has kept; for a pool whose only position is over all prices."""
    read = chain.at("v4 pool manager", manager_artifact()["abi"]).get_function_by_signature("extsload(bytes32)")
    slot = int.from_bytes(keccak(key.id + _POOLS_SLOT.to_bytes(32)))
    slot0, liquidity = (
        int.from_bytes(chain.read(read((slot + offset).to_bytes(32)))) for offset in (0, _LIQUIDITY_SLOT)
    )
    tick = slot0 >> 160 & 0xFFFFFF
    return PoolState(
        sqrt_price_x96=slot0 & (1 << 160) - 1,
        tick=tick - (1 << 24) if tick >> 23 else tick,
        liquidity=liquidity,
        fee_pips=slot0 >> 208 & 0xFFFFFF,
        tick_spacing=key.tick_spacing,
        ticks=(),
    )


def _deploy_manager(chain: Chain, owner: ChecksumAddress) -> ChecksumAddress:
    found = manager_artifact()
    factory = chain.web3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
    receipt = chain.web3.eth.wait_for_transaction_receipt(factory.constructor(owner).transact({"from": owner}))
    address = receipt["contractAddress"]
    if address is None or receipt["status"] != 1:
        raise DeployError(f"PoolManager was not deployed: {receipt['transactionHash'].to_0x_hex()} failed")
    chain.remember("v4 pool manager", "PoolManager", address, [owner], SOLC)
    return address

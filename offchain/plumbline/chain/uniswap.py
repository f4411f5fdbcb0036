# SPDX-License-Identifier: AGPL-3.0-only
"""Puts the real Uniswap v3 on a local chain: the compiled artifacts of Uniswap's own npm packages, unchanged.

Synchronous, on a plain Web3 whose sender is unlocked (or has a signing middleware): deployments run in scripts, in
tests and inside Ape, never in a service. Uniswap's position manager and router name a wrapped ether; the packages hold
only its interface, so the caller brings one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, sqrt_price_of
from plumbline.errors import ChainError

TICK_SPACING: Final = {500: 10, 3_000: 60, 10_000: 200}
"""Spacing of the initialisable ticks by fee tier {1e-6}, as the factory's constructor sets them."""

_CORE: Final = "v3-core/artifacts/contracts"
_PERIPHERY: Final = "v3-periphery/artifacts/contracts"
_FOLDERS: Final = {
    "UniswapV3Factory": _CORE,
    "UniswapV3Pool": _CORE,
    "NFTDescriptor": f"{_PERIPHERY}/libraries",
    "NonfungibleTokenPositionDescriptor": _PERIPHERY,
    "NonfungiblePositionManager": _PERIPHERY,
    "SwapRouter": _PERIPHERY,
    "QuoterV2": f"{_PERIPHERY}/lens",
}
_NATIVE_LABEL: Final = b"ETH".ljust(32, b"\0")
_FOREVER: Final = 2**63 - 1
"""A deadline that never passes: these transactions are sent by hand, to a chain of one's own."""


@dataclass(frozen=True, slots=True)
class Uniswap:
    """Where the contracts of one deployment live."""

    factory: ChecksumAddress
    position_manager: ChecksumAddress
    router: ChecksumAddress
    quoter: ChecksumAddress
    weth: ChecksumAddress


@cache
def artifact(name: str) -> dict[str, Any]:
    """One compiled contract (`abi`, `bytecode`, `linkReferences`) from the node_modules above this file.

    Raises:
        ChainError: the npm packages are not installed.
    """
    for parent in Path(__file__).resolve().parents:
        path = parent / "node_modules" / "@uniswap" / _FOLDERS[name] / f"{name}.sol" / f"{name}.json"
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
    raise ChainError(f"Uniswap's compiled {name} is not installed: run `make setup`")


def linked_bytecode(name: str, libraries: dict[str, str]) -> str:
    """The deployment bytecode with the libraries' addresses in their places."""
    found = artifact(name)
    code = str(found["bytecode"])
    for file in found["linkReferences"].values():
        for library, places in file.items():
            for place in places:
                start = 2 + 2 * place["start"]
                code = (
                    code[:start] + libraries[library].removeprefix("0x").lower() + code[start + 2 * place["length"] :]
                )
    return code


def pool_code_hash() -> bytes:
    """The keccak of the code that makes a pool: with factory, tokens and tier it says where the pool is (CREATE2)."""
    return bytes(Web3.keccak(hexstr=artifact("UniswapV3Pool")["bytecode"]))


def contract(web3: Web3, name: str, address: ChecksumAddress) -> Contract:
    return web3.eth.contract(address=address, abi=artifact(name)["abi"])


def deploy_uniswap(web3: Web3, sender: ChecksumAddress, weth: ChecksumAddress) -> Uniswap:
    """Factory, position manager (with its descriptor and the library that draws), swap router and quoter."""

    def deploy(name: str, *args: object, **libraries: str) -> ChecksumAddress:
        factory = web3.eth.contract(abi=artifact(name)["abi"], bytecode=linked_bytecode(name, libraries))
        receipt = web3.eth.wait_for_transaction_receipt(factory.constructor(*args).transact({"from": sender}))
        if receipt["contractAddress"] is None or receipt["status"] != 1:
            raise ChainError(f"{name} was not deployed: transaction {receipt['transactionHash'].to_0x_hex()} failed")
        return receipt["contractAddress"]

    factory = deploy("UniswapV3Factory")
    drawing = deploy("NFTDescriptor")
    descriptor = deploy("NonfungibleTokenPositionDescriptor", weth, _NATIVE_LABEL, NFTDescriptor=drawing)
    return Uniswap(
        factory=factory,
        position_manager=deploy("NonfungiblePositionManager", factory, weth, descriptor),
        router=deploy("SwapRouter", factory, weth),
        quoter=deploy("QuoterV2", factory, weth),
        weth=weth,
    )


def create_pool(
    web3: Web3, sender: ChecksumAddress, uniswap: Uniswap, worth: dict[ChecksumAddress, int], fee_pips: int
) -> ChecksumAddress:
    """A pool of two tokens at the price at which the two amounts in `worth` (smallest units) are worth the same."""
    token0, token1 = sorted(worth, key=lambda address: int(address, 16))
    manager = contract(web3, "NonfungiblePositionManager", uniswap.position_manager)
    sqrt_price = sqrt_price_of(worth[token1], worth[token0])
    call = manager.functions.createAndInitializePoolIfNecessary(token0, token1, fee_pips, sqrt_price)
    _send(web3, call, sender)
    factory = contract(web3, "UniswapV3Factory", uniswap.factory)
    pool: ChecksumAddress = factory.functions.getPool(token0, token1, fee_pips).call()
    return pool


def add_liquidity(
    web3: Web3,
    sender: ChecksumAddress,
    uniswap: Uniswap,
    amounts: dict[ChecksumAddress, int],
    fee_pips: int,
    low_tick: int = MIN_TICK,
    high_tick: int = MAX_TICK,
) -> int:
    """Opens a position from at most these amounts of the sender's; returns the liquidity it got.

    The ticks are moved inwards to the tier's spacing. The sender must have approved the position manager.
    """
    spacing = TICK_SPACING[fee_pips]
    low, high = -(-low_tick // spacing) * spacing, high_tick // spacing * spacing
    token0, token1 = sorted(amounts, key=lambda address: int(address, 16))
    manager = contract(web3, "NonfungiblePositionManager", uniswap.position_manager)
    wanted = (token0, token1, fee_pips, low, high, amounts[token0], amounts[token1], 0, 0, sender, _FOREVER)
    receipt = _send(web3, manager.functions.mint(wanted), sender)
    (event,) = manager.events.IncreaseLiquidity().process_receipt(receipt, errors=DISCARD)
    return int(event["args"]["liquidity"])


def _send(web3: Web3, call: Any, sender: ChecksumAddress) -> TxReceipt:
    receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
    if receipt["status"] != 1:
        raise ChainError(f"{call.fn_name} reverted in transaction {receipt['transactionHash'].to_0x_hex()}")
    return receipt

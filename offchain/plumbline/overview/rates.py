# SPDX-License-Identifier: AGPL-3.0-only
"""What a share of an ERC-4626 vault is worth in its asset: how a component that earns has grown."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from plumbline.client import Reverted
from plumbline.client.codec import Function, erc20
from plumbline.client.errors import BadAnswer, NoContract, RpcError
from plumbline.client.plans import Block, Plan, read

_ASSET: Final = Function("asset", (), ("address",))
_CONVERT: Final = Function("convertToAssets", ("uint256",), ("uint256",))
_REFUSED: Final = (Reverted, RpcError, BadAnswer, NoContract)
"""How a plain token says that it is none: an old one by an unknown opcode, one with a fallback by an empty answer."""


def asset_decimals(token: str) -> Plan[int | None]:
    """Of the asset a share stands for; None: not an ERC-4626 share."""
    try:
        asset = yield from read(token, _ASSET)
        decimals: int = yield from read(asset, erc20()["decimals"])
    except _REFUSED:
        return None
    return decimals


def rate(token: str, decimals: int, asset_decimals: int, block: Block) -> Plan[Fraction | None]:
    """Whole assets for a whole share; None: it does not tell now."""
    try:
        assets = yield from read(token, _CONVERT, 10**decimals, at=block.tag)
    except _REFUSED:
        return None
    return Fraction(assets, 10**asset_decimals)

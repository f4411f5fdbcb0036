# SPDX-License-Identifier: AGPL-3.0-only
"""Receipts without web3, which takes a quarter of a millisecond for each of their logs."""

from __future__ import annotations

from typing import Any, cast

from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3.types import TxReceipt

from plumbline.chain.rpc import Rpc, hex_bytes, nonsense, quantity
from plumbline.errors import ChainError


async def receipt_of(rpc: Rpc, tx_hash: str) -> TxReceipt | None:
    """None while it is in no block. Raises ChainError."""
    try:
        raw = await rpc.request("eth_getTransactionReceipt", tx_hash)
    except ChainError as error:
        # A node that has not caught up with its own index says so, and not that there is none.
        if "indexing" in str(error):
            return None
        raise
    return None if raw is None else _read(raw)


def _read(raw: Any) -> TxReceipt:
    """What we look at of it, in web3's own form."""
    try:
        where = {"blockNumber": quantity(raw["blockNumber"]), "blockHash": HexBytes(hex_bytes(raw["blockHash"]))}
        where |= {"transactionHash": HexBytes(hex_bytes(raw["transactionHash"]))}
        where |= {"transactionIndex": quantity(raw["transactionIndex"])}
        numbers = {name: quantity(raw[name]) for name in ("status", "gasUsed", "effectiveGasPrice")}
        logs = [_log(log) | where for log in raw["logs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise nonsense(error) from None
    if numbers["status"] not in (0, 1):
        raise ChainError(f"the node's answer makes no sense: expected status 0 or 1, got {numbers['status']}")
    return cast(TxReceipt, where | numbers | {"logs": logs})


def _log(raw: Any) -> dict[str, Any]:
    return {
        "address": to_checksum_address(raw["address"]),
        "topics": [HexBytes(hex_bytes(topic)) for topic in raw["topics"]],
        "data": HexBytes(hex_bytes(raw["data"])),
        "logIndex": quantity(raw["logIndex"]),
    }

# SPDX-License-Identifier: AGPL-3.0-only
"""An EIP-1559 transaction as bytes: what is signed, and what is sent.

0x02 || rlp([chain_id, nonce, max_priority_fee, max_fee, gas, to, value, data, access_list])             signed
0x02 || rlp([..., access_list, y_parity, r, s])                                                           sent
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eth_utils.crypto import keccak

_TYPE: Final = b"\x02"
_S_MASK: Final = (1 << 255) - 1


def message_of(transaction: Mapping[str, Any]) -> bytes:
    """What a key signs the keccak256 of. The transaction is complete: fees, nonce and gas are in it."""
    return _TYPE + _rlp(_fields(transaction))


def signed(transaction: Mapping[str, Any], r: int, vs: int) -> tuple[bytes, str]:
    """(raw bytes, hash) of the transaction with its signature in EIP-2098 form."""
    signature = [_number(vs >> 255), _number(r), _number(vs & _S_MASK)]
    raw = _TYPE + _rlp([*_fields(transaction), *signature])
    return raw, "0x" + keccak(raw).hex()


def _fields(transaction: Mapping[str, Any]) -> list[Any]:
    before = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")
    to, data = (bytes.fromhex(transaction[key].removeprefix("0x")) for key in ("to", "data"))
    return [*(_number(transaction[key]) for key in before), to, _number(transaction["value"]), data, []]


def _rlp(item: bytes | list[Any]) -> bytes:
    """Recursive length prefix (Ethereum's yellow paper, appendix B)."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _length(len(item), 0x80) + item
    body = b"".join(map(_rlp, item))
    return _length(len(body), 0xC0) + body


def _length(length: int, kind: int) -> bytes:
    if length < 56:
        return bytes([kind + length])
    told = _number(length)
    return bytes([kind + 55 + len(told)]) + told


def _number(value: int) -> bytes:
    """Big-endian without leading zeros; 0 is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")

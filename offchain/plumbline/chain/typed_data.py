# SPDX-License-Identifier: AGPL-3.0-only
"""The signed type: how a row is packed into words and hashed (EIP-712).

Domain `EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)`, name "Plumbline",
version "1". Type `Row(uint256 epoch,uint256 timestamp,uint256[] words)`: feed f of a row lies in word f // 4 at bit
64 * (f % 4), 0 where absent; unused lanes of the last word are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from plumbline.core.models import Row
from plumbline.core.units import MAX_LANE
from plumbline.errors import RowError

DOMAIN_NAME: Final = "Plumbline"
DOMAIN_VERSION: Final = "1"
LANES: Final = 4
LANE_BITS: Final = 64
_LANE_MASK: Final = (1 << LANE_BITS) - 1

_DOMAIN_TYPE: Final = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_ROW_TYPE: Final = keccak(text="Row(uint256 epoch,uint256 timestamp,uint256[] words)")


def pack(prices: Sequence[int]) -> tuple[int, ...]:
    """Lanes to words. Raises RowError for a price outside 0 .. 2**63 - 1."""
    for feed, price in enumerate(prices):
        if not 0 <= price <= MAX_LANE:
            raise RowError(f"price of feed {feed}: expected 0 .. 2**63 - 1, got {price}")
    return tuple(
        sum(price << (LANE_BITS * lane) for lane, price in enumerate(prices[first : first + LANES]))
        for first in range(0, len(prices), LANES)
    )


def unpack(words: Sequence[int], count: int) -> tuple[int, ...]:
    """Words to `count` lanes. Raises RowError when the words are not exactly what `pack` makes of them."""
    if len(words) != -(-count // LANES):
        raise RowError(f"words: expected {-(-count // LANES)} for {count} feeds, got {len(words)}")
    lanes = tuple(word >> (LANE_BITS * lane) & _LANE_MASK for word in words for lane in range(LANES))
    prices = lanes[:count]
    if pack(prices) != tuple(words):
        raise RowError("words: expected unused lanes to be 0 and words below 2**256")
    return prices


def domain_separator(chain_id: int, oracle: str) -> bytes:
    """32 bytes that bind every signature to one contract on one chain."""
    return keccak(
        _DOMAIN_TYPE
        + keccak(text=DOMAIN_NAME)
        + keccak(text=DOMAIN_VERSION)
        + _word(chain_id)
        + bytes(12)
        + bytes.fromhex(oracle.removeprefix("0x"))
    )


def row_message(domain: bytes, row: Row) -> bytes:
    """The 66 bytes whose hash a reporter signs for a row; `domain` from `domain_separator`."""
    words = keccak(b"".join(_word(word) for word in pack(row.prices)))
    return b"\x19\x01" + domain + keccak(_ROW_TYPE + _word(row.epoch) + _word(row.timestamp) + words)


def row_digest(domain: bytes, row: Row) -> bytes:
    """The 32 bytes a reporter signs for a row."""
    return keccak(row_message(domain, row))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")

# SPDX-License-Identifier: AGPL-3.0-only
"""Rows signed by the tests themselves, with eth-account and plain hashing: nothing here knows the package under test.

`sign_row` takes the standard road (EIP-712 typed data through eth-account); `row_digest` hashes the same by hand,
quickly, for the fuzzers. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from coincurve import PrivateKey
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

LANE_BITS = 64
LANES = 4
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SUBMIT = "submit(uint256,uint256,uint256[],uint256[],uint256[])"

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_ROW = "Row(uint256 epoch,uint256 timestamp,uint256[] words)"
_ROW_TYPEHASH = keccak(text=_ROW)


@dataclass(frozen=True)
class Signer:
    """A reporter of the tests: `index` is 1-based, the key is derived from it."""

    index: int
    secret: bytes | None = None

    @property
    def key(self) -> bytes:
        return self.secret or _key_of(self.index)

    @property
    def address(self) -> str:
        public = _private(self.key).public_key.format(compressed=False)[1:]
        return str(to_checksum_address(keccak(public)[12:]))


@lru_cache
def _key_of(index: int) -> bytes:
    return bytes(keccak(text=f"test reporter {index}"))


@lru_cache(1_024)
def _private(key: bytes) -> PrivateKey:
    """To make one takes as long as to sign with it."""
    return PrivateKey(key)


def signers(count: int) -> list[Signer]:
    return [Signer(index) for index in range(1, count + 1)]


def pack(prices: Sequence[int]) -> list[int]:
    """Four 64-bit lanes a word, feed f in word f // 4 at bit 64 * (f % 4)."""
    words = [0] * -(-len(prices) // LANES)
    for feed, price in enumerate(prices):
        words[feed // LANES] |= price << (LANE_BITS * (feed % LANES))
    return words


def unpack(words: Sequence[int], count: int) -> list[int]:
    return [(words[feed // LANES] >> (LANE_BITS * (feed % LANES))) & (2**LANE_BITS - 1) for feed in range(count)]


def typed_row(chain_id: int, oracle: str, epoch: int, timestamp: int, words: Sequence[int]) -> dict[str, Any]:
    """The EIP-712 document a wallet would show."""
    return {
        "domain": {"name": "Plumbline", "version": "1", "chainId": chain_id, "verifyingContract": oracle},
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Row": [
                {"name": "epoch", "type": "uint256"},
                {"name": "timestamp", "type": "uint256"},
                {"name": "words", "type": "uint256[]"},
            ],
        },
        "primaryType": "Row",
        "message": {"epoch": epoch, "timestamp": timestamp, "words": list(words)},
    }


def sign_row(
    signer: Signer, chain_id: int, oracle: str, epoch: int, timestamp: int, words: Sequence[int]
) -> tuple[int, int]:
    """(r, vs) of EIP-2098, the standard road."""
    document = encode_typed_data(full_message=typed_row(chain_id, oracle, epoch, timestamp, words))
    signed = Account.sign_message(document, signer.key)
    return signed.r, signed.s | (signed.v - 27) << 255


def domain_separator(chain_id: int, oracle: str) -> bytes:
    fields = [keccak(text=_DOMAIN), keccak(text="Plumbline"), keccak(text="1"), chain_id, oracle]
    return bytes(keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], fields)))


def row_digest(domain: bytes, epoch: int, timestamp: int, words: Sequence[int]) -> bytes:
    body = keccak(b"".join(word.to_bytes(32, "big") for word in words))
    struct = keccak(_ROW_TYPEHASH + epoch.to_bytes(32, "big") + timestamp.to_bytes(32, "big") + body)
    return bytes(keccak(b"\x19\x01" + domain + struct))


def sign_digest(signer: Signer, digest: bytes) -> tuple[int, int]:
    """(r, vs), quickly. libsecp256k1 gives a low s."""
    raw = _private(signer.key).sign_recoverable(digest, hasher=None)
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big") | raw[64] << 255


def forge(digest: bytes, s: int) -> tuple[Signer, int, int]:
    """(a first reporter, r, vs): a key made so that its signature of `digest` has just this s."""
    nonce = 7
    point = PrivateKey(nonce.to_bytes(32, "big")).public_key.format(compressed=False)
    r, odd = int.from_bytes(point[1:33], "big"), point[64] & 1
    secret = (s * nonce - int.from_bytes(digest, "big")) * pow(r, -1, ORDER) % ORDER
    return Signer(1, secret.to_bytes(32, "big")), r, s | odd << 255


def lower_medians(rows: Sequence[Sequence[int]], quorums: Sequence[int]) -> list[int]:
    """Per feed: the lower median of the present observations, 0 when short of the quorum."""
    medians = []
    for observations, quorum in zip(zip(*rows, strict=True), quorums, strict=True):
        present = sorted(value for value in observations if value)
        medians.append(present[(len(present) - 1) // 2] if len(present) >= quorum else 0)
    return medians


@dataclass(frozen=True)
class Bundle:
    """The arguments of `submit`; change one to make an adjacent bad call."""

    timestamp: int
    signers: int
    medians: list[int]
    rows: list[int]
    signatures: list[int]

    @property
    def args(self) -> tuple[int, int, list[int], list[int], list[int]]:
        return self.timestamp, self.signers, self.medians, self.rows, self.signatures

    @property
    def calldata(self) -> bytes:
        types = ["uint256", "uint256", "uint256[]", "uint256[]", "uint256[]"]
        return bytes(keccak(text=SUBMIT)[:4] + encode(types, self.args))


def bundle(
    domain: bytes, epoch: int, timestamp: int, prices: Mapping[Signer, Sequence[int]], quorums: Sequence[int]
) -> Bundle:
    """Sign every reporter's price vector and put a round together, medians included."""
    ordered = sorted(prices.items(), key=lambda item: item[0].index)
    rows: list[int] = []
    signatures: list[int] = []
    for signer, vector in ordered:
        words = pack(vector)
        rows += words
        signatures += sign_digest(signer, row_digest(domain, epoch, timestamp, words))
    medians = pack(lower_medians([vector for _, vector in ordered], quorums))
    packed = sum(signer.index << (8 * place) for place, (signer, _) in enumerate(ordered))
    return Bundle(timestamp, packed, medians, rows, signatures)

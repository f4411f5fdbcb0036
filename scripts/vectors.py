# SPDX-License-Identifier: AGPL-3.0-only
"""Writes tests/vectors/rounds.json: rounds signed with published keys, for reporters and relayers in other languages.

Made by the node's own code (plumbline.chain); tests/vectors checks each with eth-account and on the contract.
`--check` only says whether the file is what would be written. tests/vectors/README.md explains the fields.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from plumbline.chain.signing import ORDER, LocalKey
from plumbline.chain.typed_data import DOMAIN_NAME, DOMAIN_VERSION, domain_separator, pack, row_digest
from plumbline.core.median import lane_medians
from plumbline.core.models import Row
from scripts.artifacts import ROOT

FILE = ROOT / "tests" / "vectors" / "rounds.json"
CHAIN_ID = 31_337
ORACLE = to_checksum_address("0x" + "a11ce0" * 6 + "0001")
OTHER_ORACLE = to_checksum_address("0x" + "a11ce0" * 6 + "0002")
AT = 1_700_000_005
MAX_PRICE = 2**63 - 1
SUBMIT = "submit(uint256,uint256,uint256[],uint256[],uint256[])"
TYPES = {
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
}


@dataclass(frozen=True)
class Round:
    """One vector before it is signed. `rows` are (reporter index, prices); what is not said is ordinary."""

    name: str
    rows: Sequence[tuple[int, Sequence[int]]]
    quorums: Sequence[int] = (3,)
    reporters: int = 5
    chain_id: int = CHAIN_ID
    oracle: str = ORACLE
    epoch: int = 1
    signed_oracle: str | None = None
    signed_epoch: int | None = None
    medians: Sequence[int] | None = None
    """Claimed instead of the true ones."""
    first_s: int | None = None
    """The first reporter's key is made so that his signature has this s."""
    twin: bool = False
    """The first signature is replaced by its malleable twin, (r, n - s) with the other parity."""
    error: str | None = None
    """What MedianOracle reverts with; None: the round is taken."""


def each(*prices: int) -> list[tuple[int, list[int]]]:
    """One feed, one row for each price, by the reporters 1, 2, ..."""
    return [(place, [price]) for place, price in enumerate(prices, 1)]


ROUNDS: tuple[Round, ...] = (
    Round("one feed, an odd number of rows", each(2_000_00000000, 2_000_50000000, 1_999_99999999)),
    Round("an even number of rows: the lower of the middle two", each(104, 101, 103, 102)),
    Round("reporters 2, 4 and 5 of five", [(2, [1_000]), (4, [1_001]), (5, [1_002])]),
    Round(
        "five feeds in two words, lanes empty; the second feed is short of its quorum",
        [(1, [11, 21, 31, 41, 51]), (2, [12, 0, 32, 42, 0]), (3, [13, 0, 33, 0, 53]), (4, [14, 24, 34, 44, 54])],
        quorums=(3,) * 5,
    ),
    Round("quorums of their own", [(1, [7, 8]), (2, [6, 9]), (3, [5, 10])], quorums=(3, 4)),
    Round(
        "the largest and the smallest price in each lane",
        [(1, [MAX_PRICE, 1] * 2), (2, [MAX_PRICE, 1] * 2), (3, [MAX_PRICE - 1, 2] * 2)],
        quorums=(3,) * 4,
    ),
    Round(
        "thirty-two feeds in eight words",
        [(index, [10**6 * (feed + 1) + index for feed in range(32)]) for index in (1, 2, 3)],
        quorums=(3,) * 32,
    ),
    Round("thirty-one reporters", each(*[5_000 + 37 * place % 31 for place in range(31)]), quorums=(21,), reporters=31),
    Round("another chain", each(1, 2, 3), chain_id=42_161),
    Round("another contract", each(1, 2, 3), oracle=OTHER_ORACLE),
    Round("another epoch", each(1, 2, 3), epoch=2),
    Round("the highest s there may be", each(1, 2, 3), first_s=ORDER // 2),
    Round("high s: one above the half", each(1, 2, 3), first_s=ORDER // 2 + 1, error="oracle: high s"),
    Round("high s: the malleable twin", each(1, 2, 3), first_s=ORDER // 2, twin=True, error="oracle: high s"),
    Round("the higher of the middle two", each(104, 101, 103, 102), medians=(103,), error="oracle: median"),
    Round("the mean of the middle two", each(100, 110, 120, 130), medians=(115,), error="oracle: median"),
    Round("no median for a quorum", each(1, 2, 3), medians=(0,), error="oracle: median"),
    Round("two rows where three are needed", each(1, 2), error="oracle: no quorum"),
    Round("one reporter twice", [(1, [1]), (1, [2]), (2, [3])], error="oracle: signers"),
    Round("rows signed for another contract", each(1, 2, 3), signed_oracle=OTHER_ORACLE, error="oracle: signature"),
    Round("rows signed for another epoch", each(1, 2, 3), signed_epoch=2, error="oracle: signature"),
)


def key_of(index: int) -> bytes:
    return keccak(text=f"plumbline vector reporter {index}")


def forged_key(digest: bytes, s: int) -> tuple[bytes, int, int]:
    """(key, r, parity): with the nonce chosen first, s = (digest + r * key) / nonce is solved for the key."""
    nonce = 11
    point = PrivateKey(nonce.to_bytes(32, "big")).public_key.format(compressed=False)
    r, parity = int.from_bytes(point[1:33], "big"), point[64] & 1
    key = (s * nonce - int.from_bytes(digest, "big")) * pow(r, -1, ORDER) % ORDER
    return key.to_bytes(32, "big"), r, parity


def signed_rows(vector: Round) -> Iterator[dict[str, Any]]:
    oracle, epoch = vector.signed_oracle or vector.oracle, vector.signed_epoch or vector.epoch
    domain = domain_separator(vector.chain_id, oracle)
    for place, (index, prices) in enumerate(vector.rows):
        row = Row(epoch, AT, tuple(prices))
        digest = row_digest(domain, row)
        key = key_of(index)
        r, vs = LocalKey(key).sign(digest)
        if place == 0 and vector.first_s is not None:
            key, r, parity = forged_key(digest, vector.first_s)
            s = ORDER - vector.first_s if vector.twin else vector.first_s
            vs = (parity ^ vector.twin) << 255 | s
        yield {
            "reporter": index,
            "privateKey": "0x" + key.hex(),
            "address": LocalKey(key).address,
            "prices": [str(price) for price in prices],
            "typedData": typed_data(vector.chain_id, oracle, row),
            "digest": "0x" + digest.hex(),
            "r": word(r),
            "vs": word(vs),
        }


def typed_data(chain_id: int, oracle: str, row: Row) -> dict[str, Any]:
    return {
        "types": TYPES,
        "primaryType": "Row",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": oracle,
        },
        "message": {
            "epoch": str(row.epoch),
            "timestamp": str(row.timestamp),
            "words": [str(packed) for packed in pack(row.prices)],
        },
    }


def render(vector: Round) -> dict[str, Any]:
    rows = list(signed_rows(vector))
    first = {rows[0]["reporter"]: rows[0]["address"]}
    medians = vector.medians or lane_medians([Row(0, AT, tuple(p)) for _, p in vector.rows], vector.quorums)
    signers = sum(index << (8 * place) for place, (index, _) in enumerate(vector.rows))
    words = [int(packed) for row in rows for packed in row["typedData"]["message"]["words"]]
    signatures = [int(row[part], 16) for row in rows for part in ("r", "vs")]
    arguments = [AT, signers, list(pack(medians)), words, signatures]
    body = encode(["uint256", "uint256", "uint256[]", "uint256[]", "uint256[]"], arguments)
    return {
        "name": vector.name,
        "chainId": vector.chain_id,
        "oracle": vector.oracle,
        "domainSeparator": "0x" + domain_separator(vector.chain_id, vector.oracle).hex(),
        "epoch": vector.epoch,
        "quorums": list(vector.quorums),
        "reporters": [first.get(index, LocalKey(key_of(index)).address) for index in range(1, vector.reporters + 1)],
        "timestamp": AT,
        "rows": rows,
        "signers": word(signers),
        "medians": [str(median) for median in medians],
        "medianWords": [str(packed) for packed in pack(medians)],
        "calldata": "0x" + (keccak(text=SUBMIT)[:4] + body).hex(),
        "error": vector.error,
    }


def word(value: int) -> str:
    return f"0x{value:064x}"


def document() -> str:
    return json.dumps([render(vector) for vector in ROUNDS], indent=1) + "\n"


def main() -> int:
    wanted = document()
    if "--check" in sys.argv[1:]:
        if not FILE.exists() or FILE.read_text() != wanted:
            print(f"{FILE.relative_to(ROOT)} differs: run scripts/run python -m scripts.vectors", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(wanted)
    print(f"wrote {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

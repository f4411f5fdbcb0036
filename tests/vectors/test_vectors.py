# SPDX-License-Identifier: AGPL-3.0-only
"""The published rounds, made by the node's code: checked here by eth-account, by plain hashing and by the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boa
import pytest
from eth_abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys import keys
from scripts import vectors

from tests.helpers import rows
from tests.helpers.feeds import OWNER, Feed, Terms
from tests.helpers.oracles import on_boa

PUBLISHED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("rounds.json").read_text())
TERMS = Terms()
S_MASK = 2**255 - 1

each_round = pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["name"])


def numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts]


def test_file__is_what_the_node_makes_today():
    assert vectors.FILE.read_text() == vectors.document()


def test_file__has_rounds_to_take_and_to_refuse_and_both_parities():
    errors = {vector["error"] for vector in PUBLISHED}
    assert errors >= {None, "oracle: high s", "oracle: median", "oracle: signers", "oracle: signature"}
    assert {int(row["vs"], 16) >> 255 for vector in PUBLISHED for row in vector["rows"]} == {0, 1}
    high = [row for vector in PUBLISHED for row in vector["rows"] if int(row["vs"], 16) & S_MASK > rows.HALF_ORDER]
    assert len(high) == 2


@each_round
def test_digest__by_eth_account__is_the_published_one(vector):
    for row in vector["rows"]:
        document = encode_typed_data(full_message=row["typedData"])
        assert "0x" + rows.keccak(b"\x19" + document.version + document.header + document.body).hex() == row["digest"]


@each_round
def test_words_and_domain__hashed_by_hand__are_the_published_ones(vector):
    assert rows.domain_separator(vector["chainId"], vector["oracle"]).hex() == vector["domainSeparator"][2:]
    for row in vector["rows"]:
        message, domain = row["typedData"]["message"], row["typedData"]["domain"]
        words = numbers(message["words"])
        assert rows.pack(numbers(row["prices"])) == words
        separator = rows.domain_separator(domain["chainId"], domain["verifyingContract"])
        digest = rows.row_digest(separator, int(message["epoch"]), int(message["timestamp"]), words)
        assert digest.hex() == row["digest"][2:]


@each_round
def test_signature__recovered_by_eth_keys__is_of_the_published_key(vector):
    for row in vector["rows"]:
        vs = int(row["vs"], 16)
        signature = keys.Signature(vrs=(vs >> 255, int(row["r"], 16), vs & S_MASK))
        signer = signature.recover_public_key_from_msg_hash(bytes.fromhex(row["digest"][2:]))
        assert signer.to_checksum_address() == row["address"] == Account.from_key(row["privateKey"]).address


@each_round
def test_signature__made_by_eth_account__is_the_published_one(vector):
    """Deterministic (RFC 6979), so another implementation can compare bytes; keys made for their s are left out."""
    for row in vector["rows"]:
        if row["privateKey"][2:] != vectors.key_of(row["reporter"]).hex():
            continue
        signed = Account.sign_message(encode_typed_data(full_message=row["typedData"]), row["privateKey"])
        assert (int(row["r"], 16), int(row["vs"], 16)) == (signed.r, signed.s | (signed.v - 27) << 255)


@each_round
def test_calldata__decoded__is_the_rows_and_their_medians(vector):
    data = bytes.fromhex(vector["calldata"][2:])
    timestamp, signers, medians, words, signatures = decode(
        ["uint256", "uint256", "uint256[]", "uint256[]", "uint256[]"], data[4:]
    )
    assert data[:4] == rows.keccak(text=rows.SUBMIT)[:4]
    assert (timestamp, signers) == (vector["timestamp"], int(vector["signers"], 16))
    assert signers.to_bytes(32, "little").rstrip(b"\0") == bytes(row["reporter"] for row in vector["rows"])
    assert list(medians) == numbers(vector["medianWords"]) == rows.pack(numbers(vector["medians"]))
    assert list(words) == [int(word) for row in vector["rows"] for word in row["typedData"]["message"]["words"]]
    assert list(signatures) == [int(row[part], 16) for row in vector["rows"] for part in ("r", "vs")]
    if vector["error"] != "oracle: median":
        vectors_of = [numbers(row["prices"]) for row in vector["rows"]]
        assert numbers(vector["medians"]) == rows.lower_medians(vectors_of, vector["quorums"])


@pytest.fixture
def on_chain() -> Iterator[None]:
    chain_id = boa.env.evm.patch.chain_id
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = 1_699_990_000
        yield
    boa.env.evm.patch.chain_id = chain_id


@pytest.mark.usefixtures("on_chain")
@each_round
def test_submit__of_the_published_calldata__does_what_is_published(vector):
    oracle = deploy(vector)
    boa.env.evm.patch.timestamp = vector["timestamp"]
    done = boa.env.execute_code(to_address=oracle.address, data=bytes.fromhex(vector["calldata"][2:]))
    if vector["error"] is not None:
        assert done.is_error
        assert decode(["string"], done.output[4:])[0] == vector["error"]
        return
    assert not done.is_error
    assert oracle.latest_round() == (1, vector["timestamp"])
    for feed, median in enumerate(numbers(vector["medians"])):
        if median:
            assert oracle.latest(feed) == (1, median, vector["timestamp"])
            continue
        with boa.reverts("oracle: no quorum yet"):
            oracle.latest(feed)


def deploy(vector: dict[str, Any]) -> Any:
    """The oracle of the vector: on its chain, at its address, in its epoch."""
    boa.env.evm.patch.chain_id = vector["chainId"]
    feeds = [Feed(f"F{index}/USD", quorum=quorum) for index, quorum in enumerate(vector["quorums"])]
    oracle = on_boa(feeds, vector["reporters"], 1, TERMS, override_address=vector["oracle"])
    for _ in range(1, vector["epoch"]):
        oracle.propose_epoch(feeds, vector["reporters"], 1, sender=OWNER)
        boa.env.evm.patch.timestamp = oracle.pending_at()
        oracle.execute_epoch(sender=OWNER)
    assert oracle.DOMAIN_SEPARATOR().hex() == vector["domainSeparator"][2:]
    return oracle

# SPDX-License-Identifier: AGPL-3.0-only
"""Transactions as bytes, against eth-account, which makes its own."""

from __future__ import annotations

import asyncio

from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.web3signer import web3signer
from tests.offchain.fakes import KEYS

from plumbline.chain.raw import message_of, signed
from plumbline.chain.remote_signer import RemoteSigner
from plumbline.chain.signing import LocalKey
from plumbline.config import SignerConfig
from plumbline.transport.peer import peer_client

WEI = st.integers(0, 2**96)
# Around the lengths at which RLP writes itself otherwise: 1, 55, 255 bytes.
DATA = st.one_of(st.binary(max_size=3), st.binary(min_size=50, max_size=60), st.binary(min_size=250, max_size=260))


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    secret=st.integers(1, 2**255), nonce=st.integers(0, 2**32), fees=st.tuples(WEI, WEI), value=WEI, data=DATA,
    chain_id=st.integers(1, 2**32), gas=st.integers(21_000, 2**25), to=st.binary(min_size=20, max_size=20),
)  # fmt: skip
def test_signed__any_transaction__is_byte_by_byte_what_eth_account_makes(
    secret: int, nonce: int, fees: tuple[int, int], value: int, data: bytes, chain_id: int, gas: int, to: bytes
):
    transaction = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "maxPriorityFeePerGas": fees[0],
        "maxFeePerGas": fees[1],
        "gas": gas,
        "to": to_checksum_address(to),
        "value": value,
        "data": "0x" + data.hex(),
    }
    key = secret.to_bytes(32, "big")
    raw, tx_hash = signed(transaction, *asyncio.run(LocalKey(key).sign_message(message_of(transaction))))
    theirs = Account.sign_transaction(transaction, key)
    assert (raw, tx_hash) == (bytes(theirs.raw_transaction), theirs.hash.to_0x_hex())


def test_signed__key_is_behind_a_remote_signer__is_the_same_transaction():
    fees = {"maxPriorityFeePerGas": 10**9, "maxFeePerGas": 3 * 10**9}
    to = {"to": KEYS[2].address, "value": 5, "data": "0x1234"}
    transaction = {"type": 2, "chainId": 31_337, "nonce": 7, "gas": 50_000} | fees | to

    async def main() -> tuple[int, int]:
        async with web3signer(b"\x02" * 32) as server, peer_client() as client:
            server.high_s = True  # which no chain takes
            return await RemoteSigner(SignerConfig(server.url, KEYS[1].address), client).sign_message(
                message_of(transaction)
            )

    raw, _ = signed(transaction, *asyncio.run(main()))
    assert Account.recover_transaction(raw) == KEYS[1].address

# SPDX-License-Identifier: AGPL-3.0-only
"""The signed type against eth-account's own encoder, and signatures in their compact form."""

from __future__ import annotations

from contextlib import suppress

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.rows import typed_row

from plumbline.chain.signing import ORDER, LocalKey, recover
from plumbline.chain.typed_data import domain_separator, pack, row_digest, unpack
from plumbline.core.models import Row
from plumbline.core.units import MAX_LANE
from plumbline.errors import RowError

ORACLE = "0xC0FFEE254729296a45a3885639AC7E10F9d54979"
prices = st.lists(st.integers(0, MAX_LANE), min_size=1, max_size=32).map(tuple)


def full_message(chain_id: int, oracle: str, row: Row) -> dict:
    """The typed data as a wallet would show it: what the digest must be the hash of."""
    return typed_row(chain_id, oracle, row.epoch, row.timestamp, pack(row.prices))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(prices, st.integers(1, 2**64), st.integers(0, 2**40), st.integers(1, 2**32))
def test_row_digest__any_row__is_what_eth_account_hashes(values, epoch, timestamp, chain_id):
    row = Row(epoch=epoch, timestamp=timestamp, prices=values)
    message = encode_typed_data(full_message=full_message(chain_id, ORACLE, row))
    expected = keccak(b"\x19" + message.version + message.header + message.body)
    assert row_digest(domain_separator(chain_id, ORACLE), row) == expected


def test_pack__five_feeds__lanes_lie_where_the_contract_reads_them():
    assert pack((1, 2, 3, 4, 5)) == (1 | 2 << 64 | 3 << 128 | 4 << 192, 5)
    assert pack((0, MAX_LANE)) == (MAX_LANE << 64,)


@settings(derandomize=True, max_examples=100)
@given(prices)
def test_unpack__packed_prices__gives_them_back(values):
    assert unpack(pack(values), len(values)) == values


@pytest.mark.parametrize("price", [-1, MAX_LANE + 1])
def test_pack__price_that_no_lane_holds__is_refused(price):
    with pytest.raises(RowError, match=r"price of feed 1: expected 0 \.\. 2\*\*63 - 1"):
        pack((1, price))


@pytest.mark.parametrize(
    ("words", "count"),
    [((1, 2), 4), ((), 1), ((1 << 64,), 1), ((1 << 63,), 1), ((1 << 256,), 4), ((-1,), 4)],
    ids=["word too many", "no word", "unused lane", "flag bit", "above 256 bits", "negative"],
)
def test_unpack__anything_but_a_canonical_packing__is_refused(words, count):
    with pytest.raises(RowError):
        unpack(words, count)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_sign__any_key_and_digest__recovers_to_its_address_like_eth_account(secret, digest):
    secret = secret.to_bytes(32, "big")
    key = LocalKey(secret)
    r, vs = key.sign(digest)
    s, parity = vs & (2**255 - 1), vs >> 255
    assert s <= ORDER // 2
    assert recover(digest, r, vs) == key.address == Account.from_key(secret).address
    peer = Account.unsafe_sign_hash(digest, secret)
    assert (peer.r, peer.s, peer.v - 27) == (r, s, parity)


def test_recover__high_s_zero_or_out_of_range__is_refused():
    key, digest = LocalKey(b"\x01" * 32), b"\x02" * 32
    r, vs = key.sign(digest)
    parity = vs >> 255
    for bad_r, bad_vs in [
        (r, ORDER // 2 + 1),
        (0, vs),
        (ORDER, vs),
        (r, parity << 255),
        (r, vs + (1 << 256)),
        (-r, vs),
    ]:
        with pytest.raises(RowError, match="signature"):
            recover(digest, bad_r, bad_vs)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.integers(0, 2**256), st.integers(0, 2**256))
def test_recover__any_two_numbers__gives_an_address_or_a_row_error(r, vs):
    with suppress(RowError):
        assert recover(b"\x03" * 32, r, vs).startswith("0x")


def test_local_key__shown__tells_its_address_only():
    secret = b"\x07" * 32
    shown = repr(LocalKey(secret)) + str(LocalKey(secret))
    assert secret.hex() not in shown
    assert LocalKey(secret).address in shown

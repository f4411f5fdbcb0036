# SPDX-License-Identifier: AGPL-3.0-only
"""The wire form of a row: exact both ways, and nothing but itself accepted."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core.models import Row, SignedRow
from plumbline.core.units import MAX_LANE
from plumbline.errors import RowError
from plumbline.transport.rows import MAX_ROW_BYTES, decode_row, encode_row

words = st.integers(0, 2**256 - 1)
signed_rows = st.builds(
    SignedRow,
    st.integers(1, 31),
    st.builds(
        Row,
        st.integers(0, 2**60),
        st.integers(0, 2**40 - 1),  # what the oracle stores of a time
        st.lists(st.integers(0, MAX_LANE), min_size=1, max_size=32).map(tuple),
    ),
    words,
    words,
)
GOOD = json.loads(encode_row(SignedRow(1, Row(1, 5, (7, 0)), 1, 2)))


@settings(derandomize=True, max_examples=200)
@given(signed_rows)
def test_decode__what_was_encoded__is_the_same_to_the_last_digit(signed):
    body = encode_row(signed)
    assert len(body) <= MAX_ROW_BYTES
    assert decode_row(body) == signed


def test_encode__largest_price__stays_exact_for_readers_that_know_only_doubles():
    assert json.loads(encode_row(SignedRow(1, Row(1, 5, (MAX_LANE,)), 1, 2)))["prices"] == ["9223372036854775807"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reporter", 0),
        ("reporter", 32),
        ("reporter", "1"),
        ("reporter", True),
        ("epoch", -1),
        ("epoch", 1.5),
        ("timestamp", 2**40),
        ("epoch", 2**64),
        ("prices", []),
        ("prices", ["1"] * 33),
        ("prices", [1]),
        ("prices", ["-1"]),
        ("prices", ["01"]),
        ("prices", ["1e3"]),
        ("prices", ["٣"]),
        ("prices", [str(MAX_LANE + 1)]),
        ("r", "0x1"),
        ("vs", "0x" + "G" * 64),
        ("vs", "0x" + "0" * 64 + "\n"),
        ("more", 1),
    ],
)
def test_decode__one_field_wrong__is_refused(key, value):
    with pytest.raises(RowError, match="row: "):
        decode_row(json.dumps(GOOD | {key: value}).encode())


@settings(derandomize=True, max_examples=200)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | st.binary(min_size=4_000, max_size=6_000))
def test_decode__any_bytes__gives_a_row_or_a_row_error(body):
    with suppress(RowError):
        assert isinstance(decode_row(body), SignedRow)

# SPDX-License-Identifier: AGPL-3.0-only
"""submit: the arrays of a call, and the lanes of its words."""

from __future__ import annotations

import boa
import pytest
from eth_abi import decode

from tests.helpers import rows
from tests.helpers.feeds import feeds
from tests.unit.oracle.conftest import PRICES, Rounds, but


def test_submit__prices_at_both_ends_of_a_lane__stay_in_their_lane(rounds, oracle):
    edges = (1, 2**63 - 1, 1, 2**63 - 1)
    rounds.agree(*edges)
    assert [oracle.latest(feed)[1] for feed in range(4)] == list(edges)


@pytest.mark.parametrize("lane", range(4))
def test_submit__a_row_with_the_top_bit_of_a_lane_set__reverts(rounds, oracle, lane):
    vector = list(PRICES)
    vector[lane] |= 2**63
    bundle = rounds.bundle(PRICES, vector, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        oracle.submit(*but(bundle, medians=rows.pack(PRICES)))


@pytest.mark.parametrize("lane", [1, 2, 3])
def test_submit__rows_that_use_a_lane_no_feed_has__reverts(lane):
    rounds = Rounds(feeds(1))
    vector = [1_000, 0, 0, 0]
    vector[lane] = 7
    bundle = rounds.bundle(vector[:1], vector[:1], vector[:1])
    words = rows.pack(vector)
    signed = [
        rows.sign_digest(signer, rows.row_digest(rounds.domain, 1, bundle.timestamp, words))
        for signer in rounds.signers[:3]
    ]
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        rounds.oracle.submit(
            *but(bundle, rows=words * 3, signatures=[word for pair in signed for word in pair], medians=words)
        )


def test_submit__medians_that_use_a_lane_no_feed_has__reverts():
    rounds = Rounds(feeds(1))
    bundle = rounds.bundle([1_000], [1_000], [1_000])
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        rounds.oracle.submit(*but(bundle, medians=[bundle.medians[0] | 7 << 64]))


@pytest.mark.parametrize(
    "changes",
    [
        {"medians": []},
        {"medians": [0, 0]},
        {"rows": [0] * 2},
        {"rows": [0] * 4},
        {"signatures": [0] * 5},
        {"signatures": [0] * 7},
    ],
    ids=lambda changes: f"{next(iter(changes))} of {len(next(iter(changes.values())))}",
)
def test_submit__arrays_that_do_not_fit_each_other__reverts(rounds, oracle, changes):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lengths"):
        oracle.submit(*but(bundle, **changes))


def raw(oracle, data: bytes) -> str | None:
    """Send bytes as they are; the reason of the revert, None when there is none."""
    done = boa.env.execute_code(to_address=oracle.address, data=data)
    if not done.is_error:
        return None
    return decode(["string"], done.output[4:])[0] if done.output else ""


def test_submit__a_byte_after_the_last_array__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(oracle, bundle.calldata + b"\0") == "oracle: calldata"
    assert raw(oracle, bundle.calldata) is None
    assert oracle.latest_round() == (1, bundle.timestamp)


def test_submit__arrays_in_another_order__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    head, tail = bundle.calldata[:164], bundle.calldata[164:]
    medians, others = tail[:64], tail[64:]
    rows_at, signatures_at, medians_at = 160, 160 + 128, 160 + len(others)
    words = [medians_at, rows_at, signatures_at]
    moved = head[:68] + b"".join(word.to_bytes(32, "big") for word in words) + others + medians
    assert len(moved) == len(bundle.calldata)
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(oracle, moved) == "oracle: calldata"


def test_submit__one_array_used_twice__reverts():
    """With one row of one word, `rows` may point at `medians`: the same bytes, but not the one encoding."""
    rounds = Rounds([feed._replace(quorum=1) for feed in feeds(1)], faulty=0)
    bundle = rounds.bundle([1_000])
    data = bundle.calldata
    shared = data[:100] + (160).to_bytes(32, "big") + data[132:]
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(rounds.oracle, shared) == "oracle: calldata"


def test_submit__cut_short__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    for length in (len(bundle.calldata) - 1, len(bundle.calldata) - 32, 164, 100, 5):
        assert raw(oracle, bundle.calldata[:length]) is not None
    assert oracle.latest_round() == (0, 0)

# SPDX-License-Identifier: AGPL-3.0-only
"""submit: whose rows they are, and what exactly was signed."""

from __future__ import annotations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import feeds
from tests.unit.oracle.conftest import PRICES, START_S, Rounds, but


def test_submit__row_of_a_stranger__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    stranger = rows.sign_digest(rows.Signer(99), rows.row_digest(rounds.domain, 1, bundle.timestamp, bundle.rows[:1]))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[*bundle.signatures[:4], *stranger]))


def test_submit__row_under_another_reporters_index__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signers=0x040201))


def test_submit__index_nobody_has__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, by=(1, 2, 6))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*bundle.args)


def test_submit__signature_that_recovers_nobody_under_an_index_nobody_has__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, by=(1, 2, 6))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[*bundle.signatures[:4], 0, 0]))


@pytest.mark.parametrize(
    "signers",
    [0x010101, 0x020201, 0x030200, 0x000201, 0x200201, 0xFF0201, 0x04030201, 0x030201 | 1 << 255],
    ids=["all the same", "one twice", "zero first", "too few", "32", "255", "too many", "dirty top"],
)
def test_submit__indices_not_strictly_ascending_from_1_to_31__reverts(rounds, oracle, signers):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=signers))


def test_submit__rows_in_descending_order__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    first, second, third = (bundle.signatures[place : place + 2] for place in (0, 2, 4))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=0x010203, signatures=[*third, *second, *first]))


def test_submit__valid_signature_with_a_high_s__reverts():
    """The twin of an ordinary signature, n - s, does not fit EIP-2098 at all; a key is made for which one does."""
    with boa.env.anchor():
        address = Rounds(feeds(1)).oracle.address
    at, words = START_S + 5, rows.pack([1_000])
    digest = rows.row_digest(rows.domain_separator(boa.env.evm.patch.chain_id, address), 1, at, words)
    for s, taken in ((rows.HALF_ORDER, True), (rows.HALF_ORDER + 1, False)):
        odd, r, vs = rows.forge(digest, s)
        with boa.env.anchor():
            rounds = Rounds(feeds(1), signers=[odd, *rows.signers(5)[1:]])
            assert rounds.oracle.address == address
            bundle = rounds.bundle([1_000], [1_000], [1_000])
            call = but(bundle, signatures=[r, vs, *bundle.signatures[2:]])
            boa.env.evm.patch.timestamp = at
            if taken:
                rounds.oracle.submit(*call)
                continue
            with boa.reverts("oracle: high s"):
                rounds.oracle.submit(*call)


def test_submit__wrong_parity__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    r, vs = bundle.signatures[:2]
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[r, vs ^ 1 << 255, *bundle.signatures[2:]]))


def test_submit__rows_of_another_epoch__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, epoch=2)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*bundle.args)


def test_submit__rows_of_another_round__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp + 5
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, timestamp=bundle.timestamp + 5))


def test_submit__rows_for_another_oracle__reverts(rounds):
    other = Rounds()
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        other.oracle.submit(*bundle.args)


def test_submit__rows_for_another_chain__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    chain_id = boa.env.evm.patch.chain_id
    boa.env.evm.patch.chain_id = chain_id + 1
    try:
        with boa.reverts("oracle: signature"):
            oracle.submit(*bundle.args)
        assert oracle.DOMAIN_SEPARATOR() == rows.domain_separator(chain_id + 1, oracle.address)
    finally:
        boa.env.evm.patch.chain_id = chain_id
    oracle.submit(*bundle.args)


def test_submit__the_standard_road_of_signing__is_the_same_type(rounds, oracle):
    at, words = START_S + 5, rows.pack(PRICES)
    chain_id = boa.env.evm.patch.chain_id
    signed = [rows.sign_row(signer, chain_id, oracle.address, 1, at, words) for signer in rounds.signers[:3]]
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    assert [word for pair in signed for word in pair] == bundle.signatures
    boa.env.evm.patch.timestamp = at
    oracle.submit(*but(bundle, signatures=[word for pair in signed for word in pair]))
    assert oracle.latest(0)[1] == PRICES[0]


def test_submit__nothing_signed__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=0, medians=[0], rows=[], signatures=[]))

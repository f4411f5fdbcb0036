# SPDX-License-Identifier: AGPL-3.0-only
"""What a transaction offers: under every cap, and enough more each time for a node to take it."""

from __future__ import annotations

import random

import pytest

from plumbline.chain.fees import GWEI, FeePolicy, Fees
from plumbline.config import KeeperTxConfig, TxConfig

CONFIG = TxConfig(max_fee_gwei=100, priority_fee_gwei=2)


def test_fees__room_under_the_cap__twice_the_base_fee_and_the_tip():
    policy = FeePolicy.of(CONFIG, tip_wei=3 * GWEI)
    assert policy.fees(10 * GWEI) == Fees(max_fee=25 * GWEI, priority_fee=5 * GWEI)


def test_fees__near_the_cap__the_tip_gives_way_first_and_the_configured_priority_never():
    policy = FeePolicy.of(CONFIG, tip_wei=50 * GWEI)
    assert policy.fees(90 * GWEI) == Fees(max_fee=100 * GWEI, priority_fee=10 * GWEI)
    assert policy.fees(98 * GWEI) == Fees(max_fee=100 * GWEI, priority_fee=2 * GWEI)
    assert policy.fees(98 * GWEI + 1) is None


def test_of__worth_less_than_the_configured_cap__is_the_cap():
    assert FeePolicy.of(CONFIG, max_fee_wei=30 * GWEI).cap == 30 * GWEI
    assert FeePolicy.of(CONFIG, max_fee_wei=300 * GWEI).cap == 100 * GWEI


def test_of__cancels__keeps_so_much_back_that_a_cancellation_can_outbid_whatever_was_offered():
    config = KeeperTxConfig(max_fee_gwei=100, priority_fee_gwei=2)
    policy = FeePolicy.of(config)
    most = policy.fees(policy.cap - policy.priority)
    assert most is not None
    assert most.max_fee == policy.cap
    assert most.raised().max_fee <= config.max_fee_gwei * GWEI
    # And no more than that.
    assert Fees(policy.cap + 2, 0).raised().max_fee > config.max_fee_gwei * GWEI


@pytest.mark.parametrize("seed", range(20))
def test_outbid__again_and_again__always_a_tenth_more_and_never_beyond_the_cap(seed):
    rng = random.Random(seed)
    policy = FeePolicy(cap=rng.randint(10, 200) * GWEI, priority=rng.randint(0, 3) * GWEI, tip=rng.randint(0, GWEI))
    fees = policy.fees(GWEI)
    for _ in range(40):
        base = rng.randint(1, 60) * GWEI
        assert fees is not None
        more = policy.outbid(fees, base)
        if more is None:
            assert base + policy.priority > policy.cap or fees.raised().max_fee > policy.cap
            continue
        assert more.max_fee * 10 >= fees.max_fee * 11
        assert more.priority_fee * 10 >= fees.priority_fee * 11
        assert base <= more.max_fee <= policy.cap
        fees = more

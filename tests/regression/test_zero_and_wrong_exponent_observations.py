# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Pyth BTC 2021: two of eleven publishers were near zero by float and exponent bugs, and the aggregate
fell.

Must hold: a zero is an absence and never a price; observations with a wrong exponent cannot carry the median away.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import Feed, Guards
from tests.unit.oracle.conftest import Rounds, but

pytestmark = pytest.mark.usefixtures("stage")

HONEST = [54_000_00000000 + place * 1_00000000 for place in range(9)]
"""Nine publishers within nine dollars, 8 decimals."""
WRONG = {
    "one unit": 1,
    "decimals forgotten": 54_000,
    "ten decimals too few": 54,
    "two decimals too many": 5_400_000_00000000,
    "the largest lane": 2**63 - 1,
}


@pytest.fixture
def rounds() -> Rounds:
    return Rounds([Feed("BTC/USD", quorum=7)], reporters=11, faulty=3)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_submit__two_of_eleven_with_a_wrong_exponent__serves_an_honest_observation(rounds, wrong):
    rounds.submit(rounds.bundle(*[[price] for price in [*HONEST, wrong, wrong]]))
    rank = 5 if wrong > HONEST[0] else 3
    assert rounds.oracle.price(0, 0) == HONEST[rank]


def test_submit__as_many_wrong_as_the_feed_set_withstands__stays_among_the_honest(rounds):
    """Three bad of a quorum of seven, all on one side: the median is the lowest honest observation at worst."""
    rounds.submit(rounds.bundle(*[[price] for price in [*HONEST[:4], 1, 1, 1]]))
    assert rounds.oracle.price(0, 0) == HONEST[0]


def test_submit__zeros_of_two_of_eleven__are_absent_from_the_median(rounds):
    rounds.submit(rounds.bundle(*[[price] for price in [*HONEST, 0, 0]]))
    assert rounds.oracle.price(0, 0) == HONEST[4]


def test_submit__zeros_that_leave_no_quorum__change_nothing(rounds):
    rounds.agree(HONEST[0], reporters=7)
    bundle = rounds.bundle(*[[price] for price in [*HONEST[:6], 0, 0, 0, 0, 0]])
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: no quorum"):
        rounds.oracle.submit(*bundle.args)
    assert rounds.oracle.latest(0)[:2] == (1, HONEST[0])


def test_submit__zero_claimed_as_the_median_of_a_quorum__reverts(rounds):
    bundle = rounds.bundle(*[[price] for price in HONEST])
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        rounds.oracle.submit(*but(bundle, medians=rows.pack([0])))


@pytest.mark.parametrize("wrong", [1, 54_000, 5_400_000_00000000])
def test_submit__a_bug_in_every_publisher__is_out_of_bounds_and_not_served(wrong):
    low, high = 100_00000000, 1_000_000_00000000
    guards = Guards(min_price=low, max_price=high, first_min_price=low, first_max_price=high)
    rounds = Rounds([Feed("BTC/USD", guards=guards), Feed("ETH/USD")])
    rounds.agree(HONEST[0], 1_500_00000000)
    rounds.agree(wrong, 1_501_00000000)
    assert rounds.oracle.latest(0)[:2] == (1, HONEST[0])
    assert rounds.oracle.latest(1)[:2] == (2, 1_501_00000000)

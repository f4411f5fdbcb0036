# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Moonwell cbETH 2026: a ratio (1.12 cbETH/ETH) was wired as the USD price of a ~$2,200 asset, and the
fix waited five days in a timelock.

Must hold: the first price of a feed lies in a band given when it is registered; stopping takes no delay.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, OWNER, Feed, Guards
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

PRICE = 2_200_00000000
RATIO = 1_12000000
BAND = Guards(
    min_price=1_00000000,
    first_min_price=1_500_00000000,
    first_max_price=3_000_00000000,
    step_bps=500,
    step_cap_bps=1_000,
    confirm_seconds=600,
)


@pytest.fixture
def rounds() -> Rounds:
    """The ratio lies inside the hard bounds: only the band of the first price knows better."""
    return Rounds([Feed("cbETH/USD", guards=BAND), Feed("ETH/USD")])


def test_price__of_a_new_feed_reported_as_a_ratio__never_is_an_answer(rounds):
    for _ in range(130):
        rounds.agree(RATIO, PRICE)
    with boa.reverts("oracle: no quorum yet"):
        rounds.oracle.price(0, 2**256 - 1)
    assert rounds.oracle.price(1, 0) == PRICE


def test_price__of_a_new_feed_once_it_is_wired_rightly__is_served_without_the_owner(rounds):
    rounds.agree(RATIO, PRICE)
    rounds.agree(PRICE, PRICE)
    assert rounds.oracle.price(0, 0) == PRICE


def test_price__of_an_old_feed_that_turns_into_a_ratio__is_held_back(rounds):
    rounds.agree(PRICE, PRICE)
    rounds.agree(RATIO, PRICE)
    with boa.reverts("oracle: tripped"):
        rounds.oracle.price(0, 60)
    assert rounds.oracle.price(1, 0) == PRICE


def test_pause__by_the_guardian__needs_no_delay_and_holds_in_the_same_block(rounds):
    rounds.agree(PRICE, PRICE)
    rounds.oracle.pause(sender=GUARDIAN)
    for call in (lambda: rounds.oracle.price(0, 60), lambda: rounds.oracle.prices([1], 60)):
        with boa.reverts("oracle: paused"):
            call()


def test_unpause__by_the_owner__needs_no_delay(rounds):
    rounds.agree(PRICE, PRICE)
    rounds.oracle.pause(sender=GUARDIAN)
    rounds.oracle.unpause(sender=OWNER)
    assert rounds.oracle.price(0, 0) == PRICE


def test_new_feed__registered_by_epoch__has_its_band_too(rounds):
    rounds.agree(PRICE, PRICE)
    wider = [*rounds.feeds, Feed("wstETH/USD", guards=BAND)]
    rounds.oracle.propose_epoch(wider, [signer.address for signer in rounds.signers], 1, sender=OWNER)
    boa.env.evm.patch.timestamp = rounds.oracle.pending_at()
    rounds.oracle.execute_epoch(sender=OWNER)
    rounds.feeds, rounds.epoch, rounds.timestamp = wider, 2, boa.env.evm.patch.timestamp // 5 * 5
    rounds.agree(PRICE, PRICE, RATIO)
    with boa.reverts("oracle: no quorum yet"):
        rounds.oracle.price(2, 60)
    rounds.agree(PRICE, PRICE, PRICE)
    assert rounds.oracle.price(2, 0) == PRICE

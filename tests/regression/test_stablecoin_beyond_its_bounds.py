# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Compound DAI 2020, its other half: had every reporter read that one venue, the median would have been
1.30 too. (That one venue is outvoted is test_stablecoin_high_on_one_venue.py.)

Must hold: hard bounds for a stable asset. A median outside of them is no price, however many reporters agree and
however long it stands; the last answer ages until reads revert, no bound is served instead, and the other feeds go on.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import OWNER, Feed, Guards
from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

PEG, PUMPED = 1_00000000, 1_30000000
LOW, HIGH = 90_000_000, 1_10000000
STABLE = Guards(min_price=LOW, max_price=HIGH, first_min_price=LOW, first_max_price=HIGH)
DAI, BTC = 0, 1
MAX_AGE_S = 60


@pytest.fixture
def rounds() -> Rounds:
    return Rounds([Feed("DAI/USD", guards=STABLE), Feed("BTC/USD")])


def test_stablecoin__at_130_for_all_reporters__is_never_served_and_the_rest_moves(rounds):
    rounds.agree(PEG, 17_000)
    at = rounds.timestamp
    for place in range(40):
        rounds.agree(PUMPED, 17_001 + place, reporters=5)
        assert outcome(rounds.oracle.price, BTC, 0) == 17_001 + place
        expected = PEG if rounds.timestamp - at <= MAX_AGE_S else "oracle: stale"
        assert outcome(rounds.oracle.price, DAI, MAX_AGE_S) == expected
    assert rounds.oracle.latest(DAI) == (1, PEG, at)


def test_stablecoin__back_inside_its_bounds__is_served_at_once(rounds):
    rounds.agree(PEG, 17_000)
    for _ in range(20):
        rounds.agree(PUMPED, 17_000, reporters=5)
    rounds.agree(PEG + 1, 17_000)
    assert rounds.oracle.price(DAI, 0) == PEG + 1


@pytest.mark.parametrize(("price", "served"), [(LOW - 1, False), (LOW, True), (HIGH, True), (HIGH + 1, False)])
def test_stablecoin__at_the_bound_and_a_unit_beyond(rounds, price, served):
    rounds.agree(PEG, 17_000)
    rounds.agree(price, 17_000)
    assert rounds.oracle.latest(DAI)[1] == (price if served else PEG)


def test_stablecoin__that_never_was_inside__has_no_price(rounds):
    rounds.agree(PUMPED, 17_000, reporters=5)
    assert outcome(rounds.oracle.price, DAI, MAX_AGE_S) == "oracle: no quorum yet"


def test_stablecoin__not_even_the_owners_clear__lets_it_past_its_bounds(rounds):
    """The owner may let one median through that is far; outside the bounds there is no such word, but a new epoch's."""
    rounds.agree(PEG, 17_000)
    rounds.oracle.trip(DAI, sender=OWNER)
    rounds.oracle.propose_clear(DAI, sender=OWNER)
    boa.env.evm.patch.timestamp += rounds.terms.delay
    rounds.oracle.execute_clear(DAI, sender=OWNER)
    rounds.agree(PUMPED, 17_000, after_s=rounds.terms.delay + 5)
    assert outcome(rounds.oracle.price, DAI, MAX_AGE_S) == "oracle: stale"
    rounds.agree(HIGH, 17_000)
    assert rounds.oracle.price(DAI, 0) == HIGH

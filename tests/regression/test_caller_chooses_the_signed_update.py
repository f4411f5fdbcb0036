# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Flat Money 2023 audit: the caller chose which signed update to submit, and so his price.

Must hold: round times grow strictly, so no caller goes back; only recent rounds are taken, so the choice is among few;
a reader's age limit is measured from the time that was signed.
"""

from __future__ import annotations

from itertools import pairwise

import boa
import pytest

from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import PRICES, START_S, TERMS, Rounds

pytestmark = pytest.mark.usefixtures("stage")


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


def quote(place: int) -> list[int]:
    return [price + place for price in PRICES]


def test_submit__an_earlier_bundle_after_a_later_one__reverts(rounds):
    bundles = [rounds.bundle(quote(n), quote(n), quote(n), at=START_S + 5 * n) for n in range(1, 6)]
    boa.env.evm.patch.timestamp = bundles[-1].timestamp
    rounds.oracle.submit(*bundles[2].args)
    for old in bundles[:2]:
        with boa.reverts("oracle: round not newer"):
            rounds.oracle.submit(*old.args)
    rounds.oracle.submit(*bundles[4].args)
    with boa.reverts("oracle: round not newer"):
        rounds.oracle.submit(*bundles[3].args)
    assert rounds.oracle.latest(0) == (2, quote(5)[0], bundles[4].timestamp)


def test_submit__two_bundles_of_the_same_time__the_first_stays(rounds):
    """Other rows of the round that is already there: nothing is checked and nothing changes."""
    first = rounds.bundle(quote(1), quote(1), quote(1), by=(1, 2, 3))
    second = rounds.bundle(quote(9), quote(9), quote(9), by=(3, 4, 5), at=first.timestamp)
    rounds.submit(first)
    rounds.oracle.submit(*second.args)
    assert rounds.oracle.get_logs() == []
    assert rounds.oracle.latest(0) == (1, quote(1)[0], first.timestamp)


def test_submit__of_all_bundles_ever_signed__only_the_recent_ones_can_be_chosen(rounds):
    """The choice is worth no more than the market's range over max_lateness before now."""
    now = START_S + 10 * TERMS.max_lateness
    boa.env.evm.patch.timestamp = now
    taken = []
    for at in range(START_S, now + 60, TERMS.period):
        with boa.env.anchor():
            bundle = rounds.bundle(PRICES, PRICES, PRICES, at=at)
            reason = outcome(rounds.oracle.submit, *bundle.args)
            assert reason in (None, "oracle: round too late", "oracle: round in the future")
            if reason is None:
                taken.append(at)
    tolerance = rounds.oracle.FUTURE_TOLERANCE()
    assert taken[0] == now - TERMS.max_lateness
    assert taken[-1] == now + tolerance
    assert len(taken) == (TERMS.max_lateness + tolerance) // TERMS.period + 1
    assert {later - earlier for earlier, later in pairwise(taken)} == {TERMS.period}


def test_price__of_a_bundle_held_back__is_as_old_as_its_signatures(rounds):
    """Submitting late does not make a price young: its age counts from the grid time the reporters signed."""
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp + 40
    rounds.oracle.submit(*bundle.args)
    with boa.reverts("oracle: stale"):
        rounds.oracle.price(0, 39)
    assert rounds.oracle.price(0, 40) == PRICES[0]

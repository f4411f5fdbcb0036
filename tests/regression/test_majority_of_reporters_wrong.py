# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Mirror LUNC 2022: most validators ran old software, so the median itself was wrong by five orders.

Must hold: the far level is recorded and not served until it has stood C rounds and T seconds; a guardian has that time
to stop it, needs no delay to do so, and cannot put a price in its place.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, OWNER, Feed, Guards
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

RIGHT = 10_000
"""$0.0001 at 8 decimals; the old software took LUNC for the new LUNA, at $9.50."""
WRONG = 950_000_000
CONFIRM_S = 1_800
GUARDS = Guards(step_bps=1_000, step_growth_bps=100, step_cap_bps=3_000, confirm_rounds=10, confirm_seconds=CONFIRM_S)
TRIPPED = "oracle: tripped"


@pytest.fixture
def rounds() -> Rounds:
    """Five reporters, three of them wrong from the second round on."""
    rounds = Rounds([Feed("LUNC/USD", guards=GUARDS)])
    rounds.agree(RIGHT)
    return rounds


def wrong_round(rounds: Rounds, after_s: int = 60) -> None:
    vectors = [[WRONG], [WRONG], [WRONG], [RIGHT], [RIGHT]]
    rounds.submit(rounds.bundle(*vectors, at=rounds.timestamp + after_s))


def test_price__of_a_wrong_majority__is_not_served_before_it_has_stood_long_enough(rounds):
    started = rounds.timestamp + 60
    while rounds.timestamp + 60 < started + CONFIRM_S:
        wrong_round(rounds)
        for call in (lambda: rounds.oracle.price(0, 2**256 - 1), lambda: rounds.oracle.latest(0)):
            with boa.reverts(TRIPPED):
                call()


def test_price__of_a_wrong_majority_in_quick_rounds__is_not_served_for_their_number_alone(rounds):
    for _ in range(GUARDS.confirm_rounds + 5):
        wrong_round(rounds, after_s=5)
        with boa.reverts(TRIPPED):
            rounds.oracle.price(0, 60)


def test_pause__by_the_guardian_while_tripped__stops_the_confirmation(rounds):
    wrong_round(rounds)
    rounds.oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        wrong_round(rounds)
    with boa.reverts("oracle: paused"):
        rounds.oracle.price(0, 2**256 - 1)


def test_trip__by_the_guardian__holds_the_feed_through_its_confirmation_and_leaves_the_others(rounds):
    """He need not stop the whole oracle; what he held only the owner lets go on, late."""
    wrong_round(rounds)
    rounds.oracle.trip(0, sender=GUARDIAN)
    for _ in range(2 * CONFIRM_S // 60):
        wrong_round(rounds)
    with boa.reverts(TRIPPED):
        rounds.oracle.price(0, 2**256 - 1)
    with boa.reverts("owner: caller is not the owner"):
        rounds.oracle.propose_clear(0, sender=GUARDIAN)
    rounds.oracle.propose_clear(0, sender=OWNER)
    with boa.reverts("clear: too early"):
        rounds.oracle.execute_clear(0, sender=OWNER)


def test_remove_reporter__of_the_wrong_ones__leaves_no_quorum_to_confirm_with(rounds):
    """Down to the quorum a key goes at once; the rows that old software signed are void with it."""
    wrong_round(rounds)
    for index in (1, 2):
        rounds.oracle.remove_reporter(rounds.signers[index - 1].address, sender=GUARDIAN)
    stale = rounds.bundle([WRONG], [WRONG], [WRONG])
    with boa.reverts("oracle: signature"):
        rounds.submit(stale)
    rounds.signers, rounds.epoch = rounds.signers[2:], 3
    rounds.submit(rounds.bundle([WRONG], [RIGHT + 1], [RIGHT + 2]))
    assert rounds.oracle.price(0, 0) == RIGHT + 2


def test_price__once_the_software_is_right_again__is_served_at_once(rounds):
    for _ in range(5):
        wrong_round(rounds)
    rounds.oracle.pause(sender=GUARDIAN)
    boa.env.evm.patch.timestamp += 3_600
    rounds.oracle.unpause(sender=OWNER)
    rounds.timestamp = boa.env.evm.patch.timestamp // 5 * 5
    with boa.reverts(TRIPPED):
        rounds.oracle.price(0, 2**256 - 1)
    rounds.agree(RIGHT + 5)
    assert rounds.oracle.price(0, 0) == RIGHT + 5


def test_price__of_a_wrong_majority_whose_reports_wander__starts_over_each_time(rounds):
    """Confirmation is measured from the first of the rounds, so a level that walks away is no level."""
    for place in range(60):
        price = WRONG * (1_000 + 150 * (place % 2)) // 1_000
        rounds.agree(price, after_s=60)
        with boa.reverts(TRIPPED):
            rounds.oracle.price(0, 2**256 - 1)

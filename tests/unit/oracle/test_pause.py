# SPDX-License-Identifier: AGPL-3.0-only
"""pause, unpause, set_guardian."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, OWNER, ZERO
from tests.unit.oracle.conftest import PRICES


@pytest.mark.parametrize("who", [GUARDIAN, OWNER], ids=["guardian", "owner"])
def test_pause__by_guardian_or_owner__stops_reads(rounds, oracle, who):
    rounds.agree(*PRICES)
    oracle.pause(sender=who)
    assert oracle.get_logs()[0].caller == who
    assert oracle.paused()
    with boa.reverts("oracle: paused"):
        oracle.price(0, 60)


def test_pause__by_anybody_else__reverts(oracle, stranger):
    with boa.reverts("oracle: not guardian or owner"):
        oracle.pause(sender=stranger)


def test_pause__twice__reverts(oracle):
    oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        oracle.pause(sender=GUARDIAN)


def test_unpause__by_the_owner__serves_the_last_answer_again(rounds, oracle):
    rounds.agree(*PRICES)
    oracle.pause(sender=GUARDIAN)
    oracle.unpause(sender=OWNER)
    assert oracle.get_logs()[0].caller == OWNER
    assert not oracle.paused()
    assert oracle.price(0, 0) == PRICES[0]
    rounds.agree(*PRICES)


def test_unpause__by_the_guardian__reverts(oracle):
    oracle.pause(sender=GUARDIAN)
    with boa.reverts("owner: caller is not the owner"):
        oracle.unpause(sender=GUARDIAN)


def test_unpause__when_not_paused__reverts(oracle):
    with boa.reverts("oracle: not paused"):
        oracle.unpause(sender=OWNER)


def test_set_guardian__by_the_owner__takes_the_old_ones_power(oracle, stranger):
    oracle.set_guardian(stranger, sender=OWNER)
    (log,) = oracle.get_logs()
    assert (log.old_guardian, log.new_guardian) == (GUARDIAN, stranger)
    with boa.reverts("oracle: not guardian or owner"):
        oracle.pause(sender=GUARDIAN)
    oracle.pause(sender=stranger)


def test_set_guardian__to_nobody__leaves_the_stops_to_the_owner(oracle):
    oracle.set_guardian(ZERO, sender=OWNER)
    (log,) = oracle.get_logs()
    assert (log.old_guardian, log.new_guardian, oracle.guardian()) == (GUARDIAN, ZERO, ZERO)
    reporter = oracle.reporters()[0]
    for stop in (
        lambda who: oracle.pause(sender=who),
        lambda who: oracle.trip(0, sender=who),
        lambda who: oracle.remove_reporter(reporter, sender=who),
    ):
        with boa.reverts("oracle: not guardian or owner"):
            stop(GUARDIAN)
        stop(OWNER)


def test_set_guardian__by_the_guardian__reverts(oracle, stranger):
    with boa.reverts("owner: caller is not the owner"):
        oracle.set_guardian(stranger, sender=GUARDIAN)

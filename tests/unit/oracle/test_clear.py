# SPDX-License-Identifier: AGPL-3.0-only
"""trip, propose_clear, execute_clear, breaker_state: a feed stopped by hand or by the breaker, and served again."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, OWNER, Feed, Guards
from tests.unit.oracle.conftest import START_S, Rounds

TRIPPED = "oracle: tripped"
GUARDS = Guards(500, 50_000, 500, 50_000, step_bps=500, step_cap_bps=500, confirm_seconds=10)
DELAY_S = 3_600


@pytest.fixture
def rounds() -> Rounds:
    rounds = Rounds([Feed("GUARDED/USD", guards=GUARDS), Feed("FREE/USD")])
    rounds.agree(10_000, 1)
    return rounds


def clear(rounds: Rounds, feed: int = 0) -> None:
    rounds.oracle.propose_clear(feed, sender=OWNER)
    boa.env.evm.patch.timestamp += DELAY_S
    rounds.oracle.execute_clear(feed, sender=OWNER)
    rounds.timestamp = boa.env.evm.patch.timestamp // 5 * 5


@pytest.mark.parametrize("who", [GUARDIAN, OWNER], ids=["guardian", "owner"])
def test_trip__by_guardian_or_owner__holds_that_feed_only(rounds, oracle, who):
    oracle.trip(0, sender=who)
    (log,) = oracle.get_logs()
    assert (type(log).__name__, log.feed, log.caller) == ("Held", 0, who)
    for call in (
        lambda: oracle.price(0, 60),
        lambda: oracle.fresh_price(0),
        lambda: oracle.prices([1, 0], 60),
        lambda: oracle.latest(0),
        lambda: oracle.round_data(0, 1),
        lambda: oracle.round_at(0, START_S + 5),
    ):
        with boa.reverts(TRIPPED):
            call()
    assert oracle.price(1, 60) == 1
    assert oracle.round_data(1, 1) == (1, START_S + 5)
    assert oracle.breaker_state(0) == (0, 0, 0, 0, True)


def test_trip__by_anybody_else__reverts(oracle, stranger):
    with boa.reverts("oracle: not guardian or owner"):
        oracle.trip(0, sender=stranger)


def test_trip__of_an_unknown_feed__reverts(oracle):
    with boa.reverts("oracle: unknown feed"):
        oracle.trip(2, sender=GUARDIAN)


def test_trip__twice__reverts(oracle):
    oracle.trip(0, sender=GUARDIAN)
    with boa.reverts(TRIPPED):
        oracle.trip(0, sender=OWNER)


def test_held__rounds_go_on_and_nothing_confirms_it(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    for price in (10_000, 20_000, 20_000, 20_000, 10_000):
        rounds.agree(price, 1)
        assert oracle.price(1, 0) == 1
        with boa.reverts(TRIPPED):
            oracle.price(0, 60)
    assert oracle.breaker_state(0) == (0, 0, 0, 0, True)


def test_held__cleared_before_another_round__serves_its_last_answer(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    clear(rounds)
    assert oracle.latest(0) == (1, 10_000, START_S + 5)
    rounds.agree(10_100, 1)
    assert oracle.price(0, 0) == 10_100


def test_held__cleared_after_rounds__keeps_its_step_limit(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    rounds.agree(20_000, 1)
    clear(rounds)
    assert oracle.latest(0) == (1, 10_000, START_S + 5)
    rounds.agree(20_000, 1)
    with boa.reverts(TRIPPED):
        oracle.price(0, 60)
    # The last answer is still that of round 1: the clear of the hold is not one of this trip.
    with boa.reverts("clear: nothing proposed"):
        oracle.execute_clear(0, sender=OWNER)


def test_held__of_two_feeds_one_cleared__holds_the_other(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    oracle.trip(1, sender=GUARDIAN)
    clear(rounds, feed=1)
    assert oracle.latest(1)[1] == 1
    with boa.reverts(TRIPPED):
        oracle.latest(0)


def test_execute_clear__of_a_tripped_feed__serves_the_next_median_however_far(rounds, oracle):
    rounds.agree(20_000, 1)
    oracle.propose_clear(0, sender=OWNER)
    ready_at = START_S + 10 + DELAY_S
    assert oracle.get_logs()[0].ready_at == ready_at
    boa.env.evm.patch.timestamp = ready_at
    oracle.execute_clear(0, sender=OWNER)
    assert type(oracle.get_logs()[0]).__name__ == "Cleared"
    assert oracle.breaker_state(0)[0] == 2
    with boa.reverts(TRIPPED):
        oracle.price(0, 2**255)
    rounds.timestamp = ready_at
    rounds.agree(35_000, 1)
    assert oracle.price(0, 0) == 35_000


def test_execute_clear__then_a_median_out_of_bounds__is_still_refused(rounds, oracle):
    rounds.agree(20_000, 1)
    clear(rounds)
    rounds.agree(50_001, 1)
    with boa.reverts(TRIPPED):
        oracle.price(0, 2**255)
    rounds.agree(50_000, 1)
    assert oracle.price(0, 0) == 50_000


def test_execute_clear__a_second_early__reverts(rounds, oracle):
    rounds.agree(20_000, 1)
    oracle.propose_clear(0, sender=OWNER)
    boa.env.evm.patch.timestamp = START_S + 10 + DELAY_S - 1
    with boa.reverts("clear: too early"):
        oracle.execute_clear(0, sender=OWNER)


def test_execute_clear__without_a_proposal__reverts(rounds, oracle):
    rounds.agree(20_000, 1)
    with boa.reverts("clear: nothing proposed"):
        oracle.execute_clear(0, sender=OWNER)


def test_execute_clear__twice__reverts(rounds, oracle):
    rounds.agree(20_000, 1)
    clear(rounds)
    with boa.reverts("clear: feed is not tripped"):
        oracle.execute_clear(0, sender=OWNER)


def test_execute_clear__again_when_the_guardian_holds_again_in_the_same_round__reverts(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    clear(rounds)
    oracle.trip(0, sender=GUARDIAN)
    with boa.reverts("clear: nothing proposed"):
        oracle.execute_clear(0, sender=OWNER)


def test_execute_clear__kept_for_a_later_trip__reverts(rounds, oracle):
    rounds.agree(20_000, 1)
    oracle.propose_clear(0, sender=OWNER)
    rounds.agree(10_000, 1)
    rounds.agree(20_000, 1, after_s=DELAY_S)
    with boa.reverts("clear: feed was served since"):
        oracle.execute_clear(0, sender=OWNER)


def test_execute_clear__proposed_before_the_guardian_held_it__reverts(rounds, oracle):
    rounds.agree(20_000, 1)
    oracle.propose_clear(0, sender=OWNER)
    oracle.trip(0, sender=GUARDIAN)
    boa.env.evm.patch.timestamp += DELAY_S
    with boa.reverts("clear: nothing proposed"):
        oracle.execute_clear(0, sender=OWNER)


def test_propose_clear__of_a_served_feed__reverts(oracle):
    with boa.reverts("clear: feed is not tripped"):
        oracle.propose_clear(0, sender=OWNER)


@pytest.mark.parametrize("feed", [2, 32, 2**256 - 1])
def test_clear__of_an_unknown_feed__reverts(oracle, feed):
    for call in (oracle.propose_clear, oracle.execute_clear):
        with boa.reverts("oracle: unknown feed"):
            call(feed, sender=OWNER)


def test_clear__by_the_guardian__reverts(rounds, oracle):
    oracle.trip(0, sender=GUARDIAN)
    for call in (oracle.propose_clear, oracle.execute_clear):
        with boa.reverts("owner: caller is not the owner"):
            call(0, sender=GUARDIAN)


def test_breaker_state__of_a_tripped_feed__tells_the_candidate(rounds, oracle):
    rounds.agree(20_000, 1)
    rounds.agree(20_100, 1)
    assert oracle.breaker_state(0) == (1, 20_000, 2, START_S + 10, False)


def test_breaker_state__of_an_unknown_feed__reverts(oracle):
    with boa.reverts("oracle: unknown feed"):
        oracle.breaker_state(2)

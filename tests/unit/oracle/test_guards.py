# SPDX-License-Identifier: AGPL-3.0-only
"""The guards inside submit: bounds, first-price band, step limit, and how a tripped feed comes back."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import Feed, Guards
from tests.unit.oracle.conftest import START_S, Rounds

GUARDS = Guards(
    min_price=500,
    max_price=50_000,
    first_min_price=8_000,
    first_max_price=12_000,
    step_bps=500,
    step_growth_bps=100,
    step_cap_bps=1_000,
    confirm_rounds=3,
    confirm_seconds=10,
)
TRIPPED = "oracle: tripped"


@pytest.fixture
def rounds() -> Rounds:
    """A guarded feed and, beside it, one that follows everything."""
    return Rounds([Feed("GUARDED/USD", guards=GUARDS), Feed("FREE/USD")])


@pytest.fixture
def served(rounds) -> Rounds:
    """The same after its first round, at 10,000."""
    rounds.agree(10_000, 1)
    return rounds


@pytest.mark.parametrize("price", [8_000, 12_000])
def test_first_price__in_its_band__is_served(rounds, oracle, price):
    rounds.agree(price, 1)
    assert oracle.latest(0) == (1, price, START_S + 5)


@pytest.mark.parametrize("price", [7_999, 12_001])
def test_first_price__outside_of_its_band__is_not_served(rounds, oracle, price):
    rounds.agree(price, 1)
    with boa.reverts("oracle: no quorum yet"):
        oracle.price(0, 60)
    assert oracle.price(1, 60) == 1
    rounds.agree(10_000, 1)
    assert oracle.latest(0) == (2, 10_000, START_S + 10)


@pytest.mark.parametrize("price", [499, 50_001])
def test_median__out_of_bounds__is_refused_and_the_rest_of_the_round_stands(served, oracle, price):
    served.agree(price, 2)
    assert oracle.latest(0) == (1, 10_000, START_S + 5)
    assert oracle.latest(1) == (2, 2, START_S + 10)


@pytest.mark.parametrize("price", [9_500, 9_688, 10_312, 10_500])
def test_median__as_far_as_the_step_allows__is_served_at_once(served, oracle, price):
    served.agree(price, 1)
    assert oracle.latest(0) == (2, price, START_S + 10)


@pytest.mark.parametrize("max_price", [50_000, 51_200, 2**40])
def test_median__beyond_the_step__is_not_served_whatever_bytes_the_bounds_end_with(max_price):
    rounds = Rounds([Feed("GUARDED/USD", guards=GUARDS._replace(max_price=max_price)), Feed("FREE/USD")])
    rounds.agree(10_000, 1)
    rounds.agree(15_000, 1)
    with boa.reverts(TRIPPED):
        rounds.oracle.latest(0)


@pytest.mark.parametrize("price", [9_491, 10_509])
def test_median__beyond_the_step__is_recorded_and_not_served(served, oracle, price):
    logs = served.agree(price, 1)
    assert [type(log).__name__ for log in logs] == ["Tripped", "RoundSubmitted"]
    assert (logs[0].feed, logs[0].round_id, logs[0].price, logs[0].last_price) == (0, 2, price, 10_000)
    for call in (lambda: oracle.price(0, 60), lambda: oracle.prices([1, 0], 60), lambda: oracle.latest(0)):
        with boa.reverts(TRIPPED):
            call()
    assert oracle.price(1, 60) == 1
    with boa.reverts("oracle: no answer in round"):
        oracle.round_data(0, 2)


@pytest.mark.parametrize(("after_s", "step"), [(30, 550), (60, 600), (300, 1_000), (3_000, 1_000)])
def test_step__grows_with_the_age_of_the_answer__up_to_its_cap(served, oracle, after_s, step):
    beyond = Rounds(served.feeds)
    beyond.agree(10_000, 1)
    served.agree(10_000 + step, 1, after_s=after_s)
    assert oracle.price(0, 0) == 10_000 + step
    beyond.agree(10_000 + step + 1, 1, after_s=after_s)
    with boa.reverts(TRIPPED):
        beyond.oracle.price(0, 0)


def test_tripped__three_rounds_near_the_first_over_ten_seconds__is_confirmed(served, oracle):
    for price in (20_000, 20_900):
        served.agree(price, 1)
        with boa.reverts(TRIPPED):
            oracle.price(0, 60)
    served.agree(19_100, 1)
    assert oracle.latest(0) == (4, 19_100, START_S + 20)


def test_tripped__enough_rounds_in_too_short_a_time__waits(oracle):
    slow = Rounds([Feed("GUARDED/USD", guards=GUARDS._replace(confirm_seconds=11))])
    slow.agree(10_000)
    for _ in range(3):
        slow.agree(20_000)
        with boa.reverts(TRIPPED):
            slow.oracle.price(0, 60)
    slow.agree(20_000)
    assert slow.oracle.price(0, 60) == 20_000


def test_tripped__enough_time_with_too_few_rounds__waits(served, oracle):
    served.agree(20_000, 1)
    served.agree(20_000, 1, after_s=60)
    with boa.reverts(TRIPPED):
        oracle.price(0, 60)


def test_tripped__a_round_beyond_the_band__starts_a_new_candidate(served, oracle):
    served.agree(20_000, 1)
    served.agree(20_000, 1)
    logs = served.agree(21_001, 1)
    assert type(logs[0]).__name__ == "Tripped"
    served.agree(21_001, 1)
    with boa.reverts(TRIPPED):
        oracle.price(0, 60)
    served.agree(21_001, 1)
    assert oracle.price(0, 60) == 21_001


@pytest.mark.parametrize("missed", [0, 499], ids=["absent", "out of bounds"])
def test_tripped__a_missed_round__neither_counts_nor_resets(served, oracle, missed):
    for price in (20_000, missed, 20_000, missed):
        served.agree(price, 1)
        with boa.reverts(TRIPPED):
            oracle.price(0, 60)
    served.agree(20_000, 1)
    assert oracle.price(0, 60) == 20_000


def test_tripped__back_within_a_step_of_the_last_answer__is_served_at_once(served, oracle):
    served.agree(20_000, 1)
    served.agree(10_400, 1)
    assert oracle.latest(0) == (3, 10_400, START_S + 15)


def test_tripped__after_a_return__the_next_trip_starts_anew(served, oracle):
    for price in (20_000, 20_000, 10_000, 20_000):
        served.agree(price, 1)
    with boa.reverts(TRIPPED):
        oracle.price(0, 60)


def test_missed__then_a_far_price__trips_against_the_last_answer(served, oracle):
    served.agree(0, 1)
    assert oracle.latest(0) == (1, 10_000, START_S + 5)
    served.agree(20_000, 1)
    with boa.reverts(TRIPPED):
        oracle.price(0, 60)


def test_missed__for_longer_than_the_ring_is_old__keeps_its_answer(served, oracle):
    for _ in range(5):
        served.agree(0, 1)
    assert oracle.latest(0) == (1, 10_000, START_S + 5)
    with boa.reverts("oracle: stale"):
        oracle.price(0, 24)
    assert oracle.price(0, 25) == 10_000


def test_never_answered__missed_first_rounds__has_no_price(rounds, oracle):
    rounds.agree(0, 1)
    rounds.agree(0, 1)
    for call in (lambda: oracle.price(0, 60), lambda: oracle.latest(0)):
        with boa.reverts("oracle: no quorum yet"):
            call()
    rounds.agree(9_000, 1)
    assert oracle.price(0, 0) == 9_000

# SPDX-License-Identifier: AGPL-3.0-only
"""price, prices, latest, latest_round, round_data."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import GUARDIAN, Feed
from tests.unit.oracle.conftest import PRICES, START_S, Rounds


@pytest.fixture
def served(rounds) -> Rounds:
    rounds.agree(*PRICES)
    return rounds


def test_price__as_old_as_accepted__is_returned(served, oracle):
    boa.env.evm.patch.timestamp = START_S + 5 + 60
    assert [oracle.price(feed, 60) for feed in range(4)] == list(PRICES)


def test_price__a_second_older_than_accepted__reverts(served, oracle):
    boa.env.evm.patch.timestamp = START_S + 5 + 61
    with boa.reverts("oracle: stale"):
        oracle.price(0, 60)


def test_price__of_a_round_in_the_future__is_of_age_0(served, oracle):
    boa.env.evm.patch.timestamp = START_S
    assert oracle.price(0, 0) == PRICES[0]


def test_price__any_age__takes_the_largest_number(served, oracle):
    boa.env.evm.patch.timestamp = START_S + 10**9
    assert oracle.price(0, 2**256 - 1) == PRICES[0]


@pytest.mark.parametrize("feed", [4, 63, 64, 2**64, 2**256 - 1])
def test_reads__of_an_unknown_feed__revert(served, oracle, feed):
    for call in (
        lambda: oracle.price(feed, 60),
        lambda: oracle.prices([0, feed], 60),
        lambda: oracle.latest(feed),
        lambda: oracle.round_data(feed, 1),
        lambda: oracle.feed(feed),
    ):
        with boa.reverts("oracle: unknown feed"):
            call()


def test_reads__before_the_first_round__revert(rounds, oracle):
    for call in (
        lambda: oracle.price(0, 60),
        lambda: oracle.fresh_price(0),
        lambda: oracle.prices([0], 60),
        lambda: oracle.latest(0),
    ):
        with boa.reverts("oracle: no quorum yet"):
            call()
    assert oracle.latest_round() == (0, 0)


def test_reads__while_paused__revert(served, oracle):
    oracle.pause(sender=GUARDIAN)
    for call in (lambda: oracle.price(0, 60), lambda: oracle.prices([0], 60), lambda: oracle.latest(0)):
        with boa.reverts("oracle: paused"):
            call()
    assert oracle.latest_round() == (1, START_S + 5)


def test_fresh_price__as_old_as_heartbeat_and_lateness__is_returned(served, oracle):
    boa.env.evm.patch.timestamp = START_S + 5 + 60 + 60
    assert oracle.fresh_price(3) == PRICES[3]


def test_fresh_price__a_second_older__reverts(served, oracle):
    boa.env.evm.patch.timestamp = START_S + 5 + 60 + 61
    with boa.reverts("oracle: stale"):
        oracle.fresh_price(3)


def test_fresh_price__goes_by_its_own_feeds_heartbeat():
    rounds = Rounds([Feed("FAST/USD", heartbeat=10), Feed("SLOW/USD", heartbeat=3_600)])
    rounds.agree(1, 2)
    boa.env.evm.patch.timestamp += 71
    with boa.reverts("oracle: stale"):
        rounds.oracle.fresh_price(0)
    assert rounds.oracle.fresh_price(1) == 2


def test_prices__several_feeds_in_any_order__come_in_that_order(served, oracle):
    assert oracle.prices([3, 0, 0, 2], 60) == [PRICES[3], PRICES[0], PRICES[0], PRICES[2]]
    assert oracle.prices([], 60) == []


def test_prices__one_stale_feed__reverts(served, oracle):
    served.agree(0, *PRICES[1:], after_s=60)
    assert oracle.prices([1, 2, 3], 30) == list(PRICES[1:])
    with boa.reverts("oracle: stale"):
        oracle.prices([1, 2, 3, 0], 30)
    assert oracle.prices([1, 2, 3, 0], 60)[3] == PRICES[0]


def test_latest__however_old__names_its_round(served, oracle):
    served.agree(0, *PRICES[1:])
    boa.env.evm.patch.timestamp = START_S + 10**6
    assert oracle.latest(0) == (1, PRICES[0], START_S + 5)
    assert oracle.latest(1) == (2, PRICES[1], START_S + 10)


def test_round_data__of_each_round__has_its_price_and_time(rounds, oracle):
    for price in (1_000, 1_001, 1_002):
        rounds.agree(price, 1, 1, 1)
    assert [oracle.round_data(0, round_id) for round_id in (1, 2, 3)] == [
        (1_000, START_S + 5),
        (1_001, START_S + 10),
        (1_002, START_S + 15),
    ]


@pytest.mark.parametrize("round_id", [0, 2, 4_097, 2**40 + 1, 2**256 - 1])
def test_round_data__of_a_round_that_is_not_there__reverts(served, oracle, round_id):
    with boa.reverts("oracle: round not in history"):
        oracle.round_data(0, round_id)


def test_round_data__of_a_round_the_feed_missed__reverts(served, oracle):
    served.agree(0, *PRICES[1:])
    with boa.reverts("oracle: no answer in round"):
        oracle.round_data(0, 2)
    assert oracle.round_data(1, 2) == (PRICES[1], START_S + 10)

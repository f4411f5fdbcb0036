# SPDX-License-Identifier: AGPL-3.0-only
"""On an L2: prices wait for the sequencer, and an hour after it is back."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.helpers.feeds import Terms
from tests.unit.oracle.conftest import PRICES, START_S, Rounds

ANY_AGE = 10**6


@pytest.fixture
def sequencer():
    feed = deployer("MockAggregator").deploy()
    feed.set_round(0, START_S - 10**6)
    return feed


@pytest.fixture
def rounds(sequencer) -> Rounds:
    rounds = Rounds(terms=Terms(sequencer=sequencer.address))
    rounds.agree(*PRICES)
    return rounds


def reads(oracle):
    return (lambda: oracle.price(0, ANY_AGE), lambda: oracle.prices([0], ANY_AGE), lambda: oracle.fresh_price(0))


def test_deploy__with_a_sequencer_feed_that_is_no_contract__reverts():
    """No price could ever be read of it. Zero is the word for none: every other test of the oracle has it."""
    with boa.reverts("terms: sequencer has no code"):
        Rounds(terms=Terms(sequencer="0x00000000000000000000000000000000000000FF"))


def test_sequencer__up_for_long__prices_are_served(rounds, oracle):
    assert [call() for call in reads(oracle)] == [PRICES[0], [PRICES[0]], PRICES[0]]
    assert oracle.terms().sequencer != "0x" + "00" * 20


def test_sequencer__down__prices_revert_and_rounds_are_taken(rounds, oracle, sequencer):
    sequencer.set_round(1, START_S)
    for call in reads(oracle):
        with boa.reverts("oracle: sequencer down"):
            call()
    rounds.agree(*PRICES)
    assert oracle.round_data(0, 2)[0] == PRICES[0]


def test_sequencer__that_never_answered__counts_as_down(rounds, oracle, sequencer):
    sequencer.set_round(0, 0)
    with boa.reverts("oracle: sequencer down"):
        oracle.price(0, ANY_AGE)


def test_sequencer__back_for_less_than_its_grace__prices_revert(rounds, oracle, sequencer):
    sequencer.set_round(0, START_S + 5)
    boa.env.evm.patch.timestamp = START_S + 5 + 3_600
    with boa.reverts("oracle: sequencer grace"):
        oracle.price(0, ANY_AGE)
    boa.env.evm.patch.timestamp += 1
    assert oracle.price(0, ANY_AGE) == PRICES[0]


def test_sequencer__down__is_told_before_staleness(rounds, oracle, sequencer):
    sequencer.set_round(1, START_S)
    boa.env.evm.patch.timestamp += 100
    with boa.reverts("oracle: sequencer down"):
        oracle.price(0, 1)

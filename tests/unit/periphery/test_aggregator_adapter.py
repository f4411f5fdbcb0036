# SPDX-License-Identifier: AGPL-3.0-only
"""AggregatorAdapter: one feed behind AggregatorV3Interface."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.helpers.feeds import GUARDIAN
from tests.unit.oracle.conftest import PRICES, START_S, Rounds


@pytest.fixture
def oracle():
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = 1_700_000_000
        yield deployer("MockOracle").deploy(["BTC/USD", "EUR/USD"], [8, 6])


@pytest.fixture
def adapter(oracle):
    return deployer("AggregatorAdapter").deploy(oracle.address, 1)


def test_describes__the_feed_it_was_made_for(oracle, adapter):
    assert (adapter.description(), adapter.decimals(), adapter.version()) == ("EUR/USD", 6, 1)
    assert (adapter.oracle(), adapter.feed()) == (oracle.address, 1)


def test_deploy__for_an_unknown_feed__reverts(oracle):
    with boa.reverts("oracle: unknown feed"):
        deployer("AggregatorAdapter").deploy(oracle.address, 2)


def test_latest_round_data__however_old__is_the_last_answer(oracle, adapter):
    oracle.set_price(0, 20_000)
    oracle.set_answer(1, 1_060_000, 1_600_000_000)
    assert adapter.latestRoundData() == (2, 1_060_000, 1_600_000_000, 1_600_000_000, 2)


def test_latest_round_data__before_the_first_answer__reverts(adapter):
    with boa.reverts("oracle: no quorum yet"):
        adapter.latestRoundData()


def test_get_round_data__of_a_past_round__is_that_rounds(oracle, adapter):
    oracle.set_price(1, 1_060_000)
    oracle.set_price(1, 1_070_000)
    at = boa.env.evm.patch.timestamp
    assert adapter.getRoundData(1) == (1, 1_060_000, at, at, 1)
    assert adapter.getRoundData(2) == (2, 1_070_000, at, at, 2)


@pytest.mark.parametrize("round_id", [0, 1, 9, 2**40 - 1])
def test_get_round_data__without_an_answer__is_zeros(oracle, adapter, round_id):
    oracle.set_price(0, 20_000)
    assert adapter.getRoundData(round_id) == (round_id, 0, 0, 0, round_id)


@pytest.mark.parametrize("round_id", [2**40, 2**40 + 1, 2**80 - 1])
def test_get_round_data__of_an_id_no_round_can_have__is_all_zeros(oracle, adapter, round_id):
    """OCR2's aggregator, too, drops an id too large for it."""
    oracle.set_price(1, 1_060_000)
    assert adapter.getRoundData(round_id) == (0, 0, 0, 0, 0)


def test_latest_answer__is_the_last_answers_price(oracle, adapter):
    with boa.reverts("oracle: no quorum yet"):
        adapter.latestAnswer()
    oracle.set_answer(1, 1_060_000, 1_600_000_000)
    assert adapter.latestAnswer() == 1_060_000


@pytest.fixture
def rounds():
    """The real oracle: feed 0 answers round 1 and misses round 2."""
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        rounds = Rounds()
        rounds.agree(*PRICES)
        rounds.agree(0, *PRICES[1:])
        yield rounds


def test_real_oracle__every_kind_of_round__is_told_as_it_is(rounds):
    adapter = deployer("AggregatorAdapter").deploy(rounds.oracle.address, 0)
    at = START_S + 5
    answered = (1, PRICES[0], at, at, 1)
    assert adapter.latestRoundData() == adapter.getRoundData(1) == answered
    for missing in (0, 2, 3, 2**40 - 1):
        assert adapter.getRoundData(missing) == (missing, 0, 0, 0, missing)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda oracle: oracle.pause(sender=GUARDIAN), "oracle: paused"),
        (lambda oracle: oracle.trip(0, sender=GUARDIAN), "oracle: tripped"),
    ],
    ids=["paused", "held"],
)
def test_real_oracle__stopped__reverts_with_its_reason(rounds, stop, reason):
    adapter = deployer("AggregatorAdapter").deploy(rounds.oracle.address, 0)
    stop(rounds.oracle)
    for call in (adapter.latestRoundData, adapter.latestAnswer, lambda: adapter.getRoundData(1)):
        with boa.reverts(reason):
            call()

# SPDX-License-Identifier: AGPL-3.0-only
"""MockOracle, which integrators test with: it reads as the real one does, and says the same words."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from scripts.artifacts import compile_contract

from tests.helpers.contracts import deployer
from tests.helpers.feeds import GUARDIAN, Feed, Terms
from tests.unit.oracle.conftest import START_S, Rounds

PLAYED = {START_S + 5: 1_000, START_S + 10: 1_100, START_S + 15: 900}


@pytest.fixture
def pair() -> tuple[Rounds, Any]:
    return Rounds([Feed("BTC/USD")], terms=Terms(twap=True)), deployer("MockOracle").deploy(["BTC/USD"], [8])


@pytest.fixture
def played(pair) -> tuple[Any, Any]:
    rounds, mock = pair
    for at, price in PLAYED.items():
        rounds.agree(price)
        mock.set_answer(0, price, at)
    return rounds.oracle, mock


def said(call: Any, *arguments: int) -> Any:
    try:
        return call(*arguments)
    except boa.BoaError as error:
        return error.stack_trace.last_frame.pretty_vm_reason


def test_mock__has_every_view_of_the_interface():
    def views(name: str) -> dict[str, Any]:
        functions = (entry for entry in compile_contract(name).abi if entry["type"] == "function")
        return {
            entry["name"]: [[part["type"] for part in entry[side]] for side in ("inputs", "outputs")]
            for entry in functions
            if entry["stateMutability"] in ("view", "pure")
        }

    mock = views("MockOracle")
    assert len(views("IMedianOracle")) > 20
    assert {name: shape for name, shape in views("IMedianOracle").items() if mock.get(name) != shape} == {}


@pytest.mark.parametrize("age_s", [0, 30, 120, 121, 10_000])
def test_mock__at_any_age__reads_as_the_real_one(played, age_s):
    real, mock = played
    boa.env.evm.patch.timestamp = START_S + 15 + age_s
    for name, *arguments in [("price", 0, 60), ("fresh_price", 0), ("prices", [0, 0], 60), ("latest", 0)]:
        assert said(getattr(mock, name), *arguments) == said(getattr(real, name), *arguments)
    assert mock.latest_round() == real.latest_round() == (3, START_S + 15)


@pytest.mark.parametrize("at", range(START_S + 4, START_S + 17, 2))
def test_mock__at_any_time__tells_the_history_of_the_real_one(played, at):
    real, mock = played
    if at >= START_S + 5:
        assert said(mock.round_at, 0, at) == said(real.round_at, 0, at)
    else:
        assert said(mock.round_at, 0, at) == "oracle: no answer in round"
    for round_id in (1, 2, 3):
        assert mock.round_data(0, round_id) == real.round_data(0, round_id)
    for round_id in (0, 4):
        assert said(mock.round_data, 0, round_id) == "oracle: no answer in round"


@pytest.mark.parametrize(
    ("start", "end"), [(5, 15), (6, 14), (7, 8), (5, 20), (16, 18), (15, 16), (8, 8), (9, 5), (5, 21)]
)
def test_mock__over_any_window__has_the_average_of_the_real_one(played, start, end):
    real, mock = played
    boa.env.evm.patch.timestamp = START_S + 20
    window = 0, START_S + start, START_S + end
    assert said(mock.twap, *window) == said(real.twap, *window)


def test_mock__over_a_window_before_its_first_answer__reverts(played):
    _, mock = played
    assert said(mock.twap, 0, START_S + 4, START_S + 15) == "oracle: gap in window"


def test_mock__stopped__says_what_the_real_one_says(played):
    real, mock = played
    reads = [("price", 0, 60), ("fresh_price", 0), ("latest", 0), ("round_data", 0, 1), ("round_at", 0, START_S + 5)]
    reads.append(("twap", 0, START_S + 5, START_S + 10))
    mock.set_tripped(0, True)
    real.trip(0, sender=GUARDIAN)
    for name, *arguments in reads:
        assert said(getattr(mock, name), *arguments) == said(getattr(real, name), *arguments) == "oracle: tripped"
    assert mock.breaker_state(0)[4]
    mock.set_tripped(0, False)
    mock.set_paused(True)
    real.pause(sender=GUARDIAN)
    for name, *arguments in reads:
        assert said(getattr(mock, name), *arguments) == said(getattr(real, name), *arguments) == "oracle: paused"
    mock.set_paused(False)
    assert mock.price(0, 60) == 900


@pytest.mark.parametrize("reason", ["oracle: sequencer down", "oracle: sequencer grace"])
def test_mock__without_its_sequencer__serves_no_price_and_tells_the_past(played, reason):
    _, mock = played
    mock.set_sequencer(reason)
    boa.env.evm.patch.timestamp += 1
    for name, *arguments in [("price", 0, 60), ("fresh_price", 0), ("twap", 0, START_S + 5, START_S + 16)]:
        assert said(getattr(mock, name), *arguments) == reason
    assert mock.latest(0) == (3, 900, START_S + 15)
    assert mock.twap(0, START_S + 5, START_S + 10) == 1_000
    mock.set_sequencer("")
    assert mock.price(0, 60) == 900


def test_mock__before_any_answer_or_for_no_feed__says_so(pair):
    rounds, mock = pair
    for name, *arguments in [("price", 0, 60), ("fresh_price", 0), ("latest", 0), ("round_data", 0, 1)]:
        assert said(getattr(mock, name), *arguments) in ("oracle: no quorum yet", "oracle: no answer in round")
    for name, *arguments in [("price", 1, 60), ("fresh_price", 1), ("latest", 1), ("feed", 1), ("twap", 1, 0, 1)]:
        assert said(getattr(mock, name), *arguments) == said(getattr(rounds.oracle, name), *arguments)
        assert said(getattr(mock, name), *arguments) == "oracle: unknown feed"
    with boa.reverts("oracle: unknown feed"):
        mock.set_tripped(1, True)
    assert (mock.terms().twap, mock.period(), mock.epoch(), mock.reporters()) == (True, 5, 1, [])

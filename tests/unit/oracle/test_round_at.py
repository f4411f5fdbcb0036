# SPDX-License-Identifier: AGPL-3.0-only
"""round_at: the last answer at or before a time."""

from __future__ import annotations

import boa
import pytest
from scripts.artifacts import compile_contract

from tests.helpers.feeds import GUARDIAN
from tests.unit.oracle.conftest import START_S, Rounds


@pytest.fixture
def rounds() -> Rounds:
    """Rounds 1 .. 9 at irregular times; feed 0 misses rounds 4, 5 and 9."""
    rounds = Rounds()
    for round_id, gap_s in enumerate((5, 5, 10, 60, 5, 300, 5, 5, 45), start=1):
        price = 0 if round_id in (4, 5, 9) else 1_000 + round_id
        rounds.agree(price, 1_000 + round_id, 1, 1, after_s=gap_s)
    return rounds


TIMES = [START_S + seconds for seconds in (5, 10, 20, 80, 85, 385, 390, 395, 440)]


@pytest.mark.parametrize("round_id", range(1, 10))
@pytest.mark.parametrize("late_s", [0, 1, 4])
def test_round_at__at_or_after_a_round__is_that_round(rounds, oracle, round_id, late_s):
    at = min(TIMES[round_id - 1] + late_s, TIMES[-1])
    assert oracle.round_at(1, at) == (round_id, 1_000 + round_id, TIMES[round_id - 1])


@pytest.mark.parametrize(("missed", "stood"), [(4, 3), (5, 3), (9, 8)])
def test_round_at__a_round_the_feed_missed__is_the_answer_that_stood(rounds, oracle, missed, stood):
    assert oracle.round_at(0, TIMES[missed - 1]) == (stood, 1_000 + stood, TIMES[stood - 1])


def test_round_at__a_time_no_round_has_reached__reverts(rounds, oracle):
    with boa.reverts("oracle: time not reached"):
        oracle.round_at(1, TIMES[-1] + 1)


@pytest.mark.parametrize("at", [0, START_S + 4])
def test_round_at__before_the_history__reverts(rounds, oracle, at):
    with boa.reverts("oracle: round not in history"):
        oracle.round_at(1, at)


def test_round_at__before_the_first_round__reverts():
    with boa.reverts("oracle: round not in history"):
        Rounds().oracle.round_at(0, 0)


def test_round_at__a_feed_without_an_answer_yet__reverts():
    rounds = Rounds()
    rounds.agree(0, 1, 1, 1)
    rounds.agree(0, 1, 1, 1)
    for at in (START_S + 5, START_S + 10):
        with boa.reverts("oracle: no answer in round"):
            rounds.oracle.round_at(0, at)


def test_round_at__unknown_feed__reverts(rounds, oracle):
    with boa.reverts("oracle: unknown feed"):
        oracle.round_at(4, TIMES[0])


def test_round_at__while_paused__reverts(rounds, oracle):
    oracle.pause(sender=GUARDIAN)
    for call in (lambda: oracle.round_at(1, TIMES[0]), lambda: oracle.round_data(1, 1)):
        with boa.reverts("oracle: paused"):
            call()


def test_round_at__an_answer_the_ring_no_longer_has__reverts():
    """The feed answered once, then missed a whole ring of rounds: its price is kept, its place in history is not."""
    rounds = Rounds()
    rounds.agree(1_000, 1, 1, 1)
    rounds.agree(0, 1, 1, 1)
    layout = compile_contract("MedianOracle").layout["storage_layout"]
    meta, ring = layout["_meta"]["slot"], layout["history"]["ring"]["slot"]
    address = rounds.oracle.address
    # As if the second round were the 4,098th; where the others would lie there are later times only.
    boa.env.set_storage(address, meta, boa.env.get_storage(address, meta) + (4_096 << 40) | 1 << 90)
    boa.env.set_storage(address, layout["history"]["start"]["slot"], 4_098)
    rounds.agree(0, 1, 1, 1)
    assert rounds.oracle.latest(0) == (1, 1_000, START_S + 5)
    assert boa.env.get_storage(address, ring + (3 << 4)) != 0
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.round_at(0, rounds.timestamp)
    assert rounds.oracle.round_at(1, rounds.timestamp) == (4_099, 1, rounds.timestamp)

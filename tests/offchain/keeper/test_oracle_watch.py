# SPDX-License-Identifier: AGPL-3.0-only
"""The oracle watch: what is an alarm, when it ends, and that a chain's silence is none."""

from __future__ import annotations

import asyncio

import pytest
from tests.offchain.fakes import START_S, FakeOracle

from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.oracle_watch import OracleWatch
from plumbline.metrics import KeeperMetrics
from plumbline.ports import Answer, NoAnswer


class Stage:
    """An oracle whose feeds were all answered at START_S, and a chain whose time the test sets."""

    def __init__(self) -> None:
        self.oracle, self.metrics, self.at_s = FakeOracle(), KeeperMetrics(), START_S
        self.answers: list[Answer | NoAnswer] = [Answer(1, 10**8, START_S) for _ in self.oracle.current.feeds]
        self.oracle._answers = self.answers
        self.watch = OracleWatch(self.oracle, self.now_s, self.metrics)

    async def now_s(self) -> int:
        return self.at_s

    def turn(self) -> str:
        return asyncio.run(self.watch.turn())


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_turn__all_feeds_fresh__is_quiet(stage):
    assert stage.turn() == "quiet"
    assert stage.watch.unready() == ""


def test_turn__feed_older_than_half_as_much_again_as_its_heartbeat__is_an_alarm(stage):
    heartbeat_s = stage.oracle.current.feeds[0].heartbeat_s
    stage.at_s = START_S + heartbeat_s * 3 // 2
    assert stage.turn() == "quiet"
    stage.at_s += 1
    assert stage.turn() == "alarm"
    assert f"is {heartbeat_s * 3 // 2 + 1} s old" in stage.watch.unready()
    assert "plumbline_keeper_alarms" in stage.metrics.render().decode()


@pytest.mark.parametrize("reason", list(NoAnswer))
def test_turn__feed_without_an_answer__is_an_alarm_until_it_has_one(stage, reason):
    name = stage.oracle.current.feeds[0].name
    stage.answers[0] = reason
    assert stage.turn() == "alarm"
    assert stage.watch.unready() == f"{name} {reason}"
    stage.answers[0] = Answer(2, 10**8, START_S)
    assert stage.turn() == "quiet"
    assert stage.watch.status() == {"alarms": {}}


def test_turn__chain_does_not_answer__raises_and_keeps_the_alarms(stage):
    stage.answers[0] = NoAnswer.TRIPPED
    stage.turn()
    stage.oracle.trouble = ChainUnreachable("connection refused")
    with pytest.raises(ChainUnreachable):
        stage.turn()
    assert stage.watch.unready() != ""


def test_turn__oracle_refuses_in_words_of_its_own__is_an_alarm_until_it_answers(stage):
    stage.oracle.trouble = ChainError("reverted: oracle: sequencer is down", "oracle: sequencer is down")
    assert stage.turn() == "alarm"
    assert stage.watch.unready() == "oracle refuses: oracle: sequencer is down"
    stage.oracle.trouble = None
    assert stage.turn() == "quiet"


def test_turn__feed_added_between_two_questions__is_looked_at_again(stage):
    stage.answers.append(Answer(1, 10**8, START_S))
    with pytest.raises(ChainError, match="changed while they were read"):
        stage.turn()
    stage.answers.pop()
    assert stage.turn() == "quiet"

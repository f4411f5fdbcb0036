# SPDX-License-Identifier: AGPL-3.0-only
"""A keeper whose turn it is not: it does nothing, and begins as after a silence when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from plumbline.errors import ChainError, ChainUnreachable
from plumbline.keeper.replica import Replica
from plumbline.keeper.service import Keeper
from plumbline.metrics import KeeperMetrics


class Counting:
    """A strategy that counts what it is asked."""

    name = "counting"

    def __init__(self) -> None:
        self.turns = self.lost = 0

    async def turn(self) -> str:
        self.turns += 1
        return "quiet"

    def lost_touch(self) -> None:
        self.lost += 1

    def unready(self) -> str:
        return "never ready"

    def status(self) -> Mapping[str, Any]:
        return {}


class FakeReplica:
    def __init__(self) -> None:
        self.acting, self.trouble = False, ""


class Stage:
    def __init__(self) -> None:
        self.replica, self.strategy = FakeReplica(), Counting()
        self.metrics = KeeperMetrics()
        self.keeper = Keeper(self.head, [self.strategy], self.metrics, cast(Replica, self.replica))

    async def head(self) -> bytes:
        return b"one block"

    def look(self) -> None:
        asyncio.run(self.keeper.look())


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_look__another_replica_acts__no_turn_is_taken_and_all_is_well(stage):
    stage.look()
    assert stage.strategy.turns == 0
    assert stage.keeper.unready() == ""
    assert stage.keeper.status()["stands_by"] is True
    assert "plumbline_keeper_acting 0.0" in stage.metrics.render().decode()


def test_look__takes_over__looks_at_a_block_it_has_seen_before_as_after_a_silence(stage):
    stage.replica.acting = True
    stage.look()
    assert (stage.strategy.turns, stage.strategy.lost) == (1, 0)
    stage.replica.acting = False
    stage.look()
    stage.replica.acting = True
    stage.look()
    assert (stage.strategy.turns, stage.strategy.lost) == (2, 1)
    assert stage.keeper.unready() == "never ready"
    assert "plumbline_keeper_acting 1.0" in stage.metrics.render().decode()


def test_unready__nobody_knows_who_acts__says_so(stage):
    stage.look()
    stage.replica.trouble = "bus: timeout"
    assert stage.keeper.unready() == "bus: timeout"


class Failing(Counting):
    """A strategy that the chain denies an answer, or that hears nothing of it."""

    def __init__(self, error: ChainError) -> None:
        super().__init__()
        self.error: ChainError | None = error

    async def turn(self) -> str:
        if self.error is not None:
            raise self.error
        return await super().turn()


def test_look__one_strategy_is_denied_an_answer__the_others_have_their_turn_and_it_has_it_later(stage):
    first, second = Failing(ChainError("no such method")), Counting()
    keeper = Keeper(stage.head, [first, second], stage.metrics)
    asyncio.run(keeper.look())
    assert (second.turns, keeper.unready()) == (1, "no such method")
    first.error = None
    asyncio.run(keeper.look())
    assert (first.turns, keeper.unready()) == (1, "never ready; never ready")


def test_look__nobody_answers__no_other_strategy_waits_for_that(stage):
    second = Counting()
    keeper = Keeper(stage.head, [Failing(ChainUnreachable("connection refused")), second], stage.metrics)
    asyncio.run(keeper.look())
    assert (second.turns, keeper.unready()) == (0, "connection refused")

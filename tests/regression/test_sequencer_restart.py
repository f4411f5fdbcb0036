# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, L2 sequencer restart: prices of before the outage were accepted at the restart, and users who could not
act while it lasted were liquidated on them.

Must hold: no price while the sequencer is down, nor for a grace period after; rounds may come in meanwhile, so that the
first price served is a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.helpers.feeds import Terms
from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import PRICES, START_S, Rounds

pytestmark = pytest.mark.usefixtures("stage")

OUTAGE_S = 2 * 3_600
GRACE_S = 3_600
UP, DOWN = 0, 1
ANY_AGE = 2**256 - 1
CRASHED = [price // 2 for price in PRICES]


@pytest.fixture
def sequencer() -> Any:
    feed = deployer("MockAggregator").deploy()
    feed.set_round(UP, START_S - 10**6)
    return feed


@pytest.fixture
def rounds(sequencer: Any) -> Rounds:
    """An oracle that answered, and whose sequencer then was down for two hours while the market halved."""
    rounds = Rounds(terms=Terms(sequencer=sequencer.address))
    rounds.agree(*PRICES)
    sequencer.set_round(DOWN, START_S + 10)
    boa.env.evm.patch.timestamp = START_S + OUTAGE_S
    return rounds


def reads(rounds: Rounds) -> list[Callable[[], Any]]:
    oracle = rounds.oracle
    return [lambda: oracle.price(0, ANY_AGE), lambda: oracle.prices([0, 1], ANY_AGE), lambda: oracle.fresh_price(0)]


def test_price__while_the_sequencer_is_down__is_not_served_however_old_one_accepts(rounds):
    assert [outcome(read) for read in reads(rounds)] == ["oracle: sequencer down"] * 3


def test_price__of_before_the_outage__is_not_served_when_the_sequencer_is_back(rounds, sequencer):
    sequencer.set_round(UP, START_S + OUTAGE_S)
    for passed_s in (0, 1, GRACE_S - 1, GRACE_S):
        boa.env.evm.patch.timestamp = START_S + OUTAGE_S + passed_s
        assert [outcome(read) for read in reads(rounds)] == ["oracle: sequencer grace"] * 3


def test_price__after_the_grace_period__is_one_of_after_the_restart(rounds, sequencer):
    sequencer.set_round(UP, START_S + OUTAGE_S)
    rounds.timestamp = START_S + OUTAGE_S
    rounds.agree(*CRASHED)
    boa.env.evm.patch.timestamp = START_S + OUTAGE_S + GRACE_S + 1
    assert rounds.oracle.price(0, GRACE_S) == CRASHED[0]


def test_price__without_a_round_since_the_restart__is_stale_after_the_grace_period(rounds, sequencer):
    sequencer.set_round(UP, START_S + OUTAGE_S)
    boa.env.evm.patch.timestamp = START_S + OUTAGE_S + GRACE_S + 1
    with boa.reverts("oracle: stale"):
        rounds.oracle.price(0, OUTAGE_S)
    with boa.reverts("oracle: stale"):
        rounds.oracle.fresh_price(0)

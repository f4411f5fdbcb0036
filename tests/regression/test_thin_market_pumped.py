# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Mango 2022: a thin market was pumped 13 times within minutes and the index, rightly reported, followed.

Must hold: the breaker serves nothing on the way up and nothing at the top before it has stood; what can be ramped under
the breaker is bounded by a rate.
"""

from __future__ import annotations

import math

import pytest

from tests.helpers.feeds import Feed, Guards
from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

START = 3_800_000
"""$0.038 at 8 decimals."""
TOP = 13 * START
GUARDS = Guards(step_bps=50, step_growth_bps=60, step_cap_bps=1_000, confirm_rounds=10, confirm_seconds=900)
TRIPPED = "oracle: tripped"


@pytest.fixture
def rounds() -> Rounds:
    rounds = Rounds([Feed("MNGO/USD", guards=GUARDS)])
    rounds.agree(START)
    return rounds


def reading(rounds: Rounds) -> int | None:
    """What a borrower would be lent against; None when the feed is tripped: nothing to lend against."""
    seen = outcome(rounds.oracle.price, 0, 60)
    assert seen == TRIPPED or isinstance(seen, int)
    return None if seen == TRIPPED else int(seen)


@pytest.mark.parametrize("minutes", [1, 3, 10])
def test_price__of_a_market_pumped_13_times_in_minutes__stops_on_the_way_up(rounds, minutes):
    """Once the pump outruns the step, each round is a level of its own; none stands long enough to be served."""
    count = minutes * 12
    for place in range(1, count + 1):
        rounds.agree(round(START * 13 ** (place / count)))
        assert reading(rounds) is None


def test_price__of_a_pump_that_falls_back__was_never_served(rounds):
    for place in range(1, 25):
        rounds.agree(round(START * 13 ** (place / 24)))
    for _ in range(60):
        rounds.agree(TOP)
        assert reading(rounds) is None
    rounds.agree(START + 1)
    assert reading(rounds) == START + 1


def test_price__at_the_top__is_served_only_after_it_has_stood(rounds):
    rounds.agree(TOP)
    first = rounds.timestamp
    while reading(rounds) is None:
        rounds.agree(TOP)
    assert rounds.timestamp == first + GUARDS.confirm_seconds


def test_price__ramped_just_inside_the_step__cannot_outrun_the_stated_rate(rounds):
    """The largest move each round serves, for ten minutes: at most step_bps a round and step_growth_bps a minute."""
    minutes, price = 10, START
    for _ in range(minutes * 12):
        price += price * (GUARDS.step_bps + GUARDS.step_growth_bps * 5 // 60) // 10_000
        rounds.agree(price)
        assert reading(rounds) == price
    rate_bps = minutes * (12 * GUARDS.step_bps + GUARDS.step_growth_bps)
    assert price <= START * math.exp(rate_bps / 10_000)
    assert price < TOP

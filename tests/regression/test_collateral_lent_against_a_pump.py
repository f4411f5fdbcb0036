# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Mango 2022, its other half: collateral pumped for minutes was lent against at the top, for $116m.
(What the breaker holds back of the pump is test_thin_market_pumped.py.)

Must hold: a TWAP for collateral. A market that lends against the lower of price and average, as docs/integrating.md
has it, gives for a pump of m minutes at most m / window of it; for a window in which the feed was tripped, nothing.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import Feed, Guards, Terms
from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

START = 3_800_000
"""$0.038 at 8 decimals."""
TOP = 13 * START
WINDOW_S, ROUND_S = 1_800, 60
GAP = "oracle: gap in window"
OPEN = Guards(step_bps=65_535, step_cap_bps=65_535)
"""No step stops anything under a 6.5-fold move: the average alone has to."""
BREAKER = Guards(step_bps=500, step_cap_bps=500, confirm_rounds=3, confirm_seconds=300)


def standing(guards: Guards) -> Rounds:
    """An honest price for longer than the window."""
    rounds = Rounds([Feed("MNGO/USD", heartbeat=ROUND_S, guards=guards)], terms=Terms(twap=True))
    for _ in range(WINDOW_S // ROUND_S + 2):
        rounds.agree(START, after_s=ROUND_S)
    return rounds


def lent_against(rounds: Rounds) -> int | str:
    """The lower of price and average, or why there is nothing to lend against."""
    now = boa.env.evm.patch.timestamp
    seen = [outcome(rounds.oracle.fresh_price, 0), outcome(rounds.oracle.twap, 0, now - WINDOW_S, now)]
    return next((reason for reason in seen if isinstance(reason, str)), None) or min(seen)


@pytest.mark.parametrize("minutes", [1, 3, 10])
def test_collateral__pumped_for_minutes__is_lent_against_at_that_part_of_the_pump(minutes):
    rounds = standing(OPEN)
    for factor in (6, 13):
        rounds.agree(factor * START, after_s=5)
    for _ in range(minutes):
        rounds.agree(TOP, after_s=ROUND_S)
    assert rounds.oracle.fresh_price(0) == TOP
    # Six times for 5 s, 13 times for the minutes, the honest price for the rest: to the unit.
    pumped_s = minutes * ROUND_S
    average = (6 * START * 5 + TOP * pumped_s + START * (WINDOW_S - 5 - pumped_s)) // WINDOW_S
    assert lent_against(rounds) == average
    assert average - START <= (TOP - START) * (pumped_s + 5) // WINDOW_S


def test_collateral__after_the_pump_has_fallen__is_lent_against_at_the_price():
    rounds = standing(OPEN)
    for factor in (6, 13, 6, 1):
        rounds.agree(factor * START, after_s=ROUND_S)
    assert rounds.oracle.fresh_price(0) == START == lent_against(rounds)


def test_collateral__whose_pump_tripped_and_was_confirmed__is_not_lent_against_for_a_whole_window():
    """The top is served then; the window has seconds in which nothing was, so there is no average of it."""
    rounds = standing(BREAKER)
    rounds.agree(TOP, after_s=5)
    assert lent_against(rounds) == "oracle: tripped"
    while lent_against(rounds) == "oracle: tripped":
        rounds.agree(TOP, after_s=ROUND_S)
    confirmed = rounds.timestamp
    assert rounds.oracle.fresh_price(0) == TOP
    while rounds.timestamp < confirmed + WINDOW_S - ROUND_S:
        assert lent_against(rounds) == GAP
        rounds.agree(TOP, after_s=ROUND_S)
    rounds.agree(TOP, after_s=ROUND_S)
    assert lent_against(rounds) == TOP

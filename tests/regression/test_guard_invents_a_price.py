# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Aave CAPO 2026: the guard itself was 2.85 % wrong and its number, not the market's, was served.

Must hold: a guard holds a price back or lets it through. Whatever a read returns is, to the unit, the median of the
round it names - not a bound, not a limit, not an average of two.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import Feed, Guards
from tests.regression.conftest import outcome
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

LAST = 1_000_000
BEYOND = 1_028_500
"""2.85 % up: more than each of the guards below lets through."""
GUARDS = {
    "step": Guards(step_bps=200, step_cap_bps=200),
    "step cap": Guards(step_bps=100, step_growth_bps=65_535, step_cap_bps=200),
    "max price": Guards(max_price=1_020_000, first_max_price=1_020_000),
}
FALLING = Guards(min_price=980_000, first_min_price=980_000)


@pytest.mark.parametrize("guards", GUARDS.values(), ids=GUARDS)
def test_price__beyond_a_guard__is_the_last_answer_or_none(guards):
    rounds = Rounds([Feed("wstETH/USD", guards=guards)])
    rounds.agree(LAST)
    rounds.agree(BEYOND)
    assert outcome(rounds.oracle.latest, 0) in ("oracle: tripped", (1, LAST, rounds.timestamp - 5))


def test_price__below_the_bound__is_the_last_answer_with_its_own_age():
    rounds = Rounds([Feed("wstETH/USD", guards=FALLING)])
    rounds.agree(LAST)
    rounds.agree(971_500)
    assert rounds.oracle.latest(0) == (1, LAST, rounds.timestamp - 5)
    with boa.reverts("oracle: stale"):
        rounds.oracle.price(0, 4)


def test_price__of_a_confirmed_level__is_the_last_rounds_median_not_the_candidate():
    """What is served after a confirmation was reported in that very round."""
    rounds = Rounds([Feed("wstETH/USD", guards=GUARDS["step"]._replace(confirm_seconds=0))])
    rounds.agree(LAST)
    for price in (BEYOND, BEYOND + 10, BEYOND - 10):
        rounds.agree(price)
    assert rounds.oracle.latest(0) == (4, BEYOND - 10, rounds.timestamp)


def test_price__of_an_even_number_of_rows__is_one_of_them():
    rounds = Rounds([Feed("wstETH/USD", quorum=4)])
    rounds.submit(rounds.bundle([LAST], [LAST + 1], [LAST + 100], [LAST + 200]))
    assert rounds.oracle.price(0, 0) == LAST + 1

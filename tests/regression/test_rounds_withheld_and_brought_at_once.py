# SPDX-License-Identifier: AGPL-3.0-only
"""Whoever relays may keep rounds back and bring several in one transaction, say with a flash loan around them.

What that buys: never a price no quorum signed, and of the past only what lies within `max_lateness` and the tolerance
into the future. docs/oracle.md has the bounds that are reached here.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import Feed, Guards, Terms
from tests.unit.oracle.conftest import START_S, Rounds

TOLERANCE_S = 15
LATENESS_S = 60
pytestmark = pytest.mark.usefixtures("stage")
TERMS = Terms(max_lateness=LATENESS_S, twap=True)


def guarded(confirm_seconds: int) -> Feed:
    guards = Guards(step_bps=500, step_cap_bps=500, confirm_rounds=3, confirm_seconds=confirm_seconds)
    return Feed("BTC/USD", heartbeat=600, guards=guards)


def bring(rounds: Rounds, prices: dict[int, int]) -> None:
    """Rounds of these times, all in one block."""
    for at, price in prices.items():
        rounds.oracle.submit(*rounds.bundle(*[[price]] * 3, at=at).args)
        rounds.timestamp = at


def test_trip_and_its_confirmation__brought_at_once__show_nobody_the_trip():
    """Reporters did sign the level for long enough; but a guardian who watches the chain had no time to act."""
    rounds = Rounds([guarded(LATENESS_S)], terms=TERMS)
    rounds.agree(1_000)
    now = boa.env.evm.patch.timestamp = START_S + 100
    bring(rounds, dict.fromkeys((now - 60, now - 30, now), 2_000))
    assert rounds.oracle.latest(0)[1] == 2_000


def test_trip_and_its_confirmation__longer_than_lateness_and_tolerance__cannot_be_brought_at_once():
    """The rule for `confirm_seconds` that docs/oracle.md gives: a trip then stands in at least one block."""
    rounds = Rounds([guarded(LATENESS_S + TOLERANCE_S + 1)], terms=TERMS)
    rounds.agree(1_000)
    now = boa.env.evm.patch.timestamp = START_S + 100
    with boa.reverts("oracle: round too late"):
        bring(rounds, {now - LATENESS_S - 5: 2_000})
    with boa.reverts("oracle: round in the future"):
        bring(rounds, {now + TOLERANCE_S + 5: 2_000})
    bring(rounds, dict.fromkeys(range(now - LATENESS_S, now + TOLERANCE_S + 1, 5), 2_000))
    with boa.reverts("oracle: tripped"):
        rounds.oracle.latest(0)


def test_average__of_rounds_brought_at_once__gives_each_only_the_seconds_it_stood():
    """A spike of one round out of ten, brought with all the others when it pays: a tenth of it, as if on time."""
    prices = {START_S + 5 * place: 1_000 for place in range(1, 12)}
    spike = START_S + 30
    prices[spike] = 1_900
    late, on_time = (Rounds([Feed("BTC/USD")], terms=TERMS) for _ in range(2))
    for at, price in prices.items():
        boa.env.evm.patch.timestamp = at
        bring(on_time, {at: price})
    bring(late, prices)
    window = 0, START_S + 5, START_S + 55
    assert late.oracle.twap(*window) == on_time.oracle.twap(*window) == (9 * 1_000 + 1_900) // 10


def test_average__by_a_relayer_without_a_rival__is_at_most_of_each_stretchs_highest_round():
    """Every other round is low; who leaves those out, and nobody else brings them, makes the highs stand instead."""
    rounds = Rounds([Feed("BTC/USD", heartbeat=10)], terms=TERMS)
    for place in range(1, 6):
        rounds.agree(1_000 + 10 * place, after_s=10)
    first = START_S + 10
    assert rounds.oracle.twap(0, first, first + 40) == (1_010 + 1_020 + 1_030 + 1_040) // 4
    # And not by silence for long: past heartbeat and lateness there is no average at all.
    rounds.agree(1_060, after_s=75)
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, first + 40, first + 41)


@pytest.mark.parametrize("back_s", [5, 10, 60])
def test_round__older_than_the_last_one__cannot_be_put_in_afterwards(back_s):
    """Not even one that was kept back and would still be recent enough: what was final stays final."""
    rounds = Rounds([Feed("BTC/USD")], terms=TERMS)
    rounds.agree(1_000)
    rounds.agree(1_100, after_s=70)
    boa.env.evm.patch.timestamp = rounds.timestamp
    before = rounds.oracle.twap(0, START_S + 5, rounds.timestamp)
    with boa.reverts("oracle: round not newer"):
        rounds.oracle.submit(*rounds.bundle(*[[2_000]] * 3, at=rounds.timestamp - back_s).args)
    assert rounds.oracle.twap(0, START_S + 5, rounds.timestamp) == before == 1_000

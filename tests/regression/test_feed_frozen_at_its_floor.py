# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Venus and Blizz, LUNA 2022: the feed stood still near its floor ($0.107) while the market fell on.

Must hold: reads revert; no bound is ever served in place of a price.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import OWNER, Feed, Guards
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

FLOOR = 10_000_000
"""$0.10 at 8 decimals."""
FALL = [50_000_000, 25_000_000, 12_000_000, 10_700_000, 5_000_000, 1_000_000, 100_000, 10_000]
HEARTBEAT_S = 60
GUARDS = Guards(min_price=FLOOR, first_min_price=FLOOR, step_bps=6_000, step_cap_bps=6_000)


@pytest.fixture
def rounds() -> Rounds:
    return Rounds([Feed("LUNA/USD", guards=GUARDS), Feed("BTC/USD")])


def test_price__below_the_floor__reverts_as_stale_and_is_never_the_floor(rounds):
    served = []
    for price in FALL:
        rounds.agree(price, 30_000, after_s=HEARTBEAT_S)
        round_id, answer, timestamp = rounds.oracle.latest(0)
        served.append(answer)
        if price >= FLOOR:
            assert (answer, timestamp) == (price, rounds.timestamp)
            assert rounds.oracle.price(0, HEARTBEAT_S // 2) == price
        else:
            assert (round_id, answer) == (4, 10_700_000)
            with boa.reverts("oracle: stale"):
                rounds.oracle.price(0, HEARTBEAT_S // 2)
        assert rounds.oracle.price(1, 0) == 30_000
    assert FLOOR not in served
    assert set(served) == {price for price in FALL if price >= FLOOR}


def test_round_data__of_a_round_below_the_floor__says_there_was_no_answer(rounds):
    rounds.agree(50_000_000, 30_000)
    rounds.agree(9_999_999, 30_000)
    with boa.reverts("oracle: no answer in round"):
        rounds.oracle.round_data(0, 2)


def test_price__of_a_feed_that_begins_below_the_floor__reverts(rounds):
    rounds.agree(FLOOR - 1, 30_000)
    with boa.reverts("oracle: no quorum yet"):
        rounds.oracle.price(0, 2**256 - 1)


def test_price__nobody_submits_any_more__reverts_for_every_feed(rounds):
    rounds.agree(50_000_000, 30_000)
    boa.env.evm.patch.timestamp += HEARTBEAT_S + 1
    for feed in (0, 1):
        with boa.reverts("oracle: stale"):
            rounds.oracle.price(feed, HEARTBEAT_S)


def test_new_epoch__with_a_lower_floor__serves_the_market_again(rounds):
    """The floor was wrong for this market: the owner lowers it by epoch; the far level must still confirm itself."""
    rounds.agree(50_000_000, 30_000)
    rounds.agree(10_000, 30_000)
    lower = [Feed("LUNA/USD", guards=GUARDS._replace(min_price=1, first_min_price=1)), Feed("BTC/USD")]
    rounds.oracle.propose_epoch(lower, [signer.address for signer in rounds.signers], 1, sender=OWNER)
    boa.env.evm.patch.timestamp = rounds.oracle.pending_at()
    rounds.oracle.execute_epoch(sender=OWNER)
    rounds.epoch, rounds.timestamp = 2, boa.env.evm.patch.timestamp // 5 * 5
    for _ in range(2):
        rounds.agree(10_000, 30_000, after_s=30)
        with boa.reverts("oracle: tripped"):
            rounds.oracle.price(0, HEARTBEAT_S)
    rounds.agree(10_000, 30_000, after_s=30)
    assert rounds.oracle.price(0, 0) == 10_000

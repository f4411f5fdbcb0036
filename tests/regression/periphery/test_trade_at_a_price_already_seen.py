# SPDX-License-Identifier: AGPL-3.0-only
"""Synthetix, 2019 and after: trades at the last oracle price while the next one was already known cost its stakers
millions. A request is never settled at a price from before it, nor at the round that suits whoever settles."""

from __future__ import annotations

import boa

from tests.unit.periphery.desk import DELAY_S, PRICES, Desk
from tests.unit.periphery.market import WAD

SEEN = PRICES
NEXT = (PRICES[0] * 105 // 100, *PRICES[1:])


def test_who_knows_the_next_round__buys_at_it_and_not_before_it(desk: Desk):
    """Reporters' rows travel in the open: the attacker holds the next round's bundle and requests before it is in."""
    bundle = desk.rounds.bundle(*[NEXT] * 3)
    seen = desk.rounds.oracle.latest_round()[0]
    id_ = desk.buy(10 * WAD, 2_000 * 10**6)
    desk.rounds.submit(bundle)
    known = desk.rounds.oracle.latest_round()[0]
    for round_id in (seen, known):
        with boa.reverts("desk: round too early"):
            desk.desk.settle(id_, round_id, [0])
    due = desk.first_round(*NEXT)
    desk.desk.settle(id_, due, [0])
    asset, shares = desk.credits(desk.requester)
    assert shares == 10 * WAD
    assert 2_000 * 10**6 - asset == desk.cost(10 * WAD, NEXT) > desk.cost(10 * WAD, SEEN)


def test_a_round_as_far_ahead_as_the_oracle_takes__is_still_too_early(desk: Desk):
    """The earliest round that counts lies further ahead than any that the oracle takes at the request."""
    id_ = desk.buy()
    ahead = desk.rounds.oracle.FUTURE_TOLERANCE()
    assert ahead < DELAY_S
    bundle = desk.rounds.bundle(*[NEXT] * 3, at=(desk.now() + ahead) // 5 * 5)
    desk.rounds.oracle.submit(*bundle.args)
    with boa.reverts("desk: round too early"):
        desk.desk.settle(id_, desk.rounds.oracle.latest_round()[0], [0])

# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Morpho PAXG 2024: a market was set up with decimals off by 10^12.

Must hold: a feed whose decimals cannot hold its price is not registered; one whose reporters scale differently from its
registration never answers; decimals never change under the same index.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers.feeds import OWNER, Feed, Guards
from tests.unit.oracle.conftest import Rounds

pytestmark = pytest.mark.usefixtures("stage")

PAXG_USD = 2_650
DECIMALS = 8


def band(decimals: int) -> Guards:
    """First price within 2,000 .. 4,000 USD, bounds 100 .. 100,000 USD."""
    unit = 10**decimals
    return Guards(
        min_price=100 * unit, max_price=100_000 * unit, first_min_price=2_000 * unit, first_max_price=4_000 * unit
    )


def gold(decimals: int = DECIMALS) -> Feed:
    return Feed("PAXG/USD", decimals=decimals, guards=band(decimals))


@pytest.mark.parametrize("decimals", [19, 20, 36])
def test_registration__of_more_decimals_than_a_price_has__reverts(decimals):
    with boa.reverts("feed: decimals above 18"):
        Rounds([gold()._replace(decimals=decimals)])


def test_registration__of_decimals_in_which_the_price_does_not_fit_a_lane__reverts():
    """100,000 USD has no room in 63 bits at 14 decimals; at 13 it has."""
    Rounds([gold(13)])
    with boa.reverts("feed: max price above 2**63 - 1"):
        Rounds([gold(14)])


@pytest.mark.parametrize("off", [-12, -10, -6, -2, -1, 1, 2, 4])
def test_submit__of_prices_scaled_by_other_decimals__are_never_an_answer(off):
    rounds = Rounds([gold(), Feed("BTC/USD")])
    wrong = PAXG_USD * 10**DECIMALS * 10**off if off > 0 else max(1, PAXG_USD * 10**DECIMALS // 10**-off)
    for _ in range(5):
        rounds.agree(wrong, 30_000)
        with boa.reverts("oracle: no quorum yet"):
            rounds.oracle.price(0, 2**256 - 1)
    rounds.agree(PAXG_USD * 10**DECIMALS, 30_000)
    assert rounds.oracle.price(0, 0) == PAXG_USD * 10**DECIMALS


@pytest.mark.parametrize("decimals", [0, 6, 7, 9, 12, 13])
def test_propose_epoch__with_other_decimals_for_an_old_index__reverts(decimals):
    rounds = Rounds([gold()])
    with boa.reverts("feed: decimals changed"):
        rounds.oracle.propose_epoch([gold(decimals)], [s.address for s in rounds.signers], 1, sender=OWNER)

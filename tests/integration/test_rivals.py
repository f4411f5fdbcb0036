# SPDX-License-Identifier: AGPL-3.0-only
"""Two keepers of different owners after the same premium: one trades, the other is told, or pays for a look."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from scripts.bench.rivals import beaten, blocks_every, deploy_rival, race
from scripts.deployment import cast
from scripts.deployment.chain import Chain
from tests.helpers.stage import deployed

from plumbline.keeper.outcome import Outcome

pytestmark = pytest.mark.anvil
ROUNDS = 2
LOOK_GAS = 60_000
"""What a cheap revert takes at most, the transaction's own 21,000 included."""


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[str, Chain]]:
    with deployed(cast.QUIET) as (anvil, chain):
        deploy_rival(chain)
        with blocks_every(chain, 1):
            yield anvil.url, chain


def test_rivals__one_premium__is_taken_and_nobody_loses_more_than_a_look(stage, tmp_path):
    found = asyncio.run(race(*stage, tmp_path, ROUNDS, "flash", random.Random(6)))
    # Each push is answered; what a trade leaves, or a pool that moved under it, may pay for another one.
    assert found.trades >= ROUNDS
    assert found.net > 0
    # Each trade has one loser, who is beaten at most once, told before it sends, or sees that nothing is left.
    assert found.reverts == len(found.revert_gas) <= found.trades
    assert max(found.revert_gas, default=0) < LOOK_GAS
    assert set(found.outcomes) <= {
        Outcome.TRADED,
        Outcome.REVERTED,
        Outcome.REFUSED,
        Outcome.INSIDE,
        Outcome.TOO_SMALL,
    }


@pytest.mark.parametrize(("bps", "funding"), [(200, "flash"), (-200, "float")])
def test_rivals__both_in_one_block__who_comes_second_pays_for_a_look(stage, bps, funding):
    assert 21_000 < asyncio.run(beaten(*stage, bps, funding)) < LOOK_GAS

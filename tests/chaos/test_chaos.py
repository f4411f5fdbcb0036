# SPDX-License-Identifier: AGPL-3.0-only
"""Faults of every kind, by the hundred, against a whole network: no wrong price, no silence, no second row, no loss.

`make chaos` (PLUMBLINE_CHAOS=long) plays a thousand and more.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
import structlog

from tests.chaos.world import World

LONG = os.environ.get("PLUMBLINE_CHAOS") == "long"
SEEDS, ROUNDS, RATE = (range(1, 5), 500, 1.2) if LONG else (range(1, 3), 100, 1.2)


@pytest.mark.timeout(3_600 if LONG else 300)
@pytest.mark.parametrize("seed", SEEDS)
def test_network__hundreds_of_faults__serves_no_wrong_price_and_keeps_every_promise(seed: int, tmp_path: Path):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        found = asyncio.run(World(seed, tmp_path, ROUNDS, RATE).run())
    finally:
        structlog.reset_defaults()
    numbers = {key: value for key, value in vars(found).items() if isinstance(value, int)}
    sys.stdout.write(f"\nseed {seed}: {found.total} faults {dict(found.faults.most_common())}; {numbers}\n")
    assert found.out_of_range == []
    assert found.missed_heartbeats == []
    assert found.equivocations == []
    assert found.lost == []
    assert found.doubled <= found.rounds // 100
    # The run was worth something.
    assert found.total > ROUNDS * RATE / 2
    assert found.quorate > ROUNDS // 2
    assert found.submitted > ROUNDS // 20
    assert found.promised > ROUNDS // 2
    assert found.judged > 2 * ROUNDS
    if found.faults["liar: equivocates"] + found.faults["liar: to each another"] > 2:
        assert found.evidence > 0


def test_network__more_liars_than_it_can_bear__the_judge_of_these_tests_sees_it(tmp_path: Path):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        world = World(1, tmp_path, 6, 0.0)
        for node in world.nodes[:5]:
            node.lies, node.lies_until = "high", 10**9
        found = asyncio.run(world.run())
    finally:
        structlog.reset_defaults()
    assert found.out_of_range != []

# SPDX-License-Identifier: AGPL-3.0-only
"""The vault and its auctions against an independent model (vault_machine.py); docs/invariants.md has the invariants.

2,000 runs of 60 steps, cut into parts so that they can run side by side; PLUMBLINE_FUZZ=long plays 100,000. A run is
its seed: `replay(seed)` plays one again.
"""

from __future__ import annotations

import os

import pytest

from tests.stateful.vault_machine import VaultMachine

RUNS_A_PART = 125
PARTS = 800 if os.environ.get("PLUMBLINE_FUZZ") == "long" else 16
STEPS = 60


def replay(seed: int) -> None:
    machine = VaultMachine(seed)
    try:
        for _ in range(STEPS):
            machine.step()
    except Exception as error:
        raise AssertionError(f"seed {seed}, step {len(machine.trace)}: {' > '.join(machine.trace)}") from error
    finally:
        machine.end()


@pytest.mark.parametrize("part", range(PARTS))
def test_index__in_any_sequence_of_acts__does_what_the_model_does(part: int) -> None:
    for seed in range(part * RUNS_A_PART, (part + 1) * RUNS_A_PART):
        replay(seed)

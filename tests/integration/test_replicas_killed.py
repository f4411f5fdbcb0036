# SPDX-License-Identifier: AGPL-3.0-only
"""A keeper's replicas as processes, killed and paused while they act: `make bench-replicas` in small, without its
times, which are the machine's."""

from __future__ import annotations

import random

import pytest
from scripts.bench.replicas import Stage

pytestmark = pytest.mark.anvil


def test_replicas__killed_and_paused_after_a_push__one_transaction_answers_each_push(tmp_path):
    with Stage(tmp_path, replicas=3) as stage:
        run = stage.play(2, random.Random(6), pause_every=2, restarting=False, said=lambda _: None)
    assert (run.kills, run.pauses) == (2, 1)
    assert run.pushes == run.transactions == run.trades == run.journaled == 3

# SPDX-License-Identifier: AGPL-3.0-only
"""modules/overlay.vy: each of 32 places has its own 80 bits, and only marked ones count."""

from __future__ import annotations

import random

import boa
import pytest

from tests.helpers.contracts import deployer

FULL = 2**80 - 1


@pytest.fixture
def overlay():
    with boa.env.anchor():
        yield deployer("overlay").deploy().internal


def test_set__of_every_place__touches_no_other(overlay):
    kept = [FULL - i for i in range(32)]
    for i in random.Random(1).sample(range(32), 32):
        overlay._set(i, FULL)
        overlay._set(i, kept[i])
    assert [overlay._get(i) for i in range(32)] == kept


@pytest.mark.parametrize("marks", [0, 1, 1 << 31, 0b111 << 3, 0x92492492, 2**32 - 1, 0xF0F0A501])
def test_apply__takes_what_is_marked_and_leaves_the_rest(overlay, marks):
    for i in range(32):
        overlay._set(i, i + 1)
    low = [i | 255 << 168 for i in range(32)]
    body = [7, *(FULL << 176 | word for word in low), 8, 9]
    moved = [(i + 1 if marks >> i & 1 else FULL) << 176 | word for i, word in enumerate(low)]
    assert overlay._apply(body, marks) == [7, *moved, 8, 9]

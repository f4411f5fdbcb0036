# SPDX-License-Identifier: AGPL-3.0-only
"""Which of several positions in the pool is the desk's: anybody may give its key one, and must not stop it by that."""

from __future__ import annotations

from typing import Any

from plumbline.chain.desk import main_position


def position(token_id: int, low: int, high: int, liquidity: int) -> tuple[int, Any]:
    """As the position manager tells it."""
    return token_id, (0, "0x0", "0xa", "0xb", 500, low, high, liquidity, 0, 0, 0, 0)


OWN = position(7, -300, 300, 10**18)
DUST = position(3, -300, 300, 1)
NARROW = position(9, 0, 10, 10**19)
"""Ten times the liquidity, for a sixth of the worth."""


def test_main_position__only_one__is_it():
    assert main_position([OWN], None) == main_position([OWN], 99) == OWN


def test_main_position__given_another_one__is_the_one_placed_whatever_else_there_is():
    larger = position(8, -600, 600, 10**19)
    for gift in (DUST, NARROW, larger):
        assert main_position([gift, OWN], 7) == main_position([OWN, gift], 7) == OWN


def test_main_position__after_a_restart__is_the_one_that_holds_most():
    for gift in (DUST, NARROW):
        assert main_position([gift, OWN], None) == main_position([OWN, gift], None) == OWN

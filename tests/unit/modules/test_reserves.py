# SPDX-License-Identifier: AGPL-3.0-only
"""modules/reserves.vy by itself: what is owed of a token, to the base unit."""

from __future__ import annotations

from fractions import Fraction

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer
from tests.helpers.reference.vault import ceil

TOKEN = "0x" + "a1" * 20
SETTINGS = settings(max_examples=60, derandomize=True, deadline=None)

mantissas = st.integers(0, 2**80 - 1)


@pytest.fixture(scope="module")
def reserves():
    return deployer("reserves").deploy().internal


def word(mantissa: int, exponent: int) -> int:
    return mantissa << 176 | exponent << 168 | int(TOKEN, 16)


@SETTINGS
@given(st.integers(-(2**110), 2**110), mantissas, mantissas, st.integers(8, 40), st.integers(0, 8))
def test_move_unit__moves_the_float_s_part_along__rounded_up(reserves, minted, before, after, exponent, lost):
    with boa.env.anchor():
        reserves._receive(TOKEN, 2**200)
        reserves._move_unit(TOKEN, word(before, exponent), word(after, exponent - lost), minted)
        moved = ceil(minted * (Fraction(after, 10 ** (exponent - lost)) - Fraction(before, 10**exponent)))
        assert reserves._owed(TOKEN, 0, 0) == 2**200 + moved


@pytest.mark.parametrize(
    ("minted", "moved"), [(0, 0), (10, 1), (-10, -1), (11, 2), (9, 1), (-9, 0), (-11, -1), (-20, -2)]
)
def test_move_unit__by_a_tenth__is_exact_or_next_above(reserves, minted, moved):
    with boa.env.anchor():
        reserves._receive(TOKEN, 100)
        reserves._move_unit(TOKEN, word(1, 1), word(2, 1), minted)
        assert reserves._owed(TOKEN, 0, 0) == 100 + moved


@pytest.mark.parametrize("minted", [-1, 1])
def test_move_unit__of_the_least_that_float_can_have_turned_into_backing__counts(reserves, minted):
    with boa.env.anchor():
        reserves._receive(TOKEN, 100)
        reserves._move_unit(TOKEN, word(2, 0), word(5, 0), minted)
        assert reserves._owed(TOKEN, 0, 0) == 100 + 3 * minted


@SETTINGS
@given(st.integers(-(2**110), 2**110), mantissas, st.integers(0, 60), st.integers(0, 2**120))
def test_owed__is_backing_rounded_up_and_what_is_reserved__never_less_than_nothing(
    reserves, base_in, mantissa, exponent, amount
):
    with boa.env.anchor():
        reserves._receive(TOKEN, amount)
        assert reserves._owed(TOKEN, word(mantissa, exponent), base_in) == max(
            0, amount + ceil(base_in * Fraction(mantissa, 10**exponent))
        )

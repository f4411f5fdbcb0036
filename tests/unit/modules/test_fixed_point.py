# SPDX-License-Identifier: AGPL-3.0-only
"""modules/fixed_point.vy: rounding as named, and the exponential against 60 exact digits."""

from __future__ import annotations

from decimal import Decimal, localcontext

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

WAD = 10**18
HALF_WORD = 2**127


@pytest.fixture(scope="module")
def fixed_point():
    return deployer("fixed_point").deploy()


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(0, HALF_WORD), st.integers(0, HALF_WORD), st.integers(1, HALF_WORD))
def test_mul_div__rounds_as_it_says(fixed_point, a, b, divisor):
    assert fixed_point.internal._mul_div_down(a, b, divisor) == a * b // divisor
    assert fixed_point.internal._mul_div_up(a, b, divisor) == -(-a * b // divisor)


def test_mul_div__by_zero_or_beyond_a_word__reverts(fixed_point):
    for function in (fixed_point.internal._mul_div_down, fixed_point.internal._mul_div_up):
        for arguments in ((1, 1, 0), (2**128, 2**128, 1)):
            with boa.reverts():
                function(*arguments)


@pytest.mark.parametrize("x", [0, 1, 317_097_919, WAD // 1_000, WAD // 200, WAD // 10, WAD, 3 * WAD, 8 * WAD])
def test_exp__is_below_the_exact_value_by_no_more_than_it_says(fixed_point, x):
    with localcontext(prec=60):
        exact = (Decimal(x) / WAD).exp() * WAD
    error = exact - fixed_point.internal._exp(x)
    assert 0 <= error <= (20 if x <= WAD else exact * 5 / 10**17)


def test_exp__only_grows(fixed_point):
    # One second at 1 bps a year is a step of 3_170_979 in x.
    values = [fixed_point.internal._exp(WAD // 100 + i * 3_170_979) for i in range(20)]
    assert values == sorted(set(values))


def test_exp__beyond_its_range__reverts(fixed_point):
    with boa.reverts("exp: exponent too large"):
        fixed_point.internal._exp(8 * WAD + 1)

# SPDX-License-Identifier: AGPL-3.0-only
"""modules/streaming_fee.vy: the law of growth."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from tests.helpers.contracts import deployer

WAD = 10**18
YEAR_S = 365 * 86_400


@pytest.fixture(scope="module")
def streaming_fee():
    return deployer("streaming_fee").deploy().internal


@pytest.mark.parametrize("fee_bps", [1, 50, 1_000])
@pytest.mark.parametrize("elapsed_s", [1, 12, 86_400, YEAR_S, 20 * YEAR_S])
def test_growth__is_the_continuous_rate(streaming_fee, fee_bps, elapsed_s):
    growth = streaming_fee._growth(WAD, elapsed_s, fee_bps)
    with localcontext(prec=60):
        exact = (Decimal(fee_bps) / 10_000 * elapsed_s / YEAR_S).exp() * WAD
    assert 0 <= exact - growth <= 1 + exact * 5 / 10**17


def test_growth__starts_from_where_the_last_rate_left_it(streaming_fee):
    first = streaming_fee._growth(WAD, YEAR_S, 100)
    second = streaming_fee._growth(first, YEAR_S, 200)
    at_once = streaming_fee._growth(WAD, YEAR_S, 300)
    assert abs(second - at_once) <= 10
    assert streaming_fee._growth(first, 0, 200) == first


def test_growth__without_a_fee_stands_still(streaming_fee):
    assert streaming_fee._growth(3 * WAD, 100 * YEAR_S, 0) == 3 * WAD


def test_growth__stands_still_at_the_end_of_its_range(streaming_fee):
    end = streaming_fee._growth(WAD, 80 * YEAR_S, 1_000)
    assert streaming_fee._growth(WAD, 81 * YEAR_S, 1_000) == end == streaming_fee._growth(WAD, 2**40, 1_000)

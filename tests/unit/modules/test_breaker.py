# SPDX-License-Identifier: AGPL-3.0-only
"""modules/breaker.vy: what it lets through, what it holds, and that a state survives its slot."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.helpers.contracts import deployer

MISSED, TRIPPED, CLEARED, SERVED = range(4)
T0 = 1_700_000_000
STEP_BPS, GROWTH_BPS, CAP_BPS, ROUNDS, SECONDS = 500, 60, 1_000, 3, 20
FIRST_MIN, FIRST_MAX = 5_000, 20_000
GUARDS = (
    STEP_BPS | GROWTH_BPS << 16 | CAP_BPS << 32 | ROUNDS << 48 | SECONDS << 64 | FIRST_MIN << 128 | FIRST_MAX << 192
)
LAST = 10_000


@pytest.fixture(scope="module")
def breaker():
    return deployer("breaker").deploy().internal


def state(kind=MISSED, count=0, since=0, candidate=0, price=LAST, timestamp=T0, round_id=7):
    return (kind, count, since, candidate, price, timestamp, round_id)


@settings(max_examples=60, derandomize=True, deadline=None)
@example((3, 2**8 - 1, 2**40 - 1, 2**63 - 1, 2**63 - 1, 2**40 - 1, 2**40 - 1))
@given(st.tuples(*(st.integers(0, 2**bits - 1) for bits in (2, 8, 40, 63, 63, 40, 40))))
def test_unpack__of_a_packed_state__is_that_state(breaker, kept):
    assert tuple(breaker._unpack(breaker._pack(kept))) == kept


@pytest.mark.parametrize(
    ("median", "kind"), [(10_500, SERVED), (9_500, SERVED), (10_501, TRIPPED), (9_499, TRIPPED), (1, TRIPPED)]
)
def test_judge__at_the_step__serves_and_one_beyond_trips(breaker, median, kind):
    after = breaker._judge(state(), median, T0, GUARDS)
    assert after.kind == kind
    if kind == TRIPPED:
        assert tuple(after) == state(TRIPPED, 1, T0, median)


@pytest.mark.parametrize(
    ("elapsed", "limit_bps"), [(0, 500), (59, 559), (60, 560), (61, 561), (300, 800), (500, 1_000), (10**6, 1_000)]
)
def test_step_limit__grows_with_the_age_of_the_answer_up_to_its_cap(breaker, elapsed, limit_bps):
    assert breaker._step_limit_bps(GUARDS, elapsed) == limit_bps
    edge = LAST + LAST * limit_bps // 10_000
    assert breaker._judge(state(), edge, T0 + elapsed, GUARDS).kind == SERVED
    assert breaker._judge(state(), edge + 1, T0 + elapsed, GUARDS).kind == TRIPPED


@pytest.mark.parametrize(
    ("median", "kind"), [(FIRST_MIN, SERVED), (FIRST_MAX, SERVED), (FIRST_MIN - 1, MISSED), (FIRST_MAX + 1, MISSED)]
)
def test_judge__of_a_first_price__serves_it_inside_its_band_and_else_leaves_no_candidate(breaker, median, kind):
    new = state(price=0, timestamp=0, round_id=0)
    after = breaker._judge(new, median, T0, GUARDS)
    assert after.kind == kind
    assert tuple(after)[1:] == new[1:]


@pytest.mark.parametrize(
    ("count", "after_s", "median", "kind"),
    [
        (2, 20, 20_000, SERVED),
        (2, 20, 21_000, SERVED),
        (2, 20, 19_000, SERVED),
        (2, 19, 20_000, TRIPPED),
        (1, 20, 20_000, TRIPPED),
        (255, 20, 20_000, SERVED),
    ],
)
def test_judge__of_a_level_that_stands__serves_it_after_enough_rounds_and_seconds(
    breaker, count, after_s, median, kind
):
    after = breaker._judge(state(TRIPPED, count, T0 + 5, 20_000), median, T0 + 5 + after_s, GUARDS)
    assert (after.kind, after.candidate, after.since) == (kind, 20_000, T0 + 5)
    assert after.count == min(count + 1, 255)


@pytest.mark.parametrize("median", [21_001, 18_999, 40_000])
def test_judge__of_a_level_that_does_not_stand__starts_over_with_the_new_one(breaker, median):
    after = breaker._judge(state(TRIPPED, 2, T0 + 5, 20_000), median, T0 + 60, GUARDS)
    assert tuple(after) == state(TRIPPED, 1, T0 + 60, median)


def test_judge__back_within_a_step_of_the_last_answer__serves_at_once(breaker):
    assert breaker._judge(state(TRIPPED, 1, T0 + 5, 20_000), 10_400, T0 + 10, GUARDS).kind == SERVED


@pytest.mark.parametrize("median", [1, 10_000, 2**63 - 1])
def test_judge__after_the_owners_clear__serves_whatever_is_inside_the_bounds(breaker, median):
    assert breaker._judge(state(CLEARED, 1, T0, 20_000), median, T0 + 10, GUARDS).kind == SERVED

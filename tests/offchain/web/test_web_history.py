# SPDX-License-Identifier: AGPL-3.0-only
"""The history thins out and forgets, but never loses an extreme nor makes up a value."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from plumbline.errors import JournalError
from plumbline.web.history import MAX_POINTS, History

DAY_S = 86_400
START_S = 1_795_000_000


@pytest.fixture
def history() -> History:
    with History(None, DAY_S) as history:
        yield history


def fill(history: History, seconds: int, series: str = "nav", seed: int = 1) -> dict[int, float]:
    rng = random.Random(seed)
    values = {START_S + second: rng.random() for second in range(seconds)}
    for at_s, value in values.items():
        history.add(at_s, {series: value})
    return values


def test_slice__short_enough__gives_every_sample_as_it_was(history: History) -> None:
    values = fill(history, 100)
    found = history.slice(["nav"], START_S, START_S + 99)
    assert dict(zip(found.at_s, found.values["nav"], strict=True)) == values


def test_slice__eight_hours__at_most_2000_points_and_both_extremes(history: History) -> None:
    values = fill(history, 8 * 3_600)
    values[START_S + 12_345] = 99.0
    values[START_S + 12_346] = -99.0
    history.add(START_S + 12_345, {"nav": 99.0})
    history.add(START_S + 12_346, {"nav": -99.0})
    found = history.slice(["nav"], START_S, START_S + 8 * 3_600 - 1)
    drawn = [value for value in found.values["nav"] if value is not None]
    assert len(found.at_s) == len(found.values["nav"]) <= MAX_POINTS
    assert {99.0, -99.0} <= set(drawn) <= set(values.values())
    assert found.at_s == sorted(set(found.at_s))


@pytest.mark.parametrize("points", [2, 3, 7, 500, 10**9])
@pytest.mark.parametrize("span_s", [1, 2, 1_999, 2_000, 2_001, 7_777])
def test_slice__any_span_and_number_of_points__keeps_its_bounds(history: History, span_s: int, points: int) -> None:
    values = fill(history, span_s)
    found = history.slice(["nav"], START_S, START_S + span_s - 1, points)
    drawn = [value for value in found.values["nav"] if value is not None]
    assert len(found.at_s) <= max(2, min(points, MAX_POINTS))
    assert {min(values.values()), max(values.values())} <= set(drawn)


def test_slice__a_bucket_falls__shows_the_high_before_the_low(history: History) -> None:
    for second, value in enumerate([5.0, 4.0, 3.0, 2.0]):
        history.add(START_S + second, {"nav": value})
    assert history.slice(["nav"], START_S, START_S + 3, points=2).values["nav"] == [5.0, 2.0]


def test_slice__a_gap__is_a_gap(history: History) -> None:
    fill(history, 10)
    history.add(START_S + 9_000, {"nav": 1.0})
    column = history.slice(["nav"], START_S, START_S + 9_999, points=100).values["nav"]
    assert column.count(None) > 90


def test_slice__series_seen_at_different_times__are_aligned(history: History) -> None:
    history.add(START_S, {"nav": 1.0})
    history.add(START_S + 1, {"pool": 2.0})
    found = history.slice(["nav", "pool", "never"], START_S, START_S + 5)
    assert found.at_s == [START_S, START_S + 1]
    assert found.values == {"nav": [1.0, None], "pool": [None, 2.0], "never": [None, None]}


def test_add__twice_in_one_second__the_later_look_stands(history: History) -> None:
    history.add(START_S, {"nav": 1.0})
    history.add(START_S, {"nav": 2.0})
    assert history.slice(["nav"], START_S, START_S).values["nav"] == [2.0]


def test_add__what_is_too_old__is_forgotten(history: History) -> None:
    history.add(START_S, {"nav": 1.0})
    history.add(START_S + DAY_S + 3_600, {"nav": 2.0})
    assert history.span() == (START_S + DAY_S + 3_600, START_S + DAY_S + 3_600)


def test_span__of_nothing__is_none(history: History) -> None:
    assert history.span() is None
    assert history.slice(["nav"], 0, 10**9).at_s != []
    assert set(history.slice(["nav"], 0, 10**9).values["nav"]) == {None}


def test_file__is_read_again_after_a_restart__and_a_foreign_one_refused(tmp_path: Path) -> None:
    with History(tmp_path / "web.sqlite", DAY_S) as history:
        history.add(START_S, {"nav": 1.5})
    with History(tmp_path / "web.sqlite", DAY_S) as history:
        assert history.slice(["nav"], START_S, START_S).values["nav"] == [1.5]
    (tmp_path / "other.sqlite").write_bytes(b"not a database, not at all")
    with pytest.raises(JournalError, match=r"other\.sqlite"):
        History(tmp_path / "other.sqlite", DAY_S)

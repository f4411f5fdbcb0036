# SPDX-License-Identifier: AGPL-3.0-only
"""Picking a quorum: as few rows as will do, and no median that all rows together would not say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core.median import lane_medians
from plumbline.core.models import Row, SignedRow
from plumbline.ports import Answer, ChainFeed, NoAnswer
from plumbline.relayer.decision import choose_rows, reference, why_due

FEED = ChainFeed("BTC/USD", 8, 3, 60, 25)


def rows(*prices: tuple[int, ...]) -> list[SignedRow]:
    return [SignedRow(i, Row(1, 5, each), 0, 0) for i, each in enumerate(prices, 1)]


def test_choose_rows__five_of_one_feed__three_remain_around_the_median():
    chosen = choose_rows(rows((10,), (50,), (30,), (20,), (40,)), [3])
    assert len(chosen) == 3
    assert lane_medians([signed.row for signed in chosen], [3]) == (30,)


def test_choose_rows__a_feed_few_can_price__keeps_those_who_can():
    chosen = choose_rows(rows((10, 0), (11, 7), (12, 8), (13, 0), (14, 9)), [3, 3])
    assert [signed.reporter for signed in chosen] == [2, 3, 5]


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda feeds: st.lists(st.tuples(*[st.integers(0, 2) | st.integers(90, 110)] * feeds), min_size=1, max_size=9)
    )
)
def test_choose_rows__any_rows__every_quorum_of_all_of_them_is_kept_and_none_can_be_left_out(prices):
    everybody = rows(*prices)
    quorums = [2] * len(prices[0])
    wanted = lane_medians([signed.row for signed in everybody], quorums)
    if not any(wanted):
        return
    chosen = choose_rows(everybody, quorums)
    got = lane_medians([signed.row for signed in chosen], quorums)
    assert [bool(median) for median in got] == [bool(median) for median in wanted]
    for left_out in chosen:
        rest = [signed.row for signed in chosen if signed is not left_out]
        assert any(wish and not median for wish, median in zip(wanted, lane_medians(rest, quorums), strict=True))


def due(answer: Answer, median: int, timestamp: int) -> list[str]:
    return why_due([FEED], [answer], [answer], [median], timestamp)


def test_why_due__median_absent__calls_for_nothing_however_old_the_answer_is():
    assert due(Answer(1, 100, 0), 0, 10_000) == []
    assert why_due([FEED], [NoAnswer.TRIPPED], [None], [0], 10_000) == []


def test_why_due__both_moved_and_old__says_the_move():
    assert due(Answer(1, 10_000, 0), 10_030, 100) == ["BTC/USD moved 30 bps"]
    assert due(Answer(1, 10_000, 0), 10_000, 100) == ["BTC/USD is 100 s old"]


@pytest.mark.parametrize("silence", NoAnswer)
def test_why_due__no_answer_and_nothing_tried__calls_for_a_round_and_says_why(silence):
    assert why_due([FEED], [silence], [None], [10_000], 100) == [f"BTC/USD {silence}"]


@pytest.mark.parametrize("silence", [NoAnswer.NONE_YET, NoAnswer.HELD])
def test_why_due__tried_and_not_taken__waits_for_the_heartbeat_however_far_it_moves(silence):
    tried = Answer(0, 10_000, 100)
    assert why_due([FEED], [silence], [tried], [20_000], 159) == []
    assert why_due([FEED], [silence], [tried], [20_000], 160) == [f"BTC/USD {silence}, and what was tried is 60 s old"]


def test_why_due__breaker_tripped__calls_for_every_round():
    assert why_due([FEED], [NoAnswer.TRIPPED], [Answer(0, 10_000, 100)], [10_000], 101) == ["BTC/USD is tripped"]


def test_reference__tried_round_vanished_from_the_chain__the_answer_counts_again():
    answer, tried = Answer(1, 100, 50), Answer(0, 200, 60)
    assert reference(answer, tried, 60) is tried
    assert reference(answer, tried, 55) is answer
    assert reference(Answer(2, 200, 60), tried, 60).round_id == 2
    assert reference(NoAnswer.HELD, tried, 60) is tried
    assert reference(NoAnswer.HELD, tried, 55) is None
    assert reference(NoAnswer.NONE_YET, None, 60) is None

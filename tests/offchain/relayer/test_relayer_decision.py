# SPDX-License-Identifier: AGPL-3.0-only
"""Picking a quorum: as few rows as will do, and no median that all rows together would not say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core.median import lane_medians
from plumbline.core.models import Row, SignedRow
from plumbline.ports import Answer, ChainFeed, NoAnswer
from plumbline.relayer.decision import choose_rows, reference, why_due
from plumbline.relayer.pace import Pace, Policy, has_turn, pace

FEED = ChainFeed("BTC/USD", 8, 3, 60, 25)
PACE = Pace(early_s=5)


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
    return why_due([FEED], [answer], [answer], [median], timestamp, PACE)


def test_why_due__median_absent__calls_for_nothing_however_old_the_answer_is():
    assert due(Answer(1, 100, 0), 0, 10_000) == []
    assert why_due([FEED], [NoAnswer.TRIPPED], [None], [0], 10_000, PACE) == []


def test_why_due__both_moved_and_old__says_the_move():
    assert due(Answer(1, 10_000, 0), 10_030, 100) == ["BTC/USD moved 30 bps"]
    assert due(Answer(1, 10_000, 0), 10_000, 100) == ["BTC/USD is 100 s old"]


@pytest.mark.parametrize("silence", NoAnswer)
def test_why_due__no_answer_and_nothing_tried__calls_for_a_round_and_says_why(silence):
    assert why_due([FEED], [silence], [None], [10_000], 100, PACE) == [f"BTC/USD {silence}"]


@pytest.mark.parametrize("silence", [NoAnswer.NONE_YET, NoAnswer.HELD])
def test_why_due__tried_and_not_taken__waits_for_the_heartbeat_however_far_it_moves(silence):
    tried = Answer(0, 10_000, 100)
    assert why_due([FEED], [silence], [tried], [20_000], 155, PACE) == []
    assert why_due([FEED], [silence], [tried], [20_000], 156, PACE) == [
        f"BTC/USD {silence}, and what was tried is 56 s old"
    ]


def test_why_due__breaker_tripped__calls_for_every_round():
    assert why_due([FEED], [NoAnswer.TRIPPED], [Answer(0, 10_000, 100)], [10_000], 101, PACE) == ["BTC/USD is tripped"]


def test_reference__tried_round_vanished_from_the_chain__the_answer_counts_again():
    answer, tried = Answer(1, 100, 50), Answer(0, 200, 60)
    assert reference(answer, tried, 60) is tried
    assert reference(answer, tried, 55) is answer
    assert reference(Answer(2, 200, 60), tried, 60).round_id == 2
    assert reference(NoAnswer.HELD, tried, 60) is tried
    assert reference(NoAnswer.HELD, tried, 55) is None
    assert reference(NoAnswer.NONE_YET, None, 60) is None


@pytest.mark.parametrize(
    ("early_s", "timestamp", "due"), [(5, 155, False), (5, 156, True), (10, 150, False), (10, 151, True)]
)
def test_why_due__heartbeat__is_kept_by_the_round_before_it_would_be_missed(early_s, timestamp, due):
    answer = Answer(1, 10_000, 100)
    assert bool(why_due([FEED], [answer], [answer], [10_000], timestamp, Pace(early_s))) is due


def test_why_due__gas_is_dear__a_move_must_be_larger_and_nothing_else():
    answer, dear = Answer(1, 10_000, 100), Pace(5, deviation_percent=200)
    assert why_due([FEED], [answer], [answer], [10_049], 105, dear) == []
    assert why_due([FEED], [answer], [answer], [10_050], 105, dear) == ["BTC/USD moved 50 bps"]
    assert why_due([FEED], [answer], [answer], [10_049], 160, dear) == ["BTC/USD is 60 s old"]
    assert why_due([FEED], [NoAnswer.TRIPPED], [answer], [10_049], 105, dear) == ["BTC/USD is tripped"]


def test_why_due__sooner_than_the_minimum_interval__a_move_waits_and_a_confirmation_does_not():
    answer, soon = Answer(1, 10_000, 100), Pace(5, moves=False)
    assert why_due([FEED], [answer], [answer], [20_000], 105, soon) == []
    assert why_due([FEED], [NoAnswer.TRIPPED], [answer], [20_000], 105, soon) == ["BTC/USD is tripped"]


def test_pace__alone_or_with_others__leaves_room_for_one_that_is_dead():
    assert pace(Policy(), 1, 5, 0, None) == Pace(5)
    assert pace(Policy(), 3, 5, 0, None) == Pace(10)


def test_pace__policy__is_applied_exactly_at_its_bounds():
    policy = Policy(min_interval_s=15, dear_wei=100, dear_percent=300)
    assert pace(policy, 1, 5, 14, 99) == Pace(5, moves=False)
    assert pace(policy, 1, 5, 15, 100) == Pace(5, deviation_percent=300)
    assert pace(policy, 1, 5, 15, None) == Pace(5)


def test_has_turn__three_relayers__each_round_is_exactly_ones():
    relayers = ("a", "b", "c")
    turns = [[each for each in relayers if has_turn(relayers, each, timestamp, 5)] for timestamp in range(100, 190, 5)]
    assert all(len(each) == 1 for each in turns)
    # One that is dead is in the way of no two rounds in a row.
    assert all(first != second for first, second in pairwise(turns))
    assert has_turn((), "alone", 100, 5)

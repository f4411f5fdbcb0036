# SPDX-License-Identifier: AGPL-3.0-only
"""submit: what a round needs to be taken, and what is stored and said then."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import getitem

import boa
import pytest
from scripts.artifacts import compile_contract

from tests.helpers import rows
from tests.helpers.feeds import GUARDIAN, Terms, feeds
from tests.unit.oracle.conftest import PRICES, START_S, Rounds, but


def up(bps: int) -> list[int]:
    return [price * (10_000 + bps) // 10_000 for price in PRICES]


def test_submit__quorum_of_rows__stores_the_medians_and_says_who_relayed(rounds, oracle, relayer):
    bundle = rounds.bundle(up(0), up(20), up(10))
    logs = rounds.submit(bundle, sender=relayer)

    assert oracle.latest_round() == (1, START_S + 5)
    assert [oracle.latest(feed) for feed in range(4)] == [(1, price, START_S + 5) for price in up(10)]
    assert len(logs) == 1
    assert (logs[0].round_id, logs[0].relayer, logs[0].timestamp) == (1, relayer, START_S + 5)
    assert rows.unpack(logs[0].medians, 4) == up(10)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_submit__any_number_of_rows__takes_the_lower_median(rounds, oracle, count):
    rounds.submit(rounds.bundle(*[up(10 * place) for place in range(count)]))
    assert oracle.latest(0)[1] == up(10 * ((count - 1) // 2))[0]


def test_submit__higher_median_of_four__reverts(rounds, oracle):
    bundle = rounds.bundle(up(0), up(10), up(20), up(30))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        oracle.submit(*but(bundle, medians=rows.pack(up(20))))


@pytest.mark.parametrize("lane", range(4))
@pytest.mark.parametrize("off", [-1, 1])
def test_submit__one_median_off_by_one__reverts(rounds, oracle, lane, off):
    bundle = rounds.bundle(up(0), up(20), up(10))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        oracle.submit(*but(bundle, medians=[bundle.medians[0] + (off << (64 * lane))]))


def test_submit__average_of_the_middle_two__reverts(rounds, oracle):
    bundle = rounds.bundle(up(0), up(10), up(20), up(30))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        oracle.submit(*but(bundle, medians=rows.pack(up(15))))


def test_submit__a_lane_short_of_its_quorum__keeps_its_last_answer_and_age(rounds, oracle):
    rounds.agree(*PRICES)
    absent = (0, *up(10)[1:])
    rounds.submit(rounds.bundle(up(10), up(10), absent))

    assert oracle.latest(0) == (1, PRICES[0], START_S + 5)
    assert oracle.latest(1) == (2, up(10)[1], START_S + 10)


def test_submit__median_claimed_for_a_lane_without_quorum__reverts(rounds, oracle):
    bundle = rounds.bundle(up(10), up(10), (0, *up(10)[1:]))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median of no quorum"):
        oracle.submit(*but(bundle, medians=rows.pack(up(10))))


def test_submit__quorum_present_but_median_claimed_absent__reverts(rounds, oracle):
    bundle = rounds.bundle(up(10), up(10), up(10))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: median"):
        oracle.submit(*but(bundle, medians=rows.pack([0, *up(10)[1:]])))


def test_submit__absent_rows_beyond_a_quorum__do_not_move_the_median(rounds, oracle):
    absent = (0, 0, 0, 0)
    rounds.submit(rounds.bundle(up(10), absent, up(0), absent, up(20)))
    assert oracle.latest(0)[1] == up(10)[0]


def test_submit__no_feed_reaches_its_quorum__reverts(rounds, oracle):
    bundle = rounds.bundle(up(0), up(0))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: no quorum"):
        oracle.submit(*bundle.args)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 11, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29, 32])
def test_submit__any_number_of_feeds__every_feed_has_its_own_price(count):
    rounds = Rounds(feeds(count))
    for shift in (0, 1):
        rounds.agree(*[1_000 + feed + shift for feed in range(count)])
    assert [rounds.oracle.latest(feed)[1] for feed in range(count)] == [1_001 + feed for feed in range(count)]
    assert rounds.oracle.round_data(count - 1, 1) == (1_000 + count - 1, START_S + 5)


def test_submit__thirty_one_reporters__takes_the_sixteenth():
    rounds = Rounds(feeds(1, quorum=31), reporters=31, faulty=15)
    rounds.submit(rounds.bundle(*[[1_000 - place] for place in range(31)]))
    assert rounds.oracle.latest(0)[1] == 1_000 - 15


# ------------------------------------------------------------------- time


def test_submit__the_last_round_again__does_nothing(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    rounds.submit(bundle)
    oracle.submit(*but(bundle, signatures=[0] * 6))
    assert oracle.get_logs() == []
    assert oracle.latest_round() == (1, bundle.timestamp)


def test_submit__older_than_the_last_round__reverts(rounds, oracle):
    early, late = rounds.bundle(PRICES, PRICES, PRICES), rounds.bundle(PRICES, PRICES, PRICES, at=START_S + 10)
    rounds.submit(late)
    with boa.reverts("oracle: round not newer"):
        oracle.submit(*early.args)


def test_submit__fifteen_seconds_ahead_of_the_block__is_taken(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, at=START_S + 15)
    oracle.submit(*bundle.args)
    assert oracle.latest_round() == (1, START_S + 15)
    assert oracle.price(0, 0) == PRICES[0]


def test_submit__sixteen_seconds_ahead_of_the_block__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, at=START_S + 15)
    boa.env.evm.patch.timestamp = START_S - 1
    with boa.reverts("oracle: round in the future"):
        oracle.submit(*bundle.args)


def test_submit__as_late_as_the_terms_allow__is_taken(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp + rounds.terms.max_lateness
    oracle.submit(*bundle.args)
    assert oracle.latest_round() == (1, bundle.timestamp)


def test_submit__a_second_later_than_the_terms_allow__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp + rounds.terms.max_lateness + 1
    with boa.reverts("oracle: round too late"):
        oracle.submit(*bundle.args)


def test_submit__timestamp_beside_the_grid__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, at=START_S + 6)
    boa.env.evm.patch.timestamp = START_S + 6
    with boa.reverts("oracle: off the grid"):
        oracle.submit(*bundle.args)


@pytest.mark.parametrize("timestamp", [2**40, 2**256 - 1])
def test_submit__absurd_timestamp__reverts(rounds, oracle, timestamp):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    with boa.reverts("oracle: round in the future"):
        oracle.submit(*but(bundle, timestamp=timestamp))


def test_submit__while_paused__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        rounds.submit(bundle)


def test_submit__more_rounds_than_the_ring_keeps__goes_on_from_the_start():
    rounds = Rounds(feeds(1), terms=Terms(history=4_096))
    first = slot_of("history", "ring")
    rounds.agree(1_000)
    # Put the last round id just before the ring's end: 4,094 rounds in one step.
    meta = boa.env.get_storage(rounds.oracle.address, slot_of("_meta"))
    boa.env.set_storage(rounds.oracle.address, slot_of("_meta"), meta + (4_093 << 40))
    word = boa.env.get_storage(rounds.oracle.address, first + (1 << 4))
    boa.env.set_storage(rounds.oracle.address, first + (4_094 << 4), word)
    for price in (1_001, 1_002, 1_003):
        rounds.agree(price)
    assert rounds.oracle.latest(0) == (4_097, 1_003, rounds.timestamp)
    assert rounds.oracle.round_data(0, 4_096) == (1_002, rounds.timestamp - 5)
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.round_data(0, 1)


def slot_of(*path: str) -> int:
    return int(reduce(getitem, path, compile_contract("MedianOracle").layout["storage_layout"])["slot"])


def test_submit__selection_of_rows__cannot_leave_the_honest_range(rounds, oracle):
    """Of five honest rows a relayer may pick any three: the medians it can reach have ranks 2 to 4, not 1 or 5."""
    ladder = [up(10 * place) for place in range(5)]
    low = rounds.bundle(*ladder[:3], by=(1, 2, 3))
    high = rounds.bundle(*ladder[2:], by=(3, 4, 5))
    assert rows.unpack(low.medians, 4) == ladder[1]
    assert rows.unpack(high.medians, 4) == ladder[3]
    boa.env.evm.patch.timestamp = low.timestamp
    for out_of_reach in (ladder[0], ladder[4]):
        for bundle in (low, high):
            with boa.reverts("oracle: median"):
                oracle.submit(*replace(bundle, medians=rows.pack(out_of_reach)).args)
    oracle.submit(*high.args)
    assert oracle.latest(0)[1] == ladder[3][0]

# SPDX-License-Identifier: AGPL-3.0-only
"""submit: what a round needs to be taken, and what is stored and said then."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import getitem

import boa
import pytest
from eth_abi import decode
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


def test_submit__prices_at_both_ends_of_a_lane__stay_in_their_lane(rounds, oracle):
    edges = (1, 2**63 - 1, 1, 2**63 - 1)
    rounds.agree(*edges)
    assert [oracle.latest(feed)[1] for feed in range(4)] == list(edges)


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


# ------------------------------------------------------------ who signed


def test_submit__row_of_a_stranger__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    stranger = rows.sign_digest(rows.Signer(99), rows.row_digest(rounds.domain, 1, bundle.timestamp, bundle.rows[:1]))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[*bundle.signatures[:4], *stranger]))


def test_submit__row_under_another_reporters_index__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signers=0x040201))


def test_submit__index_nobody_has__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, by=(1, 2, 6))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*bundle.args)


def test_submit__signature_that_recovers_nobody_under_an_index_nobody_has__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, by=(1, 2, 6))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[*bundle.signatures[:4], 0, 0]))


@pytest.mark.parametrize(
    "signers",
    [0x010101, 0x020201, 0x030200, 0x000201, 0x200201, 0xFF0201, 0x04030201, 0x030201 | 1 << 255],
    ids=["all the same", "one twice", "zero first", "too few", "32", "255", "too many", "dirty top"],
)
def test_submit__indices_not_strictly_ascending_from_1_to_31__reverts(rounds, oracle, signers):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=signers))


def test_submit__rows_in_descending_order__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    first, second, third = (bundle.signatures[place : place + 2] for place in (0, 2, 4))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=0x010203, signatures=[*third, *second, *first]))


def test_submit__valid_signature_with_a_high_s__reverts():
    """The twin of an ordinary signature, n - s, does not fit EIP-2098 at all; a key is made for which one does."""
    with boa.env.anchor():
        address = Rounds(feeds(1)).oracle.address
    at, words = START_S + 5, rows.pack([1_000])
    digest = rows.row_digest(rows.domain_separator(boa.env.evm.patch.chain_id, address), 1, at, words)
    for s, taken in ((rows.HALF_ORDER, True), (rows.HALF_ORDER + 1, False)):
        odd, r, vs = rows.forge(digest, s)
        with boa.env.anchor():
            rounds = Rounds(feeds(1), signers=[odd, *rows.signers(5)[1:]])
            assert rounds.oracle.address == address
            bundle = rounds.bundle([1_000], [1_000], [1_000])
            call = but(bundle, signatures=[r, vs, *bundle.signatures[2:]])
            boa.env.evm.patch.timestamp = at
            if taken:
                rounds.oracle.submit(*call)
                continue
            with boa.reverts("oracle: high s"):
                rounds.oracle.submit(*call)


def test_submit__wrong_parity__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    r, vs = bundle.signatures[:2]
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, signatures=[r, vs ^ 1 << 255, *bundle.signatures[2:]]))


def test_submit__rows_of_another_epoch__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, epoch=2)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*bundle.args)


def test_submit__rows_of_another_round__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp + 5
    with boa.reverts("oracle: signature"):
        oracle.submit(*but(bundle, timestamp=bundle.timestamp + 5))


def test_submit__rows_for_another_oracle__reverts(rounds):
    other = Rounds()
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        other.oracle.submit(*bundle.args)


def test_submit__rows_for_another_chain__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    chain_id = boa.env.evm.patch.chain_id
    boa.env.evm.patch.chain_id = chain_id + 1
    try:
        with boa.reverts("oracle: signature"):
            oracle.submit(*bundle.args)
        assert oracle.DOMAIN_SEPARATOR() == rows.domain_separator(chain_id + 1, oracle.address)
    finally:
        boa.env.evm.patch.chain_id = chain_id
    oracle.submit(*bundle.args)


def test_submit__the_standard_road_of_signing__is_the_same_type(rounds, oracle):
    at, words = START_S + 5, rows.pack(PRICES)
    chain_id = boa.env.evm.patch.chain_id
    signed = [rows.sign_row(signer, chain_id, oracle.address, 1, at, words) for signer in rounds.signers[:3]]
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    assert [word for pair in signed for word in pair] == bundle.signatures
    boa.env.evm.patch.timestamp = at
    oracle.submit(*but(bundle, signatures=[word for pair in signed for word in pair]))
    assert oracle.latest(0)[1] == PRICES[0]


# ------------------------------------------------------------------ lanes


@pytest.mark.parametrize("lane", range(4))
def test_submit__a_row_with_the_top_bit_of_a_lane_set__reverts(rounds, oracle, lane):
    vector = list(PRICES)
    vector[lane] |= 2**63
    bundle = rounds.bundle(PRICES, vector, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        oracle.submit(*but(bundle, medians=rows.pack(PRICES)))


@pytest.mark.parametrize("lane", [1, 2, 3])
def test_submit__rows_that_use_a_lane_no_feed_has__reverts(lane):
    rounds = Rounds(feeds(1))
    vector = [1_000, 0, 0, 0]
    vector[lane] = 7
    bundle = rounds.bundle(vector[:1], vector[:1], vector[:1])
    words = rows.pack(vector)
    signed = [
        rows.sign_digest(signer, rows.row_digest(rounds.domain, 1, bundle.timestamp, words))
        for signer in rounds.signers[:3]
    ]
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        rounds.oracle.submit(
            *but(bundle, rows=words * 3, signatures=[word for pair in signed for word in pair], medians=words)
        )


def test_submit__medians_that_use_a_lane_no_feed_has__reverts():
    rounds = Rounds(feeds(1))
    bundle = rounds.bundle([1_000], [1_000], [1_000])
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lane"):
        rounds.oracle.submit(*but(bundle, medians=[bundle.medians[0] | 7 << 64]))


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


# --------------------------------------------------------------- calldata


@pytest.mark.parametrize(
    "changes",
    [
        {"medians": []},
        {"medians": [0, 0]},
        {"rows": [0] * 2},
        {"rows": [0] * 4},
        {"signatures": [0] * 5},
        {"signatures": [0] * 7},
    ],
    ids=lambda changes: f"{next(iter(changes))} of {len(next(iter(changes.values())))}",
)
def test_submit__arrays_that_do_not_fit_each_other__reverts(rounds, oracle, changes):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: lengths"):
        oracle.submit(*but(bundle, **changes))


def test_submit__nothing_signed__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signers"):
        oracle.submit(*but(bundle, signers=0, medians=[0], rows=[], signatures=[]))


def raw(oracle, data: bytes) -> str | None:
    """Send bytes as they are; the reason of the revert, None when there is none."""
    done = boa.env.execute_code(to_address=oracle.address, data=data)
    if not done.is_error:
        return None
    return decode(["string"], done.output[4:])[0] if done.output else ""


def test_submit__a_byte_after_the_last_array__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(oracle, bundle.calldata + b"\0") == "oracle: calldata"
    assert raw(oracle, bundle.calldata) is None
    assert oracle.latest_round() == (1, bundle.timestamp)


def test_submit__arrays_in_another_order__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    head, tail = bundle.calldata[:164], bundle.calldata[164:]
    medians, others = tail[:64], tail[64:]
    rows_at, signatures_at, medians_at = 160, 160 + 128, 160 + len(others)
    words = [medians_at, rows_at, signatures_at]
    moved = head[:68] + b"".join(word.to_bytes(32, "big") for word in words) + others + medians
    assert len(moved) == len(bundle.calldata)
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(oracle, moved) == "oracle: calldata"


def test_submit__one_array_used_twice__reverts():
    """With one row of one word, `rows` may point at `medians`: the same bytes, but not the one encoding."""
    rounds = Rounds([feed._replace(quorum=1) for feed in feeds(1)], faulty=0)
    bundle = rounds.bundle([1_000])
    data = bundle.calldata
    shared = data[:100] + (160).to_bytes(32, "big") + data[132:]
    boa.env.evm.patch.timestamp = bundle.timestamp
    assert raw(rounds.oracle, shared) == "oracle: calldata"


def test_submit__cut_short__reverts(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    for length in (len(bundle.calldata) - 1, len(bundle.calldata) - 32, 164, 100, 5):
        assert raw(oracle, bundle.calldata[:length]) is not None
    assert oracle.latest_round() == (0, 0)


# ------------------------------------------------------------------- ring


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

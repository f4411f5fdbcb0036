# SPDX-License-Identifier: AGPL-3.0-only
"""twap: the average of what fresh_price answered, second by second; where it answered nothing there is no average."""

from __future__ import annotations

import boa
import pytest
from scripts.artifacts import compile_contract

from tests.helpers.contracts import deployer
from tests.helpers.feeds import CAST, GUARDIAN, MAX_LANE, OWNER, Feed, Guards, Terms, feeds
from tests.unit.oracle.conftest import START_S, Rounds

TWAP = Terms(twap=True)
STEP = Guards(step_bps=500, step_cap_bps=500, confirm_rounds=3, confirm_seconds=10)


def played(*prices: int, feed: Feed = CAST[0]) -> Rounds:
    """One feed, a round each period; 0: the feed missed it."""
    rounds = Rounds([feed, Feed("OTHER/USD")], terms=TWAP)
    for price in prices:
        rounds.agree(price, 7)
    return rounds


def test_twap__over_whole_rounds__is_each_price_for_the_time_it_stood():
    rounds = played(1_000, 1_100, 1_300)
    first = START_S + 5
    assert rounds.oracle.twap(0, first, first + 10) == (1_000 * 5 + 1_100 * 5) // 10
    assert rounds.oracle.twap(0, first, first + 5) == 1_000
    assert rounds.oracle.twap(0, first + 5, first + 10) == 1_100
    assert rounds.oracle.twap(1, first, first + 10) == 7


def test_twap__that_begins_and_ends_between_rounds__takes_parts_of_them_and_rounds_down():
    rounds = played(1_000, 1_100, 1_300)
    first = START_S + 5
    assert rounds.oracle.twap(0, first + 2, first + 9) == (1_000 * 3 + 1_100 * 4) // 7 == 1_057
    assert rounds.oracle.twap(0, first + 1, first + 2) == 1_000
    assert rounds.oracle.twap(0, first + 4, first + 6) == 1_050


def test_twap__over_many_rounds__adds_nothing_up_but_prices_and_seconds():
    """A seventh below 1,002: one unit too many a round would make it 1,002."""
    rounds = played(*[1_001] * 6, 1_007, 1_001)
    first = START_S + 5
    assert rounds.oracle.twap(0, first, first + 35) == (1_001 * 30 + 1_007 * 5) // 35 == 1_001


def test_twap__that_ends_now__counts_the_last_answer_until_now():
    rounds = played(1_000, 1_100)
    last = START_S + 10
    boa.env.evm.patch.timestamp = last + 20
    assert rounds.oracle.twap(0, last - 5, last + 20) == (1_000 * 5 + 1_100 * 20) // 25
    assert rounds.oracle.twap(0, last, last + 1) == rounds.oracle.twap(0, last + 3, last + 20) == 1_100
    assert rounds.oracle.twap(0, last - 2, last) == 1_000


def test_twap__of_missed_rounds__lets_the_last_answer_stand():
    rounds = played(1_000, 0, 0, 2_000)
    first = START_S + 5
    assert rounds.oracle.twap(0, first, first + 15) == 1_000
    assert rounds.oracle.twap(0, first + 7, first + 15) == 1_000
    boa.env.evm.patch.timestamp = first + 25
    assert rounds.oracle.twap(0, first + 10, first + 25) == (1_000 * 5 + 2_000 * 10) // 15


def test_twap__while_the_last_round_missed_the_feed__still_counts_its_answer():
    rounds = played(1_000, 0)
    boa.env.evm.patch.timestamp = START_S + 18
    assert rounds.oracle.twap(0, START_S + 6, START_S + 18) == 1_000


@pytest.mark.parametrize(("start", "end"), [(0, 15), (4, 6), (9, 11), (14, 15), (5, 20)])
def test_twap__over_a_second_in_which_the_feed_was_tripped__reverts(start, end):
    """1,000, then three rounds at 2,000 until it is confirmed, then 2,000 is served."""
    rounds = played(1_000, 2_000, 2_000, 2_000, 2_000, feed=Feed("A/USD", guards=STEP))
    first = START_S + 5
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, first + start, first + end)


def test_twap__beside_a_trip__is_served():
    rounds = played(1_000, 2_000, 2_000, 2_000, 2_000, feed=Feed("A/USD", guards=STEP))
    first = START_S + 5
    assert rounds.oracle.twap(0, first, first + 5) == 1_000
    assert rounds.oracle.twap(0, first + 15, first + 20) == 2_000
    assert rounds.oracle.twap(1, first, first + 20) == 7


def test_twap__that_ends_now_while_tripped__says_so():
    rounds = played(1_000, 2_000, feed=Feed("A/USD", guards=STEP))
    boa.env.evm.patch.timestamp += 1
    with boa.reverts("oracle: tripped"):
        rounds.oracle.twap(0, START_S + 5, START_S + 11)
    assert rounds.oracle.twap(0, START_S + 5, START_S + 10) == 1_000


def test_twap__over_rounds_while_the_feed_was_held__reverts_even_after_the_clear():
    rounds = played(1_000, 1_000)
    rounds.oracle.trip(0, sender=GUARDIAN)
    rounds.agree(1_000, 7)
    with boa.reverts("oracle: tripped"):
        rounds.oracle.twap(0, START_S + 5, START_S + 10)
    rounds.oracle.propose_clear(0, sender=OWNER)
    rounds.agree(1_000, 7, after_s=TWAP.delay)
    rounds.oracle.execute_clear(0, sender=OWNER)
    rounds.agree(1_000, 7)
    rounds.agree(1_000, 7)
    at = rounds.timestamp
    assert rounds.oracle.twap(0, START_S + 5, START_S + 10) == 1_000
    assert rounds.oracle.twap(0, at - 5, at) == 1_000
    for start in (START_S + 10, START_S + 12, at - 11):
        with boa.reverts("oracle: gap in window"):
            rounds.oracle.twap(0, start, at)
    # The seconds up to the first round that was played while it was held: nobody can tell which of them had an answer.
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, START_S + 10, START_S + 15)


@pytest.mark.parametrize("missed", [False, True])
def test_twap__over_an_answer_older_than_its_heartbeat_allows__reverts(missed):
    """60 s of heartbeat and 60 s of lateness: 120 s without an answer are served, 125 s are not."""
    rounds = played(1_000)
    first = START_S + 5
    if missed:
        for _ in range(12):
            rounds.agree(0, 7, after_s=10)
    else:
        rounds.agree(0, 7, after_s=120)
    assert rounds.timestamp == first + 120
    assert rounds.oracle.twap(0, first, first + 120) == 1_000
    rounds.agree(1_000, 7)
    assert rounds.oracle.twap(0, first, first + 120) == 1_000
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, first, first + 121)
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, first + 124, first + 125)


def test_twap__whose_answer_is_stale_now__reverts():
    rounds = played(1_000)
    first = START_S + 5
    boa.env.evm.patch.timestamp = first + 120
    assert rounds.oracle.twap(0, first, first + 120) == 1_000
    boa.env.evm.patch.timestamp = first + 121
    with boa.reverts("oracle: stale"):
        rounds.oracle.twap(0, first, first + 120)


def test_twap__of_a_feed_younger_than_the_window__reverts():
    rounds = Rounds(feeds(1), terms=TWAP)
    rounds.agree(10)
    rounds.agree(10)
    signers = [signer.address for signer in rounds.signers]
    rounds.feeds = [*rounds.feeds, Feed("YOUNG/USD")]
    rounds.oracle.propose_epoch(rounds.feeds, signers, 1, sender=OWNER)
    boa.env.evm.patch.timestamp += TWAP.delay
    rounds.oracle.execute_epoch(sender=OWNER)
    rounds.epoch, rounds.timestamp = 2, boa.env.evm.patch.timestamp // 5 * 5
    with boa.reverts("oracle: no quorum yet"):
        rounds.oracle.twap(1, rounds.timestamp - 1, rounds.timestamp)
    for price in (20, 30):
        rounds.agree(10, price)
    at = rounds.timestamp
    assert rounds.oracle.twap(1, at - 5, at) == 20
    for start, end in [(at - 6, at), (START_S + 10, at), (START_S + 5, START_S + 10), (START_S + 6, START_S + 7)]:
        with boa.reverts("oracle: gap in window"):
            rounds.oracle.twap(1, start, end)
    assert rounds.oracle.twap(0, START_S + 5, START_S + 10) == 10


def test_twap__over_a_first_price_that_was_refused__reverts():
    banded = Feed("A/USD", guards=Guards(first_max_price=1_000))
    rounds = played(2_000, 900, 900, feed=banded)
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(0, START_S + 5, START_S + 15)
    assert rounds.oracle.twap(0, START_S + 10, START_S + 15) == 900


def test_twap__of_a_window_longer_than_the_history__reverts():
    rounds = played(1_000, 1_000)
    assert rounds.oracle.twap(0, START_S + 5, START_S + 10) == 1_000
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.twap(0, START_S + 4, START_S + 10)
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.twap(0, 0, START_S + 10)


def test_twap__before_the_header_moved__reverts():
    """A fourth feed moves the round times to another word: what was before cannot be read any more."""
    rounds = Rounds(feeds(3), terms=TWAP)
    rounds.agree(10, 20, 30)
    rounds.agree(10, 20, 30)
    signers = [signer.address for signer in rounds.signers]
    rounds.feeds = feeds(4)
    rounds.oracle.propose_epoch(rounds.feeds, signers, 1, sender=OWNER)
    boa.env.evm.patch.timestamp += TWAP.delay
    rounds.oracle.execute_epoch(sender=OWNER)
    rounds.epoch = 2
    before, rounds.timestamp = rounds.timestamp, boa.env.evm.patch.timestamp // 5 * 5
    for _ in range(3):
        rounds.agree(11, 21, 31, 41)
    at = rounds.timestamp
    assert rounds.oracle.twap(2, at - 10, at) == 31
    assert rounds.oracle.twap(3, at - 10, at) == 41
    with boa.reverts("oracle: gap in window"):
        rounds.oracle.twap(2, before, at)
    with boa.reverts("oracle: round not in history"):
        rounds.oracle.twap(2, before - 1, at)


def test_twap__at_the_largest_price_over_the_largest_gap_allowed__does_not_overflow():
    longest = Feed("A/USD", heartbeat=2**32 - 1)
    rounds = Rounds([longest, longest._replace(name="B/USD")], terms=TWAP)
    rounds.agree(MAX_LANE, MAX_LANE)
    first = rounds.timestamp
    rounds.agree(MAX_LANE, MAX_LANE, after_s=2**32 // 5 * 5 - 5)
    assert rounds.oracle.twap(0, first, rounds.timestamp) == MAX_LANE
    assert rounds.oracle.twap(1, first + 1, rounds.timestamp - 1) == MAX_LANE
    rounds.agree(MAX_LANE, MAX_LANE)
    rounds.agree(MAX_LANE, MAX_LANE)
    assert rounds.oracle.twap(0, rounds.timestamp - 10, rounds.timestamp) == MAX_LANE


def test_twap__when_the_sums_wrap_around__is_still_exact():
    rounds = played(1_000, 1_100)
    layout = compile_contract("MedianOracle").layout["storage_layout"]["history"]["sums"]["slot"]
    slot = layout + (2 << 4)
    word = boa.env.get_storage(rounds.oracle.address, slot)
    gap, other = word >> 96 & 2**32 - 1, word >> 128
    boa.env.set_storage(rounds.oracle.address, slot, other << 128 | gap << 96 | 2**96 - 3)
    rounds.agree(1_200, 7)
    rounds.agree(1_300, 7)
    at = rounds.timestamp
    assert rounds.oracle.twap(0, at - 10, at) == 1_150
    assert rounds.oracle.twap(0, at - 7, at - 4) == (1_100 * 2 + 1_200) // 3
    assert rounds.oracle.twap(1, at - 10, at) == 7


def test_twap__of_every_feed_of_a_large_set__is_its_own():
    rounds = Rounds(feeds(9), terms=TWAP)
    for place in range(3):
        rounds.agree(*[1_000 * (feed + 1) + place for feed in range(9)])
    at = rounds.timestamp
    for feed in range(9):
        assert rounds.oracle.twap(feed, at - 10, at) == 1_000 * (feed + 1)
        assert rounds.oracle.twap(feed, at - 5, at) == 1_000 * (feed + 1) + 1


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (0, 0, "oracle: empty window"),
        (5, 4, "oracle: empty window"),
        (0, 11, "oracle: time not reached"),
    ],
)
def test_twap__of_a_window_that_cannot_be__reverts(start, end, reason):
    rounds = played(1_000, 1_000, 1_000)
    with boa.reverts(reason):
        rounds.oracle.twap(0, START_S + 5 + start, START_S + 5 + end)


def test_twap__of_an_unknown_feed__reverts():
    rounds = played(1_000, 1_000)
    with boa.reverts("oracle: unknown feed"):
        rounds.oracle.twap(2, START_S + 5, START_S + 10)


def test_twap__while_paused__reverts():
    rounds = played(1_000, 1_000)
    rounds.oracle.pause(sender=GUARDIAN)
    with boa.reverts("oracle: paused"):
        rounds.oracle.twap(0, START_S + 5, START_S + 10)


def test_twap__before_the_first_round__reverts():
    rounds = Rounds(terms=TWAP)
    with boa.reverts("oracle: no quorum yet"):
        rounds.oracle.twap(0, START_S - 5, START_S)


def test_twap__of_an_oracle_that_keeps_none__reverts(rounds, oracle):
    rounds.agree(1, 1, 1, 1)
    rounds.agree(1, 1, 1, 1)
    assert not oracle.terms().twap
    with boa.reverts("oracle: keeps no TWAP"):
        oracle.twap(0, START_S + 5, START_S + 10)


def test_twap__with_the_last_round_a_little_in_the_future__may_end_at_it():
    rounds = played(1_000, 1_100)
    boa.env.evm.patch.timestamp -= 10
    assert rounds.oracle.twap(0, START_S + 5, START_S + 10) == 1_000
    with boa.reverts("oracle: time not reached"):
        rounds.oracle.twap(0, START_S + 5, START_S + 11)


def test_twap__on_an_l2_whose_sequencer_is_down__tells_history_only():
    sequencer = deployer("MockAggregator").deploy()
    boa.env.evm.patch.timestamp = START_S
    rounds = Rounds([CAST[0], CAST[1]], terms=TWAP._replace(sequencer=sequencer.address))
    sequencer.set_round(0, START_S - 10_000)
    rounds.agree(1_000, 7)
    rounds.agree(1_000, 7)
    boa.env.evm.patch.timestamp += 5
    at = rounds.timestamp
    assert rounds.oracle.twap(0, at - 5, at + 5) == 1_000
    sequencer.set_round(1, at)
    with boa.reverts("oracle: sequencer down"):
        rounds.oracle.twap(0, at - 5, at + 5)
    assert rounds.oracle.twap(0, at - 5, at) == 1_000


def test_submit__with_and_without_sums__stores_the_same_rounds():
    """Everything but TWAPs is the same: missed, tripped, held and confirmed rounds."""
    guarded = [Feed("A/USD", guards=STEP), Feed("B/USD"), Feed("C/USD", guards=STEP)]
    pair = [Rounds(guarded, terms=terms) for terms in (Terms(), TWAP)]
    for place, prices in enumerate([(10, 10, 10), (10, 0, 20), (20, 30, 20), (20, 0, 20), (20, 10, 10), (20, 9, 11)]):
        prices = [100 * price for price in prices]
        states = []
        for rounds in pair:
            rounds.agree(*prices)
            if place == 2:
                rounds.oracle.trip(1, sender=GUARDIAN)
            state = [rounds.oracle.breaker_state(feed) for feed in range(3)]
            for feed in (0, 2):
                try:
                    state.append(rounds.oracle.latest(feed))
                except boa.BoaError as error:
                    state.append(str(error).splitlines()[0])
            states.append(state)
        assert states[0] == states[1]

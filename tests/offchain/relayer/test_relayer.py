# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer against fakes: when it pays for a round, and what it survives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from tests.offchain.fakes import (
    PERIOD_S,
    FakeOracle,
    FakePayer,
    FakePeer,
    oracle_config,
    signed_row,
)
from tests.offchain.relayer.rounds import USDC, T, metric, peers_of, relay

from plumbline.core.models import SignedRow
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import Answer, NoAnswer, OracleConfig
from plumbline.relayer.service import Terms
from plumbline.store.relays import RelayJournal


def test_round__first_of_a_feed__a_quorum_of_rows_is_submitted_in_order(tmp_path):
    oracle = FakeOracle()
    rows = [signed_row(i, T, (2_000_000_000_000 + i, USDC)) for i in (5, 3, 1, 2, 4)]
    (outcome,), _ = relay(tmp_path, peers_of(*rows), oracle)
    assert outcome.word == "submitted"
    assert outcome.why == ("BTC/USD has no answer yet", "USDC/USD has no answer yet")
    assert outcome.reporters == (1, 2, 3, 4, 5)
    ((timestamp, medians, chosen),) = oracle.rounds
    assert timestamp == T
    # Three of five are enough, and their median is the median of all five.
    assert len(chosen) == 3
    assert [signed.reporter for signed in chosen] == sorted(signed.reporter for signed in chosen)
    assert medians == (2_000_000_000_003, USDC)


@pytest.mark.parametrize(
    ("price", "age_s", "due"),
    [
        (2_000_000_000_000, PERIOD_S, False),
        (2_004_999_999_999, PERIOD_S, False),
        (2_005_000_000_000, PERIOD_S, True),
        (1_995_000_000_001, PERIOD_S, False),
        (1_995_000_000_000, PERIOD_S, True),
        (2_000_000_000_000, 55, False),
        (2_000_000_000_000, 60, True),
    ],
)
def test_round__deviation_or_heartbeat__exactly_at_the_threshold(tmp_path, price, age_s, due):
    oracle = FakeOracle()
    first = [signed_row(i, T) for i in (1, 2, 3)]
    relay(tmp_path, peers_of(*first), oracle)
    later = [signed_row(i, T + age_s, (price, USDC)) for i in (1, 2, 3)]
    (outcome,), _ = relay(tmp_path, peers_of(*later, timestamp=T + age_s), oracle, [T + age_s])
    assert (outcome.word == "submitted") is due
    assert len(oracle.rounds) == 1 + due


def test_round__one_feed_short_of_its_quorum__the_others_are_submitted(tmp_path):
    oracle = FakeOracle()
    rows = [signed_row(1, T, (2_000_000_000_000, 0)), *(signed_row(i, T) for i in (2, 3))]
    (outcome,), _ = relay(tmp_path, peers_of(*rows), oracle)
    assert outcome.word == "submitted"
    assert oracle.rounds[0][1] == (2_000_000_000_000, 0)


def test_round__there_already__nothing_is_sent(tmp_path):
    oracle = FakeOracle()
    rows = [signed_row(i, T) for i in (1, 2, 3)]
    outcomes, _ = relay(tmp_path, peers_of(*rows), oracle, [T, T])
    assert [outcome.word for outcome in outcomes] == ["submitted", "outpaced"]
    assert len(oracle.rounds) == 1


def test_round__another_relayer_was_quicker_by_a_hair__is_no_error(tmp_path):
    class Raced(FakeOracle):
        async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
            raise ChainError("reverted", "oracle: round not newer")

    (outcome,), _ = relay(tmp_path, peers_of(*(signed_row(i, T) for i in (1, 2, 3))), Raced())
    assert outcome.word == "outpaced"


def test_round__dry_run__is_simulated_only(tmp_path):
    oracle = FakeOracle()
    (outcome,), _ = relay(tmp_path, peers_of(*(signed_row(i, T) for i in (1, 2, 3))), oracle, dry_run=True)
    assert outcome.word == "simulated"
    assert oracle.rounds == []


@pytest.mark.parametrize(
    ("error", "word"),
    [(ChainUnreachable("http://127.0.0.1: ConnectError"), "chain"), (ChainError("x", "oracle: median"), "reverted")],
)
def test_round__submission_fails__is_journaled_with_its_reason_and_tried_again_next_round(tmp_path, error, word):
    class Failing(FakeOracle):
        fails = True

        async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
            if self.fails:
                self.fails = False
                raise error
            return await super().submit(timestamp, rows)

    rows = {t: [signed_row(i, t) for i in (1, 2, 3)] for t in (T, T + PERIOD_S)}
    peers = [FakePeer(f"p{i}", {t: rows[t][i] for t in rows}) for i in range(3)]
    outcomes, _ = relay(tmp_path, peers, Failing(), list(rows))
    assert [outcome.word for outcome in outcomes] == [word, "submitted"]
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        kept = journal.execute("SELECT timestamp, outcome, detail FROM submissions ORDER BY id").fetchall()
    assert kept[0] == (T, word, error.reason or str(error))
    assert kept[1][:2] == (T + PERIOD_S, "submitted")


def test_round__chain_unreachable__is_given_up_and_the_next_one_works(tmp_path):
    oracle = FakeOracle()
    oracle.unreachable()
    (outcome,), relayer = relay(tmp_path, peers_of(*(signed_row(i, T) for i in (1, 2, 3))), oracle)
    assert outcome.word == "chain"
    assert relayer.unready() == "http://127.0.0.1: ConnectError"
    oracle.trouble = None
    (outcome,), relayer = relay(tmp_path, peers_of(*(signed_row(i, T) for i in (1, 2, 3))), oracle)
    assert outcome.word == "submitted"


def test_round__oracle_refuses_a_feeds_medians__is_not_paid_for_every_period(tmp_path):
    class Bounded(FakeOracle):
        """Takes a round, but keeps the first feed's answer, as its hard bounds do."""

        async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
            before = self._answers[0]
            sent = await super().submit(timestamp, rows)
            if isinstance(before, Answer):
                self._answers[0] = before
            return sent

    oracle = Bounded()
    times = [T + n * PERIOD_S for n in range(16)]
    price = {t: 2_000_000_000_000 if t == T else 9_000_000_000_000 for t in times}
    peers = [FakePeer(f"p{i}", {t: signed_row(i, t, (price[t], USDC)) for t in times}) for i in (1, 2, 3)]
    outcomes, _ = relay(tmp_path, peers, oracle, times)
    # The first, the move, and then a heartbeat of 60 s later.
    assert [o.timestamp - T for o in outcomes if o.word == "submitted"] == [0, PERIOD_S, PERIOD_S + 60]


@pytest.mark.parametrize(
    ("silence", "submitted", "unready"),
    [
        (NoAnswer.HELD, [0, 60], "BTC/USD is held"),
        (
            NoAnswer.NONE_YET,
            [0, 60],
            f"BTC/USD has no answer yet: the oracle did not take 3200000000000 in round {T + 60}",
        ),
        (NoAnswer.TRIPPED, [n * PERIOD_S for n in range(16)], "BTC/USD is tripped"),
    ],
)
def test_round__feed_gets_no_answer__is_paid_for_once_a_heartbeat_unless_rounds_can_confirm_it(
    tmp_path, silence, submitted, unready
):
    class Silent(FakeOracle):
        """Takes a round, but nothing of the first feed."""

        async def answers(self) -> tuple[Answer | NoAnswer, ...]:
            return silence, *(await super().answers())[1:]

    times = [T + n * PERIOD_S for n in range(16)]
    rows = {t: (2_000_000_000_000 + (t - T) * 20_000_000_000, USDC) for t in times}
    peers = [FakePeer(f"p{i}", {t: signed_row(i, t, rows[t]) for t in times}) for i in (1, 2, 3)]
    outcomes, relayer = relay(tmp_path, peers, Silent(), times)
    assert [o.timestamp - T for o in outcomes if o.word == "submitted"] == submitted
    assert relayer.unready() == unready


def test_unready__feed_older_than_its_heartbeat_allows__says_which(tmp_path):
    oracle = FakeOracle(oracle_config())
    times = [T, T + 80]
    peers = [FakePeer(f"p{i}", {T: signed_row(i, T)}) for i in (1, 2, 3)]
    _, relayer = relay(tmp_path, peers, oracle, times)
    assert relayer.unready() == "BTC/USD is 85 s old, expected at most 75 s"


def test_round__kill_switch_file__nothing_is_asked_and_nothing_is_sent(tmp_path):
    (switch := tmp_path / "stop").touch()
    oracle, peers = FakeOracle(), peers_of(*(signed_row(i, T) for i in (1, 2, 3)))
    (outcome,), relayer = relay(tmp_path, peers, oracle, terms=Terms(kill_switch=switch))
    assert (outcome.word, outcome.detail) == ("kill switch", f"{switch} exists")
    assert relayer.unready() == f"kill switch: {switch} exists"
    assert oracle.rounds == []
    assert not any(peer.asked for peer in peers)


def test_round__relayers_take_turns__each_round_is_paid_for_once_and_a_dead_one_costs_a_period(tmp_path):
    """Three relayers on one chain; the second is dead. Every round moves, so every round is due."""
    oracle, relayers = FakeOracle(), ("a", "b", "c")
    times = [T + n * PERIOD_S for n in range(12)]
    paid = []
    for timestamp in times:
        price = 2_000_000_000_000 + (timestamp - T) * 10_000_000_000
        for name in ("a", "c"):
            peers = peers_of(*(signed_row(i, timestamp, (price, USDC)) for i in (1, 2, 3)), timestamp=timestamp)
            (outcome,), _ = relay(
                tmp_path / name, peers, oracle, [timestamp], terms=Terms(relayers=relayers), address=name
            )
            paid += [(timestamp, name)] if outcome.word == "submitted" else []
    assert len({timestamp for timestamp, _ in paid}) == len(paid) == 8
    assert {name for _, name in paid} == {"a", "c"}
    missed = [timestamp for timestamp in times if timestamp not in dict(paid)]
    assert all(b - a == 3 * PERIOD_S for a, b in pairwise(missed))


def test_round__another_relayers_round_waits_to_be_mined__is_given_one_period(tmp_path):
    oracle = FakeOracle()
    oracle.waiting = T
    rows = {t: [signed_row(i, t) for i in (1, 2, 3)] for t in (T + PERIOD_S, T + 2 * PERIOD_S)}
    peers = [FakePeer(f"p{i}", {t: rows[t][i] for t in rows}) for i in range(3)]
    outcomes, _ = relay(tmp_path, peers, oracle, list(rows))
    assert [outcome.word for outcome in outcomes] == ["in flight", "submitted"]


def test_round__mined_then_taken_back_by_a_reorganisation__is_said_and_due_again(tmp_path):
    class Reorganising(FakeOracle):
        payer = FakePayer()

        async def config(self) -> OracleConfig:
            if len(self.rounds) == 1 and self.payer.depths == {}:
                # The chain's last block is another now, and the round is in none.
                self.payer.depths[f"0x{T:064x}"] = None
                self.rounds.clear()
                self._answers = [NoAnswer.NONE_YET] * 2
            return await super().config()

        async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
            await super().submit(timestamp, rows)
            return f"0x{timestamp:064x}"

    oracle = Reorganising()
    times = [T + n * PERIOD_S for n in range(3)]
    peers = [FakePeer(f"p{i}", {t: signed_row(i, t) for t in times}) for i in (1, 2, 3)]
    outcomes, relayer = relay(tmp_path, peers, oracle, times, payer=oracle.payer)
    assert [outcome.word for outcome in outcomes] == ["submitted", "submitted", "not due"]
    assert metric(relayer, "plumbline_rounds_reorganised_total 1.0")
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        kept = journal.execute("SELECT timestamp, outcome FROM submissions WHERE id = 1").fetchall()
    assert kept == [(T, "reorganised")]


def test_round__mined_deep_enough__is_confirmed_and_no_longer_watched(tmp_path):
    payer = FakePayer(depths={f"0x{1:064x}": 3})
    times = [T, T + PERIOD_S]
    peers = [FakePeer(f"p{i}", {t: signed_row(i, t) for t in times}) for i in (1, 2, 3)]
    _, relayer = relay(tmp_path, peers, FakeOracle(), times, payer=payer, terms=Terms(confirmations=3))
    assert relayer.unsettled == 0
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        assert journal.execute("SELECT outcome FROM submissions").fetchall() == [("confirmed",)]


def test_unready__balance_is_low__says_how_much_is_there(tmp_path):
    peers = peers_of(*(signed_row(i, T) for i in (1, 2, 3)))
    terms = Terms(low_balance_wei=8)
    _, relayer = relay(tmp_path, peers, FakeOracle(), terms=terms, payer=FakePayer(balance=7))
    assert relayer.unready() == "balance is 7 wei, expected at least 8"

# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer against fakes: whom it believes, when it pays for a round, what it survives."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.offchain.fakes import (
    KEYS,
    PERIOD_S,
    START_S,
    FakeClock,
    FakeOracle,
    FakePeer,
    oracle_config,
    signed_row,
)

from plumbline.core.models import SignedRow
from plumbline.errors import ChainError, ChainUnreachable, PeerError, RowError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Answer, NoAnswer
from plumbline.relayer.collect import Collector
from plumbline.relayer.service import Outcome, Relayer
from plumbline.store.relays import RelayJournal

T = START_S + PERIOD_S
USDC = 99_000_000


def relay(
    folder: Path,
    peers: Sequence[FakePeer],
    oracle: FakeOracle,
    timestamps: Sequence[int] = (T,),
    *,
    dry_run: bool = False,
    late_s: float = 0.02,
    over: bool = True,
    kill_switch: Path | None = None,
) -> tuple[list[Outcome], Relayer]:
    """Run these rounds one after the other; with `over` a round that is still gathering is over a little later."""

    async def main() -> tuple[list[Outcome], Relayer]:
        clock, metrics = FakeClock(), RelayerMetrics()
        with RelayJournal(folder / "relayer.sqlite") as journal:
            collector = Collector(peers, journal, clock, metrics, poll_s=0.001, late_s=late_s)
            relayer = Relayer(oracle, collector, journal, clock, metrics, dry_run=dry_run, kill_switch=kill_switch)
            outcomes = []
            for timestamp in timestamps:
                task = asyncio.create_task(relayer.round(timestamp))
                if over:
                    await asyncio.wait([task], timeout=0.2)
                    await clock.advance_to((timestamp + PERIOD_S) * 1000)
                outcomes.append(await asyncio.wait_for(task, 5))
            return outcomes, relayer

    return asyncio.run(main())


def peers_of(*rows: SignedRow | Exception | None, timestamp: int = T) -> list[FakePeer]:
    return [FakePeer(f"p{i}", {timestamp: row} if row else {}) for i, row in enumerate(rows, 1)]


def metric(relayer: Relayer, line: str) -> bool:
    return line.encode() in relayer.metrics.render()


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


def bad_rows() -> dict[str, SignedRow | Exception]:
    good = signed_row(4, T)
    return {
        "timestamp": signed_row(4, T - PERIOD_S),
        "epoch": signed_row(4, T, epoch=2),
        "shape": signed_row(4, T, (1,)),
        "reporter": replace(good, reporter=6),
        "signature": replace(good, reporter=5),
        "malformed": RowError("row: JSON is malformed"),
        "oversized": PeerError("oversized", "more than 4096 bytes"),
        "unreachable": PeerError("unreachable", "ConnectError"),
    }


@pytest.mark.parametrize("kind", bad_rows())
def test_round__one_peer_serves_rubbish__it_is_counted_by_reason_and_the_round_goes_on(tmp_path, kind):
    oracle = FakeOracle()
    good = [signed_row(i, T) for i in (1, 2, 3)]
    (outcome,), relayer = relay(tmp_path, peers_of(bad_rows()[kind], *good), oracle)
    assert outcome.word == "submitted"
    assert outcome.reporters == (1, 2, 3)
    assert relayer.collector.states["p1"].kind == kind
    assert metric(relayer, f'plumbline_rows_refused_total{{peer="p1",reason="{kind}"}}')


def test_round__signed_for_another_chain_or_contract__is_refused(tmp_path):
    oracle = FakeOracle()
    foreign = [signed_row(1, T, chain_id=1), signed_row(2, T, address=KEYS[0].address), signed_row(3, T)]
    (outcome,), relayer = relay(tmp_path, peers_of(*foreign), oracle)
    assert outcome == Outcome(T, "no quorum", reporters=(3,))
    assert oracle.rounds == []
    assert relayer.collector.states["p1"].kind == relayer.collector.states["p2"].kind == "signature"


def test_round__reporter_signs_two_rows__both_are_kept_and_it_is_out_of_the_round(tmp_path):
    oracle = FakeOracle()
    honest = [signed_row(i, T) for i in (1, 2, 3)]
    twofaced = signed_row(4, T, (2_100_000_000_000, USDC)), signed_row(4, T, (1_900_000_000_000, USDC))
    (outcome,), relayer = relay(tmp_path, peers_of(*honest, *twofaced), oracle)
    assert outcome.word == "submitted"
    assert outcome.reporters == (1, 2, 3)
    assert metric(relayer, 'plumbline_equivocations_total{reporter="4"} 1.0')
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        kept = journal.execute("SELECT prices, r FROM rows WHERE reporter = 4 ORDER BY prices").fetchall()
    assert [json.loads(prices)[0] for prices, _ in kept] == [1_900_000_000_000, 2_100_000_000_000]
    assert {int(r, 16) for _, r in kept} == {signed.r for signed in twofaced}


def test_round__same_row_from_two_peers__is_no_equivocation(tmp_path):
    rows = [signed_row(1, T), signed_row(1, T), signed_row(2, T), signed_row(3, T)]
    (outcome,), relayer = relay(tmp_path, peers_of(*rows), FakeOracle())
    assert outcome.reporters == (1, 2, 3)
    assert not metric(relayer, "plumbline_equivocations_total{")


def test_round__quorum_there_and_one_peer_hangs__is_waited_for_no_longer_than_the_bound(tmp_path):
    peers = peers_of(*(signed_row(i, T) for i in (1, 2, 3)))
    late = FakePeer("late")
    late.hangs = True
    # Without the end of the round: only the bound can end the waiting.
    (outcome,), relayer = relay(tmp_path, [*peers, late], FakeOracle(), over=False)
    assert outcome.word == "submitted"
    assert relayer.collector.states["late"].kind == "late"
    assert metric(relayer, 'plumbline_rows_refused_total{peer="late",reason="late"} 1.0')


def test_round__quorum_there_and_one_peer_dead__goes_on_at_once(tmp_path):
    dead = FakePeer("dead", {T: PeerError("unreachable", "ConnectError")})
    peers = peers_of(*(signed_row(i, T) for i in (1, 2, 3)))
    started = time.monotonic()
    (outcome,), _ = relay(tmp_path, [dead, *peers], FakeOracle(), late_s=60, over=False)
    assert outcome.word == "submitted"
    assert time.monotonic() - started < 30


def test_round__no_quorum__waits_to_the_end_of_the_round_and_submits_nothing(tmp_path):
    oracle = FakeOracle()
    (outcome,), _ = relay(tmp_path, peers_of(signed_row(1, T), signed_row(2, T), None), oracle)
    assert outcome == Outcome(T, "no quorum", reporters=(1, 2))
    assert oracle.rounds == []


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
    (outcome,), relayer = relay(tmp_path, peers, oracle, kill_switch=switch)
    assert (outcome.word, outcome.detail) == ("kill switch", f"{switch} exists")
    assert relayer.unready() == f"kill switch: {switch} exists"
    assert oracle.rounds == []
    assert not any(peer.asked for peer in peers)

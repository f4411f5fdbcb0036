# SPDX-License-Identifier: AGPL-3.0-only
"""Whom a relayer believes: what is wrong with a row, who signed two, and how long it waits for a quorum."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from tests.offchain.fakes import (
    KEYS,
    PERIOD_S,
    FakeOracle,
    FakePeer,
    signed_row,
)
from tests.offchain.relayer.rounds import USDC, T, metric, peers_of, relay
from typer.testing import CliRunner

from plumbline.cli import app
from plumbline.core.models import SignedRow
from plumbline.errors import PeerError, RowError
from plumbline.relayer.service import Outcome
from plumbline.store.relays import RelayJournal


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


def test_evidence__two_rows_of_one_round__anybody_can_check_it(tmp_path):
    twofaced = signed_row(4, T, (2_100_000_000_000, USDC)), signed_row(4, T, (1_900_000_000_000, USDC))
    relay(tmp_path, peers_of(*(signed_row(i, T) for i in (1, 2, 3)), *twofaced), FakeOracle())
    runner, path = CliRunner(), tmp_path / "relayer.sqlite"
    told = runner.invoke(app, ["journal", "evidence", str(path)])
    assert told.exit_code == 1
    (line,) = told.stdout.splitlines()
    found = json.loads(line)
    assert found["signed_by"] == [KEYS[3].address]
    assert [row["prices"][0] for row in found["rows"]] == ["1900000000000", "2100000000000"]
    assert found["served_by"] == ["p5", "p4"]
    with RelayJournal(path) as journal:
        # However old: evidence is never pruned.
        assert journal.prune(T + 10**6) is False
        assert journal.execute("SELECT DISTINCT reporter FROM rows").fetchall() == [(4,)]
        assert len(journal.evidence()) == 1
    with RelayJournal(tmp_path / "clean.sqlite"):
        pass
    assert runner.invoke(app, ["journal", "evidence", str(tmp_path / "clean.sqlite")]).exit_code == 0

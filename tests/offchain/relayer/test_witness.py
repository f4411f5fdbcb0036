# SPDX-License-Identifier: AGPL-3.0-only
"""A reporter that tells each relayer another price: each alone sees nothing wrong, together they have the proof."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path

import httpx
import pytest
from tests.offchain.fakes import (
    PERIOD_S,
    START_S,
    FakeClock,
    FakeOracle,
    FakePayer,
    FakePeer,
    oracle_config,
    signed_row,
)

from plumbline.config import HttpConfig
from plumbline.core.models import SignedRow
from plumbline.errors import PeerError, RowError
from plumbline.metrics import RelayerMetrics
from plumbline.relayer.collect import Collector
from plumbline.relayer.pages import relayer_app
from plumbline.relayer.service import Relayer
from plumbline.relayer.witness import Witnesses
from plumbline.store.relays import EVIDENCE_KEPT, RelayJournal
from plumbline.transport.peer import HttpWitness, peer_client
from plumbline.transport.rows import decode_rows, encode_rows
from plumbline.transport.server import HttpServer

T = START_S + PERIOD_S
OURS = signed_row(4, T, (2_000_000_000_000, 99_000_000))
THEIRS = signed_row(4, T, (2_100_000_000_000, 99_000_000))


@dataclass
class FakeWitness:
    said: Sequence[SignedRow] | Exception
    name: str = "relayer-2"

    async def seen(self, timestamp: int) -> Sequence[SignedRow]:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def compare(folder: Path, said: Sequence[SignedRow] | Exception) -> tuple[int, str]:
    """How many rounds of evidence there are afterwards, and the metrics."""
    metrics, config = RelayerMetrics(), oracle_config()
    with RelayJournal(folder / "relayer.sqlite") as journal:
        journal.keep(config.chain_id, config.address, OURS, "reporter-4", 0)
        witnesses = Witnesses([FakeWitness(said)], journal, FakeClock(), metrics)
        for _ in range(2):
            asyncio.run(witnesses.compare(config, T))
        return len(journal.evidence()), metrics.render().decode()


def test_compare__another_row_of_the_same_reporter__is_evidence_and_said_once(tmp_path):
    found, metrics = compare(tmp_path, [THEIRS])
    assert found == 1
    assert 'plumbline_equivocations_total{reporter="4"} 1.0' in metrics


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([OURS], None),
        ([changed(THEIRS, r=OURS.r)], "signature"),
        ([changed(THEIRS, reporter=3)], "signature"),
        ([signed_row(4, T - PERIOD_S)], "timestamp"),
        ([signed_row(4, T, (1, 1), epoch=2)], "epoch"),
        (PeerError("oversized", "more than 253952 bytes"), "oversized"),
        (RowError("rows: JSON is malformed"), "malformed"),
    ],
)
def test_compare__same_row_or_a_lie_about_others__is_no_evidence(tmp_path, said, reason):
    found, metrics = compare(tmp_path, said)
    assert found == 0
    assert "plumbline_equivocations_total{" not in metrics
    if reason:
        assert f'plumbline_rows_refused_total{{peer="relayer-2",reason="{reason}"}}' in metrics


def test_relayers__told_two_stories__find_out_over_http(tmp_path):
    async def main() -> None:
        async with peer_client() as client:
            clock = FakeClock()
            relayers = []
            for number, story in enumerate((OURS, THEIRS)):
                journal, metrics = RelayJournal(tmp_path / f"{number}.sqlite"), RelayerMetrics()
                rows = [*(signed_row(i, T) for i in (1, 2, 3)), story]
                peers = [FakePeer(f"p{i}", {T: row}) for i, row in enumerate(rows)]
                collector = Collector(peers, journal, clock, metrics, poll_s=0.001, late_s=0.01)
                relayers.append(Relayer(FakeOracle(), collector, journal, clock, metrics, FakePayer()))
                await relayers[-1].round(T)
            async with HttpServer(relayer_app(relayers[1]), HttpConfig(port=0)) as server:
                url = f"http://127.0.0.1:{server.port}"
                witness = HttpWitness("other", url, client, timeout_s=2)
                seen = await witness.seen(T)
                assert [signed.reporter for signed in seen] == [1, 2, 3, 4]
                assert await witness.seen(T + PERIOD_S) == []
                for path in ("x", "-1", "9" * 5_000, "1.5"):
                    assert (await client.get(f"{url}/seen/{path}")).status_code in (400, 404)
                await Witnesses([witness], relayers[0].journal, clock, RelayerMetrics()).compare(oracle_config(), T)
            (found,) = relayers[0].journal.evidence()
            assert {signed.row for signed in found.rows} == {OURS.row, THEIRS.row}
            assert found.peers == ("p3", "other")
            async with (
                HttpServer(relayer_app(relayers[0]), HttpConfig(port=0)) as server,
                httpx.AsyncClient() as asking,
            ):
                (shown,) = (await asking.get(f"http://127.0.0.1:{server.port}/evidence")).json()
                assert len(shown["rows"]) == 2
            for relayer in relayers:
                relayer.journal.close()

    asyncio.run(main())


def test_compare__flood_of_rows_of_one_reporter__hides_no_other_and_fills_nothing(tmp_path):
    """Two rows prove it; twenty more are not kept, shown or said, and reporter 5 is found out all the same."""
    config = oracle_config()
    with RelayJournal(tmp_path / "other.sqlite") as other:
        for price in range(1, 21):
            other.keep(config.chain_id, config.address, signed_row(4, T, (price, 99_000_000)), "p4", 0)
        other.keep(config.chain_id, config.address, signed_row(5, T, (7, 99_000_000)), "p5", 0)
        told = other.seen(config.chain_id, config.address, OURS.row.epoch, T)
    assert [signed.reporter for signed in told] == [4, 4, 5]
    metrics = RelayerMetrics()
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        journal.keep(config.chain_id, config.address, signed_row(5, T), "p5", 0)
        flood = [signed_row(4, T, (price, 99_000_000)) for price in range(1, 10)]
        witnesses = Witnesses([FakeWitness([*told, *flood])], journal, FakeClock(), metrics)
        for _ in range(3):
            asyncio.run(witnesses.compare(config, T))
        assert sorted(found.rows[0].reporter for found in journal.evidence()) == [4, 5]
    counted = metrics.render().decode()
    assert 'plumbline_equivocations_total{reporter="4"} 1.0' in counted
    assert 'plumbline_equivocations_total{reporter="5"} 1.0' in counted


def test_evidence__one_reporter_goes_on_for_ever__the_first_rounds_stay_and_the_disk_does_not_fill(tmp_path):
    config = oracle_config()
    rounds = range(T, T + (EVIDENCE_KEPT + 50) * PERIOD_S, PERIOD_S)
    with RelayJournal(tmp_path / "relayer.sqlite") as journal:
        for timestamp in rounds:
            for price in (1, 2, 3):
                journal.keep(config.chain_id, config.address, signed_row(4, timestamp, (price, 99_000_000)), "p4", 0)
        assert [found.rows[0].row.timestamp for found in journal.evidence()] == [*rounds][:EVIDENCE_KEPT]
        while journal.prune(rounds[-1] + 1):
            pass
        assert journal.execute("SELECT count(*) FROM rows").fetchone() == (2 * EVIDENCE_KEPT,)
        assert len(journal.evidence()) == EVIDENCE_KEPT


def test_journal__of_the_version_before__keeps_its_evidence(tmp_path):
    config, path = oracle_config(), tmp_path / "relayer.sqlite"
    with RelayJournal(path) as journal:
        for signed in (OURS, THEIRS, signed_row(3, T)):
            journal.keep(config.chain_id, config.address, signed, "p", 0)
        journal.execute("DROP TABLE equivocations")
        journal.execute("UPDATE journal SET version = 2")
    with RelayJournal(path) as journal:
        (found,) = journal.evidence()
        assert {signed.row for signed in found.rows} == {OURS.row, THEIRS.row}


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"reporter": 1}]', b"[" * 10_000, b"\xff"])
def test_decode_rows__anything_else__is_a_row_error(body):
    with pytest.raises(RowError):
        decode_rows(body)


def test_decode_rows__what_was_encoded__comes_back():
    assert decode_rows(encode_rows([OURS, THEIRS])) == [OURS, THEIRS]

# SPDX-License-Identifier: AGPL-3.0-only
"""The reporter's loop against fakes: what it signs, when it refuses, what it survives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from tests.offchain.fakes import (
    KEYS,
    ORACLE,
    PERIOD_S,
    START_S,
    FakeClock,
    FakeOracle,
    FakePeer,
    FakeSource,
    oracle_config,
    settle,
    signed_row,
)

from plumbline.chain.signing import recover
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.core.models import Row, Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD
from plumbline.errors import JournalError, SignerError
from plumbline.ports import ChainFeed
from plumbline.reporter.pages import reporter_status
from plumbline.reporter.service import Reporter, ReporterTiming
from plumbline.reporter.signing import method_of
from plumbline.reporter.verify import verify
from plumbline.store.rows import RowJournal
from plumbline.transport.rows import decode_row, encode_row

RULES = (
    FeedRule("BTC/USD", 8, 1, markets=parse_markets(["kraken:BTC/USD", "coinbase:BTC/USD"])),
    FeedRule("USDC/USD", 8, 1, markets=parse_markets(["kraken:USDC/USD"])),
)


@dataclass
class Bench:
    reporter: Reporter
    oracle: FakeOracle
    clock: FakeClock
    kraken: FakeSource
    coinbase: FakeSource

    async def to(self, timestamp: int) -> None:
        await self.clock.advance_to(timestamp * 1000 + 100)

    def trade(self, bitcoin: str = "20000", usdc: str = "0.99") -> None:
        self.kraken.put("BTC/USD", bitcoin, self.clock.now_ms())
        self.kraken.put("USDC/USD", usdc, self.clock.now_ms())


def run(path, test: Callable[[Bench], Awaitable[None]], oracle: FakeOracle | None = None, **options: object) -> None:
    """Run a reporter with fakes beside `test`; a crash of the reporter is a failure of the test."""

    async def both() -> None:
        oracle_ = oracle or FakeOracle()
        clock, sources = FakeClock(), (FakeSource("kraken"), FakeSource("coinbase"))
        with RowJournal(path / "journal.sqlite", KEYS[1].address) as journal:
            timing = ReporterTiming(delay_ms=100, chain_poll_s=0.001)
            reporter = Reporter(RULES, sources, oracle_, KEYS[1], journal, clock, timing, **options)
            loop = asyncio.create_task(reporter.run())
            await settle()
            await test(Bench(reporter, oracle_, clock, *sources))
            assert not loop.done(), loop
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    asyncio.run(both())


async def seen(condition: Callable[[], bool]) -> None:
    """Wait until the chain watcher has noticed."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def test_round__trades_came__row_is_signed_in_the_chains_order_and_decimals(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade("20000.123456785", "0.99")
        await bench.to(START_S + PERIOD_S)
        signed = bench.reporter.row(START_S + PERIOD_S)
        assert signed.reporter == 2
        assert signed.row == Row(1, START_S + PERIOD_S, (2_000_012_345_679, 99_000_000))
        digest = row_digest(domain_separator(31337, ORACLE), signed.row)
        assert recover(digest, signed.r, signed.vs) == KEYS[1].address
        assert bench.reporter.unready() == ""

    run(tmp_path, test)


def test_round__one_feed_without_price__lane_is_empty_and_the_others_are_signed(tmp_path):
    async def test(bench: Bench) -> None:
        bench.kraken.put("BTC/USD", "20000", bench.clock.now_ms())
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S).row.prices == (2_000_000_000_000, 0)

    run(tmp_path, test)


def test_round__no_price_at_all__nothing_is_signed_and_it_is_not_ready(tmp_path):
    async def test(bench: Bench) -> None:
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S) is None
        assert bench.reporter.unready() == "no row signed yet"
        assert b'plumbline_rows_withheld_total{reason="no price"} 1.0' in bench.reporter.metrics.render()

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("config", "refusal"),
    [
        (
            oracle_config(feeds=oracle_config().feeds[::-1]),
            "feeds[0]: expected USDC/USD with 8 decimals as on chain, the config has BTC/USD with 8 decimals",
        ),
        (
            oracle_config(feeds=(ChainFeed("BTC/USD", 5, 3, 60, 25), oracle_config().feeds[1])),
            "feeds[0]: expected BTC/USD with 5 decimals as on chain, the config has BTC/USD with 8 decimals",
        ),
        (oracle_config(feeds=oracle_config().feeds[:1]), "feeds: expected the 1 feeds of the chain, the config has 2"),
        (
            oracle_config(reporters=(KEYS[0].address,), epoch=4),
            f"key {KEYS[1].address} is not among the 1 reporters of epoch 4",
        ),
    ],
)
def test_round__chain_says_otherwise__refuses_to_sign_and_says_why(tmp_path, config, refusal):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S) is None
        assert bench.reporter.unready() == bench.reporter.refusal == refusal
        # The index lives on, so that the first row after an agreement has its conversions.
        assert bench.reporter.prices["BTC/USD"].price_wad == 20_000 * 10**18

    run(tmp_path, test, FakeOracle(config))


def test_round__epoch_changes__signs_for_the_new_one_or_stops(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.to(START_S + PERIOD_S)
        reordered = tuple(reversed(bench.oracle.current.reporters))
        bench.oracle.current = replace(bench.oracle.current, epoch=2, reporters=reordered)
        await seen(lambda: bench.reporter.config.epoch == 2)
        await bench.to(START_S + 2 * PERIOD_S)
        second = bench.reporter.row(START_S + 2 * PERIOD_S)
        assert (second.row.epoch, second.reporter) == (2, 4)
        bench.oracle.current = replace(bench.oracle.current, epoch=3, reporters=(KEYS[0].address,))
        await seen(lambda: bench.reporter.refusal != "")
        await bench.to(START_S + 3 * PERIOD_S)
        assert bench.reporter.row(START_S + 3 * PERIOD_S) is None

    run(tmp_path, test)


def test_round__chain_unreachable__goes_on_signing_under_the_last_agreement(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        bench.oracle.unreachable()
        await seen(lambda: bench.reporter.chain.trouble != "")
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S) is not None
        bench.oracle.trouble = None
        await seen(lambda: bench.reporter.chain.trouble == "")

    run(tmp_path, test)


def test_start__chain_unreachable__signs_nothing_until_it_answers(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.clock.advance_to((START_S + 2) * 1000)
        assert bench.reporter.unready() == "the chain was not read yet"
        bench.oracle.trouble = None
        await seen(lambda: bench.reporter.config is not None)
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S) is not None

    oracle = FakeOracle()
    oracle.unreachable()
    run(tmp_path, test, oracle)


def test_round__claimed_before_a_crash__signs_what_was_claimed_and_not_what_it_sees_now(tmp_path):
    claimed = Row(1, START_S + PERIOD_S, (1_999_900_000_000, 99_000_000))
    with RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as before:
        before.claim(31337, ORACLE, 2, claimed, 0)

    async def test(bench: Bench) -> None:
        bench.trade("21000")
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S).row == claimed

    run(tmp_path, test)


def test_round__journal_refuses__nothing_is_signed_and_the_next_round_tries_again(tmp_path, monkeypatch):
    async def test(bench: Bench) -> None:
        journal = bench.reporter._journal
        claim = journal.claim

        def full(*_: object) -> Row:
            raise JournalError("database or disk is full")

        bench.trade()
        journal.claim = full
        await bench.to(START_S + PERIOD_S)
        assert bench.reporter.row(START_S + PERIOD_S) is None
        journal.claim = claim
        await bench.to(START_S + 2 * PERIOD_S)
        assert bench.reporter.row(START_S + 2 * PERIOD_S) is not None

    run(tmp_path, test)


def test_rounds__machine_paused__past_rounds_are_left_out(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.to(START_S + PERIOD_S)
        await bench.clock.jump_to((START_S + 4 * PERIOD_S + 2) * 1000)
        await bench.to(START_S + 6 * PERIOD_S)
        assert [n for n in range(1, 7) if bench.reporter.row(START_S + n * PERIOD_S)] == [1, 5, 6]

    run(tmp_path, test)


def test_round__kill_switch_file__signs_nothing_while_it_is_there(tmp_path):
    switch = tmp_path / "stop"

    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.to(START_S + PERIOD_S)
        switch.touch()
        await bench.to(START_S + 2 * PERIOD_S)
        assert bench.reporter.unready() == f"kill switch: {switch} exists"
        switch.unlink()
        await bench.to(START_S + 3 * PERIOD_S)
        assert [n for n in (1, 2, 3) if bench.reporter.row(START_S + n * PERIOD_S)] == [1, 3]

    run(tmp_path, test, kill_switch=switch)


def test_rounds__signed_or_not__can_all_be_computed_again(tmp_path):
    async def test(bench: Bench) -> None:
        for n in range(1, 5):
            if n != 3:
                bench.trade(str(20_000 + n), "0.99")
            await bench.to(START_S + n * PERIOD_S)

    run(tmp_path, test)
    with RowJournal(tmp_path / "journal.sqlite") as journal:
        found = verify(journal)
    assert (found.observations, found.rows, found.differences) == (4, 4, [])


class FlakySigner:
    """A remote signer: away while `away`."""

    def __init__(self) -> None:
        self.address, self.away = KEYS[1].address, False

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        if self.away:
            raise SignerError("signer http://127.0.0.1:9000: ConnectError")
        return await KEYS[1].sign_message(message)


def test_round__signer_is_away__no_row_and_when_it_is_back_only_what_was_claimed_is_signed(tmp_path):
    async def scenario() -> None:
        signer, clock, oracle = FlakySigner(), FakeClock(), FakeOracle()
        with RowJournal(tmp_path / "journal.sqlite", signer.address) as journal:
            reporter = Reporter(RULES, [], oracle, signer, journal, clock)
            await reporter.chain.look()
            timestamp = START_S + PERIOD_S
            reporter.hear(Trade("kraken", "BTC/USD", 20_000 * WAD, WAD, timestamp * 1000 - 1))
            signer.away = True
            await reporter.round(timestamp)
            assert reporter.row(timestamp) is None
            assert b'plumbline_rows_withheld_total{reason="signer"} 1.0' in reporter.metrics.render()
            signer.away = False
            # Started anew, it sees another market; the claim stands.
            again = Reporter(RULES, [], oracle, signer, journal, clock)
            await again.chain.look()
            again.hear(Trade("kraken", "BTC/USD", 30_000 * WAD, WAD, timestamp * 1000 - 1))
            await again.round(timestamp)
            assert again.row(timestamp).row.prices == (2_000_000_000_000, 0)

    asyncio.run(scenario())


def test_unready__nobody_relays__says_how_old_the_chains_last_round_is(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.oracle.submit(START_S, [signed_row(i, START_S) for i in (1, 2, 3)])
        await seen(lambda: bench.reporter.chain.timestamp == START_S)
        for n in range(1, 17):
            bench.trade()
            await bench.to(START_S + n * PERIOD_S)
        assert bench.reporter.unready() == "the chain's last round is 80 s old, expected at most 75 s"

    run(tmp_path, test)


def test_round__peers_say_something_else__is_an_alarm_and_changes_nothing_that_is_signed(tmp_path):
    times = [START_S + n * PERIOD_S for n in (1, 2)]
    peers = [
        FakePeer(f"p{i}", {t: signed_row(i, t, (1_900_000_000_000, 99_000_000)) for t in times}) for i in (1, 3, 4)
    ]

    async def test(bench: Bench) -> None:
        bench.trade()
        for timestamp in times:
            await bench.to(timestamp)
        await seen(lambda: bench.reporter.watch.off != {})
        assert bench.reporter.watch.off == {"BTC/USD": 526}
        assert bench.reporter.row(times[1]).row.prices == (2_000_000_000_000, 99_000_000)
        assert reporter_status(bench.reporter)["off_median_bps"] == {"BTC/USD": 526}

    run(tmp_path, test, peers=peers)


def test_row__what_made_it__is_on_it_and_the_same_after_a_restart(tmp_path):
    async def test(bench: Bench) -> None:
        bench.trade()
        await bench.to(START_S + PERIOD_S)
        signed = bench.reporter.row(START_S + PERIOD_S)
        assert signed.method == bench.reporter.method == method_of(RULES)
        assert decode_row(encode_row(signed)).method == signed.method
        assert method_of(RULES[:1]) != signed.method

    run(tmp_path, test)
    with RowJournal(tmp_path / "journal.sqlite", KEYS[1].address) as journal:
        assert journal.signed(31337, ORACLE, START_S + PERIOD_S).method == method_of(RULES)

# SPDX-License-Identifier: AGPL-3.0-only
"""A journal computed again says the same; one that was tampered with, or lost something, says where."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tests.offchain.fakes import KEYS, ORACLE, PERIOD_S, START_S
from typer.testing import CliRunner

from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.cli import app
from plumbline.core.engine import IndexEngine
from plumbline.core.models import Row, SignedRow, Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD
from plumbline.errors import JournalError
from plumbline.reporter.agreement import lanes
from plumbline.reporter.verify import verify
from plumbline.store.rows import RowJournal

RULES = (
    FeedRule("BTC/USD", 8, 1, markets=parse_markets(["kraken:BTC/USD", "binance:BTC/USDT"])),
    FeedRule("USDT/USD", 8, 1, markets=parse_markets(["kraken:USDT/USD"])),
)
MARKETS = (("kraken", "BTC/USD", 20_000), ("binance", "BTC/USDT", 20_010), ("kraken", "USDT/USD", 1))
KEY = KEYS[0]


def live(journal: RowJournal, rounds: range, seed: int = 1, *, claims: bool = True) -> None:
    """One life of a reporter: a fresh engine, a few trades a round, an observation, a signed row."""
    rng, engine = random.Random(seed), IndexEngine(RULES)
    journal.begin(RULES, "0.0.1", (START_S + rounds.start * PERIOD_S) * 1000)
    for n in rounds:
        timestamp = START_S + n * PERIOD_S
        for symbol, venue, level in [
            ("BTC/USD", "kraken", 20_000),
            ("BTC/USDT", "binance", 20_010),
            ("USDT/USD", "kraken", 1),
        ]:
            trade = Trade(
                venue, symbol, level * WAD + rng.randrange(10**15), WAD, timestamp * 1000 - rng.randrange(4_000)
            )
            engine.on_trade(trade)
            journal.take(trade)
        prices = engine.observe(timestamp * 1000)
        journal.observe(timestamp * 1000, prices)
        if not claims:
            journal.flush()
            continue
        row = Row(1, timestamp, lanes(RULES, {feed: price.price_wad for feed, price in prices.items()}))
        assert journal.claim(31337, ORACLE, 1, row, 0) == row
        r, vs = KEY.sign(row_digest(domain_separator(31337, ORACLE), row))
        journal.sign(31337, ORACLE, SignedRow(1, row, r, vs))


@pytest.fixture
def journal(tmp_path: Path) -> RowJournal:
    with RowJournal(tmp_path / "journal.sqlite", KEY.address) as opened:
        yield opened


def test_verify__two_lives_of_a_reporter__everything_is_computed_again(journal):
    live(journal, range(1, 21))
    live(journal, range(21, 31), seed=2)
    found = verify(journal)
    assert (found.observations, found.rows, found.differences) == (30, 30, [])


def test_verify__a_period_of_it__counts_only_that_but_computes_from_the_beginning(journal):
    live(journal, range(1, 21))
    found = verify(journal, START_S + 10 * PERIOD_S, START_S + 12 * PERIOD_S)
    assert (found.observations, found.rows, found.differences) == (3, 3, [])


def test_verify__killed_between_rounds__what_was_not_committed_is_in_no_row(tmp_path):
    path = tmp_path / "journal.sqlite"
    with RowJournal(path, KEY.address) as first:
        live(first, range(1, 6))
        first.take(Trade("kraken", "BTC/USD", 30_000 * WAD, WAD, (START_S + 26) * 1000))
        # Closed without a claim, as a kill would.
    with RowJournal(path, KEY.address) as second:
        live(second, range(6, 11), seed=3)
        assert verify(second).differences == []


def test_verify__a_price_was_changed__says_when_and_what(journal):
    live(journal, range(1, 6))
    (prices,) = journal.execute("SELECT prices FROM inputs WHERE seq = 2").fetchone()
    changed = json.loads(prices) | {"BTC/USD": str(19_999 * WAD)}
    journal.execute("UPDATE inputs SET prices = ? WHERE seq = 2", json.dumps(changed))
    (difference,) = verify(journal).differences
    assert difference.startswith("2023-03-11 00:00:15 BTC/USD: kept 19,999.000000000000000000, computed 20,0")


def test_verify__a_row_was_changed__neither_the_price_nor_the_signature_fits(journal):
    live(journal, range(1, 3))
    journal.execute("UPDATE rows SET prices = '[1, 2]' WHERE timestamp = ?", START_S + PERIOD_S)
    first, second = verify(journal).differences
    assert first.startswith("2023-03-11 00:00:05 row: kept (1, 2), computed (2000")
    assert f"expected {KEY.address}" in second


def test_verify__trades_were_taken_out__the_rest_differs(journal):
    live(journal, range(1, 6))
    journal.execute("DELETE FROM inputs WHERE seq = 0")
    differences = verify(journal).differences
    assert "2023-03-11 00:00:05 row: no observation to compute it from" in differences


def test_observe__disk_refuses_for_long__forgets_the_inputs_and_says_so(journal):
    live(journal, range(1, 3))
    pages = journal.execute("PRAGMA page_count").fetchone()[0]
    journal.execute(f"PRAGMA max_page_count = {pages}")
    prices = IndexEngine(RULES).observe((START_S + 100) * 1000)
    rng = random.Random(1)
    for n in range(300):
        for _ in range(50):
            journal.take(Trade("kraken", "BTC/USD", rng.randrange(WAD, 2 * WAD), WAD, n))
        journal.observe((START_S + 100 + n) * 1000, prices)
        if n == 200:
            with pytest.raises(JournalError, match="full"):
                journal.flush()
    journal.execute("PRAGMA max_page_count = 1000000")
    journal.flush()
    assert verify(journal).differences == ["session 1: inputs were lost; nothing after can be computed again"]


def test_journal_verify__from_the_command_line__status_says_whether_it_is_true(journal):
    live(journal, range(1, 4))
    runner = CliRunner()
    good = runner.invoke(app, ["journal", "verify", str(journal.path)])
    assert (good.exit_code, good.stdout) == (0, "3 observations and 3 rows computed again, 0 differences\n")
    part = runner.invoke(app, ["journal", "verify", str(journal.path), "--to", "2023-03-11T00:00:10"])
    assert part.stdout == "2 observations and 2 rows computed again, 0 differences\n"
    journal.execute("UPDATE rows SET prices = '[1, 2]'")
    bad = runner.invoke(app, ["journal", "verify", str(journal.path)])
    assert bad.exit_code == 1
    assert "6 differences" in bad.stdout


def test_verify__beginning_was_pruned__compares_what_a_warm_engine_says_and_says_what_it_left_out(journal):
    rounds = range(1, 4_001, 10)
    live(journal, rounds)
    while journal.prune(START_S + 1_000 * PERIOD_S):
        pass
    (session,) = journal.sessions()
    assert session.pruned
    found = verify(journal)
    assert found.differences == []
    assert found.warming > 0
    assert found.observations > 200
    assert found.observations + found.rows + found.warming == 2 * 300
    journal.execute("UPDATE rows SET prices = '[1, 2]' WHERE timestamp = ?", START_S + 3_991 * PERIOD_S)
    assert len(verify(journal).differences) == 2

# SPDX-License-Identifier: AGPL-3.0-only
"""What a reporter asks its venues for is what its feeds are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.offchain.commands.test_index import CONFIG

from plumbline.clock import SystemClock
from plumbline.commands.reporter import make_selector, make_sources
from plumbline.config import ReporterConfig, load
from plumbline.core.selection import Decision, Verdict
from plumbline.store.rows import RowJournal


def config(folder: Path, settings: str) -> ReporterConfig:
    path = folder / "reporter.toml"
    path.write_text(CONFIG.replace('"bitstamp:BTC/USD", "binance:BTC/USDT"]', f'"bitstamp:BTC/USD"]\n{settings}'))
    return load(path, ReporterConfig)


@pytest.mark.parametrize(
    ("settings", "books"),
    [
        ("", ["none", "none", "none"]),
        ('price_from = "mid"', ["top", "top", "top"]),
        ('method = "depth_weighted_mid"\nprice_from = "mid"\nspacing = "0.1"', ["depth", "depth", "depth"]),
    ],
)
def test_make_sources__books__are_asked_for_as_deep_as_a_feed_wants_them(tmp_path, settings, books):
    sources = make_sources(config(tmp_path, settings), "reporter.toml", SystemClock())
    assert [source._codec.books for source in sources] == books


def test_make_selector__goes_on_where_the_journal_says_it_stood(tmp_path):
    made = config(tmp_path, "")
    with RowJournal(tmp_path / "reporter.sqlite") as journal:
        rules = [feed.rule() for feed in made.feeds]
        assert make_selector(made, rules, []) is None
        path = tmp_path / "reporter.toml"
        path.write_text(path.read_text() + "\n[selection]\nreview_s = 600\n")
        journal.execute("INSERT INTO decisions VALUES (1, 0, 0, 5, 'BTC/USD', 'kraken', 'excluded', 100, 'score 1.0%')")
        selector = make_selector(load(path, ReporterConfig), rules, journal.standing())
    first = {(each.feed, each.venue): each for each in selector.review(1_000)}
    assert first["BTC/USD", "kraken"] == Decision(1_000, "BTC/USD", "kraken", Verdict.EXCLUDED, 100, "score 1.0%")
    assert first["BTC/USD", "coinbase"].verdict is Verdict.INCLUDED

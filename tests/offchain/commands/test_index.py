# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline index` as a user meets it: a journal explained, and the cost of bending what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.offchain.fakes import KEYS, PERIOD_S, START_S
from typer.testing import CliRunner

from plumbline.cli import app
from plumbline.commands.index_views import reached
from plumbline.core.engine import IndexEngine
from plumbline.core.models import BookSnapshot, Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.selection import Decision, Verdict, left_out
from plumbline.core.units import WAD, parse_wad
from plumbline.errors import ConfigError, JournalError, PlumblineError
from plumbline.reporter.explain import explain
from plumbline.store.beside import Beside
from plumbline.store.rows import RowJournal

MARKETS = ("kraken:BTC/USD", "coinbase:BTC/USD", "bitstamp:BTC/USD", "binance:BTC/USDT", "kraken:BTC/USDT")
RULES = (
    FeedRule("BTC/USD", 8, 2, parse_markets(MARKETS)),
    FeedRule("USDT/USD", 8, 1, parse_markets(["kraken:USDT/USD"]), off_peg_bps=100, on_peg_bps=50),
)
CONFIG = """
journal = "reporter.sqlite"
[chain]
rpc_url = "http://127.0.0.1:8545"
oracle = "0xabababababababababababababababababababab"
[key]
keystore = "key.json"
password_env = "PASSWORD"
[http]
port = 0
[[venues]]
name = "kraken"
[[venues]]
name = "coinbase"
[[venues]]
name = "bitstamp"
[[venues]]
name = "binance"
[[feeds]]
name = "BTC/USD"
decimals = 8
min_venues = 2
markets = ["kraken:BTC/USD", "coinbase:BTC/USD", "bitstamp:BTC/USD", "binance:BTC/USDT"]
[[feeds]]
name = "USDT/USD"
decimals = 8
min_venues = 1
markets = ["kraken:USDT/USD"]
"""
WHY = "score 29.0%, below 30.0%: uptime 91%"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Three rounds; in the second kraken is left out of BTC/USD, in the third it is far off."""
    path, engine = tmp_path / "reporter.sqlite", IndexEngine(RULES)
    (tmp_path / "reporter.toml").write_text(CONFIG)
    with RowJournal(path, KEYS[0].address) as kept:
        kept.begin(RULES, "0.0.1", START_S * 1000)
        for n, kraken in enumerate(("20000", "20000", "22000"), 1):
            at_ms = (START_S + n * PERIOD_S) * 1000
            prices = (kraken, "20010", "20020", "20100", "20110", "0.999")
            for market, price in zip((*MARKETS, "kraken:USDT/USD"), prices, strict=True):
                venue, _, symbol = market.partition(":")
                trade = Trade(venue, symbol, parse_wad(price), WAD, at_ms - 1_200)
                engine.on_trade(trade)
                kept.take(trade)
            decisions = []
            if n > 1:
                verdict = Verdict.EXCLUDED if n == 2 else Verdict.RETURNED
                decisions = [
                    Decision(at_ms, "BTC/USD", "kraken", verdict, 2_900, "score 29.0%, below 30.0%: uptime 91%")
                ]
                engine.select("BTC/USD", "kraken", left_out(decisions[0]))
            kept.observe(at_ms, engine.observe(at_ms), Beside((), tuple(decisions)))
            kept.flush()
    return path


def test_explain__the_last_price__is_told_venue_by_venue(journal):
    status, output = run("index", "explain", "BTC/USD", "--config", str(journal.parent / "reporter.toml"))
    assert status == 0
    lines = output.splitlines()
    assert lines[0].startswith("BTC/USD  20,0")
    assert lines[0].endswith("at 2023-03-11 00:00:15 UTC")
    assert lines[1] == (
        "made by   clamped_median, of each market's last trade, clamp 2 bps, at least 2 venues, within 500 bps, "
        "no older than 180 s"
    )
    said = {tuple(line.split()[:2]): line for line in lines[4:10]}
    assert said["kraken", "BTC/USD"].endswith("out: too far from the others")
    assert said["coinbase", "BTC/USD"].split() == [
        "coinbase",
        "BTC/USD",
        "20,010.00",
        "-",
        "20,010.00",
        "1.2",
        "s",
        "36.4%",
        "in",
    ]
    assert "USDT/USD" in said["binance", "BTC/USDT"]
    assert said["kraken", "BTC/USDT"].endswith("out: BTC/USD speaks for the venue")
    assert lines[-3:] == [
        "source selection",
        "  2023-03-11 00:00:10 kraken excluded: score 29.0%, below 30.0%: uptime 91%",
        "  2023-03-11 00:00:15 kraken returned: score 29.0%, below 30.0%: uptime 91%",
    ]


def test_explain__at_a_time__is_the_observation_then_or_before(journal):
    words = ["index", "explain", "BTC/USD", "--journal", str(journal), "--json", "--at"]
    status, output = run(*words, "2023-03-11T00:00:14")
    told = json.loads(output)
    assert status == 0
    assert (told["at_ms"], told["true"], told["complete"]) == ((START_S + 10) * 1000, True, True)
    assert told["price"] == told["kept"]
    by_market = {f"{each['venue']}:{each['symbol']}": each for each in told["contributions"]}
    assert by_market["kraken:BTC/USD"]["reason"] == "not selected: score 29.0%, below 30.0%: uptime 91%"
    assert by_market["binance:BTC/USDT"]["converted"] == "20079.9"
    assert by_market["binance:BTC/USDT"]["through"] == ["USDT/USD"]
    assert [each["verdict"] for each in told["decisions"]] == ["excluded"]
    assert json.loads(run(*words, "2023-03-11T00:00:05")[1])["decisions"] == []


def test_explain__while_a_node_has_the_journal_open__reads_what_it_committed(journal):
    with RowJournal(journal, KEYS[0].address) as writing:
        writing.begin(RULES, "0.0.2", (START_S + 60) * 1000)
        # The new session has observed nothing yet: the last observation is the old one's.
        assert run("index", "explain", "BTC/USD", "--journal", str(journal))[0] == 0
        writing.observe((START_S + 65) * 1000, IndexEngine(RULES).observe((START_S + 65) * 1000))
        writing.flush()
        status, output = run("index", "explain", "BTC/USD", "--journal", str(journal))
    assert status == 0
    assert output.startswith("BTC/USD  no price: 0 of at least 2 venues  at 2023-03-11 00:01:05 UTC")


def test_explain__a_long_session__says_how_far_it_is(journal):
    said: list[int] = []
    with RowJournal(journal) as kept:
        explain(kept, "BTC/USD", None, said.append, told_every=2)
    assert said == [(START_S + 10) * 1000]
    assert reached(said[0]) == "computed until 2023-03-11 00:00:10 UTC"


def test_explain__a_journal_that_was_changed__differs_with_status_1(journal):
    with RowJournal(journal) as kept:
        kept.execute("UPDATE inputs SET prices = json_set(prices, '$.BTC/USD', '1') WHERE seq = 2")
    status, output = run("index", "explain", "BTC/USD", "--journal", str(journal))
    assert status == 1
    assert "DIFFERS from the journal, which kept 0.000000000000000001" in output


def test_explain__no_such_feed_time_or_journal__says_what_there_is(journal):
    with pytest.raises(JournalError, match="expected an observation of ETH/USD; it has feeds: BTC/USD, USDT/USD"):
        run("index", "explain", "ETH/USD", "--journal", str(journal))
    with pytest.raises(JournalError, match="expected an observation of BTC/USD until then"):
        run("index", "explain", "BTC/USD", "--journal", str(journal), "--at", "2023-03-10")
    with pytest.raises(ConfigError, match=r"none\.sqlite: no such journal"):
        run("index", "explain", "BTC/USD", "--journal", str(journal.parent / "none.sqlite"))
    assert not (journal.parent / "none.sqlite").exists()


def test_explain__a_journal_from_before_there_were_books_and_decisions__is_explained(journal):
    with RowJournal(journal) as kept:
        kept.execute("UPDATE inputs SET lost = 1 WHERE seq = 1")
        kept.execute("DROP TABLE books")
        kept.execute("DROP TABLE decisions")
    with RowJournal(journal) as kept:
        found = explain(kept, "BTC/USD")
        assert (found.price.at_ms, found.true, found.decisions) == ((START_S + 5) * 1000, True, ())


# attack-cost ----------------------------------------------------------------------------------------------------------


def write_books(path: Path, *told: tuple[str, str, str]) -> Path:
    lines = []
    for market, middle, size in told:
        venue, _, symbol = market.partition(":")
        tick = 1 if symbol.startswith("BTC") else 0.0001
        bids, asks = ([[f"{float(middle) + sign * tick * i:.4f}", size] for i in range(1, 101)] for sign in (-1, 1))
        lines.append(json.dumps({"venue": venue, "symbol": symbol, "bids": bids, "asks": asks}))
    path.write_text("\n".join(lines) + "\n")
    return path


BOOKS = (
    ("kraken:BTC/USD", "20000", "5"),
    ("coinbase:BTC/USD", "20000", "9"),
    ("bitstamp:BTC/USD", "20000", "1"),
    ("binance:BTC/USDT", "20020.02", "2"),
    ("kraken:USDT/USD", "0.999", "100000"),
)


def test_attack_cost__books_of_a_file__names_the_cheapest_set_against_each_venue_alone(journal):
    books = write_books(journal.parent / "books.jsonl", *BOOKS)
    words = ["index", "attack-cost", "BTC/USD", "--bps", "25", "--config", str(journal.parent / "reporter.toml")]
    status, output = run(*words, "--books", str(books))
    assert status == 0
    assert "the index  up" in output
    told = json.loads(run(*words, "--books", str(books), "--json")[1])
    assert abs(float(told["price"]) - 20_000) < 0.01
    up = told["up"]
    # Of four, two direct ones have 10 of 19 votes: the thinnest of them, though binance alone is cheaper than kraken.
    assert up["index"]["venues"] == ["kraken", "bitstamp"]
    assert float(up["alone"]["binance"]["loss"]) < float(up["alone"]["kraken"]["loss"])
    assert float(up["index"]["loss"]) > float(up["alone"]["bitstamp"]["loss"])
    assert not up["index"]["beyond_book"]
    # Fifty levels of one coin, 1 to 49 above the middle.
    assert up["alone"]["bitstamp"]["loss"] == str(sum(range(1, 50)))


def test_attack_cost__of_a_journal_made_of_books__is_of_the_last_observation(tmp_path: Path):
    rules = (FeedRule("BTC/USD", 8, 2, parse_markets(MARKETS[:3]), method="median", price_from="mid"),)
    path, engine = tmp_path / "books.sqlite", IndexEngine(rules)
    with RowJournal(path, KEYS[0].address) as kept:
        kept.begin(rules, "0.0.1", START_S * 1000)
        for n, size in enumerate((1, 2), 1):
            at_ms = (START_S + n * PERIOD_S) * 1000
            for market in MARKETS[:3]:
                venue, _, symbol = market.partition(":")
                bids, asks = (tuple(((20_000 + s * i) * WAD, size * WAD) for i in range(1, 61)) for s in (-1, 1))
                engine.on_book(BookSnapshot(venue, symbol, bids, asks, at_ms))
            kept.observe(at_ms, engine.observe(at_ms), Beside(engine.settled_books))
            kept.flush()
    told = json.loads(run("index", "attack-cost", "BTC/USD", "--bps", "25", "--journal", str(path), "--json")[1])
    assert len(told["down"]["index"]["venues"]) == 2
    assert told["down"]["alone"]["kraken"]["loss"] == str(2 * sum(range(1, 50)))


def test_attack_cost__nothing_to_look_at__says_what_is_missing(journal):
    config = ["--config", str(journal.parent / "reporter.toml")]
    with pytest.raises(JournalError, match="expected BTC/USD to be made of books, its price_from is 'trade'"):
        run("index", "attack-cost", "BTC/USD", *config)
    books = write_books(journal.parent / "books.jsonl", BOOKS[0])
    with pytest.raises(PlumblineError, match="BTC/USD: expected a price to move, there is none: 1 of"):
        run("index", "attack-cost", "BTC/USD", *config, "--books", str(books))
    with pytest.raises(ConfigError, match="expected one of the feeds BTC/USD, USDT/USD, got 'ETH/USD'"):
        run("index", "attack-cost", "ETH/USD", *config, "--books", str(books))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least one book, got none"),
        ("{}", 'line 1: expected {"venue", "symbol", "bids"'),
        ("\n[1", "line 2: expected"),
        ('{"venue": "kraken", "symbol": "BTC/USD", "bids": [[1, 1]], "asks": [["x", "1"]]}', "line 1: expected .*'x'"),
        (
            '{"venue": "kraken", "symbol": "BTC/USD", "bids": [[2, 1]], "asks": [[1, 1]]}',
            "line 1: bids: expected the ",
        ),
    ],
)
def test_attack_cost__a_file_that_is_no_books__names_the_line(journal, text, message):
    path = journal.parent / "bad.jsonl"
    path.write_text(text)
    config = ["--config", str(journal.parent / "reporter.toml")]
    with pytest.raises(ConfigError, match=f"bad.jsonl: {message}"):
        run("index", "attack-cost", "BTC/USD", *config, "--books", str(path))

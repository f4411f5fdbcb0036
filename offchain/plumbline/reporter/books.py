# SPDX-License-Identifier: AGPL-3.0-only
"""Order books to look at an index by: out of a file, or those a reporter's journal saw last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from plumbline.core.depth import Book
from plumbline.core.engine import IndexEngine
from plumbline.core.models import BookSnapshot, IndexPrice, Level
from plumbline.core.rules import FeedRule, MarketId
from plumbline.core.units import parse_wad
from plumbline.errors import ConfigError, JournalError
from plumbline.reporter.verify import replay
from plumbline.store.rows import RowJournal

_AT_MS: Final = 1
"""A file's books are all of one moment, whichever."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A feed's price, the rule it was made by, and the books it was made of."""

    rule: FeedRule
    price: IndexPrice
    books: Mapping[MarketId, Book]


def from_file(path: Path, rules: Sequence[FeedRule], feed: str) -> Seen:
    """The price that books alone make: as if every feed's `price_from` were "mid".

    The file has one JSON object a line: {"venue": "kraken", "symbol": "BTC/USD", "bids": [["61598.0", "0.136"], ...],
    "asks": [...]}, best first; the books of the rates that convert it belong there too.

    Raises:
        ConfigError: no such file, or a line that is no book; or a feed whose weights are volumes, which no book tells.
    """
    rule = _rule_of(rules, feed, str(path))
    if rule.volume_window_s:
        raise ConfigError(f"{path}: expected the volumes {feed} weighs by, too: no book tells them; use the journal")
    books: dict[MarketId, Book] = {}
    engine = IndexEngine([_by_book(each) for each in rules])
    for number, told in _lines(path):
        try:
            books[told.venue, told.symbol] = Book(told.bids, told.asks)
        except ValueError as error:
            raise ConfigError(f"{path}: line {number}: {error}") from None
        engine.on_book(told)
    # What is converted through several feeds needs each of them to have been observed before.
    for _ in rules:
        engine.observe(_AT_MS)
    return Seen(rule, engine.observe(_AT_MS)[feed], books)


def from_journal(journal: RowJournal, feed: str) -> Seen:
    """The last observation of the last session, with the books it was made of.

    Raises:
        JournalError: no observation of that feed, or none made of books.
    """
    sessions = [each for each in journal.sessions() if any(rule.name == feed for rule in each.rules)]
    if not sessions:
        raise JournalError(f"{journal.path}: expected an observation of {feed}, got none")
    rule = _rule_of(sessions[-1].rules, feed, str(journal.path))
    if rule.price_from != "mid":
        raise JournalError(
            f"{journal.path}: expected {feed} to be made of books, its price_from is {rule.price_from!r}: give --books"
        )
    engine, price = IndexEngine(sessions[-1].rules), None
    books: dict[MarketId, Book] = {}
    for entry in journal.entries(sessions[-1].id):
        replay(engine, entry)
        books |= {(told.venue, told.symbol): Book(told.bids, told.asks) for told in entry.beside.books}
        if entry.at_ms is not None:
            price = engine.observe(entry.at_ms)[feed]
    if price is None:
        raise JournalError(f"{journal.path}: expected an observation of {feed}, got none")
    return Seen(rule, price, books)


def _rule_of(rules: Sequence[FeedRule], feed: str, where: str) -> FeedRule:
    for rule in rules:
        if rule.name == feed:
            return rule
    raise ConfigError(f"{where}: expected one of the feeds {', '.join(each.name for each in rules)}, got {feed!r}")


def _by_book(rule: FeedRule) -> FeedRule:
    return replace(rule, price_from="mid")


def _lines(path: Path) -> list[tuple[int, BookSnapshot]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable file of books: {error}") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append((number, _snapshot(json.loads(line, parse_float=str, parse_int=str))))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                form = '{"venue", "symbol", "bids": [[price, size], ...], "asks": [...]}'
                raise ConfigError(f"{path}: line {number}: expected {form}, got something else: {error}") from None
    if not found:
        raise ConfigError(f"{path}: expected at least one book, got none")
    return found


def _snapshot(told: dict[str, Any]) -> BookSnapshot:
    return BookSnapshot(str(told["venue"]), str(told["symbol"]), _side(told["bids"]), _side(told["asks"]), _AT_MS)


def _side(levels: Sequence[Sequence[str]]) -> tuple[Level, ...]:
    return tuple((parse_wad(price), parse_wad(size)) for price, size in levels)

# SPDX-License-Identifier: AGPL-3.0-only
"""Prices of books from the exchanges' own bytes: a simulated market, its books in each venue's format, the index."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import pytest

from plumbline.core.depth import Book, depth_weighted_mid
from plumbline.core.engine import IndexEngine
from plumbline.core.models import BookSnapshot
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD
from plumbline.replay.simulation import simulated_trades
from plumbline.replay.tape import Tape
from plumbline.replay.venues import SESSIONS
from plumbline.sources import codec_of

START_MS = 1_700_000_000_000
SECONDS = 30


class Line:
    """One venue's session and the codec that reads it."""

    def __init__(self, venue: str, books: str) -> None:
        self.session, self.codec = SESSIONS[venue](["BTC/USD"]), codec_of(venue, ["BTC/USD"], books)
        for frame in self.codec.subscribe_frames():
            for answer in self.session.receive(frame, START_MS, lambda symbol: ()):
                self.codec.decode(answer, START_MS)

    def carry(self, prints: list[Any], now_ms: int) -> None:
        for frame in self.session.updates(prints, now_ms):
            self.codec.decode(frame, now_ms)

    def book(self) -> BookSnapshot | None:
        return self.codec.book("BTC/USD")


def observed(rule: FeedRule, books: dict[str, str]) -> tuple[IndexEngine, list[Any], dict[str, BookSnapshot]]:
    """Half a minute, observed every 5 s as a reporter does it."""
    end_ms = START_MS + SECONDS * 1000
    tape = Tape(takewhile(lambda trade: trade.at_ms < end_ms, simulated_trades(1, START_MS)))
    lines, engine, prices = {venue: Line(venue, kind) for venue, kind in books.items()}, IndexEngine([rule]), []
    seen: dict[str, BookSnapshot] = {}
    for now_ms in range(START_MS + 5_000, end_ms + 1, 5_000):
        due = tape.until(now_ms)
        for venue, line in lines.items():
            mine = [p for p in due if (p.trade.venue, p.trade.symbol) == (venue, "BTC/USD")]
            line.carry(mine, now_ms)
            told = line.book()
            if told is not None:
                seen[venue] = told
                engine.on_book(told)
        prices.append(engine.observe(now_ms)["BTC/USD"])
    return engine, prices, seen


def feed(*venues: str, **settings: object) -> FeedRule:
    return FeedRule("BTC/USD", 8, 2, parse_markets([f"{venue}:BTC/USD" for venue in venues]), **settings)


@pytest.mark.parametrize("method", ["median", "clamped_median", "vote_median"])
def test_mids__of_three_venues_top_of_book__are_a_price_at_every_observation(method):
    rule = feed("kraken", "coinbase", "cryptocom", method=method, price_from="mid", max_age_s=30)
    engine, prices, seen = observed(rule, dict.fromkeys(("kraken", "coinbase", "cryptocom"), "top"))
    assert engine.rejected == {}
    assert set(seen) == {"kraken", "coinbase", "cryptocom"}
    mids = [Book(told.bids, told.asks).mid for told in seen.values()]
    assert all(price.price_wad is not None for price in prices[1:])
    assert min(mids) <= prices[-1].price_wad <= max(mids)
    assert (prices[-1].confidence_wad is not None) == (method == "vote_median")


def test_depth__of_two_venues__is_the_real_time_index_of_their_books():
    rule = feed(
        "kraken", "coinbase", method="depth_weighted_mid", price_from="mid", spacing_wad=WAD // 10, max_age_s=30
    )
    _, prices, seen = observed(rule, {"kraken": "depth", "coinbase": "depth"})
    assert min(len(told.bids) for told in seen.values()) > 5
    assert prices[-1].price_wad == depth_weighted_mid([Book(told.bids, told.asks) for told in seen.values()], WAD // 10)

# SPDX-License-Identifier: AGPL-3.0-only
"""A market of a few words: an engine with a clock, told trades as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from plumbline.core.engine import IndexEngine
from plumbline.core.models import IndexPrice, Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import parse_wad

START_MS = 1_678_492_800_000


@dataclass
class Market:
    """An engine with a clock; `observe` moves it by a round's period."""

    rules: list[FeedRule]
    now_ms: int = START_MS
    engine: IndexEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = IndexEngine(self.rules)

    def trade(self, market: str, price: str, age_ms: int = 0, size: str = "1") -> None:
        venue, _, symbol = market.partition(":")
        self.engine.on_trade(Trade(venue, symbol, parse_wad(price), parse_wad(size), self.now_ms - age_ms))

    def observe(self, after_s: int = 5) -> dict[str, IndexPrice]:
        self.now_ms += after_s * 1000
        return self.engine.observe(self.now_ms)

    def bitcoin(self, after_s: int = 5) -> IndexPrice:
        return self.observe(after_s)["BTC/USD"]


def reasons(price: IndexPrice) -> dict[str, str]:
    return {f"{said.venue}:{said.symbol}": said.reason for said in price.contributions}


def everywhere(*venues: str, **settings: int) -> FeedRule:
    markets = parse_markets([f"{venue}:BTC/USD" for venue in venues])
    return FeedRule("BTC/USD", 8, settings.pop("min_venues", 1), markets, **settings)

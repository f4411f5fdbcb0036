# SPDX-License-Identifier: AGPL-3.0-only
"""What is known of every market: its last sane trade, since when its price stands still, whose other name it is.

Trades may come in any order: between two observations only the latest of each market counts, so that what an
observation sees depends on the set of trades and not on the order of their arrival.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from plumbline.core.models import Trade
from plumbline.core.rules import MarketId, split_symbol

FUTURE_TOLERANCE_MS: Final = 1_000
"""How far a venue's clock may run ahead of an observation."""
TWIN_TRADES: Final = 3
"""Two markets seen at the same trade (price, size and millisecond) so often are one book under two names."""


@dataclass(slots=True)
class MarketState:
    """One venue's market."""

    last: Trade | None = None
    """What an observation looks at."""
    newest: Trade | None = None
    """The latest trade that came in since."""
    unchanged_since_ms: int = 0
    """Time of the first trade of the run of observations that all saw the price of `last`."""


class Markets:
    """The state of the markets a node listens to; trades of any other market are refused."""

    def __init__(self, known: Iterable[MarketId]) -> None:
        self._states = {market: MarketState() for market in sorted(known)}
        self._equal_trades: Counter[tuple[MarketId, MarketId]] = Counter()
        self.rejected: Counter[str] = Counter()
        """How many trades were refused, by reason."""
        books = defaultdict(list)
        for venue, symbol in self._states:
            books[venue, split_symbol(symbol)[0]].append((venue, symbol))
        self._pairs = [pair for book in books.values() for pair in combinations(book, 2)]
        self._siblings = {
            market: [other for other in book if other != market] for book in books.values() for market in book
        }

    def __getitem__(self, market: MarketId) -> MarketState:
        return self._states[market]

    def add(self, trade: Trade) -> None:
        """Take a trade, or count why not. Never raises for what a venue sends."""
        state = self._states.get((trade.venue, trade.symbol))
        if state is None:
            self.rejected["unknown market"] += 1
        elif trade.price_wad <= 0 or trade.size_wad <= 0:
            self.rejected["no price or no size"] += 1
        elif _order(trade) <= _order(state.newest) or _order(trade) <= _order(state.last):
            self.rejected["out of order"] += 1
        else:
            state.newest = trade

    def settle(self, at_ms: int) -> None:
        """Let the observation at `at_ms` see what came in; what claims to be later than that never happened."""
        traded = {market for market, state in self._states.items() if self._settle(state, at_ms)}
        for one, other in self._pairs:
            if (one in traded or other in traded) and self._at_one_trade(one, other):
                self._equal_trades[one, other] += 1

    def _settle(self, state: MarketState, at_ms: int) -> bool:
        trade, state.newest = state.newest, None
        if trade is None:
            return False
        if trade.at_ms > at_ms + FUTURE_TOLERANCE_MS:
            self.rejected["from the future"] += 1
            return False
        if state.last is None or trade.price_wad != state.last.price_wad:
            state.unchanged_since_ms = trade.at_ms
        state.last = trade
        return True

    def twin(self, market: MarketId) -> str:
        """The symbol of another market that is the same book under another name; empty: it stands for itself."""
        for other in self._siblings[market]:
            if self.are_twins(market, other):
                return other[1]
        return ""

    def are_twins(self, one: MarketId, other: MarketId) -> bool:
        """Whether two markets are one book under two names (a "BTC/USDC" that is really BTC/USD)."""
        pair = (one, other) if one < other else (other, one)
        return self._equal_trades[pair] >= TWIN_TRADES or self._at_one_trade(one, other)

    def _at_one_trade(self, one: MarketId, other: MarketId) -> bool:
        a, b = self._states[one].last, self._states[other].last
        return a is not None and b is not None and _order(a) == _order(b)


def _order(trade: Trade | None) -> tuple[int, int, int]:
    """Total order by time; among trades of one millisecond any fixed order does, so it is the numbers'."""
    return (0, 0, 0) if trade is None else (trade.at_ms, trade.price_wad, trade.size_wad)

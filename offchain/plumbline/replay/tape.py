# SPDX-License-Identifier: AGPL-3.0-only
"""A tape: the trades of a whole market in order of time, numbered, with the ordered faults, given out as they fall due.

The same tape serves the replay server (which asks as its clock runs) and the lock-step walk (which asks at each step
of a bench). Trade numbers count each market's trades from the tape's begin, so a server that is restarted numbers
them as before.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from plumbline.core.models import Trade
from plumbline.replay.bars import read_bars
from plumbline.replay.faults import Faults

VENUE_OF_RECORDING: Final = {"binanceus": "binance"}
"""Recordings name Binance.US apart; it speaks Binance's format and is served as that venue."""


class Print(NamedTuple):
    """One trade as the venue prints it on its tape."""

    trade: Trade
    number: int
    """Counts the market's trades; grows by one."""


class Tape:
    def __init__(self, trades: Iterable[Trade], faults: Faults | None = None) -> None:
        """`trades`: ascending by `at_ms`; read no further ahead than asked for."""
        self._trades: Iterator[Trade] = iter(trades)
        self._next: Trade | None = next(self._trades, None)
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._held: list[tuple[int, int, Print]] = []
        """Printed and not yet delivered: (due, order, print)."""
        self._order = 0
        self.faults = faults or Faults()

    def until(self, now_ms: int) -> list[Print]:
        """Everything that falls due up to and including now, in order."""
        while self._next is not None and self._next.at_ms <= now_ms:
            self._hold(self._next)
            self._next = next(self._trades, None)
        due: list[Print] = []
        while self._held and self._held[0][0] <= now_ms:
            due.append(heapq.heappop(self._held)[2])
        return due

    def next_ms(self) -> int | None:
        """When there will be more; None at the end of the tape."""
        times = ([self._held[0][0]] if self._held else []) + ([self._next.at_ms] if self._next is not None else [])
        return min(times, default=None)

    def _hold(self, trade: Trade) -> None:
        market = (trade.venue, trade.symbol)
        self._numbers[market] += 1
        self._order += 1
        due_ms = trade.at_ms + self.faults.delay_ms(trade.venue, trade.at_ms)
        heapq.heappush(self._held, (due_ms, self._order, Print(self.faults.trade(trade), self._numbers[market])))


def recorded_trades(path: Path, start_s: int, end_s: int) -> Iterator[Trade]:
    """A recording's bars that open in [start_s, end_s) as trades: one a bar, at its end.

    A bar without volume gives no trade: nothing was traded in it, the exchange or the recorder filled it forward.

    Raises:
        ConfigError: the file is missing or is no recording.
    """
    trades = (bar.trade() for bar in read_bars(path, start_s, end_s))
    for trade in sorted((trade for trade in trades if trade is not None), key=lambda trade: trade.at_ms):
        venue = VENUE_OF_RECORDING.get(trade.venue, trade.venue)
        yield Trade(venue, trade.symbol, trade.price_wad, trade.size_wad, trade.at_ms)


def markets_of(trades: Iterable[Trade]) -> dict[str, list[str]]:
    """The symbols each venue trades, sorted."""
    markets: dict[str, set[str]] = {}
    for trade in trades:
        markets.setdefault(trade.venue, set()).add(trade.symbol)
    return {venue: sorted(symbols) for venue, symbols in sorted(markets.items())}

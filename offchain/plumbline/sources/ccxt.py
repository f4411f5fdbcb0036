# SPDX-License-Identifier: AGPL-3.0-only
"""An exchange read by ccxt: for those without an adapter here. The extra `ccxt` installs it.

ccxt is asked for numbers as text, so that a price is the exchange's own decimal; where an exchange sends JSON numbers,
it is the shortest decimal of the float that ccxt read. It connects, pings and
resubscribes by itself; what it raises ends a connection here as elsewhere: said, and tried again after growing pauses.
Its trades are held to the same rules as those of our own adapters: once each, in time, sane. What it cannot give: gaps
that the exchange's numbers would tell, checksums, and the exchange's words for one refused market among others.

Checked against ccxt 4.5.90 (`watchTradesForSymbols`, `number`): its parsing of the replayed venues' frames, no network.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from typing import Any, Final, Protocol

import structlog

from plumbline.core.models import BookSnapshot, Trade
from plumbline.errors import SourceError
from plumbline.ports import Clock
from plumbline.sources.codec import MAX_SKEW_MS, RecentIds
from plumbline.sources.numbers import FrameError, positive
from plumbline.sources.websocket import MAX_PAUSE_S, MIN_PAUSE_S, SourceStats

_log = structlog.get_logger(__name__)
_MOST_FAILURES: Final = 10


class Exchange(Protocol):
    """As much of a `ccxt.pro` exchange as is used."""

    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[dict[str, Any]]: ...

    async def close(self) -> None: ...


class CcxtSource:
    """A `TradeSource` of one exchange of ccxt's."""

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        clock: Clock,
        exchange: Exchange,
        errors: type[Exception],
        rng: random.Random | None = None,
    ) -> None:
        """`venue`: what the index calls it. `errors`: what the exchange raises; see `open_exchange`."""
        self.venue = venue
        self.stats = SourceStats()
        self._symbols, self._clock = list(symbols), clock
        self._exchange, self._errors = exchange, errors
        self._rng = rng or random.Random()
        self._seen = {symbol: RecentIds() for symbol in symbols}
        self._last_ms = dict.fromkeys(symbols, 0)

    async def trades(self) -> AsyncIterator[Trade]:
        """Every trade from now on; ends only when cancelled or closed."""
        failures = 0
        try:
            while True:
                try:
                    told = await self._exchange.watch_trades_for_symbols(self._symbols)
                except (self._errors, OSError) as error:
                    self._out(error)
                    await asyncio.sleep(self._pause_s(failures))
                    failures = min(failures + 1, _MOST_FAILURES)
                    continue
                failures = 0
                if not self.stats.connected:
                    self.stats.connected, self.stats.reason = True, ""
                    self.stats.connections += 1
                self.stats.frames += 1
                for trade in self._taken(told):
                    self.stats.trades += 1
                    yield trade
        finally:
            self.stats.connected = False
            await self._exchange.close()

    def book(self, symbol: str) -> BookSnapshot | None:
        """Books are not read through ccxt."""
        return None

    def _taken(self, told: list[dict[str, Any]]) -> list[Trade]:
        """The new ones, oldest first; ccxt tells the latest of its store again and again."""
        taken = []
        for each in sorted(told, key=lambda each: each.get("timestamp") or 0):
            try:
                trade = self._trade(each)
            except FrameError as error:
                if error.reason not in self.stats.rejected:
                    _log.warning("trade rejected", venue=self.venue, reason=str(error))
                self.stats.rejected[error.reason] += 1
                continue
            if trade.at_ms > self._clock.now_ms() + MAX_SKEW_MS:
                self.stats.dropped["future"] += 1
            elif self._seen[trade.symbol].again(str(each.get("id"))):
                continue
            elif trade.at_ms < self._last_ms[trade.symbol]:
                self.stats.dropped["out of order"] += 1
            else:
                self._last_ms[trade.symbol] = trade.at_ms
                taken.append(trade)
        return taken

    def _trade(self, told: dict[str, Any]) -> Trade:
        symbol, at_ms, price, size = (told.get(key) for key in ("symbol", "timestamp", "price", "amount"))
        if symbol not in self._seen:
            raise FrameError("unknown market", f"{str(symbol)[:40]!r} was not subscribed to")
        if not isinstance(at_ms, int) or at_ms <= 0:
            raise FrameError("time", f"{str(at_ms)[:40]!r}, expected milliseconds")
        if not isinstance(price, str) or not isinstance(size, str):
            raise FrameError("malformed", "expected price and amount as text")
        return Trade(self.venue, symbol, positive(price, "price"), positive(size, "size"), at_ms)

    def _out(self, error: Exception) -> None:
        self.stats.connected, self.stats.reason = False, f"{type(error).__name__}: {str(error)[:200]}"
        _log.warning("venue out", venue=self.venue, reason=self.stats.reason)

    def _pause_s(self, failures: int) -> float:
        return min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0**failures) * self._rng.uniform(0.5, 1.0)


class OneByOne:
    """An `Exchange` out of one of ccxt's that streams the trades of one market at a time."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._asking: dict[asyncio.Task[list[dict[str, Any]]], str] = {}

    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[dict[str, Any]]:
        for symbol in symbols:
            if symbol not in self._asking.values():
                self._asking[asyncio.ensure_future(self._exchange.watch_trades(symbol))] = symbol
        done, _ = await asyncio.wait(self._asking, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._asking[task]
        # One market's trouble must not cost the others' trades; if it lasts, the next question raises it.
        told = [trade for task in done if task.exception() is None for trade in task.result()]
        return told or [trade for task in done for trade in task.result()]

    async def close(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._exchange.close()


def open_exchange(name: str) -> tuple[Exchange, type[Exception]]:
    """ccxt's exchange of that name and what it raises.

    Raises:
        SourceError: ccxt is not installed, has no such exchange, or none that streams trades.
    """
    try:
        pro: Any = import_module("ccxt.pro")
    except ImportError as error:
        raise SourceError(f"{name}: expected ccxt (pip install 'plumbline[ccxt]'): {error}") from None
    if name not in pro.exchanges:
        raise SourceError(f"ccxt has no streaming exchange {name!r}")
    exchange = getattr(pro, name)({"newUpdates": True})
    exchange.number = str
    if exchange.has.get("watchTradesForSymbols"):
        return exchange, pro.BaseError
    if not exchange.has.get("watchTrades"):
        raise SourceError(f"ccxt's {name} cannot stream trades")
    return OneByOne(exchange), pro.BaseError

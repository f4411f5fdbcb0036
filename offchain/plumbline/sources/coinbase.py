# SPDX-License-Identifier: AGPL-3.0-only
"""Coinbase, Advanced Trade WebSocket, channels `market_trades`, `ticker` and `level2`; REST v3 (brokerage/market).

Checked against docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis (websocket overview and channels, public
products; excerpts, November 2026), the recorded frame coinbase/ws_market_trades.json and the answers http_ticker.json
and http_product_book.json of the test fixtures. The `match`, `snapshot` and `l2update` frames of the older
Pro/Exchange feed recorded in 2021 are translated in the tests.

Why Advanced Trade and not the Exchange feed: both show the same order book and neither needs a key for trades, but
here every frame of a connection is numbered (`sequence_num`), so a lost one is seen, and this is the API the venue
develops. After a lost frame no book is believed. The stream closes after 60 to 90 silent seconds unless `heartbeats`
is subscribed to as well. The snapshot of `level2` is the whole book, some megabytes for the largest market.

The venue answers a subscription to BTC-USDC with the frames of BTC-USD: one market under two names. Such a symbol is
refused here, for it would count one market twice and read a depegged dollar as a dollar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from plumbline.core.models import Trade
from plumbline.errors import SourceError
from plumbline.sources.book import MAX_LEVELS
from plumbline.sources.codec import Books, FrameError, TextLevel, VenueRefused, one_level
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Instant, Wire, milliseconds, whole

OWN_USDC_MARKETS: Final = ("USDT/USDC", "EURC/USDC")
"""The only USDC markets that are not the USD market's alias."""
MAX_BOOK_BYTES: Final = 16 << 20
"""The whole book of the largest market is a third of this."""
_BOOK_CHANNELS: Final = {"top": "ticker", "depth": "level2"}


class _Trade(Wire):
    trade_id: str
    product_id: str
    price: str
    size: str
    time: Instant


class _Traded(Wire):
    trades: list[_Trade]
    type: str = ""


class _Trades(Wire):
    events: list[_Traded]
    sequence_num: int = -1


class _Ticker(Wire):
    product_id: str
    best_bid: str = ""
    best_bid_quantity: str = ""
    best_ask: str = ""
    best_ask_quantity: str = ""


class _Change(Wire):
    side: str
    price_level: str
    new_quantity: str


class _Told(Wire):
    type: str = ""
    product_id: str = ""
    tickers: Sequence[_Ticker] = ()
    updates: Sequence[_Change] = ()
    subscriptions: dict[str, list[str]] = msgspec.field(default_factory=dict)


class _Frame(Wire):
    channel: str = ""
    sequence_num: int = -1
    events: Sequence[_Told] = ()
    timestamp: msgspec.Raw = msgspec.Raw(b"null")
    type: str = ""
    message: str = ""


class _Level(Wire):
    price: str
    size: str


class _PriceBook(Wire):
    bids: list[_Level]
    asks: list[_Level]
    time: Instant


class _Book(Wire):
    pricebook: _PriceBook


_frame = msgspec.json.Decoder(_Frame)
_time = msgspec.json.Decoder(Instant)
_trades = msgspec.json.Decoder(_Trades)
_rest_trades = msgspec.json.Decoder(_Traded)
_rest_book = msgspec.json.Decoder(_Book)


_TRADES_BEGIN = b'{"channel":"market_trades",'
"""As the venue writes it: read so, without a look for what only others have. It may write otherwise."""


class CoinbaseCodec(NumberedCodec):
    venue: ClassVar[str] = "coinbase"
    url: ClassVar[str] = "wss://advanced-trade-ws.coinbase.com"
    silence_s: ClassVar[float] = 15.0
    # Without a key, eight messages a second are let through.
    pause_s: ClassVar[float] = 0.15
    gapless: ClassVar[bool] = True
    depth: ClassVar[int] = MAX_LEVELS
    rest_url: ClassVar[str] = "https://api.coinbase.com"

    def __init__(self, symbols: Sequence[str], books: Books = "none") -> None:
        super().__init__(symbols, books)
        self._sequence = -1
        if books == "depth":
            self.max_frame_bytes = MAX_BOOK_BYTES

    def native(self, symbol: str) -> str:
        if symbol.endswith("/USDC") and symbol not in OWN_USDC_MARKETS:
            raise SourceError(f"coinbase: {symbol} is another name of {symbol.removesuffix('C')}, not a market")
        return symbol.replace("/", "-")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        self._sequence = -1
        # One product a frame: a wrong one is refused alone.
        channels = ["market_trades"] + ([] if self.books == "none" else [_BOOK_CHANNELS[self.books]])
        requests: list[dict[str, Any]] = [{"type": "subscribe", "channel": "heartbeats"}]
        requests += [
            {"type": "subscribe", "channel": channel, "product_ids": [native]}
            for channel in channels
            for native in natives
        ]
        return [msgspec.json.encode(request) for request in requests]

    def _resubscribe(self, native: str) -> list[bytes]:
        request = {"channel": _BOOK_CHANNELS[self.books], "product_ids": [native]}
        return [msgspec.json.encode({"type": kind, **request}) for kind in ("unsubscribe", "subscribe")]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame.startswith(_TRADES_BEGIN) or (message := _frame.decode(frame)).channel == "market_trades":
            return self._traded(_trades.decode(frame), now_ms)
        if message.type == "error":
            self._error(message.message)
            return []
        # Before a book is changed: a hole in the numbers means that a change of it may be missing.
        if message.channel in ("ticker", "l2_data", "heartbeats", "subscriptions"):
            self._count(message.sequence_num, now_ms)
        match message.channel:
            case "ticker":
                for ticker in (ticker for event in message.events for ticker in event.tickers):
                    bids = one_level(ticker.best_bid, ticker.best_bid_quantity)
                    asks = one_level(ticker.best_ask, ticker.best_ask_quantity)
                    self.put_book(ticker.product_id, bids, asks, milliseconds(_time.decode(message.timestamp)), now_ms)
            case "l2_data":
                at_ms = milliseconds(_time.decode(message.timestamp))
                for event in message.events:
                    bids, asks = _sides(event.updates)
                    self.put_book(event.product_id, bids, asks, at_ms, now_ms, changes=event.type != "snapshot")
            case "subscriptions":
                for event in message.events:
                    self._subscribed(event.subscriptions)
            case "heartbeats":
                pass
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _traded(self, told: _Trades, now_ms: int) -> list[Trade]:
        snapshot = bool(told.events) and told.events[0].type == "snapshot"
        if len(told.events) == 1 and len(told.events[0].trades) == 1:
            t = told.events[0].trades[0]
            trade_id, at_ms = whole(t.trade_id, "trade_id"), milliseconds(t.time)
            trades = self.taken_one(t.product_id, trade_id, t.price.encode(), t.size.encode(), at_ms, now_ms, snapshot)
        else:
            prints = [
                (t.product_id, whole(t.trade_id, "trade_id"), t.price, t.size, milliseconds(t.time))
                for event in told.events
                for t in event.trades
            ]
            prints.sort(key=lambda print_: print_[1])
            trades = self.taken(prints, now_ms, snapshot=snapshot)
        self._count(told.sequence_num, now_ms)
        return trades

    def _count(self, number: int, now_ms: int) -> None:
        """Frames of a connection are numbered from 0. A hole is counted; repeats are told by their trades' ids."""
        if number > self._sequence:
            if number > self._sequence + 1:
                self.missed += number - self._sequence - 1
                if self.books == "depth":
                    for native in self.markets:
                        self.out_of_step(native, "gap", now_ms)
            self._sequence = number

    def _subscribed(self, channels: dict[str, list[str]]) -> None:
        for native in channels.get("market_trades", []):
            self.confirm(native)
        for native in channels.get(_BOOK_CHANNELS.get(self.books, ""), []):
            self.confirm(native, book=True)

    def _error(self, text: str) -> None:
        named = [native for native in self.markets if native in text]
        if not named:
            raise VenueRefused(f"coinbase: {text[:200]}")
        for native in named:
            self.refuse(native, text)

    def trades_path(self, native: str) -> str:
        return f"/api/v3/brokerage/market/products/{native}/ticker?limit=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        trades = _rest_trades.decode(body).trades
        return sorted((native, whole(t.trade_id, "trade_id"), t.price, t.size, milliseconds(t.time)) for t in trades)

    def book_path(self, native: str) -> str:
        return f"/api/v3/brokerage/market/product_book?product_id={native}&limit=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[TextLevel], list[TextLevel], int | None]:
        book = _rest_book.decode(body).pricebook
        bids: list[TextLevel] = [(level.price, level.size) for level in book.bids]
        return bids, [(level.price, level.size) for level in book.asks], milliseconds(book.time)


def _sides(changes: Sequence[_Change]) -> tuple[list[TextLevel], list[TextLevel]]:
    bids: list[TextLevel] = []
    asks: list[TextLevel] = []
    for change in changes:
        if change.side not in ("bid", "offer"):
            raise FrameError("malformed", f"side {change.side[:20]!r}, expected bid or offer")
        (bids if change.side == "bid" else asks).append((change.price_level, change.new_quantity))
    return bids, asks

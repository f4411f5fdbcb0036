# SPDX-License-Identifier: AGPL-3.0-only
"""Gemini, WebSocket API (wss://ws.gemini.com), streams `<symbol>@trade` and `<symbol>@bookTicker`; REST v1.

Checked against developer.gemini.com (websocket: streams, message format; REST: trades, book; excerpts, November 2026)
and the answer of gemini's trades in the test fixtures. The WebSocket API replaced the v2 market data feed, whose
recorded frames of 2021 the tests translate.

A trade has no event name: it is told by its trade id `t`, and the best bid and ask by their update id `u`. Times are
nanoseconds. Ids grow, with holes: they count other events of the exchange too, and REST tells the same ones. Answers
carry an HTTP-like status. No snapshot and no heartbeat, so it is pinged.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import FrameError, TextLevel, VenueRefused, one_level
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire, whole


class _Error(Wire):
    code: int = 0
    msg: str = ""


class _Frame(Wire):
    symbol: str = msgspec.field(name="s", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    size: str = msgspec.field(name="q", default="")
    at_ns: int = msgspec.field(name="E", default=0)
    update_id: int = msgspec.field(name="u", default=-1)
    bid: str = msgspec.field(name="b", default="")
    bid_size: str = msgspec.field(name="B", default="")
    ask: str = msgspec.field(name="a", default="")
    ask_size: str = msgspec.field(name="A", default="")
    id: str = ""
    status: int = 0
    error: _Error | None = None


class _Trade(Wire):
    # The documentation shows numbers, the recorded answer text.
    tid: int | str
    timestampms: int | str
    price: str
    amount: str


class _Level(Wire):
    price: str
    amount: str


class _Book(Wire):
    bids: list[_Level]
    asks: list[_Level]


_frame = msgspec.json.Decoder(_Frame)
_rest_trades = msgspec.json.Decoder(list[_Trade])
_rest_book = msgspec.json.Decoder(_Book)
_OK = 200
_BOOK = "@bookTicker"
_TRADES = "@trade"


class GeminiCodec(NumberedCodec):
    venue: ClassVar[str] = "gemini"
    url: ClassVar[str] = "wss://ws.gemini.com"
    silence_s: ClassVar[float] = 60.0
    ping: ClassVar[tuple[float, bytes] | None] = (20.0, b'{"id":"ping","method":"ping"}')
    rest_url: ClassVar[str] = "https://api.gemini.com"
    # 120 a minute.
    rest_pause_s: ClassVar[float] = 0.6

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        streams = [native + _TRADES for native in natives]
        streams += [native + _BOOK for native in natives if self.books != "none"]
        # The request's id names the stream, so that its answer does too.
        return [msgspec.json.encode({"id": stream, "method": "subscribe", "params": [stream]}) for stream in streams]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.trade_id >= 0:
            price, size, at_ms = message.price.encode(), message.size.encode(), message.at_ns // 1_000_000
            return self.taken_one(message.symbol, message.trade_id, price, size, at_ms, now_ms)
        if message.update_id >= 0:
            bids, asks = one_level(message.bid, message.bid_size), one_level(message.ask, message.ask_size)
            self.put_book(message.symbol, bids, asks, message.at_ns // 1_000_000, now_ms)
            return []
        if message.status == 0:
            raise FrameError("unknown message", repr(frame[:80]))
        of_book = message.id.endswith(_BOOK)
        native = message.id.removesuffix(_BOOK if of_book else _TRADES)
        if message.status != _OK:
            why = f"status {message.status}: {message.error.msg[:200] if message.error else ''}"
            if native not in self.markets:
                raise VenueRefused(f"gemini: {why}")
            self.refuse(native, why, book=of_book)
        elif native in self.markets:
            self.confirm(native, book=of_book)
        return []

    def trades_path(self, native: str) -> str:
        return f"/v1/trades/{native}?limit_trades=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        return sorted(
            (native, whole(str(t.tid), "tid"), t.price, t.amount, whole(str(t.timestampms), "timestampms"))
            for t in _rest_trades.decode(body)
        )

    def book_path(self, native: str) -> str:
        return f"/v1/book/{native}?limit_bids=100&limit_asks=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[TextLevel], list[TextLevel], int | None]:
        book = _rest_book.decode(body)
        bids: list[TextLevel] = [(level.price, level.amount) for level in book.bids]
        return bids, [(level.price, level.amount) for level in book.asks], None

# SPDX-License-Identifier: AGPL-3.0-only
"""Binance spot, streams `<symbol>@trade` and `<symbol>@bookTicker`; REST v3.

Binance.US (wss://stream.binance.us:9443/ws, https://api.binance.us) speaks the same format. Checked against
developers.binance.com/docs/binance-spot-api-docs (web-socket-streams, rest-api; excerpts, November 2026) and the
recordings BINANCE and BINANCE_US of 2021: their `bookTicker` frames and depth answers as they are, their `aggTrade`
frames translated by the tests.

The server sends a WebSocket ping every 20 seconds, answered by the WebSocket layer itself, and drops a connection
after 24 hours. A stream of a symbol that does not exist is accepted and stays silent: the venue refuses nothing.
`bookTicker` tells no time of its own.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import FrameError, VenueRefused, one_level
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire


class _Event(Wire):
    event: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    size: str = msgspec.field(name="q", default="")
    at_ms: int = msgspec.field(name="T", default=0)
    update_id: int = msgspec.field(name="u", default=-1)
    # Of a trade, some deployments still tell the orders' numbers under the names of a book ticker's prices.
    bid: str | int = msgspec.field(name="b", default="")
    bid_size: str = msgspec.field(name="B", default="")
    ask: str | int = msgspec.field(name="a", default="")
    ask_size: str = msgspec.field(name="A", default="")


class _Error(Wire):
    msg: str


class _Frame(_Event):
    """A raw event, a combined stream's envelope around one, or the answer to a request."""

    data: _Event | None = None
    id: int | None = None
    error: _Error | None = None
    code: int | None = None
    msg: str = ""


class _Trade(Wire):
    id: int
    price: str
    qty: str
    time: int


class _Book(Wire):
    bids: list[list[str]]
    asks: list[list[str]]


_frame = msgspec.json.Decoder(_Frame)
_rest_trades = msgspec.json.Decoder(list[_Trade])
_rest_book = msgspec.json.Decoder(_Book)


class BinanceCodec(NumberedCodec):
    venue: ClassVar[str] = "binance"
    url: ClassVar[str] = "wss://stream.binance.com:9443/ws"
    # No heartbeat that we could see: a quiet market is not a dead connection, which the WebSocket pings find.
    silence_s: ClassVar[float] = 300.0
    gapless: ClassVar[bool] = True
    rest_url: ClassVar[str] = "https://api.binance.com"
    rest_used: ClassVar[tuple[str, int] | None] = ("x-mbx-used-weight-1m", 4_800)

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        kinds = ["trade"] if self.books == "none" else ["trade", "bookTicker"]
        streams = [f"{native.lower()}@{kind}" for kind in kinds for native in natives]
        return [msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": 1})]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        event = message.data or message
        if event.event == "trade":
            if event.trade_id < 0:
                raise FrameError("malformed", "expected the id of the trade")
            price, size = event.price.encode(), event.size.encode()
            return self.taken_one(event.symbol, event.trade_id, price, size, event.at_ms, now_ms)
        if event.event == "" and event.update_id >= 0:
            bids, asks = one_level(str(event.bid), event.bid_size), one_level(str(event.ask), event.ask_size)
            self.put_book(event.symbol, bids, asks, now_ms, now_ms)
            return []
        if message.error is not None or message.code is not None:
            text = message.error.msg if message.error is not None else message.msg
            raise VenueRefused(f"binance: {text[:200]}")
        if event.event == "serverShutdown":
            raise VenueRefused("binance: the server shuts down")
        if message.id is None:
            raise FrameError("unknown message", repr(frame[:80]))
        self.confirmed.update(self.wanted())
        return []

    def trades_path(self, native: str) -> str:
        return f"/api/v3/trades?symbol={native}&limit=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        return sorted((native, t.id, t.price, t.qty, t.time) for t in _rest_trades.decode(body))

    def book_path(self, native: str) -> str:
        return f"/api/v3/depth?symbol={native}&limit=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[list[str]], list[list[str]], int | None]:
        book = _rest_book.decode(body)
        return book.bids, book.asks, None

# SPDX-License-Identifier: AGPL-3.0-only
"""Bitstamp, WebSocket API v2, channels `live_trades_<market>` and `order_book_<market>`; REST v2.

Checked against bitstamp.net/websocket/v2 and bitstamp.net/api (excerpts, November 2026) and the recording BITSTAMP of
2021, trades and order book answers, which is still of this generation and is read as it is.

Prices and sizes of trades come twice, as JSON numbers and as text (`price_str`, `amount_str`); the text is read. Ids
count the trades of all markets together, so a hole in one market means nothing. No snapshot of trades. The order book
channel tells the best 100 levels a side, whole, with each change: nothing to get out of step. Before maintenance the
venue asks its clients to reconnect. REST tells a trade's time in seconds.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import FrameError, NumberedCodec, VenueRefused
from plumbline.sources.numbers import whole


class _Data(msgspec.Struct):
    id: int = -1
    price_str: str = ""
    amount_str: str = ""
    microtimestamp: int = 0
    bids: list[list[str]] = []
    asks: list[list[str]] = []
    message: str = ""


class _Frame(msgspec.Struct):
    event: str = ""
    channel: str = ""
    data: _Data | str = ""


class _Trade(msgspec.Struct):
    date: str
    tid: str
    price: str
    amount: str


_frame = msgspec.json.Decoder(_Frame, strict=False)
"""Not strict: times come as text, and are read as numbers."""
_rest_trades = msgspec.json.Decoder(list[_Trade])
_rest_book = msgspec.json.Decoder(_Data, strict=False)
_NOTHING = _Data()
_TRADES = "live_trades_"
_BOOK = "order_book_"


class BitstampCodec(NumberedCodec):
    venue: ClassVar[str] = "bitstamp"
    url: ClassVar[str] = "wss://ws.bitstamp.net"
    silence_s: ClassVar[float] = 60.0
    ping: ClassVar[tuple[float, bytes] | None] = (20.0, b'{"event":"bts:heartbeat"}')
    depth: ClassVar[int] = 100
    rest_url: ClassVar[str] = "https://www.bitstamp.net"

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        kinds = [_TRADES] if self.books == "none" else [_TRADES, _BOOK]
        return [
            msgspec.json.encode({"event": "bts:subscribe", "data": {"channel": kind + native}})
            for kind in kinds
            for native in natives
        ]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        data = message.data if isinstance(message.data, _Data) else _NOTHING
        if message.event == "trade":
            if data.id < 0:
                raise FrameError("malformed", "expected the id of the trade")
            native, at_ms = message.channel.removeprefix(_TRADES), data.microtimestamp // 1000
            return self.taken_one(native, data.id, data.price_str, data.amount_str, at_ms, now_ms)
        of_book = message.channel.startswith(_BOOK)
        native = message.channel.removeprefix(_BOOK if of_book else _TRADES)
        match message.event:
            case "data" if of_book:
                self.put_book(native, data.bids, data.asks, data.microtimestamp // 1000, now_ms)
            case "bts:subscription_succeeded":
                self.confirm(native, book=of_book)
            case "bts:error":
                if native not in self.markets:
                    raise VenueRefused(f"bitstamp: {data.message[:200]}")
                self.refuse(native, data.message, book=of_book)
            case "bts:request_reconnect":
                raise VenueRefused("bitstamp: asks to reconnect")
            case "bts:heartbeat":
                pass
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

    def trades_path(self, native: str) -> str:
        return f"/api/v2/transactions/{native}/?time=minute"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        trades = _rest_trades.decode(body)
        return sorted((native, whole(t.tid, "tid"), t.price, t.amount, whole(t.date, "date") * 1000) for t in trades)

    def book_path(self, native: str) -> str:
        return f"/api/v2/order_book/{native}/"

    def _book_told(self, native: str, body: bytes) -> tuple[list[list[str]], list[list[str]], int | None]:
        book = _rest_book.decode(body)
        return book.bids, book.asks, book.microtimestamp // 1000

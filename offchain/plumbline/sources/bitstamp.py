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

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import FrameError, VenueRefused
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire, whole


class _Told(Wire):
    id: int
    price_str: str
    amount_str: str
    microtimestamp: int


class _Traded(Wire):
    channel: str
    data: _Told


class _Data(Wire):
    microtimestamp: int = 0
    bids: Sequence[list[str]] = ()
    asks: Sequence[list[str]] = ()
    message: str = ""


class _Frame(Wire):
    event: str = ""
    channel: str = ""
    data: _Data | str = ""


class _Trade(Wire):
    date: str
    tid: str
    price: str
    amount: str


_trade = msgspec.json.Decoder(_Traded, strict=False)
_frame = msgspec.json.Decoder(_Frame, strict=False)
"""Not strict: times come as text, and are read as numbers."""
_rest_trades = msgspec.json.Decoder(list[_Trade])
_rest_book = msgspec.json.Decoder(_Data, strict=False)
_NOTHING = _Data()
_TRADES = "live_trades_"
_BOOK = "order_book_"
_TRADE_ENDS = b'"event":"trade"}'
"""As the venue writes it: read so, without a look for what only others have. It may write otherwise."""


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
        if frame.endswith(_TRADE_ENDS) or (message := _frame.decode(frame)).event == "trade":
            told = _trade.decode(frame)
            trade, native = told.data, told.channel.removeprefix(_TRADES)
            price, size, at_ms = trade.price_str.encode(), trade.amount_str.encode(), trade.microtimestamp // 1000
            return self.taken_one(native, trade.id, price, size, at_ms, now_ms)
        data = message.data if isinstance(message.data, _Data) else _NOTHING
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

    def _book_told(self, native: str, body: bytes) -> tuple[Sequence[list[str]], Sequence[list[str]], int | None]:
        book = _rest_book.decode(body)
        return book.bids, book.asks, book.microtimestamp // 1000

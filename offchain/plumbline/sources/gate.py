# SPDX-License-Identifier: AGPL-3.0-only
"""Gate spot, API v4, channels `spot.trades` and `spot.book_ticker`; REST v4.

Checked against gate.com/docs/developers/apiv4 (ws: spot; REST: trades, order_book; excerpts, November 2026) and a live
frame of 2026 quoted in a public project (with `id_market` and `range`). The v3 frames recorded in 2021 are translated
in the tests.

`id_market` grows by one with every trade of a market; REST calls it `sequence_id`. Times are milliseconds as text,
with a fraction. The venue answers `spot.ping`. No snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Books, FrameError, VenueRefused, one_level
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire, whole


class _Result(Wire):
    """A trade or the best bid and ask."""

    id_market: int = -1
    create_time_ms: str = ""
    currency_pair: str = ""
    amount: str = ""
    price: str = ""
    at_ms: int = msgspec.field(name="t", default=0)
    symbol: str = msgspec.field(name="s", default="")
    bid: str = msgspec.field(name="b", default="")
    bid_size: str = msgspec.field(name="B", default="")
    ask: str = msgspec.field(name="a", default="")
    ask_size: str = msgspec.field(name="A", default="")


class _Error(Wire):
    code: int = 0
    message: str = ""


class _Frame(Wire):
    channel: str = ""
    event: str = ""
    id: int = 0
    error: _Error | None = None
    result: _Result | None = None


class _Trade(Wire):
    sequence_id: str
    create_time_ms: str
    amount: str
    price: str


class _Book(Wire):
    update: int
    bids: list[list[str]]
    asks: list[list[str]]


_frame = msgspec.json.Decoder(_Frame)
_rest_trades = msgspec.json.Decoder(list[_Trade])
_rest_book = msgspec.json.Decoder(_Book)
_TRADES = "spot.trades"
_BOOK = "spot.book_ticker"


class GateCodec(NumberedCodec):
    venue: ClassVar[str] = "gate"
    url: ClassVar[str] = "wss://api.gateio.ws/ws/v4/"
    silence_s: ClassVar[float] = 60.0
    ping: ClassVar[tuple[float, bytes] | None] = (20.0, b'{"channel":"spot.ping"}')
    gapless: ClassVar[bool] = True
    rest_url: ClassVar[str] = "https://api.gateio.ws"
    rest_left: ClassVar[str | None] = "x-gate-ratelimit-requests-remain"

    def __init__(self, symbols: Sequence[str], books: Books = "none") -> None:
        super().__init__(symbols, books)
        channels = [_TRADES] if books == "none" else [_TRADES, _BOOK]
        self._asked = [(channel, native) for channel in channels for native in self.markets]
        """One market a request: a wrong one is refused alone. The request's id is its place here, from 1."""

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "_")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        return [
            msgspec.json.encode({"id": place, "channel": channel, "event": "subscribe", "payload": [native]})
            for place, (channel, native) in enumerate(self._asked, 1)
        ]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        told = message.result
        if message.event == "update" and told is not None:
            if message.channel == _TRADES:
                if told.id_market < 0:
                    raise FrameError("malformed", "expected id_market")
                price, size, at_ms = told.price.encode(), told.amount.encode(), _ms(told.create_time_ms)
                return self.taken_one(told.currency_pair, told.id_market, price, size, at_ms, now_ms)
            if message.channel == _BOOK:
                bids, asks = one_level(told.bid, told.bid_size), one_level(told.ask, told.ask_size)
                self.put_book(told.symbol, bids, asks, told.at_ms, now_ms)
                return []
        if message.channel in (_TRADES, _BOOK) and message.event == "subscribe":
            self._answered(message)
        elif message.error is not None:
            raise VenueRefused(f"gate: error {message.error.code}: {message.error.message[:200]}")
        elif message.channel != "spot.pong":
            raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _answered(self, message: _Frame) -> None:
        if not 1 <= message.id <= len(self._asked):
            if message.error is not None:
                raise VenueRefused(f"gate: error {message.error.code}: {message.error.message[:200]}")
            return
        channel, native = self._asked[message.id - 1]
        if message.error is None:
            self.confirm(native, book=channel == _BOOK)
        else:
            self.refuse(native, f"error {message.error.code}: {message.error.message}", book=channel == _BOOK)

    def trades_path(self, native: str) -> str:
        return f"/api/v4/spot/trades?currency_pair={native}&limit=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        return sorted(
            (native, whole(t.sequence_id, "sequence_id"), t.price, t.amount, _ms(t.create_time_ms))
            for t in _rest_trades.decode(body)
        )

    def book_path(self, native: str) -> str:
        return f"/api/v4/spot/order_book?currency_pair={native}&limit=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[list[str]], list[list[str]], int | None]:
        book = _rest_book.decode(body)
        return book.bids, book.asks, book.update


def _ms(text: str) -> int:
    return whole(text.partition(".")[0], "create_time_ms")

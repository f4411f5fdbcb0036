# SPDX-License-Identifier: AGPL-3.0-only
"""Bybit spot, v5 public stream, topics `publicTrade.<symbol>` and `orderbook.1.<symbol>`; REST v5.

Checked against bybit-exchange.github.io/docs/v5 (ws/connect, websocket/public/trade and orderbook, market/recent-trade
and orderbook; excerpts, November 2026), live frames quoted in public projects (a trade with `RPI` and `seq`, a
subscription's answers), and the test fixtures bybit/http_get_trades_recent.json and http_get_orderbook.json.

A frame holds up to 1,024 trades of one market. Ids are UUIDs without an order: repeats are found by id, order is by
time. The venue wants a ping every 20 seconds. A wrong topic fails its whole request, so each has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import FrameError, VenueRefused
from plumbline.sources.kinds import UnorderedCodec
from plumbline.sources.numbers import Wire, whole


class _Trade(Wire):
    at_ms: int = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    size: str = msgspec.field(name="v")
    price: str = msgspec.field(name="p")
    trade_id: str = msgspec.field(name="i")


class _Book(Wire):
    symbol: str = msgspec.field(name="s")
    bids: list[list[str]] = msgspec.field(name="b")
    asks: list[list[str]] = msgspec.field(name="a")
    ts: int = 0


class _Trades(Wire):
    data: list[_Trade]


class _Frame(Wire):
    topic: str = ""
    type: str = ""
    ts: int = 0
    data: msgspec.Raw = msgspec.Raw(b"null")
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class _RestTrade(Wire):
    execId: str
    price: str
    size: str
    time: str


class _RestTrades(Wire):
    trades: list[_RestTrade] = msgspec.field(name="list", default_factory=list)


class _Answer(Wire):
    retCode: int
    retMsg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(_Trades)
_answer = msgspec.json.Decoder(_Answer)
_rest_trades = msgspec.json.Decoder(_RestTrades)
_book = msgspec.json.Decoder(_Book)
_TRADES_BEGIN = b'{"topic":"publicTrade.'
"""As the venue writes it: read so, without a look for what only others have. It may write otherwise."""
_TRADES = "publicTrade."
_BOOK = "orderbook.1."


class BybitCodec(UnorderedCodec):
    venue: ClassVar[str] = "bybit"
    url: ClassVar[str] = "wss://stream.bybit.com/v5/public/spot"
    silence_s: ClassVar[float] = 50.0
    ping: ClassVar[tuple[float, bytes] | None] = (20.0, b'{"op":"ping"}')
    rest_url: ClassVar[str] = "https://api.bybit.com"
    rest_left: ClassVar[str | None] = "x-bapi-limit-status"

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        topics = [_TRADES + native for native in natives]
        topics += [_BOOK + native for native in natives if self.books != "none"]
        # The request's id names the topic, so that its answer does too.
        return [msgspec.json.encode({"op": "subscribe", "args": [topic], "req_id": topic}) for topic in topics]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame.startswith(_TRADES_BEGIN) or (message := _frame.decode(frame)).topic.startswith(_TRADES):
            told = _trades.decode(frame).data
            if len(told) == 1:
                t = told[0]
                return self.taken_one(t.symbol, t.trade_id, t.price.encode(), t.size.encode(), t.at_ms, now_ms)
            return self.taken(_prints(told), now_ms)
        if message.topic.startswith(_BOOK):
            book = _book.decode(message.data)
            self.put_book(book.symbol, book.bids, book.asks, message.ts, now_ms, changes=message.type != "snapshot")
        elif message.op == "subscribe":
            self._answered(message)
        elif message.op not in ("ping", "pong"):
            raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _answered(self, message: _Frame) -> None:
        # A refusal may come without the request's id; it names the topic in its words.
        topic = message.req_id or message.ret_msg.partition("topic:")[2]
        of_book = topic.startswith(_BOOK)
        native = topic.removeprefix(_BOOK if of_book else _TRADES)
        if native not in self.markets:
            raise VenueRefused(f"bybit: {message.ret_msg[:200] or 'answer to a request never made'}")
        if message.success:
            self.confirm(native, book=of_book)
        else:
            self.refuse(native, message.ret_msg, book=of_book)

    def trades_path(self, native: str) -> str:
        return f"/v5/market/recent-trade?category=spot&symbol={native}&limit=60"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, str, str, str, int]]:
        trades = _rest_trades.decode(_result(body)).trades
        told = [(native, t.execId, t.price, t.size, whole(t.time, "time")) for t in trades]
        return sorted(told, key=lambda print_: print_[4])

    def book_path(self, native: str) -> str:
        return f"/v5/market/orderbook?category=spot&symbol={native}&limit=50"

    def _book_told(self, native: str, body: bytes) -> tuple[list[list[str]], list[list[str]], int | None]:
        book = _book.decode(_result(body))
        return book.bids, book.asks, book.ts


def _prints(trades: Sequence[_Trade]) -> list[tuple[str, str, str, str, int]]:
    prints = [(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in trades]
    prints.sort(key=lambda print_: print_[4])
    return prints


def _result(body: bytes) -> msgspec.Raw:
    answer = _answer.decode(body)
    if answer.retCode != 0:
        raise VenueRefused(f"bybit: error {answer.retCode}: {answer.retMsg[:200]}")
    return answer.result

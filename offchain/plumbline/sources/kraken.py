# SPDX-License-Identifier: AGPL-3.0-only
"""Kraken, WebSocket API v2, channels `trade`, `ticker` and `book`; REST (Trades, Depth).

Checked against docs.kraken.com/exchange (spot-websocket-v2: trade, ticker, book, heartbeat, status, ping; guide
book-checksum-v2; REST: Trades, Depth; excerpts, November 2026) and the recorded frames and answers of kraken in the
test fixtures. The v1 frames recorded in 2021, books with their checksums too, are translated to v2 in the tests.

Prices and sizes are JSON numbers: their characters are parsed, never their float, and a book's checksum is made of
them. `trade_id` is a sequence number per book. A subscription is followed by a snapshot (of trades: the last 50);
heartbeats come about once a second when nothing else does. v2 says BTC where v1 and the REST API say XBT.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from zlib import crc32

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.book import LiveBook
from plumbline.sources.codec import FrameError, TextLevel, VenueRefused, one_level
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Instant, Wire, milliseconds, number_text, seconds_text_ms

REST_NAMES: Final = {"BTC": "XBT", "DOGE": "XDG"}
CHECKED_LEVELS: Final = 10
_NONE: Final = msgspec.Raw(b"")


class _Level(Wire):
    price: msgspec.Raw
    qty: msgspec.Raw


class _Trade(Wire):
    symbol: str
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: int
    timestamp: Instant


class _Trades(Wire):
    data: list[_Trade]
    type: str = ""


class _Item(Wire):
    """The best bid and ask, a book or changes to one, or the exchange's status."""

    symbol: str = ""
    timestamp: Instant | None = None
    bid: msgspec.Raw = _NONE
    bid_qty: msgspec.Raw = _NONE
    ask: msgspec.Raw = _NONE
    ask_qty: msgspec.Raw = _NONE
    bids: Sequence[_Level] = ()
    asks: Sequence[_Level] = ()
    checksum: int = -1
    system: str = ""


class _Subscribed(msgspec.Struct, frozen=True, gc=False):
    channel: str = ""
    symbol: str = ""


class _Frame(Wire):
    channel: str = ""
    type: str = ""
    data: Sequence[_Item] = ()
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    req_id: int = 0
    result: _Subscribed = _Subscribed()


class _Answer(Wire):
    error: Sequence[str] = ()
    result: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class _Depth(Wire):
    bids: list[tuple[str, str, int]]
    asks: list[tuple[str, str, int]]


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(_Trades)
_answer = msgspec.json.Decoder(_Answer)
_rest_trades = msgspec.json.Decoder(list[tuple[str, str, msgspec.Raw, str, str, str, int]])
_rest_book = msgspec.json.Decoder(_Depth)
_TRADES_BEGIN = b'{"channel":"trade",'
"""As the venue writes it: read so, without a look for what only others have. It may write otherwise."""
_TRADES, _BOOKS = 1, 2
"""The requests' ids."""


class KrakenCodec(NumberedCodec):
    venue: ClassVar[str] = "kraken"
    url: ClassVar[str] = "wss://ws.kraken.com/v2"
    silence_s: ClassVar[float] = 15.0
    gapless: ClassVar[bool] = True
    depth: ClassVar[int] = 100
    rest_url: ClassVar[str] = "https://api.kraken.com"
    rest_pause_s: ClassVar[float] = 1.0

    def native(self, symbol: str) -> str:
        return symbol

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        params = {"channel": "trade", "symbol": natives, "snapshot": True}
        requests = [msgspec.json.encode({"method": "subscribe", "params": params, "req_id": _TRADES})]
        return requests if self.books == "none" else [*requests, self._book_request("subscribe", natives)]

    def _book_request(self, method: str, natives: list[str]) -> bytes:
        params: dict[str, Any] = {"channel": "book", "symbol": natives, "depth": self.depth}
        if self.books == "top":
            params = {"channel": "ticker", "symbol": natives, "event_trigger": "bbo"}
        return msgspec.json.encode({"method": method, "params": params, "req_id": _BOOKS})

    def _resubscribe(self, native: str) -> list[bytes]:
        return [self._book_request(method, [native]) for method in ("unsubscribe", "subscribe")]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame.startswith(_TRADES_BEGIN) or (message := _frame.decode(frame)).channel == "trade":
            told = _trades.decode(frame)
            if len(told.data) == 1:
                t = told.data[0]
                price, size, at_ms = bytes(t.price), bytes(t.qty), milliseconds(t.timestamp)
                return self.taken_one(t.symbol, t.trade_id, price, size, at_ms, now_ms, told.type == "snapshot")
            return self._traded(told, now_ms)
        match message.channel:
            case "book":
                for item in message.data:
                    self._book(item, now_ms, changes=message.type != "snapshot")
            case "ticker":
                for item in message.data:
                    bids = one_level(number_text(item.bid), number_text(item.bid_qty))
                    asks = one_level(number_text(item.ask), number_text(item.ask_qty))
                    at_ms = now_ms if item.timestamp is None else milliseconds(item.timestamp)
                    self.put_book(item.symbol, bids, asks, at_ms, now_ms)
            case "status":
                if any(item.system == "maintenance" for item in message.data):
                    raise VenueRefused("kraken: maintenance")
            case "heartbeat":
                pass
            case "" if message.method == "subscribe":
                self._answered(message)
            case "" if message.method in ("pong", "unsubscribe"):
                pass
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _traded(self, told: _Trades, now_ms: int) -> list[Trade]:
        prints = [
            (t.symbol, t.trade_id, number_text(t.price), number_text(t.qty), milliseconds(t.timestamp))
            for t in told.data
        ]
        prints.sort(key=lambda print_: print_[1])
        return self.taken(prints, now_ms, snapshot=told.type == "snapshot")

    def _book(self, item: _Item, now_ms: int, *, changes: bool) -> None:
        bids, asks = [[(number_text(lv.price), number_text(lv.qty)) for lv in side] for side in (item.bids, item.asks)]
        at_ms = now_ms if item.timestamp is None else milliseconds(item.timestamp)
        self.put_book(
            item.symbol,
            bids,
            asks,
            at_ms,
            now_ms,
            changes=changes,
            text=_digits,
            checksum=lambda book: _checksum(book) == item.checksum,
        )

    def _answered(self, message: _Frame) -> None:
        of_book = message.req_id == _BOOKS
        if message.success:
            self.confirm(message.result.symbol, book=of_book)
        elif message.symbol in self.markets:
            self.refuse(message.symbol, message.error, book=of_book)
        else:
            raise VenueRefused(f"kraken: {message.error or 'subscription refused'}")

    def trades_path(self, native: str) -> str:
        return f"/0/public/Trades?pair={_rest_name(native)}&count=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        trades = _rest_trades.decode(_result(body))
        return sorted((native, t[6], t[0], t[1], seconds_text_ms(number_text(t[2]), "time")) for t in trades)

    def book_path(self, native: str) -> str:
        return f"/0/public/Depth?pair={_rest_name(native)}&count=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[TextLevel], list[TextLevel], int | None]:
        book = _rest_book.decode(_result(body))
        bids: list[TextLevel] = [level[:2] for level in book.bids]
        return bids, [level[:2] for level in book.asks], None


def _digits(level: TextLevel) -> str:
    """ "45285.2", "0.00100000" is "452852100000": without the point and leading zeros."""
    return "".join([text.replace(".", "").lstrip("0") for text in level[:2]])


def _checksum(book: LiveBook) -> int:
    """CRC32 of the best ten asks, then bids."""
    return crc32("".join(book.asks.texts(CHECKED_LEVELS) + book.bids.texts(CHECKED_LEVELS)).encode())


def _rest_name(native: str) -> str:
    return "".join(REST_NAMES.get(name, name) for name in native.split("/"))


def _result(body: bytes) -> msgspec.Raw:
    """What is told of the one market asked for; the venue files it under a name of its own choice."""
    answer = _answer.decode(body)
    if answer.error:
        raise VenueRefused(f"kraken: {answer.error[0][:200]}")
    told = [raw for name, raw in answer.result.items() if name != "last"]
    if len(told) != 1:
        raise FrameError("malformed", f"{len(told)} markets, expected 1")
    return told[0]

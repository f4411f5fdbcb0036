# SPDX-License-Identifier: AGPL-3.0-only
"""Crypto.com's side of the v1 market stream: a heartbeat that must be answered, snapshots newest first.

The code of a refused instrument is a guess among the documented ones; clients can only rely on it not being 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, by_symbol, decimal, encode, read, rows

_CHANNEL = "trade."
_BOOK = "ticker."
_UNKNOWN_SYMBOL = 40_003
_BAD_REQUEST = 40_001


class _Params(msgspec.Struct):
    channels: list[str]


class _Request(msgspec.Struct):
    method: str
    id: int = -1
    params: msgspec.Raw = msgspec.Raw(b"{}")


class CryptocomSession(Session):
    venue: ClassVar[str] = "cryptocom"
    path: ClassVar[str] = "/exchange/v1/market"
    heartbeat_s: ClassVar[float | None] = 30.0

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self._beat = -1
        """The id of the last heartbeat."""

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "_")

    def heartbeat(self, now_ms: int) -> list[bytes]:
        self.must_speak_s = 5.0
        self._beat = now_ms
        return [encode({"id": now_ms, "method": "public/heartbeat", "code": 0})]

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [encode({"id": -1, "method": "", "code": _BAD_REQUEST, "message": "Bad request"})]
        answer = {"id": request.id, "method": request.method}
        if request.method == "public/respond-heartbeat":
            if self.must_speak_s is not None and request.id == self._beat:
                self.must_speak_s = None
            return []
        params = read(request.params, _Params)
        channels = params.channels if params is not None else []
        if request.method != "subscribe" or not channels:
            return [encode({**answer, "code": _BAD_REQUEST, "message": "Bad request"})]
        if any(_native(channel) not in self._symbols for channel in channels):
            return [encode({**answer, "code": _UNKNOWN_SYMBOL, "message": "Unknown symbol"})]
        frames = [encode({**answer, "code": 0})]
        for channel in channels:
            symbol = self._symbols[_native(channel)]
            if channel.startswith(_BOOK):
                frames += self.open_book(symbol, recent, now_ms)
            else:
                self.subscribed.add(symbol)
                frames.append(self._frame(symbol, recent(symbol)))
        return frames

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(symbol, group) for symbol, group in by_symbol(prints).items()]

    def _frame(self, symbol: str, prints: Sequence[Print]) -> bytes:
        native = self.name(symbol)
        trades = [_trade(native, p) for p in reversed(prints)]
        subscription = _CHANNEL + native
        result = {"instrument_name": native, "subscription": subscription, "channel": "trade", "data": trades}
        return encode({"id": -1, "method": "subscribe", "code": 0, "result": result})

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        native, ((bid, bid_size), (ask, ask_size)) = self.name(symbol), (rows(side[:1])[0] for side in book)
        ticker = {"i": native, "b": bid, "bs": bid_size, "k": ask, "ks": ask_size, "a": bid, "t": at_ms}
        result = {"instrument_name": native, "subscription": _BOOK + native, "channel": "ticker", "data": [ticker]}
        return [encode({"id": -1, "method": "subscribe", "code": 0, "result": result})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        native = query.get("instrument_name", "")
        symbol = self._symbols.get(native)
        told: dict[str, Any] = {"id": -1, "method": path.removeprefix("/exchange/v1/")}
        if symbol is None:
            return 400, encode({**told, "code": _UNKNOWN_SYMBOL, "message": "Unknown symbol"})
        prints = recent(symbol)
        data: list[dict[str, Any]] = [_trade(native, p) for p in reversed(prints)]
        if path.endswith("/get-book"):
            book = book_now(prints)
            data = [{"bids": rows(book.bids), "asks": rows(book.asks), "t": now_ms}]
        return 200, encode({**told, "code": 0, "result": {"instrument_name": native, "data": data}})


def _trade(native: str, p: Print) -> dict[str, Any]:
    return {
        "d": str(10**18 + p.number),
        "t": p.trade.at_ms,
        "p": decimal(p.trade.price_wad),
        "q": decimal(p.trade.size_wad),
        "s": "BUY" if p.number % 2 else "SELL",
        "i": native,
        "m": str(p.number),
    }


def _native(channel: str) -> str:
    return channel.removeprefix(_CHANNEL).removeprefix(_BOOK)

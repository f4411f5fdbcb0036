# SPDX-License-Identifier: AGPL-3.0-only
"""Gate's side of API v4's spot stream: a frame a trade, numbered within its market; a wrong pair fails its request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, decimal, encode, read, rows

_CHANNEL = "spot.trades"
_BOOK = "spot.book_ticker"
_INVALID_ARGUMENT = 2


class _Request(msgspec.Struct):
    channel: str
    event: str = ""
    payload: list[str] = []
    id: int = 0


class GateSession(Session):
    venue: ClassVar[str] = "gate"
    path: ClassVar[str] = "/ws/v4/"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "_")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_answer(_Request(""), now_ms, error="invalid request body")]
        if request.channel == "spot.ping":
            return [encode({**_times(now_ms), "channel": "spot.pong", "event": "", "result": None})]
        if request.channel not in (_CHANNEL, _BOOK) or request.event != "subscribe":
            return [_answer(request, now_ms, error=f"unknown channel {request.channel[:40]}")]
        wrong = [pair for pair in request.payload if pair not in self._symbols]
        if wrong:
            return [_answer(request, now_ms, error=f"unknown currency pair {wrong[0][:40]}")]
        symbols = [self._symbols[pair] for pair in request.payload]
        if request.channel == _BOOK:
            opened = [frame for symbol in symbols for frame in self.open_book(symbol, recent, now_ms)]
            return [_answer(request, now_ms), *opened]
        self.subscribed.update(symbols)
        return [_answer(request, now_ms)]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode({**_times(now_ms), "channel": _CHANNEL, "event": "update", "result": self._trade(p)}) for p in prints
        ]

    def _trade(self, p: Print) -> dict[str, Any]:
        return {
            "id": p.number,
            "id_market": p.number,
            "create_time": p.trade.at_ms // 1000,
            "create_time_ms": f"{p.trade.at_ms}.000000",
            "side": "buy" if p.number % 2 else "sell",
            "currency_pair": self.name(p.trade.symbol),
            "amount": decimal(p.trade.size_wad),
            "price": decimal(p.trade.price_wad),
            "range": f"{p.number}-{p.number}",
        }

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        (bid, bid_size), (ask, ask_size) = (rows(side[:1])[0] for side in book)
        result = {"t": at_ms, "u": at_ms, "s": self.name(symbol), "b": bid, "B": bid_size, "a": ask, "A": ask_size}
        return [encode({**_times(now_ms), "channel": _BOOK, "event": "update", "result": result})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(query.get("currency_pair", ""))
        if symbol is None:
            return 400, encode({"label": "INVALID_CURRENCY_PAIR", "message": "Invalid currency pair"})
        prints = recent(symbol)
        if path == "/api/v4/spot/trades":
            return 200, encode([self._rest_trade(p) for p in reversed(prints)])
        book = book_now(prints)
        told = {"id": now_ms, "current": now_ms, "update": now_ms}
        return 200, encode({**told, "bids": rows(book.bids), "asks": rows(book.asks)})

    def _rest_trade(self, p: Print) -> dict[str, Any]:
        told = self._trade(p)
        text = {"id": str(p.number), "create_time": str(told["create_time"]), "sequence_id": str(p.number)}
        return {**{key: told[key] for key in ("create_time_ms", "side", "currency_pair", "amount", "price")}, **text}


def _answer(request: _Request, now_ms: int, error: str = "") -> bytes:
    told = {"id": request.id, "channel": request.channel, "event": request.event, "payload": request.payload}
    if error:
        return encode(
            {**_times(now_ms), **told, "error": {"code": _INVALID_ARGUMENT, "message": error}, "result": None}
        )
    return encode({**_times(now_ms), **told, "result": {"status": "success"}})


def _times(now_ms: int) -> dict[str, int]:
    return {"time": now_ms // 1000, "time_ms": now_ms}

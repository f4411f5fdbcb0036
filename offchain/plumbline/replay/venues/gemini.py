# SPDX-License-Identifier: AGPL-3.0-only
"""Gemini's side of its WebSocket API: requests answered with a status, a frame a trade, times in nanoseconds.

The code and wording of a refused stream are not documented; clients can only rely on the status not being 200.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, decimal, encode, read, rows

_STREAM = "@trade"
_BOOK = "@bookTicker"


class _Request(msgspec.Struct):
    id: str | int
    method: str
    params: list[str] = []


class GeminiSession(Session):
    venue: ClassVar[str] = "gemini"
    path: ClassVar[str] = "/"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_error(None, "Invalid request")]
        if request.method == "ping":
            return [encode({"id": request.id, "status": 200})]
        if request.method.lower() != "subscribe":
            return [_error(request.id, f"Unknown method {request.method[:40]}")]
        wrong = [stream for stream in request.params if _native(stream) not in self._symbols]
        if wrong:
            return [_error(request.id, f"Invalid stream {wrong[0][:40]}")]
        frames = [encode({"id": request.id, "status": 200})]
        for stream in request.params:
            symbol = self._symbols[_native(stream)]
            if stream.endswith(_BOOK):
                frames += self.open_book(symbol, recent, now_ms)
            else:
                self.subscribed.add(symbol)
        return frames

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "E": p.trade.at_ms * 1_000_000,
                    "s": self.name(p.trade.symbol),
                    "t": p.number,
                    "p": decimal(p.trade.price_wad),
                    "q": decimal(p.trade.size_wad),
                    "m": p.number % 2 == 0,
                }
            )
            for p in prints
        ]

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        (bid, bid_size), (ask, ask_size) = (rows(side[:1])[0] for side in book)
        told = {"u": at_ms, "E": at_ms * 1_000_000, "s": self.name(symbol)}
        return [encode({**told, "b": bid, "B": bid_size, "a": ask, "A": ask_size})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(path.rpartition("/")[2])
        if symbol is None:
            return 400, encode({"result": "error", "reason": "InvalidSymbol", "message": "Unknown symbol"})
        prints = recent(symbol)
        if path.startswith("/v1/trades/"):
            return 200, encode([_rest_trade(p) for p in reversed(prints)])
        sides = {
            name: [{"price": price, "amount": size, "timestamp": str(now_ms // 1000)} for price, size in rows(side)]
            for name, side in zip(("bids", "asks"), book_now(prints), strict=True)
        }
        return 200, encode(sides)


def _rest_trade(p: Print) -> dict[str, Any]:
    return {
        "timestamp": p.trade.at_ms // 1000,
        "timestampms": p.trade.at_ms,
        "tid": p.number,
        "price": decimal(p.trade.price_wad),
        "amount": decimal(p.trade.size_wad),
        "exchange": "gemini",
        "type": "buy" if p.number % 2 else "sell",
    }


def _native(stream: str) -> str:
    return stream.removesuffix(_STREAM).removesuffix(_BOOK)


def _error(request_id: Any, message: str) -> bytes:
    return encode({"id": request_id, "status": 400, "error": {"code": -1_000, "msg": message}})

# SPDX-License-Identifier: AGPL-3.0-only
"""Binance's side of the raw stream endpoint `/ws`: SUBSCRIBE, then one frame a trade.

A stream that does not exist is accepted and stays silent, as there. No snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, decimal, encode, read, rows


class _Request(msgspec.Struct):
    method: str
    params: msgspec.Raw = msgspec.Raw(b"null")
    id: int | None = None


class BinanceSession(Session):
    venue: ClassVar[str] = "binance"
    path: ClassVar[str] = "/ws"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_error(3, "Invalid JSON: expected value", None)]
        if request.method != "SUBSCRIBE":
            return [_error(2, f"Invalid request: unknown variant {request.method[:40]}", request.id)]
        streams = read(request.params, list[str])
        if streams is None:
            return [_error(2, "Invalid request: params must be a list of streams", request.id)]
        frames = [encode({"result": None, "id": request.id})]
        for stream in streams:
            match = re.fullmatch(r"([a-z0-9]+)@(trade|bookTicker)", stream)
            symbol = self._symbols.get(match[1].upper()) if match else None
            if match is None or symbol is None:
                continue
            if match[2] == "trade":
                self.subscribed.add(symbol)
            else:
                frames += self.open_book(symbol, recent, now_ms)
        return frames

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "e": "trade",
                    "E": now_ms,
                    "s": self.name(p.trade.symbol),
                    "t": p.number,
                    "p": decimal(p.trade.price_wad),
                    "q": decimal(p.trade.size_wad),
                    "T": p.trade.at_ms,
                    "m": p.number % 2 == 0,
                    "M": True,
                }
            )
            for p in prints
        ]

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        (bid, bid_size), (ask, ask_size) = (rows(side[:1])[0] for side in book)
        event = {"u": now_ms, "s": self.name(symbol), "b": bid, "B": bid_size, "a": ask, "A": ask_size}
        return [encode(event)]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(query.get("symbol", ""))
        if symbol is None:
            return 400, encode({"code": -1121, "msg": "Invalid symbol."})
        prints = recent(symbol)
        if path == "/api/v3/trades":
            return 200, encode([_rest_trade(p) for p in prints])
        book = book_now(prints)
        return 200, encode({"lastUpdateId": now_ms, "bids": rows(book.bids), "asks": rows(book.asks)})


def _rest_trade(p: Print) -> dict[str, Any]:
    price, size = decimal(p.trade.price_wad), decimal(p.trade.size_wad)
    return {"id": p.number, "price": price, "qty": size, "time": p.trade.at_ms, "isBuyerMaker": p.number % 2 == 0}


def _error(code: int, message: str, request_id: int | None) -> bytes:
    return encode({"error": {"code": code, "msg": message}, "id": request_id})

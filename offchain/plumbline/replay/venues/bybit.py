# SPDX-License-Identifier: AGPL-3.0-only
"""Bybit's side of the v5 public spot stream: a request with one wrong topic fails as a whole; pongs on demand."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, by_symbol, decimal, encode, read, rows

_TOPIC = "publicTrade."
_BOOK = "orderbook.1."
_MOST_ARGS = 10
"""Topics a request may hold on spot."""


class _Request(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str = ""


class BybitSession(Session):
    venue: ClassVar[str] = "bybit"
    path: ClassVar[str] = "/v5/public/spot"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_answer(False, "error:invalid json", "", "")]
        if request.op == "ping":
            return [_answer(True, "pong", request.req_id, "ping")]
        if request.op != "subscribe":
            return [_answer(False, f"error:unknown op {request.op[:20]}", request.req_id, request.op[:20])]
        if len(request.args) > _MOST_ARGS:
            return [_answer(False, f"args size >{_MOST_ARGS}", request.req_id, "subscribe")]
        wrong = [topic for topic in request.args if _native(topic) not in self._symbols]
        if wrong:
            # Seen live: the answer to a refused topic does not bring the request's id back.
            return [_answer(False, f"error:handler not found,topic:{wrong[0]}", "", "subscribe")]
        self.subscribed.update(self._symbols[_native(topic)] for topic in request.args if topic.startswith(_TOPIC))
        frames = [_answer(True, "subscribe", request.req_id, "subscribe")]
        for topic in request.args:
            if topic.startswith(_BOOK):
                frames += self.open_book(self._symbols[_native(topic)], recent, now_ms)
        return frames

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(self.name(symbol), group, now_ms) for symbol, group in by_symbol(prints).items()]

    def _frame(self, native: str, prints: Sequence[Print], now_ms: int) -> bytes:
        trades = [
            {
                "i": _uuid(native, p),
                "T": p.trade.at_ms,
                "p": decimal(p.trade.price_wad),
                "v": decimal(p.trade.size_wad),
                "S": "Buy" if p.number % 2 else "Sell",
                "s": native,
                "BT": False,
                "RPI": False,
                "seq": p.number,
            }
            for p in prints
        ]
        return encode({"topic": _TOPIC + native, "type": "snapshot", "ts": now_ms, "data": trades})

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        native = self.name(symbol)
        data = {"s": native, "b": rows(book.bids[:1]), "a": rows(book.asks[:1]), "u": at_ms, "seq": at_ms}
        return [encode({"topic": _BOOK + native, "type": "snapshot", "ts": at_ms, "data": data, "cts": at_ms})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(query.get("symbol", ""))
        if symbol is None:
            return 200, encode({"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": now_ms})
        prints = recent(symbol)
        result: dict[str, Any] = {"category": "spot", "list": [self._rest_trade(p) for p in reversed(prints)]}
        if path == "/v5/market/orderbook":
            book = book_now(prints)
            result = {"s": query["symbol"], "b": rows(book.bids), "a": rows(book.asks), "ts": now_ms, "u": now_ms}
        return 200, encode({"retCode": 0, "retMsg": "OK", "result": result, "time": now_ms})

    def _rest_trade(self, p: Print) -> dict[str, Any]:
        native = self.name(p.trade.symbol)
        return {
            "execId": _uuid(native, p),
            "symbol": native,
            "price": decimal(p.trade.price_wad),
            "size": decimal(p.trade.size_wad),
            "side": "Buy" if p.number % 2 else "Sell",
            "time": str(p.trade.at_ms),
        }


def _uuid(native: str, p: Print) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{native}:{p.number}"))


def _native(topic: str) -> str:
    return topic.removeprefix(_TOPIC).removeprefix(_BOOK)


def _answer(success: bool, message: str, req_id: str, op: str) -> bytes:
    return encode({"success": success, "ret_msg": message, "conn_id": "replay", "req_id": req_id, "op": op})

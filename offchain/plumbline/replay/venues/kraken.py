# SPDX-License-Identifier: AGPL-3.0-only
"""Kraken's side of WebSocket API v2: status on connecting, an answer per symbol, a snapshot, updates, heartbeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zlib import crc32

import msgspec

from plumbline.replay.books import Levels, changed
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, by_symbol, decimal, encode, number, read, rfc3339


class _Params(msgspec.Struct):
    channel: str
    symbol: list[str]
    snapshot: bool = True


class _Request(msgspec.Struct):
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    req_id: int = 0


class KrakenSession(Session):
    venue: ClassVar[str] = "kraken"
    path: ClassVar[str] = "/v2"
    heartbeat_s: ClassVar[float | None] = 1.0
    _book_channel = ""

    @staticmethod
    def name(symbol: str) -> str:
        return symbol

    def greeting(self, now_ms: int) -> list[bytes]:
        status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": now_ms}
        return [encode({"channel": "status", "type": "update", "data": [status]})]

    def heartbeat(self, now_ms: int) -> list[bytes]:
        return [encode({"channel": "heartbeat"})] if self.subscribed else []

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        times = {"time_in": rfc3339(now_ms), "time_out": rfc3339(now_ms)}
        if request is not None and request.method == "ping":
            return [encode({"method": "pong", **times})]
        if request is None or request.method not in ("subscribe", "unsubscribe"):
            return [encode({"error": "Unsupported event", "success": False, **times})]
        params = read(request.params, _Params)
        if params is None:
            return [encode({"error": "Malformed request", "method": "subscribe", "success": False, **times})]
        if request.method == "unsubscribe":
            for symbol in params.symbol:
                self.books.pop(symbol, None)
            told = [{"channel": params.channel, "symbol": symbol} for symbol in params.symbol]
            return [encode({"method": "unsubscribe", "result": each, "success": True, **times}) for each in told]
        answers: list[bytes] = []
        for symbol in params.symbol:
            answer: dict[str, Any] = {"method": "subscribe", "req_id": request.req_id, **times}
            if symbol not in self._symbols:
                why = f"Currency pair not supported {symbol}"
                answers.append(encode({**answer, "error": why, "success": False, "symbol": symbol}))
                continue
            result = {"channel": params.channel, "snapshot": params.snapshot, "symbol": symbol}
            answers.append(encode({**answer, "result": result, "success": True}))
            if params.channel in ("ticker", "book"):
                self._book_channel = params.channel
                answers += self.open_book(symbol, recent, now_ms)
                continue
            self.subscribed.add(symbol)
            if params.snapshot:
                answers.append(_frame("snapshot", recent(symbol)))
        return answers

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [_frame("update", group) for group in by_symbol(prints).values()]

    def maintenance(self) -> list[bytes]:
        return [
            encode({"channel": "status", "type": "update", "data": [{"system": "maintenance", "version": "2.0.10"}]})
        ]

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        kind, old = ("snapshot", Levels((), ())) if before is None else ("update", before)
        data: dict[str, Any] = {"symbol": symbol, "timestamp": rfc3339(at_ms)}
        if self._book_channel == "ticker":
            for name, (price, size) in (("bid", book.bids[0]), ("ask", book.asks[0])):
                data |= {name: number(price), f"{name}_qty": number(size)}
        else:
            data |= {
                name: [{"price": number(price), "qty": number(size)} for price, size in changed(was, now)]
                for name, was, now in (("bids", old.bids, book.bids), ("asks", old.asks, book.asks))
            }
            data["checksum"] = _checksum(book)
        return [encode({"channel": self._book_channel, "type": kind, "data": [data]})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        asked = query.get("pair", "")
        symbol = {name.replace("BTC", "XBT").replace("/", ""): name for name in self._symbols}.get(asked)
        if symbol is None:
            return 200, encode({"error": ["EQuery:Unknown asset pair"]})
        prints, result = recent(symbol), f"X{asked}"
        if path == "/0/public/Trades":
            trades = [_rest_trade(p) for p in prints]
            return 200, encode({"error": [], "result": {result: trades, "last": str(now_ms * 10**6)}})
        sides = {
            name: [[decimal(price), decimal(size), now_ms // 1000] for price, size in side]
            for name, side in zip(("bids", "asks"), book_now(prints), strict=True)
        }
        return 200, encode({"error": [], "result": {result: sides}})


def _rest_trade(p: Print) -> list[Any]:
    seconds, ms = divmod(p.trade.at_ms, 1000)
    at = msgspec.Raw(f"{seconds}.{ms:03d}".encode())
    side = "b" if p.number % 2 else "s"
    return [decimal(p.trade.price_wad), decimal(p.trade.size_wad), at, side, "m", "", p.number]


def _checksum(book: Levels) -> int:
    """Of the best ten asks, then bids: the digits of price and size, without leading zeros."""
    levels = book.asks[:10] + book.bids[:10]
    return crc32("".join(decimal(value).replace(".", "").lstrip("0") for level in levels for value in level).encode())


def _frame(kind: str, prints: Sequence[Print]) -> bytes:
    trades = [
        {
            "symbol": p.trade.symbol,
            "side": "buy" if p.number % 2 else "sell",
            "price": number(p.trade.price_wad),
            "qty": number(p.trade.size_wad),
            "ord_type": "market",
            "trade_id": p.number,
            "timestamp": rfc3339(p.trade.at_ms),
        }
        for p in prints
    ]
    return encode({"channel": "trade", "type": kind, "data": trades})

# SPDX-License-Identifier: AGPL-3.0-only
"""Bitstamp's side of WebSocket API v2: a frame a trade, with every number twice; errors name the channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, decimal, encode, number, read, rows

_CHANNEL = "live_trades_"
_BOOK = "order_book_"


class _Data(msgspec.Struct):
    channel: str


class _Request(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class BitstampSession(Session):
    venue: ClassVar[str] = "bitstamp"
    path: ClassVar[str] = "/"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is not None and request.event == "bts:heartbeat":
            return [encode({"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}})]
        if request is None or request.event != "bts:subscribe":
            return [_error("", "Incorrect JSON format.")]
        data = read(request.data, _Data)
        if data is None:
            return [_error("", "Incorrect JSON format.")]
        channel = data.channel
        of_book = channel.startswith(_BOOK)
        symbol = self._symbols.get(channel.removeprefix(_BOOK if of_book else _CHANNEL))
        if symbol is None or not channel.startswith((_CHANNEL, _BOOK)):
            return [_error(channel, "Bad subscription string.")]
        frames = [encode({"event": "bts:subscription_succeeded", "channel": channel, "data": {}})]
        if of_book:
            return frames + self.open_book(symbol, recent, now_ms)
        self.subscribed.add(symbol)
        return frames

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "data": {
                        "id": p.number,
                        "timestamp": str(p.trade.at_ms // 1000),
                        "amount": number(p.trade.size_wad),
                        "amount_str": decimal(p.trade.size_wad),
                        "price": number(p.trade.price_wad),
                        "price_str": decimal(p.trade.price_wad),
                        "type": 1 - p.number % 2,
                        "microtimestamp": str(p.trade.at_ms * 1000),
                        "buy_order_id": 2 * p.number,
                        "sell_order_id": 2 * p.number + 1,
                    },
                    "channel": _CHANNEL + self.name(p.trade.symbol),
                    "event": "trade",
                }
            )
            for p in prints
        ]

    def maintenance(self) -> list[bytes]:
        return [encode({"event": "bts:request_reconnect", "channel": "", "data": ""})]

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        return [encode({"data": _book(book, at_ms), "channel": _BOOK + self.name(symbol), "event": "data"})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(path.rstrip("/").rpartition("/")[2])
        if symbol is None:
            return 404, encode({"status": "error", "reason": "Market not found"})
        prints = recent(symbol)
        if "/transactions/" in path:
            return 200, encode([_rest_trade(p) for p in reversed(prints)])
        return 200, encode(_book(book_now(prints), prints[-1].trade.at_ms if prints else now_ms))


def _book(book: Levels, at_ms: int) -> dict[str, Any]:
    times = {"timestamp": str(at_ms // 1000), "microtimestamp": str(at_ms * 1000)}
    return {**times, "bids": rows(book.bids), "asks": rows(book.asks)}


def _rest_trade(p: Print) -> dict[str, Any]:
    told = {"date": str(p.trade.at_ms // 1000), "tid": str(p.number), "type": str(1 - p.number % 2)}
    return {**told, "price": decimal(p.trade.price_wad), "amount": decimal(p.trade.size_wad)}


def _error(channel: str, message: str) -> bytes:
    return encode({"event": "bts:error", "channel": channel, "data": {"code": None, "message": message}})

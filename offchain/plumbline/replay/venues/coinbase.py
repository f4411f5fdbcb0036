# SPDX-License-Identifier: AGPL-3.0-only
"""Coinbase's side of the Advanced Trade WebSocket: numbered frames, `heartbeats`, `market_trades` with snapshots.

A client that subscribes to nothing for five seconds is hung up on. The wording of a refused product is not
documented; ours names the product, as the documented error frame (`type`, `message`) allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.books import Levels, changed
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, by_symbol, decimal, encode, read, rfc3339

_BOOKS = ("ticker", "level2")


class _Request(msgspec.Struct):
    type: str
    channel: str = ""
    product_ids: list[str] = []


class CoinbaseSession(Session):
    venue: ClassVar[str] = "coinbase"
    path: ClassVar[str] = "/"
    heartbeat_s: ClassVar[float | None] = 1.0

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self.must_speak_s = 5.0
        self._sequence = 0
        self._beats: int | None = None
        """Heartbeats sent; None before they are subscribed to."""
        self._book_channel = ""

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "-")

    def heartbeat(self, now_ms: int) -> list[bytes]:
        if self._beats is None:
            return []
        self._beats += 1
        beat = {"current_time": rfc3339(now_ms), "heartbeat_counter": str(self._beats)}
        return [self._numbered("heartbeats", [beat], now_ms)]

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None or request.type not in ("subscribe", "unsubscribe"):
            return [_error("failed to parse message")]
        if request.type == "unsubscribe":
            return [self._leave(request, now_ms)]
        if request.channel == "heartbeats":
            self.must_speak_s, self._beats = None, self._beats or 0
            return [self._subscriptions(now_ms)]
        if request.channel not in ("market_trades", *_BOOKS):
            return [_error("channel is not supported")]
        unknown = [product for product in request.product_ids if product not in self._symbols]
        if unknown:
            return [_error(f"failed to subscribe: {unknown[0]} is not a valid product")]
        self.must_speak_s = None
        symbols = [self._symbols[product] for product in request.product_ids]
        if request.channel in _BOOKS:
            self._book_channel = request.channel
            opened = [frame for symbol in symbols for frame in self.open_book(symbol, recent, now_ms)]
            return [*opened, self._subscriptions(now_ms)]
        self.subscribed.update(symbols)
        snapshots = [self._trades("snapshot", recent(symbol), now_ms) for symbol in symbols]
        return [*snapshots, self._subscriptions(now_ms)]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._trades("update", group, now_ms) for group in by_symbol(prints).values()]

    def _trades(self, kind: str, prints: Sequence[Print], now_ms: int) -> bytes:
        # Newest first, as the exchange lists them.
        trades = [_trade(self.name(p.trade.symbol), p) for p in reversed(prints)]
        return self._numbered("market_trades", [{"type": kind, "trades": trades}], now_ms)

    def _leave(self, request: _Request, now_ms: int) -> bytes:
        for product in request.product_ids:
            self.books.pop(self._symbols.get(product, ""), None)
        return self._subscriptions(now_ms)

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        if self._book_channel == "ticker":
            return [
                self._numbered("ticker", [{"type": "update", "tickers": [_ticker(self.name(symbol), book)]}], at_ms)
            ]
        old = before or Levels((), ())
        updates = [
            {"side": side, "event_time": rfc3339(at_ms), "price_level": decimal(price), "new_quantity": decimal(size)}
            for side, was, now in (("bid", old.bids, book.bids), ("offer", old.asks, book.asks))
            for price, size in changed(was, now)
        ]
        kind = "snapshot" if before is None else "update"
        event = {"type": kind, "product_id": self.name(symbol), "updates": updates}
        return [self._numbered("l2_data", [event], at_ms)]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        product = query.get("product_id") or path.removesuffix("/ticker").rpartition("/")[2]
        symbol = self._symbols.get(product)
        if symbol is None:
            return 404, encode({"error": "NOT_FOUND", "message": "valid product not found"})
        prints = recent(symbol)
        book = book_now(prints)
        if path.endswith("/ticker"):
            return 200, encode({"trades": [_trade(product, p) for p in reversed(prints)]})
        sides = {
            name: [{"price": decimal(price), "size": decimal(size)} for price, size in side]
            for name, side in (("bids", book.bids), ("asks", book.asks))
        }
        return 200, encode({"pricebook": {"product_id": product, **sides, "time": rfc3339(now_ms)}})

    def _subscriptions(self, now_ms: int) -> bytes:
        channels: dict[str, list[str]] = {} if self._beats is None else {"heartbeats": ["heartbeats"]}
        if self.books:
            channels[self._book_channel] = sorted(self.name(symbol) for symbol in self.books)
        if self.subscribed:
            channels["market_trades"] = sorted(self.name(symbol) for symbol in self.subscribed)
        return self._numbered("subscriptions", [{"subscriptions": channels}], now_ms)

    def _numbered(self, channel: str, events: list[Any], now_ms: int) -> bytes:
        frame = {
            "channel": channel,
            "client_id": "",
            "timestamp": rfc3339(now_ms),
            "sequence_num": self._sequence,
            "events": events,
        }
        self._sequence += 1
        return encode(frame)


def _trade(product: str, p: Print) -> dict[str, str]:
    return {
        "trade_id": str(p.number),
        "product_id": product,
        "price": decimal(p.trade.price_wad),
        "size": decimal(p.trade.size_wad),
        "side": "BUY" if p.number % 2 else "SELL",
        "time": rfc3339(p.trade.at_ms),
    }


def _ticker(product: str, book: Levels) -> dict[str, str]:
    (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
    return {
        "type": "ticker",
        "product_id": product,
        "price": decimal(bid),
        "best_bid": decimal(bid),
        "best_bid_quantity": decimal(bid_size),
        "best_ask": decimal(ask),
        "best_ask_quantity": decimal(ask_size),
    }


def _error(message: str) -> bytes:
    return encode({"type": "error", "message": message})

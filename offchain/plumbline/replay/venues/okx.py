# SPDX-License-Identifier: AGPL-3.0-only
"""OKX's side of API v5's public endpoint: an answer for each channel asked for, a frame a trade, "pong" to "ping"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from zlib import crc32

import msgspec

from plumbline.replay.books import Levels, changed
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, decimal, encode, read

_WRONG_ARGUMENT = "60018"
_BAD_REQUEST = "60012"
_BOOKS = ("bbo-tbt", "books")


class _Arg(msgspec.Struct):
    channel: str
    instrument: str = msgspec.field(name="instId")


class _Request(msgspec.Struct):
    op: str
    args: list[_Arg]
    id: str = ""


class OkxSession(Session):
    venue: ClassVar[str] = "okx"
    path: ClassVar[str] = "/ws/v5/public"

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self._book_channel = ""
        self._sequences: dict[str, int] = {}
        """Of each book, the number of its last message."""

    def maintenance(self) -> list[bytes]:
        return [
            encode({"event": "notice", "code": "64008", "msg": "The connection will soon be closed.", "connId": "a4"})
        ]

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "-")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        if frame == b"ping":
            return [b"pong"]
        request = read(frame, _Request)
        if request is None:
            return [_error("", _BAD_REQUEST, f"Invalid request: {frame[:100]!r}")]
        if request.op == "unsubscribe":
            for arg in request.args:
                self.books.pop(self._symbols.get(arg.instrument, ""), None)
            told = {"channel": request.args[0].channel, "instId": request.args[0].instrument} if request.args else {}
            return [encode({"id": request.id, "event": "unsubscribe", "arg": told, "connId": "a4d3ae55"})]
        if request.op != "subscribe":
            return [_error(request.id, _BAD_REQUEST, f"Invalid request: op {request.op[:20]}")]
        frames = []
        for arg in request.args:
            frames.append(self._subscribe(request.id, arg))
            if arg.channel in _BOOKS and arg.instrument in self._symbols:
                self._book_channel = arg.channel
                frames += self.open_book(self._symbols[arg.instrument], recent, now_ms)
        return frames

    def _subscribe(self, request_id: str, arg: _Arg) -> bytes:
        symbol = self._symbols.get(arg.instrument)
        if symbol is None or arg.channel not in ("trades", *_BOOKS):
            wrong = f"Wrong URL or channel:{arg.channel[:40]},instId:{arg.instrument[:40]} doesn't exist."
            return _error(request_id, _WRONG_ARGUMENT, wrong)
        if arg.channel == "trades":
            self.subscribed.add(symbol)
        told = {"channel": arg.channel, "instId": arg.instrument}
        return encode({"id": request_id, "event": "subscribe", "arg": told, "connId": "a4d3ae55"})

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(p) for p in prints]

    def _frame(self, p: Print) -> bytes:
        native = self.name(p.trade.symbol)
        trade = {**_trade(native, p), "count": "1", "seqId": p.number}
        return encode({"arg": {"channel": "trades", "instId": native}, "data": [trade]})

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        data: dict[str, Any] = {"ts": str(at_ms)}
        told: dict[str, Any] = {"arg": {"channel": self._book_channel, "instId": self.name(symbol)}}
        if self._book_channel == "bbo-tbt":
            data |= {"bids": _rows(book.bids[:1]), "asks": _rows(book.asks[:1]), "seqId": at_ms}
            return [encode({**told, "data": [data]})]
        old = before or Levels((), ())
        data |= {"bids": _rows(changed(old.bids, book.bids)), "asks": _rows(changed(old.asks, book.asks))}
        follows = -1 if before is None else self._sequences[symbol]
        self._sequences[symbol] = self._sequences.get(symbol, 0) + 3
        data |= {"checksum": _checksum(book), "prevSeqId": follows, "seqId": self._sequences[symbol]}
        return [encode({**told, "action": "snapshot" if before is None else "update", "data": [data]})]

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        native = query.get("instId", "")
        symbol = self._symbols.get(native)
        if symbol is None:
            return 200, encode({"code": "51001", "msg": "Instrument ID doesn't exist", "data": []})
        prints = recent(symbol)
        if path == "/api/v5/market/trades":
            return 200, encode({"code": "0", "msg": "", "data": [_trade(native, p) for p in reversed(prints)]})
        book = book_now(prints)
        told = {"bids": _rows(book.bids), "asks": _rows(book.asks), "ts": str(now_ms)}
        return 200, encode({"code": "0", "msg": "", "data": [told]})


def _trade(native: str, p: Print) -> dict[str, Any]:
    return {
        "instId": native,
        "tradeId": str(p.number),
        "px": decimal(p.trade.price_wad),
        "sz": decimal(p.trade.size_wad),
        "side": "buy" if p.number % 2 else "sell",
        "ts": str(p.trade.at_ms),
    }


def _rows(side: Iterable[tuple[int, int]]) -> list[list[str]]:
    return [[decimal(price), decimal(size), "0", "1" if size else "0"] for price, size in side]


def _checksum(book: Levels) -> int:
    """Signed CRC32 of the best 25 of either side in turn, "bid:size:ask:size:..."."""
    pairs = zip(book.bids[:25], book.asks[:25], strict=True)
    words = [decimal(value) for bid, ask in pairs for value in (*bid, *ask)]
    return int.from_bytes(crc32(":".join(words).encode()).to_bytes(4, "big"), "big", signed=True)


def _error(request_id: str, code: str, message: str) -> bytes:
    return encode({"id": request_id, "event": "error", "code": code, "msg": message, "connId": "a4d3ae55"})

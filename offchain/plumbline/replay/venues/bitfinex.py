# SPDX-License-Identifier: AGPL-3.0-only
"""Bitfinex's side of WebSocket API v2: numbered channels, arrays, snapshots newest first, `te` then `tu`, beats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar
from zlib import crc32

import msgspec

from plumbline.replay.books import Levels, changed
from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, book_now, encode, number, read

_NUMBER_ALL = 65_536
_CHECKSUMS = 131_072
_INVALID_SYMBOL = 10_300
_SNAPSHOT = 30
_NAMES = {"USDT": "UST", "USDC": "UDC"}


class _Request(msgspec.Struct):
    event: str
    channel: str = ""
    symbol: str = ""
    flags: int = 0
    len: str = "25"
    chanId: int = 0


class BitfinexSession(Session):
    venue: ClassVar[str] = "bitfinex"
    path: ClassVar[str] = "/ws/2"
    heartbeat_s: ClassVar[float | None] = 15.0

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self._numbers = count(232_959)
        self._channels: dict[str, int] = {}
        self._book_channels: dict[str, tuple[int, int]] = {}
        """Channel, and how many levels were asked for."""
        self._checksums = False
        self._sequence: int | None = None
        """The number of the last array; None while the client wants none."""

    @staticmethod
    def name(symbol: str) -> str:
        base, quote = (_NAMES.get(name, name) for name in symbol.split("/"))
        return f"t{base}{quote}" if len(base + quote) == 6 else f"t{base}:{quote}"

    def greeting(self, now_ms: int) -> list[bytes]:
        return [encode({"event": "info", "version": 2, "serverId": "replay", "platform": {"status": 1}})]

    def heartbeat(self, now_ms: int) -> list[bytes]:
        channels = [*self._channels.values(), *(channel for channel, _ in self._book_channels.values())]
        return [self._array(channel, "hb") for channel in channels]

    def maintenance(self) -> list[bytes]:
        return [encode({"event": "info", "code": 20_060, "msg": "Entering in Maintenance mode."})]

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [encode({"event": "error", "msg": "ERR_REQ_INVALID", "code": 10_000})]
        if request.event == "conf":
            self._sequence = 0 if request.flags & _NUMBER_ALL else None
            self._checksums = bool(request.flags & _CHECKSUMS)
            return [encode({"event": "conf", "status": "OK", "flags": request.flags})]
        if request.event == "unsubscribe":
            for name in [name for name, (channel, _) in self._book_channels.items() if channel == request.chanId]:
                del self._book_channels[name], self.books[name]
            return [encode({"event": "unsubscribed", "status": "OK", "chanId": request.chanId})]
        if request.event != "subscribe" or request.channel not in ("trades", "book"):
            return [encode({"event": "error", "msg": "unknown event or channel", "code": 10_001})]
        symbol = self._symbols.get(request.symbol)
        told = {"channel": request.channel, "symbol": request.symbol}
        if symbol is None:
            return [encode({"event": "error", "msg": "symbol: invalid", "code": _INVALID_SYMBOL, **told})]
        if request.channel == "book":
            channel = next(self._numbers)
            self._book_channels[symbol] = channel, int(request.len)
            answer = {"event": "subscribed", **told, "chanId": channel, "len": request.len, "pair": request.symbol[1:]}
            return [encode(answer), *self.open_book(symbol, recent, now_ms)]
        self.subscribed.add(symbol)
        channel = self._channels[symbol] = next(self._numbers)
        snapshot = [_row(p) for p in reversed(recent(symbol)[-_SNAPSHOT:])]
        answer = {"event": "subscribed", **told, "chanId": channel, "pair": request.symbol[1:]}
        return [encode(answer), self._array(channel, snapshot)]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            self._array(self._channels[p.trade.symbol], kind, _row(p))
            for p in prints
            if p.trade.symbol in self._channels
            for kind in ("te", "tu")
        ]

    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        channel, length = self._book_channels[symbol]
        book, before = _cut(book, length), before and _cut(before, length)
        bids, asks = book if before is None else (changed(before.bids, book.bids), changed(before.asks, book.asks))
        levels = [_level(price, size) for price, size in bids] + [_level(price, size, "-") for price, size in asks]
        frames = [self._array(channel, levels)] if before is None else [self._array(channel, level) for level in levels]
        return [*frames, self._array(channel, "cs", _checksum(book))] if self._checksums else frames

    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        symbol = self._symbols.get(path.split("/")[3] if path.count("/") > 2 else "")
        if symbol is None:
            return 500, encode(["error", 10020, "symbol: invalid"])
        prints = recent(symbol)
        if path.startswith("/v2/trades/"):
            return 200, encode([_row(p) for p in reversed(prints)])
        book = book_now(prints)
        return 200, encode([_level(*level) for level in book.bids] + [_level(*level, "-") for level in book.asks])

    def _array(self, *parts: Any) -> bytes:
        if self._sequence is None:
            return encode(parts)
        self._sequence += 1
        return encode((*parts, self._sequence))


def _cut(book: Levels, length: int) -> Levels:
    return Levels(book.bids[:length], book.asks[:length])


def _level(price_wad: int, size_wad: int, sign: str = "") -> list[Any]:
    """[price, count, amount]; what is no longer there has count 0 and amount 1."""
    amount = number(size_wad) if size_wad else b"1"
    return [number(price_wad), 1 if size_wad else 0, msgspec.Raw(sign.encode() + bytes(amount))]


def _checksum(book: Levels) -> int:
    """Signed CRC32 of the best 25 of either side in turn, "bid:amount:ask:amount:...", asks below 0."""
    words = []
    for (bid, bid_size), (ask, ask_size) in zip(book.bids[:25], book.asks[:25], strict=True):
        words += [bytes(number(bid)), bytes(number(bid_size)), bytes(number(ask)), b"-" + bytes(number(ask_size))]
    return int.from_bytes(crc32(b":".join(words)).to_bytes(4, "big"), "big", signed=True)


def _row(p: Print) -> list[Any]:
    size = number(p.trade.size_wad)
    amount = size if p.number % 2 else msgspec.Raw(b"-" + bytes(size))
    return [p.number, p.trade.at_ms, amount, number(p.trade.price_wad)]

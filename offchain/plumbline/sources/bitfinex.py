# SPDX-License-Identifier: AGPL-3.0-only
"""Bitfinex, WebSocket API v2, channels `trades` and `book` (P0, F0); REST v2.

Checked against docs.bitfinex.com (ws-general, ws-public-trades, ws-public-books, ws-websocket-checksum,
rest-public-trades, rest-public-book; excerpts, November 2026) and the recording BITFINEX of 2021, trades and books,
which is still of this generation and is read as it is.

Messages are arrays under a channel number given at subscription. Numbers are JSON numbers: their characters are
parsed, never their float; a negative amount is a sale, or an ask. An execution is told as `te` and again, later, as
`tu`: the first is taken. Ids count all markets together. With flag 65,536 every array ends in a sequence number of
the connection: after a hole no book is believed. With flag 131,072 books tell a checksum. Heartbeats come every 15
seconds. USDT is called UST here, and USDC UDC. Books tell no time of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.book import interleaved_checksum
from plumbline.sources.codec import Books, FrameError, TextLevel, VenueRefused
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire, number_text, whole

NAMES: Final = {"USDT": "UST", "USDC": "UDC"}
NUMBER_ALL: Final = 65_536
CHECKSUMS: Final = 131_072
_GOING_DOWN: Final = (20_051, 20_060)

_Row = tuple[int, int, msgspec.Raw, msgspec.Raw]
"""id, ms, amount, price."""
_Level = tuple[msgspec.Raw, int, msgspec.Raw]
"""price, count, amount."""


class _Execution(Wire, array_like=True, forbid_unknown_fields=True):
    channel: int
    kind: str
    trade: _Row
    sequence: int = -1


class _Platform(msgspec.Struct, frozen=True, gc=False):
    status: int = 1


class _Event(Wire):
    event: str = ""
    channel: str = ""
    chanId: int = -1
    symbol: str = ""
    code: int = 0
    msg: str = ""
    platform: _Platform = _Platform()


_event = msgspec.json.Decoder(_Event)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_execution = msgspec.json.Decoder(_Execution)
_rows = msgspec.json.Decoder(list[_Row])
_level = msgspec.json.Decoder(_Level)
_levels = msgspec.json.Decoder(list[_Level])
_checksum = msgspec.json.Decoder(int)


class BitfinexCodec(NumberedCodec):
    venue: ClassVar[str] = "bitfinex"
    url: ClassVar[str] = "wss://api-pub.bitfinex.com/ws/2"
    silence_s: ClassVar[float] = 45.0
    depth: ClassVar[int] = 100
    rest_url: ClassVar[str] = "https://api-pub.bitfinex.com"
    # 15 to 90 a minute, by endpoint.
    rest_pause_s: ClassVar[float] = 4.0

    def __init__(self, symbols: Sequence[str], books: Books = "none") -> None:
        super().__init__(symbols, books)
        self._trade_channels: dict[int, str] = {}
        self._trades_begin: tuple[bytes, ...] = ()
        """How the frames of their executions begin."""
        self._book_channels: dict[int, str] = {}
        self._next = -1
        """The number of the next message; -1 before the first."""

    def native(self, symbol: str) -> str:
        base, quote = (NAMES.get(name, name) for name in symbol.split("/"))
        return f"t{base}{quote}" if len(base) == len(quote) == 3 else f"t{base}:{quote}"

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        self._trade_channels.clear()
        self._trades_begin = ()
        self._book_channels.clear()
        self._next = -1
        flags = NUMBER_ALL | (CHECKSUMS if self.books == "depth" else 0)
        trades = [{"event": "subscribe", "channel": "trades", "symbol": native} for native in natives]
        books = [self._book_request(native) for native in natives if self.books != "none"]
        return [msgspec.json.encode(request) for request in ({"event": "conf", "flags": flags}, *trades, *books)]

    def _book_request(self, native: str) -> dict[str, str]:
        length = str(self.depth) if self.books == "depth" else "1"
        return {"event": "subscribe", "channel": "book", "symbol": native, "prec": "P0", "freq": "F0", "len": length}

    def _resubscribe(self, native: str) -> list[bytes]:
        channels = [channel for channel, name in self._book_channels.items() if name == native]
        leave = [msgspec.json.encode({"event": "unsubscribe", "chanId": channel}) for channel in channels]
        return [*leave, msgspec.json.encode(self._book_request(native))]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame.startswith(self._trades_begin):
            told = _execution.decode(frame)
            if told.sequence == self._next:
                self._next += 1
            elif told.sequence >= 0:
                self._count(told.sequence, now_ms)
            if told.kind == "te":
                native, (number, at_ms, amount, price) = self._trade_channels[told.channel], told.trade
                return self.taken_one(native, number, bytes(price), bytes(amount).lstrip(b"-"), at_ms, now_ms)
            if told.kind != "tu":
                raise FrameError("unknown message", f"kind {told.kind[:40]!r}")
            return []
        if frame.startswith(b"["):
            return self._told(_array.decode(frame), now_ms)
        self._happened(_event.decode(frame))
        return []

    def _told(self, message: list[msgspec.Raw], now_ms: int) -> list[Trade]:
        if len(message) < 2:
            raise FrameError("malformed", "expected a channel and what it tells")
        channel, kind = whole(number_text(message[0]), "channel"), bytes(message[1])
        native, of_book = self._trade_channels.get(channel), self._book_channels.get(channel)
        if native is None and of_book is None:
            raise FrameError("unknown market", f"channel {channel} was not subscribed to")
        tells = 3 if kind == b'"cs"' else 2
        if kind not in (b'"hb"', b'"cs"') and not kind.startswith(b"["):
            raise FrameError("unknown message", repr(kind[:80]))
        # Before a book is changed: a hole in the numbers means that a change of it may be missing.
        if len(message) > tells:
            self._count(whole(number_text(message[tells]), "sequence"), now_ms)
        if of_book is not None and tells == 3:
            self._compare(of_book, message, now_ms)
        elif of_book is not None and kind != b'"hb"':
            self._change(of_book, kind, now_ms)
        elif native is not None and kind.startswith(b"["):
            rows = sorted(_rows.decode(kind), key=lambda row: row[0])
            return self.taken([_print(native, row) for row in rows], now_ms, snapshot=True)
        return []

    def _change(self, native: str, kind: bytes, now_ms: int) -> None:
        whole_book = kind.startswith(b"[[") or kind == b"[]"
        levels = [_text_level(level) for level in (_levels.decode(kind) if whole_book else [_level.decode(kind)])]
        bids = [level for level in levels if not level[2].startswith("-")]
        asks = [level for level in levels if level[2].startswith("-")]
        self.put_book(native, bids, asks, now_ms, now_ms, changes=not whole_book, text=_checked)

    def _compare(self, native: str, message: list[msgspec.Raw], now_ms: int) -> None:
        if len(message) < 3:
            raise FrameError("malformed", "expected a checksum of the book")
        book = self.market(native).book
        if book is not None and book.synced and interleaved_checksum(book) != _checksum.decode(message[2]):
            self.out_of_step(native, "checksum", now_ms)

    def _count(self, number: int, now_ms: int) -> None:
        """Of each message in the connection; a hole in the numbers is counted, and no book is believed after it."""
        if 0 <= self._next < number:
            self.missed += number - self._next
            for native in self.markets:
                self.out_of_step(native, "gap", now_ms)
        self._next = max(self._next, number + 1)

    def _happened(self, event: _Event) -> None:
        match event.event:
            case "subscribed" if event.channel in ("trades", "book"):
                of_book = event.channel == "book"
                self.confirm(event.symbol, book=of_book)
                channels = self._book_channels if of_book else self._trade_channels
                # One channel a market: what a venue says must not make this grow.
                for channel in [channel for channel, native in channels.items() if native == event.symbol]:
                    del channels[channel]
                channels[event.chanId] = event.symbol
                self._trades_begin = tuple([f'[{channel},"t'.encode() for channel in self._trade_channels])
            case "info" if event.platform.status == 0 or event.code in _GOING_DOWN:
                raise VenueRefused(f"bitfinex: maintenance {event.msg[:200]}".rstrip())
            case "info" | "conf" | "pong" | "unsubscribed":
                pass
            case "error" if event.symbol in self.markets:
                self.refuse(event.symbol, f"error {event.code}: {event.msg}", book=event.channel == "book")
            case "error":
                raise VenueRefused(f"bitfinex: error {event.code}: {event.msg[:200]}")
            case _:
                raise FrameError("unknown message", f"event {event.event[:40]!r}")

    def trades_path(self, native: str) -> str:
        return f"/v2/trades/{native}/hist?limit=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        return sorted(_print(native, row) for row in _rows.decode(body))

    def book_path(self, native: str) -> str:
        return f"/v2/book/{native}/P0?len={self.depth}"

    def _book_told(self, native: str, body: bytes) -> tuple[list[TextLevel], list[TextLevel], int | None]:
        levels = [_text_level(level) for level in _levels.decode(body)]
        asks = [level for level in levels if level[2].startswith("-")]
        return [level for level in levels if not level[2].startswith("-")], asks, None


def _print(native: str, row: _Row) -> tuple[str, int, str, str, int]:
    number, at_ms, amount, price = row
    return native, number, number_text(price), _unsigned(amount), at_ms


def _unsigned(amount: msgspec.Raw) -> str:
    text = number_text(amount)
    return text[1:] if text[0] == "-" else text


def _text_level(level: _Level) -> TextLevel:
    """(price, size, amount as sent); no order left at a price: size 0."""
    amount = number_text(level[2])
    return number_text(level[0]), amount.removeprefix("-") if level[1] else "0", amount


def _checked(level: TextLevel) -> str:
    return f"{level[0]}:{level[2]}"

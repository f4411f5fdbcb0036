# SPDX-License-Identifier: AGPL-3.0-only
"""OKX spot, API v5, public channels `trades`, `bbo-tbt` and `books`; REST v5.

Checked against okx.com/docs-v5 (trades, order book channels, connection, notification, market/trades and books;
excerpts, November 2026), the recorded frames and answers of okx in the test fixtures and the recording OKX of 2022,
all of this generation; the recording's books, which had a checksum but no sequence numbers yet, get numbers in the
tests.

One message may stand for several fills of one taker at one price (`count`), under the id of the last: ids grow, with
holes. A change of a book names the message it follows (`prevSeqId`). A checksum is compared where one is told: since
2026 the venue sends 0 in its place (others saw it live, ccxt pull request 30299). It hangs up after 30 silent seconds;
its ping and pong are bare words, not JSON.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.book import LiveBook, interleaved_checksum
from plumbline.sources.codec import FrameError, NumberedCodec, TextLevel, VenueRefused

_CHANNELS: Final = {"none": "trades", "top": "bbo-tbt", "depth": "books"}


class _Item(msgspec.Struct):
    """A trade, or a book or changes to one."""

    at_ms: int = msgspec.field(name="ts")
    symbol: str = msgspec.field(name="instId", default="")
    trade_id: int = msgspec.field(name="tradeId", default=-1)
    price: str = msgspec.field(name="px", default="")
    size: str = msgspec.field(name="sz", default="")
    bids: list[list[str]] = []
    asks: list[list[str]] = []
    checksum: int = 0
    sequence: int = msgspec.field(name="seqId", default=-1)
    follows: int = msgspec.field(name="prevSeqId", default=-1)


class _Arg(msgspec.Struct, frozen=True):
    channel: str = ""
    symbol: str = msgspec.field(name="instId", default="")


class _Frame(msgspec.Struct):
    event: str = ""
    id: str = ""
    arg: _Arg = _Arg()
    action: str = ""
    data: list[_Item] = []
    code: str = ""
    msg: str = ""


_frame = msgspec.json.Decoder(_Frame, strict=False)
"""Not strict: ids and times come as text, and are read as numbers."""


class OkxCodec(NumberedCodec):
    venue: ClassVar[str] = "okx"
    url: ClassVar[str] = "wss://ws.okx.com:8443/ws/v5/public"
    silence_s: ClassVar[float] = 45.0
    ping: ClassVar[tuple[float, bytes] | None] = (20.0, b"ping")
    depth: ClassVar[int] = 400
    rest_url: ClassVar[str] = "https://www.okx.com"

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "-")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        frames = [self._request("subscribe", "trades", native) for native in natives]
        books = [self._request("subscribe", _CHANNELS[self.books], native) for native in natives]
        return frames if self.books == "none" else frames + books

    def _request(self, op: str, channel: str, native: str) -> bytes:
        # The request's id, letters and digits only, names market and channel, so that a refusal does too.
        args = [{"channel": channel, "instId": native}]
        return msgspec.json.encode({"id": _request_id(channel, native), "op": op, "args": args})

    def _resubscribe(self, native: str) -> list[bytes]:
        return [self._request(op, _CHANNELS[self.books], native) for op in ("unsubscribe", "subscribe")]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame == b"pong":
            return []
        message = _frame.decode(frame)
        match message.event:
            case "" if message.arg.channel == "trades":
                return self.taken(_prints(message.data), now_ms)
            case "" if message.arg.channel in ("bbo-tbt", "books"):
                for item in message.data:
                    self._book(message.arg.symbol, item, now_ms, changes=message.action == "update")
            case "subscribe":
                self.confirm(message.arg.symbol, book=message.arg.channel != "trades")
            case "unsubscribe":
                pass
            case "error":
                self._refusal(message)
            case "notice":
                raise VenueRefused(f"okx: {message.msg[:200]}")
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _book(self, native: str, item: _Item, now_ms: int, *, changes: bool) -> None:
        book = self.market(native).book
        if changes and book is not None and book.synced and item.follows != book.sequence:
            if item.sequence != book.sequence:
                self.out_of_step(native, "gap", now_ms)
            return

        def matches(taken: LiveBook) -> bool:
            return item.checksum == 0 or interleaved_checksum(taken) == item.checksum

        taken = self.put_book(
            native, item.bids, item.asks, item.at_ms, now_ms, changes=changes, text=_checked, checksum=matches
        )
        if taken is not None:
            taken.sequence = item.sequence

    def _refusal(self, message: _Frame) -> None:
        why = f"error {message.code[:10]}: {message.msg[:200]}"
        for native in self.markets:
            for channel in dict.fromkeys(("trades", _CHANNELS[self.books])):
                if message.id == _request_id(channel, native) or f"{channel},instId:{native} " in message.msg:
                    self.refuse(native, why, book=channel != "trades")
                    return
        raise VenueRefused(f"okx: {why}")

    def trades_path(self, native: str) -> str:
        return f"/api/v5/market/trades?instId={native}&limit=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, int, str, str, int]]:
        return _prints(_data(body))

    def book_path(self, native: str) -> str:
        return f"/api/v5/market/books?instId={native}&sz=100"

    def _book_told(self, native: str, body: bytes) -> tuple[list[list[str]], list[list[str]], int | None]:
        items = _data(body)
        if not items:
            raise FrameError("malformed", "expected a book, got none")
        return items[0].bids, items[0].asks, items[0].at_ms


def _prints(items: list[_Item]) -> list[tuple[str, int, str, str, int]]:
    if len(items) > 1:
        items.sort(key=lambda item: item.trade_id)
    # Sorted, so the first tells whether any is without an id.
    if items and items[0].trade_id < 0:
        raise FrameError("malformed", "expected tradeId in every trade")
    return [(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in items]


def _data(body: bytes) -> list[_Item]:
    answer = _frame.decode(body)
    if answer.code != "0":
        raise VenueRefused(f"okx: error {answer.code[:10]}: {answer.msg[:200]}")
    return answer.data


def _request_id(channel: str, native: str) -> str:
    return f"{native}{channel}".replace("-", "")


def _checked(level: TextLevel) -> str:
    return f"{level[0]}:{level[1]}"

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

from collections.abc import Sequence
from typing import ClassVar, Final, TypeVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.book import LiveBook, interleaved_checksum
from plumbline.sources.codec import FrameError, TextLevel, VenueRefused
from plumbline.sources.kinds import NumberedCodec
from plumbline.sources.numbers import Wire

_CHANNELS: Final = {"none": "trades", "top": "bbo-tbt", "depth": "books"}


class _Trade(Wire):
    at_ms: int = msgspec.field(name="ts")
    symbol: str = msgspec.field(name="instId")
    trade_id: int = msgspec.field(name="tradeId")
    price: str = msgspec.field(name="px")
    size: str = msgspec.field(name="sz")


class _Trades(Wire):
    """A frame, or an answer of REST, that tells trades; without any it is something else."""

    data: Sequence[_Trade] = ()
    code: str = ""
    msg: str = ""


class _Item(Wire):
    """A book or changes to one."""

    at_ms: int = msgspec.field(name="ts")
    bids: Sequence[list[str]] = ()
    asks: Sequence[list[str]] = ()
    checksum: int = 0
    sequence: int = msgspec.field(name="seqId", default=-1)
    follows: int = msgspec.field(name="prevSeqId", default=-1)


Answer = TypeVar("Answer", _Trades, "_Frame")


class _Arg(msgspec.Struct, frozen=True, gc=False):
    channel: str = ""
    symbol: str = msgspec.field(name="instId", default="")


class _Frame(Wire):
    event: str = ""
    id: str = ""
    arg: _Arg = _Arg()
    action: str = ""
    data: Sequence[_Item] = ()
    code: str = ""
    msg: str = ""


_TRADES_BEGIN: Final = b'{"arg":{"channel":"trades",'
"""As the venue writes it: read so, without a look for what only others have. It may write otherwise."""
_trades = msgspec.json.Decoder(_Trades, strict=False)
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
        if frame.startswith(_TRADES_BEGIN) and (told := _trades.decode(frame).data):
            if len(told) == 1:
                t = told[0]
                return self.taken_one(t.symbol, t.trade_id, t.price.encode(), t.size.encode(), t.at_ms, now_ms)
            return self.taken(_prints(told), now_ms)
        message = _frame.decode(frame)
        match message.event:
            case "" if message.arg.channel == "trades":
                return self.taken(_prints(_trades.decode(frame).data), now_ms)
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
        return _prints(_answered(_trades.decode(body)).data)

    def book_path(self, native: str) -> str:
        return f"/api/v5/market/books?instId={native}&sz=100"

    def _book_told(self, native: str, body: bytes) -> tuple[Sequence[list[str]], Sequence[list[str]], int | None]:
        items = _answered(_frame.decode(body)).data
        if not items:
            raise FrameError("malformed", "expected a book, got none")
        return items[0].bids, items[0].asks, items[0].at_ms


def _prints(trades: Sequence[_Trade]) -> list[tuple[str, int, str, str, int]]:
    prints = [(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in trades]
    if len(prints) > 1:
        prints.sort(key=lambda print_: print_[1])
    return prints


def _answered(answer: Answer) -> Answer:
    """An answer of REST, unless it says no."""
    if answer.code != "0":
        raise VenueRefused(f"okx: error {answer.code[:10]}: {answer.msg[:200]}")
    return answer


def _request_id(channel: str, native: str) -> str:
    return f"{native}{channel}".replace("-", "")


def _checked(level: TextLevel) -> str:
    return f"{level[0]}:{level[1]}"

# SPDX-License-Identifier: AGPL-3.0-only
"""Crypto.com Exchange, API v1, market stream, channels `trade.<instrument>` and `ticker.<instrument>`; REST v1.

Checked against exchange-docs.crypto.com/exchange/v1 (trade, ticker, heartbeats, rate limits, public/get-trades and
get-book), a live capture of 2026-09-02 quoted in a public project (subscription, trades with `m`, heartbeat), and the
field list of the ccxt test fixtures.

The venue asks for one second of peace after the handshake, and closes a connection whose `public/heartbeat`, sent
every 30 seconds, is not answered with the same id within 5. A subscription is answered by an empty result or at once
by its first data, trades newest first. Ids are numbers as text whose order is not promised: repeats are found by id,
order is by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Books, FrameError, VenueRefused, one_level
from plumbline.sources.kinds import UnorderedCodec
from plumbline.sources.numbers import Wire


class _Item(Wire):
    """A trade, the best bid and ask of a ticker, or a book."""

    at_ms: int = msgspec.field(name="t")
    trade_id: str = msgspec.field(name="d", default="")
    price: str = msgspec.field(name="p", default="")
    size: str = msgspec.field(name="q", default="")
    symbol: str = msgspec.field(name="i", default="")
    bid: str | None = msgspec.field(name="b", default=None)
    bid_size: str | None = msgspec.field(name="bs", default=None)
    ask: str | None = msgspec.field(name="k", default=None)
    ask_size: str | None = msgspec.field(name="ks", default=None)
    bids: Sequence[list[str]] = ()
    asks: Sequence[list[str]] = ()


class _Result(Wire):
    instrument_name: str = ""
    channel: str = ""
    data: Sequence[_Item] = ()


class _Frame(Wire):
    id: int = -1
    method: str = ""
    code: int = 0
    message: str = ""
    channel: str = ""
    result: _Result | None = None


_frame = msgspec.json.Decoder(_Frame)
_CHANNELS = {"trade": False, "ticker": True}
"""Whether it tells the book."""


class CryptocomCodec(UnorderedCodec):
    venue: ClassVar[str] = "cryptocom"
    url: ClassVar[str] = "wss://stream.crypto.com/exchange/v1/market"
    silence_s: ClassVar[float] = 65.0
    settle_s: ClassVar[float] = 1.0
    rest_url: ClassVar[str] = "https://api.crypto.com/exchange/v1"

    def __init__(self, symbols: Sequence[str], books: Books = "none") -> None:
        super().__init__(symbols, books)
        channels = [channel for channel, of_book in _CHANNELS.items() if books != "none" or not of_book]
        self._asked = [(channel, native) for channel in channels for native in self.markets]
        """One channel a request: a wrong one is refused alone. The request's id is its place here, from 1."""

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "_")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        return [
            msgspec.json.encode({"id": place, "method": "subscribe", "params": {"channels": [f"{channel}.{native}"]}})
            for place, (channel, native) in enumerate(self._asked, 1)
        ]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.method == "public/heartbeat":
            self.replies.append(msgspec.json.encode({"id": message.id, "method": "public/respond-heartbeat"}))
            return []
        if message.method != "subscribe":
            raise FrameError("unknown message", repr(frame[:80]))
        if message.id > 0 or message.code != 0:
            self._answered(message)
        result = message.result
        if result is None or result.channel not in _CHANNELS:
            return []
        self.confirm(result.instrument_name, book=_CHANNELS[result.channel])
        if result.channel == "trade":
            return self.taken(_prints(result.data), now_ms)
        for item in result.data:
            bids, asks = one_level(item.bid or "", item.bid_size or ""), one_level(item.ask or "", item.ask_size or "")
            self.put_book(result.instrument_name, bids, asks, item.at_ms, now_ms)
        return []

    def _answered(self, message: _Frame) -> None:
        if not 1 <= message.id <= len(self._asked):
            raise VenueRefused(f"cryptocom: error {message.code}: {message.message[:200]}")
        channel, native = self._asked[message.id - 1]
        if message.code == 0:
            self.confirm(native, book=_CHANNELS[channel])
        else:
            self.refuse(native, f"error {message.code}: {message.message}", book=_CHANNELS[channel])

    def trades_path(self, native: str) -> str:
        return f"/public/get-trades?instrument_name={native}&count=100"

    def _trades_told(self, native: str, body: bytes) -> list[tuple[str, str, str, str, int]]:
        return _prints(_data(body))

    def book_path(self, native: str) -> str:
        return f"/public/get-book?instrument_name={native}&depth=50"

    def _book_told(self, native: str, body: bytes) -> tuple[Sequence[list[str]], Sequence[list[str]], int | None]:
        items = _data(body)
        if not items:
            raise FrameError("malformed", "expected a book, got none")
        return items[0].bids, items[0].asks, items[0].at_ms


def _prints(items: Sequence[_Item]) -> list[tuple[str, str, str, str, int]]:
    # Newest first as sent; the sort keeps the order of trades of one millisecond.
    prints = [(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in reversed(items)]
    if len(prints) > 1:
        prints.sort(key=lambda print_: print_[4])
    return prints


def _data(body: bytes) -> Sequence[_Item]:
    answer = _frame.decode(body)
    if answer.code != 0 or answer.result is None:
        raise VenueRefused(f"cryptocom: error {answer.code}: {answer.message[:200]}")
    return answer.result.data

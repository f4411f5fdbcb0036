# SPDX-License-Identifier: AGPL-3.0-only
"""Crypto.com's side of the v1 market stream: a heartbeat that must be answered, snapshots newest first.

The code of a refused instrument is a guess among the documented ones; clients can only rely on it not being 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, by_symbol, decimal, encode, read

_CHANNEL = "trade."
_UNKNOWN_SYMBOL = 40_003
_BAD_REQUEST = 40_001


class _Params(msgspec.Struct):
    channels: list[str]


class _Request(msgspec.Struct):
    method: str
    id: int = -1
    params: msgspec.Raw = msgspec.Raw(b"{}")


class CryptocomSession(Session):
    venue: ClassVar[str] = "cryptocom"
    path: ClassVar[str] = "/exchange/v1/market"
    heartbeat_s: ClassVar[float | None] = 30.0

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self._beat = -1
        """The id of the last heartbeat."""

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "_")

    def heartbeat(self, now_ms: int) -> list[bytes]:
        self.must_speak_s = 5.0
        self._beat = now_ms
        return [encode({"id": now_ms, "method": "public/heartbeat", "code": 0})]

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [encode({"id": -1, "method": "", "code": _BAD_REQUEST, "message": "Bad request"})]
        answer = {"id": request.id, "method": request.method}
        if request.method == "public/respond-heartbeat":
            if self.must_speak_s is not None and request.id == self._beat:
                self.must_speak_s = None
            return []
        params = read(request.params, _Params)
        channels = params.channels if params is not None else []
        if request.method != "subscribe" or not channels:
            return [encode({**answer, "code": _BAD_REQUEST, "message": "Bad request"})]
        if any(channel.removeprefix(_CHANNEL) not in self._symbols for channel in channels):
            return [encode({**answer, "code": _UNKNOWN_SYMBOL, "message": "Unknown symbol"})]
        symbols = [self._symbols[channel.removeprefix(_CHANNEL)] for channel in channels]
        self.subscribed.update(symbols)
        return [encode({**answer, "code": 0})] + [self._frame(symbol, recent(symbol)) for symbol in symbols]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(symbol, group) for symbol, group in by_symbol(prints).items()]

    def _frame(self, symbol: str, prints: Sequence[Print]) -> bytes:
        native = self.name(symbol)
        trades = [
            {
                "d": str(10**18 + p.number),
                "t": p.trade.at_ms,
                "p": decimal(p.trade.price_wad),
                "q": decimal(p.trade.size_wad),
                "s": "BUY" if p.number % 2 else "SELL",
                "i": native,
                "m": str(p.number),
            }
            for p in reversed(prints)
        ]
        subscription = _CHANNEL + native
        result = {"instrument_name": native, "subscription": subscription, "channel": "trade", "data": trades}
        return encode({"id": -1, "method": "subscribe", "code": 0, "result": result})

# SPDX-License-Identifier: AGPL-3.0-only
"""Gemini, WebSocket API (wss://ws.gemini.com), stream `<symbol>@trade`.

Checked against developer.gemini.com/websocket (streams, message format; excerpts, November 2026). It replaced the v2
market data feed, whose recorded frames of 2021 the tests translate.

A trade has no event name: it is told by its trade id `t`. Times are nanoseconds. Ids grow, with holes: they count
other events of the exchange too. Answers carry an HTTP-like status. No snapshot and no heartbeat, so it is pinged.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Frame(msgspec.Struct):
    symbol: str = msgspec.field(name="s", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    size: str = msgspec.field(name="q", default="")
    at_ns: int = msgspec.field(name="E", default=0)
    id: str = ""
    status: int = 0
    error: _Error | None = None


_frame = msgspec.json.Decoder(_Frame)
_PING = "ping"
_OK = 200


class GeminiCodec(Codec):
    venue: ClassVar[str] = "gemini"
    url: ClassVar[str] = "wss://ws.gemini.com"
    silence_s: ClassVar[float] = 60.0
    ping_s: ClassVar[float | None] = 20.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        # The request's id names the market, so that its answer does too.
        return [
            msgspec.json.encode({"id": native, "method": "subscribe", "params": [f"{native}@trade"]})
            for native in natives
        ]

    def ping_frame(self) -> bytes:
        return msgspec.json.encode({"id": _PING, "method": "ping"})

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.trade_id >= 0:
            at_ms = message.at_ns // 1_000_000
            prints = [(message.symbol, message.trade_id, message.price, message.size, at_ms)]
            return self.numbered(prints, now_ms, gapless=False)
        if message.status == 0:
            raise FrameError("unknown message", repr(frame[:80]))
        market = self.markets.get(message.id)
        if message.status != _OK:
            why = f"status {message.status}: {message.error.msg[:200] if message.error else ''}"
            if market is None:
                raise VenueRefused(f"gemini: {why}")
            self.refused[market.symbol] = why
        elif market is not None:
            self.confirmed.add(market.symbol)
        return []

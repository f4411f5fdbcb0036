# SPDX-License-Identifier: AGPL-3.0-only
"""Binance spot, stream `<symbol>@trade`. Binance.US (wss://stream.binance.us:9443/ws) speaks the same format.

Checked against developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (excerpts, November 2026) and the
recordings BINANCE and BINANCE_US of 2021, whose `aggTrade` frames the tests translate.

The server sends a WebSocket ping every 20 seconds, answered by the WebSocket layer itself, and drops a connection
after 24 hours. A stream of a symbol that does not exist is accepted and stays silent: the venue refuses nothing.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused


class _Event(msgspec.Struct):
    event: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    price: str = msgspec.field(name="p", default="")
    size: str = msgspec.field(name="q", default="")
    at_ms: int = msgspec.field(name="T", default=0)


class _Error(msgspec.Struct):
    msg: str


class _Frame(_Event):
    """A raw event, a combined stream's envelope around one, or the answer to a request."""

    data: _Event | None = None
    id: int | None = None
    error: _Error | None = None
    code: int | None = None
    msg: str = ""


_frame = msgspec.json.Decoder(_Frame)


class BinanceCodec(Codec):
    venue: ClassVar[str] = "binance"
    url: ClassVar[str] = "wss://stream.binance.com:9443/ws"
    # No heartbeat that we could see: a quiet market is not a dead connection, which the WebSocket pings find.
    silence_s: ClassVar[float] = 300.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        streams = [f"{native.lower()}@trade" for native in natives]
        return [msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": 1})]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        event = message.data or message
        if event.event == "trade":
            return self.numbered([(event.symbol, event.trade_id, event.price, event.size, event.at_ms)], now_ms)
        if message.error is not None or message.code is not None:
            text = message.error.msg if message.error is not None else message.msg
            raise VenueRefused(f"binance: {text[:200]}")
        if event.event == "serverShutdown":
            raise VenueRefused("binance: the server shuts down")
        if message.id is None:
            raise FrameError("unknown message", repr(frame[:80]))
        self.confirmed.update(market.symbol for market in self.markets.values())
        return []

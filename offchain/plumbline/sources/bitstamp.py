# SPDX-License-Identifier: AGPL-3.0-only
"""Bitstamp, WebSocket API v2, channel `live_trades_<market>`.

Checked against bitstamp.net/websocket/v2 (excerpts, November 2026) and the recording BITSTAMP of 2021, which is still
of this generation and is read as it is.

Prices and sizes come twice, as JSON numbers and as text (`price_str`, `amount_str`); the text is read. Ids count the
trades of all markets together, so a hole in one market means nothing. No snapshot. Before maintenance the venue asks
its clients to reconnect.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused, whole


class _Trade(msgspec.Struct):
    id: int
    price_str: str
    amount_str: str
    microtimestamp: str


class _Error(msgspec.Struct):
    message: str = ""


class _Frame(msgspec.Struct):
    event: str = ""
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_frame = msgspec.json.Decoder(_Frame)
_trade = msgspec.json.Decoder(_Trade)
_error = msgspec.json.Decoder(_Error)
_CHANNEL = "live_trades_"


class BitstampCodec(Codec):
    venue: ClassVar[str] = "bitstamp"
    url: ClassVar[str] = "wss://ws.bitstamp.net"
    silence_s: ClassVar[float] = 60.0
    ping_s: ClassVar[float | None] = 20.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        return [
            msgspec.json.encode({"event": "bts:subscribe", "data": {"channel": _CHANNEL + native}})
            for native in natives
        ]

    def ping_frame(self) -> bytes:
        return b'{"event":"bts:heartbeat"}'

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        native = message.channel.removeprefix(_CHANNEL)
        match message.event:
            case "trade":
                t = _trade.decode(message.data)
                at_ms = whole(t.microtimestamp, "microtimestamp") // 1000
                return self.numbered([(native, t.id, t.price_str, t.amount_str, at_ms)], now_ms, gapless=False)
            case "bts:subscription_succeeded":
                self.confirmed.add(self.market(native).symbol)
            case "bts:error":
                why = _error.decode(message.data).message[:200]
                if native not in self.markets:
                    raise VenueRefused(f"bitstamp: {why}")
                self.refused[self.markets[native].symbol] = why
            case "bts:request_reconnect":
                raise VenueRefused("bitstamp: asks to reconnect")
            case "bts:heartbeat":
                pass
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

# SPDX-License-Identifier: AGPL-3.0-only
"""Gate spot, API v4, channel `spot.trades`.

Checked against gate.com/docs/developers/apiv4/ws (spot; excerpts, November 2026) and a live frame of 2026 quoted in a
public project (with `id_market` and `range`). The v3 frames recorded in 2021 are translated in the tests.

`id_market` grows by one with every trade of a market. Times are milliseconds as text, with a fraction. The venue
answers `spot.ping`. No snapshot.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused, whole


class _Trade(msgspec.Struct):
    id_market: int
    create_time_ms: str
    currency_pair: str
    amount: str
    price: str


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Frame(msgspec.Struct):
    channel: str = ""
    event: str = ""
    id: int = 0
    error: _Error | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


_frame = msgspec.json.Decoder(_Frame)
_trade = msgspec.json.Decoder(_Trade)
_CHANNEL = "spot.trades"


class GateCodec(Codec):
    venue: ClassVar[str] = "gate"
    url: ClassVar[str] = "wss://api.gateio.ws/ws/v4/"
    silence_s: ClassVar[float] = 60.0
    ping_s: ClassVar[float | None] = 20.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "_")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        # One market a request: a wrong one is refused alone. The request's id is the market's place, from 1.
        return [
            msgspec.json.encode({"id": place, "channel": _CHANNEL, "event": "subscribe", "payload": [native]})
            for place, native in enumerate(natives, 1)
        ]

    def ping_frame(self) -> bytes:
        return b'{"channel":"spot.ping"}'

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.channel == _CHANNEL and message.event == "update":
            t = _trade.decode(message.result)
            at_ms = whole(t.create_time_ms.partition(".")[0], "create_time_ms")
            return self.numbered([(t.currency_pair, t.id_market, t.price, t.amount, at_ms)], now_ms)
        if message.channel == _CHANNEL and message.event == "subscribe":
            self._answered(message)
        elif message.error is not None:
            raise VenueRefused(f"gate: error {message.error.code}: {message.error.message[:200]}")
        elif message.channel != "spot.pong":
            raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _answered(self, message: _Frame) -> None:
        symbols = [market.symbol for market in self.markets.values()]
        known = 1 <= message.id <= len(symbols)
        if message.error is not None:
            why = f"error {message.error.code}: {message.error.message[:200]}"
            if not known:
                raise VenueRefused(f"gate: {why}")
            self.refused[symbols[message.id - 1]] = why
        elif known:
            self.confirmed.add(symbols[message.id - 1])

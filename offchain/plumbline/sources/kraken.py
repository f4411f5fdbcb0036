# SPDX-License-Identifier: AGPL-3.0-only
"""Kraken, WebSocket API v2, channel `trade`.

Checked against docs.kraken.com/exchange/api-reference/spot-websocket-v2 (trade, heartbeat, status, ping; excerpts,
November 2026) and the recorded frame kraken/ws_trade_update.json of the test fixtures. The v1 frames recorded in
2021 are translated to v2 in the tests.

Prices and sizes are JSON numbers: their characters are parsed, never their float. `trade_id` is a sequence number
per book. A subscription is followed by a snapshot of the last 50 trades; heartbeats come about once a second when
nothing else does. v2 says BTC where v1 and the REST API say XBT.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, Instant, VenueRefused, milliseconds, number_text


class _Trade(msgspec.Struct):
    symbol: str
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: int
    timestamp: Instant


class _Status(msgspec.Struct):
    system: str


class _Subscribed(msgspec.Struct, frozen=True):
    symbol: str = ""


class _Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    result: _Subscribed = _Subscribed()


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(list[_Trade])
_statuses = msgspec.json.Decoder(list[_Status])


class KrakenCodec(Codec):
    venue: ClassVar[str] = "kraken"
    url: ClassVar[str] = "wss://ws.kraken.com/v2"
    silence_s: ClassVar[float] = 15.0

    def native(self, symbol: str) -> str:
        return symbol

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        params = {"channel": "trade", "symbol": natives, "snapshot": True}
        return [msgspec.json.encode({"method": "subscribe", "params": params, "req_id": 1})]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.channel == "trade":
            trades = _trades.decode(message.data)
            trades.sort(key=lambda trade: trade.trade_id)
            return self.numbered(
                [
                    (t.symbol, t.trade_id, number_text(t.price), number_text(t.qty), milliseconds(t.timestamp))
                    for t in trades
                ],
                now_ms,
                snapshot=message.type == "snapshot",
            )
        if message.channel == "status":
            for status in _statuses.decode(message.data):
                if status.system == "maintenance":
                    raise VenueRefused("kraken: maintenance")
        elif message.method == "subscribe":
            self._answered(message)
        elif message.channel != "heartbeat" and message.method != "pong":
            raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _answered(self, message: _Frame) -> None:
        if message.success:
            self.confirmed.add(self.market(message.result.symbol).symbol)
        elif message.symbol in self.markets:
            self.refused[message.symbol] = message.error
        else:
            raise VenueRefused(f"kraken: {message.error or 'subscription refused'}")

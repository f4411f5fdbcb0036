# SPDX-License-Identifier: AGPL-3.0-only
"""Bitstamp's side of WebSocket API v2: a frame a trade, with every number twice; errors name the channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, decimal, encode, number, read

_CHANNEL = "live_trades_"


class _Data(msgspec.Struct):
    channel: str


class _Request(msgspec.Struct):
    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class BitstampSession(Session):
    venue: ClassVar[str] = "bitstamp"
    path: ClassVar[str] = "/"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is not None and request.event == "bts:heartbeat":
            return [encode({"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}})]
        if request is None or request.event != "bts:subscribe":
            return [_error("", "Incorrect JSON format.")]
        data = read(request.data, _Data)
        if data is None:
            return [_error("", "Incorrect JSON format.")]
        channel = data.channel
        symbol = self._symbols.get(channel.removeprefix(_CHANNEL))
        if symbol is None or not channel.startswith(_CHANNEL):
            return [_error(channel, "Bad subscription string.")]
        self.subscribed.add(symbol)
        return [encode({"event": "bts:subscription_succeeded", "channel": channel, "data": {}})]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "data": {
                        "id": p.number,
                        "timestamp": str(p.trade.at_ms // 1000),
                        "amount": number(p.trade.size_wad),
                        "amount_str": decimal(p.trade.size_wad),
                        "price": number(p.trade.price_wad),
                        "price_str": decimal(p.trade.price_wad),
                        "type": 1 - p.number % 2,
                        "microtimestamp": str(p.trade.at_ms * 1000),
                        "buy_order_id": 2 * p.number,
                        "sell_order_id": 2 * p.number + 1,
                    },
                    "channel": _CHANNEL + self.name(p.trade.symbol),
                    "event": "trade",
                }
            )
            for p in prints
        ]


def _error(channel: str, message: str) -> bytes:
    return encode({"event": "bts:error", "channel": channel, "data": {"code": None, "message": message}})

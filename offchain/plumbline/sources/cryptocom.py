# SPDX-License-Identifier: AGPL-3.0-only
"""Crypto.com Exchange, API v1, market stream, channel `trade.<instrument>`.

Checked against exchange-docs.crypto.com/exchange/v1 (trade, heartbeats, rate limits), a live capture of 2026-09-02
quoted in a public project (subscription, trades with `m`, heartbeat), and the field list of the ccxt test fixtures.

The venue asks for one second of peace after the handshake, and closes a connection whose `public/heartbeat`, sent
every 30 seconds, is not answered with the same id within 5. A subscription is answered by an empty result or at once
by its first trades, newest first. Ids are numbers as text whose order is not promised: repeats are found by id, order
is by time.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused


class _Trade(msgspec.Struct):
    trade_id: str = msgspec.field(name="d")
    at_ms: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    symbol: str = msgspec.field(name="i")


class _Result(msgspec.Struct):
    instrument_name: str = ""
    channel: str = ""
    data: list[_Trade] = []


class _Frame(msgspec.Struct):
    id: int = -1
    method: str = ""
    code: int = 0
    message: str = ""
    channel: str = ""
    result: _Result | None = None


_frame = msgspec.json.Decoder(_Frame)
_CHANNEL = "trade."


class CryptocomCodec(Codec):
    venue: ClassVar[str] = "cryptocom"
    url: ClassVar[str] = "wss://stream.crypto.com/exchange/v1/market"
    silence_s: ClassVar[float] = 65.0
    settle_s: ClassVar[float] = 1.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "_")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        # One channel a request: a wrong one is refused alone. The request's id is the market's place, from 1.
        return [
            msgspec.json.encode({"id": place, "method": "subscribe", "params": {"channels": [_CHANNEL + native]}})
            for place, native in enumerate(natives, 1)
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
        if message.result is None or message.result.channel != "trade":
            return []
        self.confirmed.add(self.market(message.result.instrument_name).symbol)
        # Newest first as sent; the sort keeps the order of trades of one millisecond.
        trades = message.result.data[::-1]
        trades.sort(key=lambda trade: trade.at_ms)
        return self.unordered([(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in trades], now_ms)

    def _answered(self, message: _Frame) -> None:
        symbols = [market.symbol for market in self.markets.values()]
        if not 1 <= message.id <= len(symbols):
            raise VenueRefused(f"cryptocom: error {message.code}: {message.message[:200]}")
        symbol = symbols[message.id - 1]
        if message.code == 0:
            self.confirmed.add(symbol)
        else:
            self.refused[symbol] = f"error {message.code}: {message.message[:200]}"

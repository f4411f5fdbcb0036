# SPDX-License-Identifier: AGPL-3.0-only
"""Bybit spot, v5 public stream, topic `publicTrade.<symbol>`.

Checked against bybit-exchange.github.io/docs/v5/ws (connect, public/trade; excerpts, November 2026), live frames quoted
in public projects (a trade with `RPI` and `seq`, a subscription's answers), and the test fixture
bybit/http_get_trades_recent.json, the REST form of the same trades.

A frame holds up to 1,024 trades of one market. Ids are UUIDs without an order: repeats are found by id, order is by
time. The venue wants a ping every 20 seconds. A wrong topic fails its whole request, so each has its own.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused


class _Trade(msgspec.Struct):
    at_ms: int = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    size: str = msgspec.field(name="v")
    price: str = msgspec.field(name="p")
    trade_id: str = msgspec.field(name="i")


class _Frame(msgspec.Struct):
    topic: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(list[_Trade])
_TOPIC = "publicTrade."


class BybitCodec(Codec):
    venue: ClassVar[str] = "bybit"
    url: ClassVar[str] = "wss://stream.bybit.com/v5/public/spot"
    silence_s: ClassVar[float] = 50.0
    ping_s: ClassVar[float | None] = 20.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        # The request's id names the market, so that its answer does too.
        return [
            msgspec.json.encode({"op": "subscribe", "args": [_TOPIC + native], "req_id": native}) for native in natives
        ]

    def ping_frame(self) -> bytes:
        return b'{"op":"ping"}'

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.topic.startswith(_TOPIC):
            trades = _trades.decode(message.data)
            trades.sort(key=lambda trade: trade.at_ms)
            return self.unordered([(t.symbol, t.trade_id, t.price, t.size, t.at_ms) for t in trades], now_ms)
        if message.op == "subscribe":
            self._answered(message)
        elif message.op not in ("ping", "pong"):
            raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _answered(self, message: _Frame) -> None:
        # A refusal may come without the request's id; it names the topic in its words.
        native = message.req_id or message.ret_msg.partition(_TOPIC)[2]
        market = self.markets.get(native)
        if market is None:
            raise VenueRefused(f"bybit: {message.ret_msg[:200] or 'answer to a request never made'}")
        if message.success:
            self.confirmed.add(market.symbol)
        else:
            self.refused[market.symbol] = message.ret_msg[:200]

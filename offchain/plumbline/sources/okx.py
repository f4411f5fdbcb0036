# SPDX-License-Identifier: AGPL-3.0-only
"""OKX spot, API v5, public channel `trades`.

Checked against okx.com/docs-v5 (trades channel, connection, notification; excerpts, November 2026), the test fixture
okx/ws_trades.json and the recording OKX of 2022, both of this generation and read as they are.

One message may stand for several fills of one taker at one price (`count`), under the id of the last: ids grow, with
holes. The venue hangs up after 30 silent seconds; its ping and pong are bare words, not JSON.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused, whole


class _Trade(msgspec.Struct):
    symbol: str = msgspec.field(name="instId")
    trade_id: str = msgspec.field(name="tradeId")
    price: str = msgspec.field(name="px")
    size: str = msgspec.field(name="sz")
    ts: str


class _Arg(msgspec.Struct, frozen=True):
    channel: str = ""
    symbol: str = msgspec.field(name="instId", default="")


class _Frame(msgspec.Struct):
    event: str = ""
    id: str = ""
    arg: _Arg = _Arg()
    data: msgspec.Raw = msgspec.Raw(b"[]")
    code: str = ""
    msg: str = ""


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(list[_Trade])


class OkxCodec(Codec):
    venue: ClassVar[str] = "okx"
    url: ClassVar[str] = "wss://ws.okx.com:8443/ws/v5/public"
    silence_s: ClassVar[float] = 45.0
    ping_s: ClassVar[float | None] = 20.0

    def native(self, symbol: str) -> str:
        return symbol.replace("/", "-")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        # The request's id, letters and digits only, names the market, so that a refusal does too.
        return [
            msgspec.json.encode(
                {
                    "id": native.replace("-", ""),
                    "op": "subscribe",
                    "args": [{"channel": "trades", "instId": native}],
                }
            )
            for native in natives
        ]

    def ping_frame(self) -> bytes:
        return b"ping"

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if frame == b"pong":
            return []
        message = _frame.decode(frame)
        match message.event:
            case "" if message.arg.channel == "trades":
                trades = [(t.symbol, whole(t.trade_id, "tradeId"), t) for t in _trades.decode(message.data)]
                trades.sort(key=lambda trade: trade[1])
                prints = [(native, number, t.price, t.size, whole(t.ts, "ts")) for native, number, t in trades]
                return self.numbered(prints, now_ms, gapless=False)
            case "subscribe":
                self.confirmed.add(self.market(message.arg.symbol).symbol)
            case "error":
                self._refusal(message)
            case "notice":
                raise VenueRefused(f"okx: {message.msg[:200]}")
            case _:
                raise FrameError("unknown message", repr(frame[:80]))
        return []

    def _refusal(self, message: _Frame) -> None:
        named = [
            native
            for native in self.markets
            if message.id == native.replace("-", "") or f"instId:{native} " in message.msg
        ]
        if not named:
            raise VenueRefused(f"okx: error {message.code[:10]}: {message.msg[:200]}")
        self.refused[self.markets[named[0]].symbol] = f"error {message.code[:10]}: {message.msg[:200]}"

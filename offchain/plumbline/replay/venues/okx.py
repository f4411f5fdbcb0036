# SPDX-License-Identifier: AGPL-3.0-only
"""OKX's side of API v5's public endpoint: an answer for each channel asked for, a frame a trade, "pong" to "ping"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, decimal, encode, read

_WRONG_ARGUMENT = "60018"
_BAD_REQUEST = "60012"


class _Arg(msgspec.Struct):
    channel: str
    instrument: str = msgspec.field(name="instId")


class _Request(msgspec.Struct):
    op: str
    args: list[_Arg]
    id: str = ""


class OkxSession(Session):
    venue: ClassVar[str] = "okx"
    path: ClassVar[str] = "/ws/v5/public"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "-")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        if frame == b"ping":
            return [b"pong"]
        request = read(frame, _Request)
        if request is None:
            return [_error("", _BAD_REQUEST, f"Invalid request: {frame[:100]!r}")]
        if request.op != "subscribe":
            return [_error(request.id, _BAD_REQUEST, f"Invalid request: op {request.op[:20]}")]
        return [self._subscribe(request.id, arg) for arg in request.args]

    def _subscribe(self, request_id: str, arg: _Arg) -> bytes:
        symbol = self._symbols.get(arg.instrument)
        if symbol is None or arg.channel != "trades":
            wrong = f"Wrong URL or channel:{arg.channel[:40]},instId:{arg.instrument[:40]} doesn't exist."
            return _error(request_id, _WRONG_ARGUMENT, wrong)
        self.subscribed.add(symbol)
        told = {"channel": arg.channel, "instId": arg.instrument}
        return encode({"id": request_id, "event": "subscribe", "arg": told, "connId": "a4d3ae55"})

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(p) for p in prints]

    def _frame(self, p: Print) -> bytes:
        native = self.name(p.trade.symbol)
        trade = {
            "instId": native,
            "tradeId": str(p.number),
            "px": decimal(p.trade.price_wad),
            "sz": decimal(p.trade.size_wad),
            "side": "buy" if p.number % 2 else "sell",
            "ts": str(p.trade.at_ms),
            "count": "1",
            "seqId": p.number,
        }
        return encode({"arg": {"channel": "trades", "instId": native}, "data": [trade]})


def _error(request_id: str, code: str, message: str) -> bytes:
    return encode({"id": request_id, "event": "error", "code": code, "msg": message, "connId": "a4d3ae55"})

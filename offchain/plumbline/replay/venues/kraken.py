# SPDX-License-Identifier: AGPL-3.0-only
"""Kraken's side of WebSocket API v2: status on connecting, an answer per symbol, a snapshot, updates, heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, by_symbol, encode, number, read, rfc3339


class _Params(msgspec.Struct):
    channel: str
    symbol: list[str]
    snapshot: bool = True


class _Request(msgspec.Struct):
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    req_id: int = 0


class KrakenSession(Session):
    venue: ClassVar[str] = "kraken"
    path: ClassVar[str] = "/v2"
    heartbeat_s: ClassVar[float | None] = 1.0

    @staticmethod
    def name(symbol: str) -> str:
        return symbol

    def greeting(self, now_ms: int) -> list[bytes]:
        status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": now_ms}
        return [encode({"channel": "status", "type": "update", "data": [status]})]

    def heartbeat(self, now_ms: int) -> list[bytes]:
        return [encode({"channel": "heartbeat"})] if self.subscribed else []

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        times = {"time_in": rfc3339(now_ms), "time_out": rfc3339(now_ms)}
        if request is not None and request.method == "ping":
            return [encode({"method": "pong", **times})]
        if request is None or request.method != "subscribe":
            return [encode({"error": "Unsupported event", "success": False, **times})]
        params = read(request.params, _Params)
        if params is None:
            return [encode({"error": "Malformed request", "method": "subscribe", "success": False, **times})]
        answers: list[bytes] = []
        for symbol in params.symbol:
            answer: dict[str, Any] = {"method": "subscribe", "req_id": request.req_id, **times}
            if symbol not in self._symbols:
                why = f"Currency pair not supported {symbol}"
                answers.append(encode({**answer, "error": why, "success": False, "symbol": symbol}))
                continue
            self.subscribed.add(symbol)
            result = {"channel": "trade", "snapshot": params.snapshot, "symbol": symbol}
            answers.append(encode({**answer, "result": result, "success": True}))
            if params.snapshot:
                answers.append(_frame("snapshot", recent(symbol)))
        return answers

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [_frame("update", group) for group in by_symbol(prints).values()]


def _frame(kind: str, prints: Sequence[Print]) -> bytes:
    trades = [
        {
            "symbol": p.trade.symbol,
            "side": "buy" if p.number % 2 else "sell",
            "price": number(p.trade.price_wad),
            "qty": number(p.trade.size_wad),
            "ord_type": "market",
            "trade_id": p.number,
            "timestamp": rfc3339(p.trade.at_ms),
        }
        for p in prints
    ]
    return encode({"channel": "trade", "type": kind, "data": trades})

# SPDX-License-Identifier: AGPL-3.0-only
"""Gemini's side of its WebSocket API: requests answered with a status, a frame a trade, times in nanoseconds.

The code and wording of a refused stream are not documented; clients can only rely on the status not being 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, decimal, encode, read

_STREAM = "@trade"


class _Request(msgspec.Struct):
    id: str | int
    method: str
    params: list[str] = []


class GeminiSession(Session):
    venue: ClassVar[str] = "gemini"
    path: ClassVar[str] = "/"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "").lower()

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_error(None, "Invalid request")]
        if request.method == "ping":
            return [encode({"id": request.id, "status": 200})]
        if request.method.lower() != "subscribe":
            return [_error(request.id, f"Unknown method {request.method[:40]}")]
        wrong = [stream for stream in request.params if stream.removesuffix(_STREAM) not in self._symbols]
        if wrong:
            return [_error(request.id, f"Invalid stream {wrong[0][:40]}")]
        self.subscribed.update(self._symbols[stream.removesuffix(_STREAM)] for stream in request.params)
        return [encode({"id": request.id, "status": 200})]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "E": p.trade.at_ms * 1_000_000,
                    "s": self.name(p.trade.symbol),
                    "t": p.number,
                    "p": decimal(p.trade.price_wad),
                    "q": decimal(p.trade.size_wad),
                    "m": p.number % 2 == 0,
                }
            )
            for p in prints
        ]


def _error(request_id: Any, message: str) -> bytes:
    return encode({"id": request_id, "status": 400, "error": {"code": -1_000, "msg": message}})

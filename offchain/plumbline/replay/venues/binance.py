# SPDX-License-Identifier: AGPL-3.0-only
"""Binance's side of the raw stream endpoint `/ws`: SUBSCRIBE, then one frame a trade.

A stream that does not exist is accepted and stays silent, as there. No snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, decimal, encode, read


class _Request(msgspec.Struct):
    method: str
    params: msgspec.Raw = msgspec.Raw(b"null")
    id: int | None = None


class BinanceSession(Session):
    venue: ClassVar[str] = "binance"
    path: ClassVar[str] = "/ws"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_error(3, "Invalid JSON: expected value", None)]
        if request.method != "SUBSCRIBE":
            return [_error(2, f"Invalid request: unknown variant {request.method[:40]}", request.id)]
        streams = read(request.params, list[str])
        if streams is None:
            return [_error(2, "Invalid request: params must be a list of streams", request.id)]
        for stream in streams:
            match = re.fullmatch(r"([a-z0-9]+)@trade", stream)
            symbol = self._symbols.get(match[1].upper()) if match else None
            if symbol is not None:
                self.subscribed.add(symbol)
        return [encode({"result": None, "id": request.id})]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            encode(
                {
                    "e": "trade",
                    "E": now_ms,
                    "s": self.name(p.trade.symbol),
                    "t": p.number,
                    "p": decimal(p.trade.price_wad),
                    "q": decimal(p.trade.size_wad),
                    "T": p.trade.at_ms,
                    "m": p.number % 2 == 0,
                    "M": True,
                }
            )
            for p in prints
        ]


def _error(code: int, message: str, request_id: int | None) -> bytes:
    return encode({"error": {"code": code, "msg": message}, "id": request_id})

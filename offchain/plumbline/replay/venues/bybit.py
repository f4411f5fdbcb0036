# SPDX-License-Identifier: AGPL-3.0-only
"""Bybit's side of the v5 public spot stream: a request with one wrong topic fails as a whole; pongs on demand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, by_symbol, decimal, encode, read

_TOPIC = "publicTrade."
_MOST_ARGS = 10
"""Topics a request may hold on spot."""


class _Request(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str = ""


class BybitSession(Session):
    venue: ClassVar[str] = "bybit"
    path: ClassVar[str] = "/v5/public/spot"

    @staticmethod
    def name(symbol: str) -> str:
        return symbol.replace("/", "")

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [_answer(False, "error:invalid json", "", "")]
        if request.op == "ping":
            return [_answer(True, "pong", request.req_id, "ping")]
        if request.op != "subscribe":
            return [_answer(False, f"error:unknown op {request.op[:20]}", request.req_id, request.op[:20])]
        if len(request.args) > _MOST_ARGS:
            return [_answer(False, f"args size >{_MOST_ARGS}", request.req_id, "subscribe")]
        wrong = [topic for topic in request.args if topic.removeprefix(_TOPIC) not in self._symbols]
        if wrong:
            # Seen live: the answer to a refused topic does not bring the request's id back.
            return [_answer(False, f"error:handler not found,topic:{wrong[0]}", "", "subscribe")]
        self.subscribed.update(self._symbols[topic.removeprefix(_TOPIC)] for topic in request.args)
        return [_answer(True, "subscribe", request.req_id, "subscribe")]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [self._frame(self.name(symbol), group, now_ms) for symbol, group in by_symbol(prints).items()]

    def _frame(self, native: str, prints: Sequence[Print], now_ms: int) -> bytes:
        trades = [
            {
                "i": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{native}:{p.number}")),
                "T": p.trade.at_ms,
                "p": decimal(p.trade.price_wad),
                "v": decimal(p.trade.size_wad),
                "S": "Buy" if p.number % 2 else "Sell",
                "s": native,
                "BT": False,
                "RPI": False,
                "seq": p.number,
            }
            for p in prints
        ]
        return encode({"topic": _TOPIC + native, "type": "snapshot", "ts": now_ms, "data": trades})


def _answer(success: bool, message: str, req_id: str, op: str) -> bytes:
    return encode({"success": success, "ret_msg": message, "conn_id": "replay", "req_id": req_id, "op": op})

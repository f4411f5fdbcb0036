# SPDX-License-Identifier: AGPL-3.0-only
"""Bitfinex's side of WebSocket API v2: numbered channels, arrays, snapshots newest first, `te` then `tu`, beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from plumbline.replay.tape import Print
from plumbline.replay.venues.base import Recent, Session, encode, number, read

_NUMBER_ALL = 65_536
_INVALID_SYMBOL = 10_300
_SNAPSHOT = 30
_NAMES = {"USDT": "UST", "USDC": "UDC"}


class _Request(msgspec.Struct):
    event: str
    channel: str = ""
    symbol: str = ""
    flags: int = 0


class BitfinexSession(Session):
    venue: ClassVar[str] = "bitfinex"
    path: ClassVar[str] = "/ws/2"
    heartbeat_s: ClassVar[float | None] = 15.0

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(symbols)
        self._channels: dict[str, int] = {}
        self._sequence: int | None = None
        """The number of the last array; None while the client wants none."""

    @staticmethod
    def name(symbol: str) -> str:
        base, quote = (_NAMES.get(name, name) for name in symbol.split("/"))
        return f"t{base}{quote}" if len(base + quote) == 6 else f"t{base}:{quote}"

    def greeting(self, now_ms: int) -> list[bytes]:
        return [encode({"event": "info", "version": 2, "serverId": "replay", "platform": {"status": 1}})]

    def heartbeat(self, now_ms: int) -> list[bytes]:
        return [self._array(channel, "hb") for channel in self._channels.values()]

    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        request = read(frame, _Request)
        if request is None:
            return [encode({"event": "error", "msg": "ERR_REQ_INVALID", "code": 10_000})]
        if request.event == "conf":
            self._sequence = 0 if request.flags & _NUMBER_ALL else None
            return [encode({"event": "conf", "status": "OK", "flags": request.flags})]
        if request.event != "subscribe" or request.channel != "trades":
            return [encode({"event": "error", "msg": "unknown event or channel", "code": 10_001})]
        symbol = self._symbols.get(request.symbol)
        told = {"channel": "trades", "symbol": request.symbol}
        if symbol is None:
            return [encode({"event": "error", "msg": "symbol: invalid", "code": _INVALID_SYMBOL, **told})]
        self.subscribed.add(symbol)
        channel = self._channels.setdefault(symbol, 232_959 + len(self._channels))
        snapshot = [_row(p) for p in reversed(recent(symbol)[-_SNAPSHOT:])]
        answer = {"event": "subscribed", **told, "chanId": channel, "pair": request.symbol[1:]}
        return [encode(answer), self._array(channel, snapshot)]

    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        return [
            self._array(self._channels[p.trade.symbol], kind, _row(p))
            for p in prints
            if p.trade.symbol in self._channels
            for kind in ("te", "tu")
        ]

    def _array(self, *parts: Any) -> bytes:
        if self._sequence is None:
            return encode(parts)
        self._sequence += 1
        return encode((*parts, self._sequence))


def _row(p: Print) -> list[Any]:
    size = number(p.trade.size_wad)
    amount = size if p.number % 2 else msgspec.Raw(b"-" + bytes(size))
    return [p.number, p.trade.at_ms, amount, number(p.trade.price_wad)]

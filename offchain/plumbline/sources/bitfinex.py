# SPDX-License-Identifier: AGPL-3.0-only
"""Bitfinex, WebSocket API v2, channel `trades`.

Checked against docs.bitfinex.com (ws-general, ws-public-trades; excerpts, November 2026) and the recording BITFINEX of
2021, which is still of this generation and is read as it is.

Messages are arrays under a channel number given at subscription. Numbers are JSON numbers: their characters are
parsed, never their float; a negative amount is a sale. An execution is told as `te` and again, later, as `tu`: the
first is taken. Ids count all markets together. With flag 65,536 every array ends in a sequence number of the
connection. Heartbeats come every 15 seconds. USDT is called UST here, and USDC UDC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from plumbline.core.models import Trade
from plumbline.sources.codec import Codec, FrameError, VenueRefused, number_text, whole

NAMES: Final = {"USDT": "UST", "USDC": "UDC"}
NUMBER_ALL: Final = 65_536
_GOING_DOWN: Final = (20_051, 20_060)


class _Platform(msgspec.Struct, frozen=True):
    status: int = 1


class _Event(msgspec.Struct):
    event: str = ""
    channel: str = ""
    chanId: int = -1
    symbol: str = ""
    code: int = 0
    msg: str = ""
    platform: _Platform = _Platform()


_event = msgspec.json.Decoder(_Event)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_trade = msgspec.json.Decoder(tuple[int, int, msgspec.Raw, msgspec.Raw])
_trades = msgspec.json.Decoder(list[tuple[int, int, msgspec.Raw, msgspec.Raw]])


class BitfinexCodec(Codec):
    venue: ClassVar[str] = "bitfinex"
    url: ClassVar[str] = "wss://api-pub.bitfinex.com/ws/2"
    silence_s: ClassVar[float] = 45.0

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self._channels: dict[int, str] = {}
        self._sequence: int | None = None

    def native(self, symbol: str) -> str:
        base, quote = (NAMES.get(name, name) for name in symbol.split("/"))
        return f"t{base}{quote}" if len(base) == len(quote) == 3 else f"t{base}:{quote}"

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        self._channels.clear()
        self._sequence = None
        return [msgspec.json.encode({"event": "conf", "flags": NUMBER_ALL})] + [
            msgspec.json.encode({"event": "subscribe", "channel": "trades", "symbol": native}) for native in natives
        ]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        if not frame.startswith(b"["):
            self._happened(_event.decode(frame))
            return []
        message = _array.decode(frame)
        if len(message) < 2:
            raise FrameError("malformed", repr(frame[:80]))
        native = self._channels.get(whole(number_text(message[0]), "channel"))
        if native is None:
            raise FrameError("unknown market", f"channel {number_text(message[0])} was not subscribed to")
        trades = self._trades(native, message, now_ms)
        kinds = (b'"te"', b'"tu"')
        self._count(message[3:] if bytes(message[1]) in kinds else message[2:])
        return trades

    def _trades(self, native: str, message: list[msgspec.Raw], now_ms: int) -> list[Trade]:
        kind = bytes(message[1])
        if kind.startswith(b"["):
            told = sorted(_trades.decode(kind), key=lambda trade: trade[0])
        elif kind == b'"te"' and len(message) > 2:
            told = [_trade.decode(message[2])]
        elif kind in (b'"hb"', b'"tu"'):
            return []
        else:
            raise FrameError("unknown message", repr(kind[:80]))
        prints = [
            (native, number, number_text(price), number_text(amount).removeprefix("-"), at_ms)
            for number, at_ms, amount, price in told
        ]
        return self.numbered(prints, now_ms, gapless=False, snapshot=kind.startswith(b"["))

    def _count(self, rest: list[msgspec.Raw]) -> None:
        """What follows a message's own parts is its number in the connection; a hole in them is counted."""
        if not rest:
            return
        number = whole(number_text(rest[0]), "sequence")
        if self._sequence is not None and number > self._sequence:
            self.missed += number - self._sequence - 1
        self._sequence = max(number, self._sequence or 0)

    def _happened(self, event: _Event) -> None:
        match event.event:
            case "subscribed" if event.channel == "trades":
                self.confirmed.add(self.market(event.symbol).symbol)
                # One channel a market: what a venue says must not make this grow.
                self._channels = {n: native for n, native in self._channels.items() if native != event.symbol}
                self._channels[event.chanId] = event.symbol
            case "info" if event.platform.status == 0 or event.code in _GOING_DOWN:
                raise VenueRefused(f"bitfinex: maintenance {event.msg[:200]}".rstrip())
            case "info" | "conf" | "pong":
                pass
            case "error" if event.symbol in self.markets:
                self.refused[self.markets[event.symbol].symbol] = f"error {event.code}: {event.msg[:200]}"
            case "error":
                raise VenueRefused(f"bitfinex: error {event.code}: {event.msg[:200]}")
            case _:
                raise FrameError("unknown message", f"event {event.event[:40]!r}")

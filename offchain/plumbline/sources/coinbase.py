# SPDX-License-Identifier: AGPL-3.0-only
"""Coinbase, Advanced Trade WebSocket, channel `market_trades`.

Checked against docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket (overview and channels; excerpts,
November 2026) and the recorded frame coinbase/ws_market_trades.json of the test fixtures. The `match` frames of the
older Pro/Exchange feed recorded in 2021 are translated in the tests.

Why Advanced Trade and not the Exchange feed: both show the same order book and neither needs a key for trades, but
here every frame of a connection is numbered (`sequence_num`), so a lost one is seen, and this is the API the venue
develops. The stream closes after 60 to 90 silent seconds unless `heartbeats` is subscribed to as well.

The venue answers a subscription to BTC-USDC with the frames of BTC-USD: one market under two names. Such a symbol is
refused here, for it would count one market twice and read a depegged dollar as a dollar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from plumbline.core.models import Trade
from plumbline.errors import SourceError
from plumbline.sources.codec import Codec, FrameError, Instant, VenueRefused, milliseconds, whole

OWN_USDC_MARKETS: Final = ("USDT/USDC", "EURC/USDC")
"""The only USDC markets that are not the USD market's alias."""


class _Trade(msgspec.Struct):
    trade_id: str
    product_id: str
    price: str
    size: str
    time: Instant


class _Trades(msgspec.Struct):
    type: str
    trades: list[_Trade]


class _Subscriptions(msgspec.Struct):
    subscriptions: dict[str, list[str]]


class _Frame(msgspec.Struct):
    channel: str = ""
    sequence_num: int = -1
    events: msgspec.Raw = msgspec.Raw(b"[]")
    type: str = ""
    message: str = ""


_frame = msgspec.json.Decoder(_Frame)
_trades = msgspec.json.Decoder(list[_Trades])
_subscriptions = msgspec.json.Decoder(list[_Subscriptions])


class CoinbaseCodec(Codec):
    venue: ClassVar[str] = "coinbase"
    url: ClassVar[str] = "wss://advanced-trade-ws.coinbase.com"
    silence_s: ClassVar[float] = 15.0
    # Without a key, eight messages a second are let through.
    pause_s: ClassVar[float] = 0.15

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self._sequence = -1

    def native(self, symbol: str) -> str:
        if symbol.endswith("/USDC") and symbol not in OWN_USDC_MARKETS:
            raise SourceError(f"coinbase: {symbol} is another name of {symbol.removesuffix('C')}, not a market")
        return symbol.replace("/", "-")

    def _subscribe(self, natives: list[str]) -> list[bytes]:
        self._sequence = -1
        # One product a frame: a wrong one is refused alone.
        return [msgspec.json.encode({"type": "subscribe", "channel": "heartbeats"})] + [
            msgspec.json.encode({"type": "subscribe", "channel": "market_trades", "product_ids": [native]})
            for native in natives
        ]

    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        message = _frame.decode(frame)
        if message.type == "error":
            self._error(message.message)
            return []
        if message.channel not in ("market_trades", "heartbeats", "subscriptions"):
            raise FrameError("unknown message", repr(frame[:80]))
        trades = self._trades(message.events, now_ms) if message.channel == "market_trades" else []
        if message.channel == "subscriptions":
            for event in _subscriptions.decode(message.events):
                for native in event.subscriptions.get("market_trades", []):
                    self.confirmed.add(self.market(native).symbol)
        # Frames of a connection are numbered from 0. A hole is counted; repeats are told by their trades' ids.
        if message.sequence_num > self._sequence:
            self.missed += message.sequence_num - self._sequence - 1
            self._sequence = message.sequence_num
        return trades

    def _trades(self, events: msgspec.Raw, now_ms: int) -> list[Trade]:
        told = _trades.decode(events)
        prints = [
            (t.product_id, whole(t.trade_id, "trade_id"), t.price, t.size, milliseconds(t.time))
            for event in told
            for t in event.trades
        ]
        prints.sort(key=lambda print_: print_[1])
        return self.numbered(prints, now_ms, snapshot=any(event.type == "snapshot" for event in told))

    def _error(self, text: str) -> None:
        named = [native for native in self.markets if native in text]
        if not named:
            raise VenueRefused(f"coinbase: {text[:200]}")
        for native in named:
            self.refused[self.markets[native].symbol] = text[:200]

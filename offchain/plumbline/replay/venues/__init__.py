# SPDX-License-Identifier: AGPL-3.0-only
"""The exchanges' side of their WebSocket formats, one file each."""

from __future__ import annotations

from typing import Final

from plumbline.replay.venues.base import Session
from plumbline.replay.venues.binance import BinanceSession
from plumbline.replay.venues.bitfinex import BitfinexSession
from plumbline.replay.venues.bitstamp import BitstampSession
from plumbline.replay.venues.bybit import BybitSession
from plumbline.replay.venues.coinbase import CoinbaseSession
from plumbline.replay.venues.cryptocom import CryptocomSession
from plumbline.replay.venues.gate import GateSession
from plumbline.replay.venues.gemini import GeminiSession
from plumbline.replay.venues.kraken import KrakenSession
from plumbline.replay.venues.okx import OkxSession

SESSIONS: Final[dict[str, type[Session]]] = {
    session.venue: session
    for session in (
        BinanceSession,
        BitfinexSession,
        BitstampSession,
        BybitSession,
        CoinbaseSession,
        CryptocomSession,
        GateSession,
        GeminiSession,
        KrakenSession,
        OkxSession,
    )
}

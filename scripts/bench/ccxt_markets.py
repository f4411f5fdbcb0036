# SPDX-License-Identifier: AGPL-3.0-only
"""The venues of which ccxt reads the same API as we do, and what BTC/USD and BTC/USDT are called there.

Not among them: Gemini, Crypto.com and Bitfinex, whose trades ccxt reads from other channels, or in another form.
"""

from __future__ import annotations

MARKETS = {
    "binance": ("BTCUSD", "BTCUSDT"),
    "bitstamp": ("btcusd", "btcusdt"),
    "bybit": ("BTCUSD", "BTCUSDT"),
    "coinbase": ("BTC-USD", "BTC-USDT"),
    "gate": ("BTC_USD", "BTC_USDT"),
    "kraken": ("BTC/USD", "BTC/USDT"),
    "okx": ("BTC-USD", "BTC-USDT"),
}

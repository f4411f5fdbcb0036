# SPDX-License-Identifier: AGPL-3.0-only
"""What ccxt does with the same frames: run by the venues' bench in an environment of its own (requirements/ccxt.txt).

    python ccxt_frames.py <venue> < frames, one a line

Prints frames a second: bytes through ccxt's own JSON decoder and its `handle_message` to its stored trades, best of
some rounds, processor time. There is no network: markets are given, and a stub stands for its client.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import ccxt.pro
from ccxt_markets import MARKETS

try:
    from orjson import loads
except ImportError:
    from json import loads

ROUNDS = 3


class Client:
    """As much of ccxt's WebSocket client as handling a trade touches."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: dict[str, Any] = {}
        self.futures: dict[str, Any] = {}
        self.lastPong = 0

    def resolve(self, result: Any, message_hash: str) -> Any:
        return result

    def reject(self, error: Exception, message_hash: str = "") -> None:
        raise error


def make(venue: str) -> Any:
    exchange = getattr(ccxt.pro, venue)()
    markets = []
    for native, symbol in zip(MARKETS[venue], ("BTC/USD", "BTC/USDT"), strict=True):
        base, quote = symbol.split("/")
        markets.append(
            exchange.safe_market_structure(
                {
                    "id": native,
                    "symbol": symbol,
                    "base": base,
                    "quote": quote,
                    "baseId": base,
                    "quoteId": quote,
                    "type": "spot",
                    "spot": True,
                    "precision": {"price": 0.01, "amount": 0.00000001},
                    "info": {"wsname": symbol},
                }
            )
        )
    exchange.set_markets(markets)
    return exchange


def main() -> None:
    venue = sys.argv[1]
    frames = sys.stdin.buffer.read().splitlines()
    best = float("inf")
    for _ in range(ROUNDS):
        exchange = make(venue)
        client = Client("wss://spot")
        began = time.process_time()
        for frame in frames:
            exchange.handle_message(client, loads(frame))
        best = min(best, time.process_time() - began)
        if not exchange.trades:
            raise SystemExit(f"{venue}: ccxt stored no trade of these frames")
    print(int(len(frames) / best))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: AGPL-3.0-only
"""What ccxt does with the same frames: run by the venues' bench in an environment of its own (requirements/ccxt.txt).

    python ccxt_frames.py <venue> <file of frames, one a line>

For each line of its input it prints the seconds of processor time of one pass: bytes through ccxt's own JSON decoder
and its `handle_message` to its stored trades. There is no network: markets are given, and a stub stands for its client.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import ccxt.pro
from ccxt_markets import MARKETS

try:
    from orjson import loads
except ImportError:
    from json import loads


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


def passed_s(venue: str, frames: list[bytes]) -> float:
    exchange, client = make(venue), Client("wss://spot")
    began = time.process_time()
    for frame in frames:
        exchange.handle_message(client, loads(frame))
    took_s = time.process_time() - began
    if not exchange.trades:
        raise SystemExit(f"{venue}: ccxt stored no trade of these frames")
    return took_s


def main() -> None:
    venue, path = sys.argv[1:]
    frames = Path(path).read_bytes().splitlines()
    for _ in sys.stdin:
        print(passed_s(venue, frames), flush=True)


if __name__ == "__main__":
    main()

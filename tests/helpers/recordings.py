# SPDX-License-Identifier: AGPL-3.0-only
"""Raw WebSocket recordings of 2021 and small translators from those API generations to today's.

A recording's lines are `<unix time>: <received>` and `<url> <- <unix time>: <sent>`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple


class Told(NamedTuple):
    """A trade as the recording has it, read with nothing of the package."""

    native: str
    price: Decimal
    size: Decimal
    at_ms: int


def received(recording: Path) -> Iterator[Any]:
    """Every JSON message a recording received."""
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        for line in lines:
            at, colon, body = line.partition(": ")
            if colon and at.replace(".", "", 1).isdigit() and body[0] in "[{":
                yield json.loads(body)


def binance(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """`aggTrade` events of combined streams as `trade` events; the aggregate's id stands for the trade's."""
    for message in received(recording):
        event = message.get("data", {})
        if event.get("e") != "aggTrade":
            continue
        trade = {"e": "trade", "t": event["a"], **{key: event[key] for key in "EspqTmM"}}
        frame = {"stream": message["stream"].replace("aggTrade", "trade"), "data": trade}
        yield encoded(frame), [Told(event["s"], Decimal(event["p"]), Decimal(event["q"]), event["T"])]


def coinbase(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """`match` and `last_match` messages of the Pro feed as `market_trades` frames."""
    for number, message in enumerate(m for m in received(recording) if m["type"] in ("match", "last_match")):
        trade = {key: message[key] for key in ("product_id", "price", "size", "time")}
        trade |= {"trade_id": str(message["trade_id"]), "side": message["side"].upper()}
        frame = {
            "channel": "market_trades",
            "client_id": "",
            "timestamp": message["time"],
            "sequence_num": number,
            "events": [{"type": "update", "trades": [trade]}],
        }
        at = datetime.fromisoformat(message["time"])
        told = Told(message["product_id"], Decimal(message["price"]), Decimal(message["size"]), _ms(at))
        yield encoded(frame), [told]


def kraken(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """v1 trade arrays as v2 frames: prices become JSON numbers, trades get the ids v1 did not tell."""
    trade_id = 0
    for message in received(recording):
        if not isinstance(message, list) or message[-2] != "trade":
            continue
        pair = message[-1].replace("XBT", "BTC")
        texts, told = [], []
        for price, size, seconds, side, kind, _ in message[1]:
            trade_id += 1
            at = datetime.fromtimestamp(0, UTC) + _microseconds(seconds)
            texts.append(
                f'{{"symbol":"{pair}","side":"{side}","price":{price},"qty":{size},"ord_type":"{kind}",'
                f'"trade_id":{trade_id},"timestamp":"{at:%Y-%m-%dT%H:%M:%S.%f}Z"}}'
            )
            told.append(Told(pair, Decimal(price), Decimal(size), _ms(at)))
        yield f'{{"channel":"trade","type":"update","data":[{",".join(texts)}]}}'.encode(), told


def gemini(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """v2 market data trades, those of the first snapshots too, as `@trade` events; its event id is the trade's."""
    for message in received(recording):
        events = [message] if message["type"] == "trade" else message.get("trades", [])
        for event in sorted(events, key=lambda event: event["event_id"]):
            frame = {
                "E": event["timestamp"] * 10**6,
                "s": event["symbol"].lower(),
                "t": event["event_id"],
                "p": event["price"],
                "q": event["quantity"],
                "m": event["side"] == "sell",
            }
            told = Told(event["symbol"], Decimal(event["price"]), Decimal(event["quantity"]), event["timestamp"])
            yield encoded(frame), [told]


def gate(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """v3 trade updates, newest first, as v4 frames of one trade; times keep the microseconds v3 told as a number."""
    for message in received(recording):
        if message.get("method") != "trades.update":
            continue
        pair, trades = message["params"]
        for trade in sorted(trades, key=lambda trade: trade["id"]):
            ms = Decimal(str(trade["time"])) * 1000
            result = {"id": trade["id"], "id_market": trade["id"], "create_time_ms": f"{ms:f}", "currency_pair": pair}
            result |= {"side": trade["type"], "price": trade["price"], "amount": trade["amount"]}
            frame = {"channel": "spot.trades", "event": "update", "result": result}
            yield encoded(frame), [Told(pair, Decimal(trade["price"]), Decimal(trade["amount"]), int(ms))]


def bitstamp(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """As recorded: the API is still of that generation."""
    for message in received(recording):
        if message["event"] != "trade":
            continue
        data, native = message["data"], message["channel"].removeprefix("live_trades_").upper()
        at_ms = int(data["microtimestamp"]) // 1000
        yield encoded(message), [Told(native, Decimal(data["price_str"]), Decimal(data["amount_str"]), at_ms)]


def okx(recording: Path) -> Iterator[tuple[bytes, list[Told]]]:
    """As recorded: the API is still of that generation."""
    for message in received(recording):
        if "data" not in message or message["arg"]["channel"] != "trades":
            continue
        yield (
            encoded(message),
            [Told(t["instId"], Decimal(t["px"]), Decimal(t["sz"]), int(t["ts"])) for t in message["data"]],
        )


def encoded(frame: Any) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


def _microseconds(seconds: str) -> timedelta:
    return timedelta(microseconds=int(Decimal(seconds) * 10**6))


def _ms(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)

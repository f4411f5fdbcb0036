# SPDX-License-Identifier: AGPL-3.0-only
"""Raw WebSocket recordings of 2021 and small translators from those API generations to today's.

A recording's lines are `<unix time>: <received>` and `<url> <- <unix time>: <sent>`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
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
    return map(json.loads, texts_received(recording))


def texts_received(recording: Path) -> Iterator[str]:
    """The same, unread."""
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        for line in lines:
            at, colon, body = line.partition(": ")
            if colon and at.replace(".", "", 1).isdigit() and body[0] in "[{":
                yield body.strip()


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


class Model:
    """A book as plain dictionaries of text, kept by nothing of the package: what a codec's book is compared with."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, str]] = {"bids": {}, "asks": {}}

    def put(self, side: str, price: str, size: str) -> None:
        if Decimal(size) == 0:
            self.sides[side].pop(Decimal(price), None)
        else:
            self.sides[side][Decimal(price)] = size

    def best(self, side: str, count: int) -> list[tuple[int, int]]:
        prices = sorted(self.sides[side], reverse=side == "bids")[:count]
        return [(int(price * 10**18), int(Decimal(self.sides[side][price]) * 10**18)) for price in prices]


Books = Iterator[tuple[bytes, str, Model]]
"""A frame, the venue's name of its market, and that market's book after it."""


def kraken_books(recording: Path) -> Books:
    """v1 book arrays as v2 frames with the recorded checksums; a snapshot, which had none, gets one made here."""
    models: dict[str, Model] = {}
    texts: dict[str, dict[str, dict[Decimal, str]]] = {}
    for message in received(recording):
        if not isinstance(message, list):
            continue
        native, parts = message[-1].replace("XBT", "BTC"), message[1:-2]
        snapshot = "as" in parts[0]
        model = models[native] = Model() if snapshot else models[native]
        if snapshot:
            texts[native] = {"bids": {}, "asks": {}}
        told: dict[str, list[str]] = {"bids": [], "asks": []}
        for side, keys in (("asks", ("as", "a")), ("bids", ("bs", "b"))):
            for price, size, *_ in (level for part in parts for key in keys for level in part.get(key, [])):
                told[side].append(f'{{"price":{price},"qty":{size}}}')
                model.put(side, price, size)
                texts[native][side][Decimal(price)] = (price + " " + size).replace(".", "")
        for side in model.sides:  # v1 was subscribed to 1,000 levels
            for price in sorted(model.sides[side], reverse=side == "bids")[1000:]:
                del model.sides[side][price]
        checksum = next((int(part["c"]) for part in parts if "c" in part), None)
        if checksum is None:
            rows = [texts[native]["asks"][p] for p in sorted(model.sides["asks"])[:10]]
            rows += [texts[native]["bids"][p] for p in sorted(model.sides["bids"], reverse=True)[:10]]
            checksum = zlib.crc32("".join(word.lstrip("0") for row in rows for word in row.split()).encode())
        frame = (
            f'{{"channel":"book","type":"{"snapshot" if snapshot else "update"}","data":[{{"symbol":"{native}",'
            f'"bids":[{",".join(told["bids"])}],"asks":[{",".join(told["asks"])}],"checksum":{checksum},'
            f'"timestamp":"2021-04-17T16:48:52.000000Z"}}]}}'
        )
        yield frame.encode(), native, model


def okx_books(recording: Path) -> Books:
    """As recorded, with the sequence numbers that today's books have and those of 2022 had not."""
    models: dict[str, Model] = {}
    last: dict[str, int] = {}
    for number, message in enumerate(received(recording)):
        if message.get("arg", {}).get("channel") != "books" or "data" not in message:
            continue
        native = message["arg"]["instId"]
        if message["action"] == "snapshot":
            models[native] = Model()
        (data,) = message["data"]
        data["prevSeqId"] = -1 if message["action"] == "snapshot" else last[native]
        data["seqId"] = last[native] = number
        for side in ("bids", "asks"):
            for price, size, *_ in data[side]:
                models[native].put(side, price, size)
        yield encoded(message), native, models[native]


def bitfinex_books(recording: Path, natives: Iterable[str]) -> Books:
    """As recorded, less the tickers, which we do not subscribe to, with the numbers of the rest closed up.

    The books of these markets only; the first frames are the answers to their subscriptions.
    """
    channels: dict[int, str] = {}
    models: dict[str, Model] = {}
    number = 0
    for text in texts_received(recording):
        message = json.loads(text, parse_float=str)
        if isinstance(message, dict):
            if message["event"] == "subscribed" and message["channel"] == "book" and message["symbol"] in natives:
                channels[message["chanId"]] = message["symbol"]
                models[message["symbol"]] = Model()
                yield text.encode(), message["symbol"], models[message["symbol"]]
            continue
        if message[0] not in channels:
            continue
        number += 1
        model = models[channels[message[0]]]
        if message[1] != "hb":
            for price, count, amount in message[1] if message[1] and isinstance(message[1][0], list) else [message[1]]:
                size, side = str(amount).lstrip("-"), "asks" if str(amount).startswith("-") else "bids"
                model.put(side, str(price), size if count else "0")
        begin, _, _ = text.rpartition(",")
        yield f"{begin},{number}]".encode(), channels[message[0]], model


def coinbase_books(recording: Path) -> Books:
    """`snapshot` and `l2update` messages of the Pro feed as `l2_data` frames."""
    models: dict[str, Model] = {}
    sides = {"buy": ("bid", "bids"), "sell": ("offer", "asks")}
    number = 0
    for message in received(recording):
        if message["type"] not in ("snapshot", "l2update"):
            continue
        native, snapshot = message["product_id"], message["type"] == "snapshot"
        changes = message.get("changes", [])
        if snapshot:
            models[native] = Model()
            changes = [["buy", *level] for level in message["bids"]] + [["sell", *level] for level in message["asks"]]
        updates = []
        for side, price, size in changes:
            updates.append({"side": sides[side][0], "price_level": price, "new_quantity": size})
            models[native].put(sides[side][1], price, size)
        event = {"type": "snapshot" if snapshot else "update", "product_id": native, "updates": updates}
        at = message.get("time", "2021-04-17T16:43:37.000000Z")
        yield (
            encoded(
                {"channel": "l2_data", "client_id": "", "timestamp": at, "sequence_num": number, "events": [event]}
            ),
            native,
            models[native],
        )
        number += 1


def rest_answers(recording: Path) -> Iterator[tuple[str, bytes]]:
    """(url, body) of every REST answer in a recording of them."""
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        for line in lines:
            url, arrow, rest = line.partition(" -> ")
            if arrow:
                yield url, rest.partition(": ")[2].strip().encode()

# SPDX-License-Identifier: AGPL-3.0-only
"""Books out of frames and answers the exchanges really sent, against a model made of nothing of the package."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from tests.helpers import recordings
from tests.helpers.frames import wad
from tests.helpers.recordings import Model

from plumbline.core.models import BookSnapshot
from plumbline.core.units import WAD
from plumbline.sources import codec_of
from plumbline.sources.codec import MAX_RESYNCS, RETRY_BOOK_MS, Codec
from plumbline.sources.kraken import KrakenCodec

pytestmark = pytest.mark.data
LATER_MS = 2_000_000_000_000
FOLDER = "ws-raw-2021-04-17"
LEVELS = 25


class DeepKraken(KrakenCodec):
    """The recording was subscribed to a thousand levels."""

    depth: ClassVar[int] = 1000


def assert_as_model(codec: Codec, native: str, model: Model) -> None:
    book = codec.book(codec.markets[native].symbol)
    if not (model.sides["bids"] and model.sides["asks"]):
        assert book is None
        return
    assert isinstance(book, BookSnapshot)
    assert list(book.bids[:LEVELS]) == model.best("bids", LEVELS)
    assert list(book.asks[:LEVELS]) == model.best("asks", LEVELS)


def follow(codec: Codec, frames: recordings.Books) -> tuple[int, int]:
    """Every frame is taken; the book is the model's after every hundredth and at the end. (frames, books compared)"""
    codec.subscribe_frames()
    taken = compared = 0
    models: dict[str, Model] = {}
    for frame, native, model in frames:
        assert codec.decode(frame, LATER_MS) == []
        models[native], taken = model, taken + 1
        if taken % 100 == 0:
            assert_as_model(codec, native, model)
            compared += 1
    for native, model in models.items():
        assert_as_model(codec, native, model)
    assert not codec.dropped
    assert not codec.replies
    return taken, compared + len(models)


def test_kraken__recorded_books__every_checksum_of_the_venue_is_ours(market_data: Path):
    frames = list(recordings.kraken_books(market_data / FOLDER / "KRAKEN.ws.50.0.gz"))
    codec = DeepKraken(sorted({native for _, native, _ in frames}), "depth")
    assert follow(codec, recordings.kraken_books(market_data / FOLDER / "KRAKEN.ws.50.0.gz")) >= (4_000, 50)


def test_kraken__one_level_of_a_recorded_book_altered__the_checksum_finds_it_and_the_book_is_asked_for(
    market_data: Path,
):
    frames = recordings.kraken_books(market_data / FOLDER / "KRAKEN.ws.50.0.gz")
    snapshot, native, _ = next(frames)
    changed = snapshot.replace(b'"qty":', b'"qty":1', 1)
    codec = DeepKraken([native], "depth")
    codec.subscribe_frames()

    assert codec.decode(changed, LATER_MS) == []

    assert codec.book(native) is None
    assert codec.dropped == {"book checksum": 1}
    asked = [json.loads(reply) for reply in codec.replies]
    assert [(request["method"], request["params"]["symbol"]) for request in asked] == [
        ("unsubscribe", [native]),
        ("subscribe", [native]),
    ]
    codec.decode(snapshot, LATER_MS)
    assert codec.book(native) is not None


def test_okx__recorded_books__every_checksum_of_the_venue_is_ours(market_data: Path):
    recording = market_data / FOLDER / "OKX_2022-05-13.ws.1.0.gz"
    frames = [told for told in recordings.okx_books(recording) if told[1] == "BTC-USDT"]
    assert all(json.loads(frame)["data"][0]["checksum"] for frame, _, _ in frames)
    told = (told for told in recordings.okx_books(recording) if told[1] == "BTC-USDT")
    taken, compared = follow(codec_of("okx", ["BTC/USDT"], "depth"), told)
    assert taken == len(frames) > 50
    assert compared >= 1


def test_okx__recorded_change_left_out__the_book_is_unknown_until_a_snapshot(market_data: Path):
    recording = market_data / FOLDER / "OKX_2022-05-13.ws.1.0.gz"
    snapshot, _, second, third = [f for f, native, _ in recordings.okx_books(recording) if native == "BTC-USDT"][:4]
    codec = codec_of("okx", ["BTC/USDT"], "depth")
    codec.subscribe_frames()
    for frame in (snapshot, second, third):
        codec.decode(frame, LATER_MS)
    assert codec.book("BTC/USDT") is None
    assert codec.dropped == {"book gap": 1}
    codec.decode(snapshot, LATER_MS)
    assert codec.book("BTC/USDT") is not None


def test_bitfinex__recorded_books__are_the_models(market_data: Path):
    natives = ["tBFTUSD", "tDOGUSD", "tIOTETH", "tMNABTC", "tODEUSD", "tSNGUSD"]
    codec = codec_of("bitfinex", ["BFT/USD", "DOG/USD", "IOT/ETH", "MNA/BTC", "ODE/USD", "SNG/USD"], "depth")
    taken, compared = follow(codec, recordings.bitfinex_books(market_data / FOLDER / "BITFINEX.ws.11.0.gz", natives))
    assert taken > 1_000
    assert compared > 10
    assert codec.missed == 0


def test_coinbase__recorded_books__are_the_models(market_data: Path):
    recording = market_data / FOLDER / "COINBASE.ws.28.0.gz"
    symbols = sorted({native.replace("-", "/") for _, native, _ in recordings.coinbase_books(recording)})
    taken, compared = follow(codec_of("coinbase", symbols, "depth"), recordings.coinbase_books(recording))
    assert taken == 9_719 + 10
    assert compared > 100


def test_coinbase__recorded_frame_lost__no_book_is_believed(market_data: Path):
    frames = [frame for frame, _, _ in recordings.coinbase_books(market_data / FOLDER / "COINBASE.ws.28.0.gz")]
    natives = ["BAND-GBP", "SKL-GBP"]
    codec = codec_of("coinbase", [native.replace("-", "/") for native in natives], "depth")
    codec.subscribe_frames()
    for frame in frames[:2]:
        codec.decode(frame, LATER_MS)
    assert codec.book("BAND/GBP") is not None
    beat = {"channel": "heartbeats", "sequence_num": 3, "events": [{"heartbeat_counter": "1"}]}
    codec.decode(recordings.encoded(beat), LATER_MS)
    assert codec.book("BAND/GBP") is None
    assert codec.book("SKL/GBP") is None
    assert codec.missed == 1
    assert [json.loads(reply)["type"] for reply in codec.replies] == ["unsubscribe", "subscribe"] * 2


@pytest.mark.parametrize("recording", ["BINANCE.ws.1.0.gz", "BINANCE_US.ws.3.0.gz"])
def test_binance__recorded_book_tickers_as_they_are__exact(market_data: Path, recording: str):
    told = [m for m in recordings.received(market_data / FOLDER / recording) if "bookTicker" in m.get("stream", "")]
    symbols = {m["data"]["s"]: f"{m['data']['s'][:-3]}/{m['data']['s'][-3:]}" for m in told}
    codec = codec_of("binance", list(symbols.values()), "top")
    for message in told:
        codec.decode(recordings.encoded(message), LATER_MS)
        event, book = message["data"], codec.book(symbols[message["data"]["s"]])
        assert book is not None
        assert book.bids == ((int(recordings.Decimal(event["b"]) * WAD), int(recordings.Decimal(event["B"]) * WAD)),)
        assert book.asks == ((int(recordings.Decimal(event["a"]) * WAD), int(recordings.Decimal(event["A"]) * WAD)),)
    assert len(told) > 20 or recording.startswith("BINANCE_US")


@pytest.mark.parametrize(
    ("venue", "recording", "native_of"),
    [
        ("bitstamp", "BITSTAMP.http.18.0.gz", lambda url: url.rpartition("/")[2]),
        ("binance", "BINANCE.http.0.0.gz", lambda url: url.partition("symbol=")[2].partition("&")[0]),
        ("binance", "BINANCE_US.http.2.0.gz", lambda url: url.partition("symbol=")[2].partition("&")[0]),
    ],
)
def test_rest__recorded_books_as_they_are__exact(market_data: Path, venue: str, recording: str, native_of):
    answers = [(native_of(url), body) for url, body in recordings.rest_answers(market_data / FOLDER / recording)]
    symbols = {native: f"{native[:-3]}/{native[-3:]}".upper() for native, _ in answers}
    codec = codec_of(venue, list(symbols.values()), "top")
    for native, body in answers:
        told = json.loads(body)
        if not told["bids"] or not told["asks"]:
            continue
        codec.decode_book(native, body, LATER_MS)
        book = codec.book(symbols[native])
        assert book is not None
        model = Model()
        for side in model.sides:
            for price, size in told[side]:
                model.put(side, price, size)
        assert list(book.bids) == model.best("bids", 1)
        assert list(book.asks) == model.best("asks", 1)
    assert len(answers) >= 8


def test_okx__book_that_was_given_up__is_asked_for_again_after_a_while(market_data: Path):
    recording = market_data / FOLDER / "OKX_2022-05-13.ws.1.0.gz"
    snapshot, _, _, gap = [f for f, native, _ in recordings.okx_books(recording) if native == "BTC-USDT"][:4]
    codec = codec_of("okx", ["BTC/USDT"], "depth")
    codec.subscribe_frames()
    for _ in range(MAX_RESYNCS + 1):
        codec.decode(snapshot, LATER_MS)
        codec.decode(gap, LATER_MS)
    assert codec.refused == {"BTC/USDT book": "out of step 6 times, last: gap"}
    assert len(codec.replies) == 2 * MAX_RESYNCS
    assert codec.retry_books(LATER_MS + RETRY_BOOK_MS - 1) == []

    asked = codec.retry_books(LATER_MS + RETRY_BOOK_MS)

    assert [json.loads(frame)["op"] for frame in asked] == ["unsubscribe", "subscribe"]
    assert codec.refused == {}
    codec.decode(snapshot, LATER_MS)
    assert codec.book("BTC/USDT") is not None


def test_coinbase__six_hundred_recorded_snapshots_as_one_book_and_its_changes__each_exact(market_data: Path):
    """l2-l3-books-2026: twenty levels a side, a second apart, as one `level2` snapshot and what changed since."""
    with gzip.open(market_data / "l2-l3-books-2026/btcusd_book.jsonl.gz", "rt") as lines:
        books = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    codec = codec_of("coinbase", ["BTC/USD"], "depth")
    codec.subscribe_frames()
    before: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}
    for number, told in enumerate(books):
        now = {side: dict(told[side]) for side in before}
        updates = []
        for side, name in (("b", "bid"), ("a", "offer")):
            gone = [(price, Decimal(0)) for price in before[side] if price not in now[side]]
            new = [(price, size) for price, size in now[side].items() if before[side].get(price) != size]
            updates += [
                {"side": name, "price_level": f"{price:f}", "new_quantity": f"{size:f}"} for price, size in gone + new
            ]
        event = {"type": "update" if number else "snapshot", "product_id": "BTC-USD", "updates": updates}
        stamp = datetime.fromtimestamp(int(told["t"]) / 1000, UTC).isoformat()
        frame = {"channel": "l2_data", "timestamp": stamp, "sequence_num": number, "events": [event]}
        assert codec.decode(recordings.encoded(frame), LATER_MS) == []
        book = codec.book("BTC/USD")
        assert book is not None
        assert book.bids == tuple((int(price * WAD), int(size * WAD)) for price, size in told["b"])
        assert book.asks == tuple((int(price * WAD), int(size * WAD)) for price, size in told["a"])
        assert book.at_ms == told["t"]
        before = now
    assert len(books) == 600
    assert not codec.dropped


@pytest.mark.parametrize(
    ("venue", "file", "bid", "ask"),
    [
        ("kraken", "kraken/ws_ticker_snapshot.json", ("105944.20", "2.5"), ("105944.30", "3.2")),
        ("coinbase", "coinbase/ws_ticker.json", ("68900", "1.5"), ("68901", "0.5")),
    ],
)
def test_top__fixture_of_a_frame__exact(market_data: Path, venue: str, file: str, bid, ask):
    codec = codec_of(venue, ["BTC/USD"], "top")
    codec.subscribe_frames()
    codec.decode((market_data / "rest-fixtures/nautilus" / file).read_bytes(), LATER_MS)
    book = codec.book("BTC/USD")
    assert book is not None
    assert (book.bids, book.asks) == (((wad(bid[0]), wad(bid[1])),), ((wad(ask[0]), wad(ask[1])),))


def test_depth__fixtures_of_kraken_and_okx__levels_are_read_and_made_up_checksums_are_not_believed(market_data: Path):
    """Their checksums are examples, not those of the levels beside them: what a wrong book looks like."""
    fixtures = market_data / "rest-fixtures/nautilus"
    for venue, file, symbol in (
        ("kraken", "ws_book_snapshot.json", "BTC/USD"),
        ("okx", "ws_books_snapshot.json", "BTC/USDT"),
    ):
        frame = (fixtures / venue / file).read_bytes()
        codec = codec_of(venue, [symbol], "depth")
        codec.subscribe_frames()
        codec.decode(frame, LATER_MS)
        assert codec.book(symbol) is None
        assert codec.dropped == {"book checksum": 1}
    # What OKX sends since it gave checksums up.
    told = json.loads(frame)
    told["data"][0]["checksum"] = 0
    codec.decode(recordings.encoded(told), LATER_MS)
    book = codec.book("BTC/USDT")
    assert book is not None
    assert (len(book.bids), book.bids[0], book.asks[-1][0]) == (8, (wad("8476.97"), wad("256")), wad("8506.96"))

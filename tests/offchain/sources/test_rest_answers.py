# SPDX-License-Identifier: AGPL-3.0-only
"""REST answers: recorded ones as they are, and those of the documentation where none was recorded."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.helpers.frames import wad

from plumbline.errors import SourceError
from plumbline.sources import codec_of
from plumbline.sources.codec import FrameError, VenueRefused
from plumbline.sources.numbers import MAX_VALUE_WAD

LATER_MS = 2_000_000_000_000
FIXTURES = "rest-fixtures/nautilus"


@pytest.mark.data
@pytest.mark.parametrize(
    ("venue", "symbol", "file", "count", "first"),
    [
        ("kraken", "BTC/USDT", "kraken/http_trades.json", 1000, ("105433.6", "0.00027625", 1_762_795_433_971)),
        ("coinbase", "BTC/USD", "coinbase/http_ticker.json", 3, ("68924.94", "0.01450854", 1_775_521_737_296)),
        ("bybit", "BTC/USDT", "bybit/http_get_trades_recent.json", 1, ("27450.50", "0.005", 1_709_891_679_000)),
        ("okx", "BTC/USDT", "okx/http_get_trades.json", 2, ("102537.9", "0.0000125", 1_747_087_161_666)),
    ],
)
def test_trades__recorded_answer__exact_oldest_first_then_nothing_new(
    market_data: Path, venue: str, symbol: str, file: str, count: int, first: tuple[str, str, int]
):
    body = (market_data / FIXTURES / file).read_bytes()
    codec = codec_of(venue, [symbol])
    native = codec.native(symbol)

    trades = codec.decode_trades(native, body, LATER_MS)

    assert len(trades) == count
    assert (trades[0].venue, trades[0].symbol) == (venue, symbol)
    assert (trades[0].price_wad, trades[0].size_wad, trades[0].at_ms) == (wad(first[0]), wad(first[1]), first[2])
    assert [t.at_ms for t in trades] == sorted(t.at_ms for t in trades)
    assert codec.decode_trades(native, body, LATER_MS) == []
    assert codec.dropped == {"snapshot": count}


@pytest.mark.data
def test_trades__kraken_recorded_answer__every_number_is_exact(market_data: Path):
    body = (market_data / FIXTURES / "kraken/http_trades.json").read_bytes()
    told = json.loads(body, parse_float=Decimal)["result"]["XBTUSDT"]
    trades = codec_of("kraken", ["BTC/USDT"]).decode_trades("BTC/USDT", body, LATER_MS)
    assert [(t.price_wad, t.size_wad, t.at_ms) for t in trades] == [
        (wad(price), wad(size), int(at * 1000)) for price, size, at, *_ in told
    ]


@pytest.mark.data
def test_trades__gemini_recorded_answer__exact(market_data: Path):
    told = json.loads((market_data / "rest-fixtures/ccxt/static_response_subset.json").read_text())
    body = json.dumps(told["gemini"]["fetchTrades"]["httpResponse"]).encode()
    (trade,) = codec_of("gemini", ["BTC/USDT"]).decode_trades("btcusdt", body, LATER_MS)
    assert (trade.price_wad, trade.size_wad, trade.at_ms) == (wad("73268.24"), wad("0.00028921"), 1_710_325_796_526)


@pytest.mark.data
@pytest.mark.parametrize(
    ("venue", "symbol", "file", "bid", "ask"),
    [
        ("kraken", "BTC/USDT", "kraken/http_order_book.json", ("105944.2", "0.002"), ("105944.3", "0.136")),
        (
            "coinbase",
            "BTC/USD",
            "coinbase/http_product_book.json",
            ("68923.66", "0.17189468"),
            ("68923.67", "0.16987193"),
        ),
        ("bybit", "BTC/USDT", "bybit/http_get_orderbook.json", ("27450.50", "1.5"), ("27451", "1.2")),
        ("okx", "BTC/USDT", "okx/http_get_order_book.json", ("41006.7", "0.487921"), ("41006.8", "0.60038921")),
    ],
)
def test_book__recorded_answer__exact(market_data: Path, venue: str, symbol: str, file: str, bid, ask):
    body = (market_data / FIXTURES / file).read_bytes()
    codec = codec_of(venue, [symbol], "top")
    codec.decode_book(codec.native(symbol), body, LATER_MS)
    book = codec.book(symbol)
    assert book is not None
    assert (book.bids, book.asks) == (((wad(bid[0]), wad(bid[1])),), ((wad(ask[0]), wad(ask[1])),))


DOCUMENTED_TRADES = {
    "binance": ('[{"id":28457,"price":"4.00000100","qty":"12.0","time":1499865549590}]', "4.000001", "12"),
    "bitfinex": ("[[388063448,1567526214876,-1.918524,10682]]", "10682", "1.918524"),
    "bitstamp": (
        '[{"date":"1551814435","tid":"83581898","price":"0.03532850","type":"1","amount":"0.85945907"}]',
        "0.0353285",
        "0.85945907",
    ),
    "cryptocom": (
        '{"id":-1,"method":"public/get-trades","code":0,"result":{"data":[{"s":"sell","p":"26386.00","q":"0.00453",'
        '"t":1686944282062,"d":"4611686018455979970","i":"BTC_USD"}]}}',
        "26386",
        "0.00453",
    ),
    "gate": (
        '[{"id":"1232893232","create_time":"1548000000","create_time_ms":"1548000000123.456","side":"buy","role":'
        '"maker","amount":"0.15","price":"0.03","sequence_id":"588018","currency_pair":"BTC_USD"}]',
        "0.03",
        "0.15",
    ),
    "gemini": (
        '[{"timestamp":1601617445,"timestampms":1601617445144,"tid":14122489752,"price":"0.46476",'
        '"amount":"28.407209","exchange":"gemini","type":"buy"}]',
        "0.46476",
        "28.407209",
    ),
}


@pytest.mark.parametrize("venue", sorted(DOCUMENTED_TRADES))
def test_trades__documented_answer__exact(venue: str):
    body, price, size = DOCUMENTED_TRADES[venue]
    codec = codec_of(venue, ["BTC/USD"])
    (trade,) = codec.decode_trades(codec.native("BTC/USD"), body.encode(), LATER_MS)
    assert (trade.price_wad, trade.size_wad) == (wad(price), wad(size))


DOCUMENTED_BOOKS = {
    "binance": b'{"lastUpdateId":1027024,"bids":[["4.00000000","431.0"]],"asks":[["4.00000200","12.0"]]}',
    "bitfinex": b"[[4,3,431],[3.9,1,5],[4.000002,2,-12],[4.1,1,-1]]",
    "bitstamp": b"""{"timestamp":"1583652948","microtimestamp":"1583652948955826","bids":[["4.00","431"]],
        "asks":[["4.000002","12"]]}""",
    "cryptocom": b"""{"id":-1,"method":"public/get-book","code":0,"result":{"depth":3,"data":[{"bids":[["4","431","1"]],
        "asks":[["4.000002","12","1"]],"t":1687491287380}],"instrument_name":"BTC_USD"}}""",
    "gate": b"""{"id":6358770031,"current":1634345973275,"update":1634345973271,"asks":[["4.000002","12"]],
        "bids":[["4","431"]]}""",
    "gemini": b"""{"bids":[{"price":"4","amount":"431","timestamp":"1547147541"}],
        "asks":[{"price":"4.000002","amount":"12","timestamp":"1547147541"}]}""",
}


@pytest.mark.parametrize("venue", sorted(DOCUMENTED_BOOKS))
def test_book__documented_answer__exact(venue: str):
    codec = codec_of(venue, ["BTC/USD"], "top")
    codec.decode_book(codec.native("BTC/USD"), DOCUMENTED_BOOKS[venue], LATER_MS)
    book = codec.book("BTC/USD")
    assert book is not None
    assert (book.bids, book.asks) == (((wad("4"), wad("431")),), ((wad("4.000002"), wad("12")),))


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("kraken", b'{"error":["EGeneral:Too many requests"]}'),
        ("bybit", b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}'),
        ("okx", b'{"code":"50011","msg":"Too Many Requests","data":[]}'),
        ("cryptocom", b'{"id":-1,"code":42901,"message":"TOO_MANY_REQUESTS"}'),
    ],
)
def test_answer__the_venue_refuses_within_it__raises_its_words(venue: str, body: bytes):
    codec = codec_of(venue, ["BTC/USD"], "top")
    for decode in (codec.decode_trades, codec.decode_book):
        with pytest.raises(VenueRefused, match=r"(?i)too.many"):
            decode(codec.native("BTC/USD"), body, LATER_MS)


@pytest.mark.parametrize("venue", sorted(DOCUMENTED_TRADES))
def test_answer__absurd_price__is_rejected_and_nothing_is_taken(venue: str):
    body, price, _ = DOCUMENTED_TRADES[venue]
    codec = codec_of(venue, ["BTC/USD"])
    native = codec.native("BTC/USD")
    for absurd in ("-1", "0", "1e400", str(MAX_VALUE_WAD), "NaN"):
        changed = body.replace(price + "00", absurd).replace(price, absurd)
        assert changed != body
        with pytest.raises(FrameError):
            codec.decode_trades(native, changed.encode(), LATER_MS)
    assert len(codec.decode_trades(native, body.encode(), LATER_MS)) == 1


def test_book__asked_for_of_a_venue_without_depth__is_refused():
    with pytest.raises(SourceError, match="gate: expected books none or top, got depth"):
        codec_of("gate", ["BTC/USD"], "depth")

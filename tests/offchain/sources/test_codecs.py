# SPDX-License-Identifier: AGPL-3.0-only
"""Each venue's conversation, on the frames of its documentation and on live frames quoted in public."""

from __future__ import annotations

import json

import pytest
from tests.helpers.frames import (
    BINANCE_TRADE,
    BITSTAMP_TRADE,
    BYBIT_TRADES,
    COINBASE_TRADE,
    CRYPTOCOM_TRADES,
    GATE_TRADE,
    GEMINI_TRADE,
    KRAKEN_SNAPSHOT,
    OKX_TRADE,
    wad,
)

from plumbline.errors import SourceError
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import VenueRefused

LATER_MS = 2_000_000_000_000


@pytest.mark.parametrize(
    ("venue", "symbol", "frame", "expected"),
    [
        ("bitstamp", "BTC/USD", BITSTAMP_TRADE, [("60553.64", "0.032712")]),
        ("gate", "BTC/USDT", GATE_TRADE, [("83790.9", "0.002984")]),
        ("gemini", "BTC/USD", GEMINI_TRADE, [("45000.50", "0.1")]),
        ("okx", "BTC/USDT", OKX_TRADE, [("42219.9", "0.12060306")]),
        ("kraken", "MATIC/USD", KRAKEN_SNAPSHOT, [("0.5147", "6423.46326"), ("0.5147", "1136.19677815")]),
        ("coinbase", "ETH/USD", COINBASE_TRADE, [("1260.01", "0.3")]),
        ("binance", "BNB/BTC", BINANCE_TRADE, [("0.001", "100")]),
        ("bybit", "BTC/USDT", BYBIT_TRADES, [("69916.80", "0.001"), ("69916.70", "0.002")]),
        # Listed newest first, given oldest first.
        ("cryptocom", "BTC/USDT", CRYPTOCOM_TRADES, [("77558.90", "0.00064"), ("77558.92", "0.00004")]),
    ],
)
def test_decode__trade_frame__exact_trades_then_only_duplicates(venue, symbol, frame, expected):
    codec = codec_of(venue, [symbol])
    codec.subscribe_frames()

    trades = codec.decode(frame, LATER_MS)

    assert [(t.venue, t.symbol, t.price_wad, t.size_wad) for t in trades] == [
        (venue, symbol, wad(price), wad(size)) for price, size in expected
    ]
    assert codec.decode(frame, LATER_MS) == []
    assert codec.dropped.total() == len(expected)


@pytest.mark.parametrize("venue", sorted(CODECS))
def test_codec_of__no_symbols__says_so(venue):
    with pytest.raises(SourceError, match=f"{venue}: expected at least one market"):
        codec_of(venue, [])


def test_codec_of__unknown_venue__names_those_there_are():
    with pytest.raises(SourceError, match=r"no adapter for venue 'ftx'; there are: .*kraken"):
        codec_of("ftx", ["BTC/USD"])


@pytest.mark.parametrize("symbol", ["BTC-USD", "btc/usd", "BTC/", "", "BTC/USD\n", "BTC/USD/EUR"])
def test_codec_of__symbol_not_canonical__says_what_is_expected(symbol):
    with pytest.raises(SourceError, match='expected a symbol like "BTC/USD"'):
        codec_of("kraken", [symbol])


def test_coinbase__usdc_market__is_refused_as_an_alias():
    with pytest.raises(SourceError, match="BTC/USDC is another name of BTC/USD"):
        codec_of("coinbase", ["BTC/USDC"])
    codec_of("coinbase", ["USDT/USDC"])


@pytest.mark.parametrize(
    ("venue", "frames"),
    [
        (
            "kraken",
            [
                {
                    "method": "subscribe",
                    "params": {"channel": "trade", "symbol": ["BTC/USD", "BTC/EUR"], "snapshot": True},
                    "req_id": 1,
                }
            ],
        ),
        (
            "coinbase",
            [
                {"type": "subscribe", "channel": "heartbeats"},
                {"type": "subscribe", "channel": "market_trades", "product_ids": ["BTC-USD"]},
                {"type": "subscribe", "channel": "market_trades", "product_ids": ["BTC-EUR"]},
            ],
        ),
        ("binance", [{"method": "SUBSCRIBE", "params": ["btcusd@trade", "btceur@trade"], "id": 1}]),
        (
            "bybit",
            [
                {"op": "subscribe", "args": ["publicTrade.BTCUSD"], "req_id": "publicTrade.BTCUSD"},
                {"op": "subscribe", "args": ["publicTrade.BTCEUR"], "req_id": "publicTrade.BTCEUR"},
            ],
        ),
        (
            "cryptocom",
            [
                {"id": 1, "method": "subscribe", "params": {"channels": ["trade.BTC_USD"]}},
                {"id": 2, "method": "subscribe", "params": {"channels": ["trade.BTC_EUR"]}},
            ],
        ),
        (
            "bitfinex",
            [
                {"event": "conf", "flags": 65536},
                {"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD"},
                {"event": "subscribe", "channel": "trades", "symbol": "tBTCEUR"},
            ],
        ),
        (
            "bitstamp",
            [
                {"event": "bts:subscribe", "data": {"channel": "live_trades_btcusd"}},
                {"event": "bts:subscribe", "data": {"channel": "live_trades_btceur"}},
            ],
        ),
        (
            "gate",
            [
                {"id": 1, "channel": "spot.trades", "event": "subscribe", "payload": ["BTC_USD"]},
                {"id": 2, "channel": "spot.trades", "event": "subscribe", "payload": ["BTC_EUR"]},
            ],
        ),
        (
            "gemini",
            [
                {"id": "btcusd@trade", "method": "subscribe", "params": ["btcusd@trade"]},
                {"id": "btceur@trade", "method": "subscribe", "params": ["btceur@trade"]},
            ],
        ),
        (
            "okx",
            [
                {"id": "BTCUSDtrades", "op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USD"}]},
                {"id": "BTCEURtrades", "op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-EUR"}]},
            ],
        ),
    ],
)
def test_subscribe_frames__two_markets__as_documented(venue, frames):
    assert [json.loads(frame) for frame in codec_of(venue, ["BTC/USD", "BTC/EUR"]).subscribe_frames()] == frames


CONFIRMATIONS = {
    "bitfinex": b'{"event":"subscribed","channel":"trades","chanId":19111,"symbol":"tBTCUSD","pair":"BTCUSD"}',
    "bitstamp": b'{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd","data":{}}',
    "gate": b"""{"time":1611541000,"time_ms":1611541000001,"id":1,"channel":"spot.trades","event":"subscribe",
        "payload":["BTC_USD"],"error":null,"result":{"status":"success"}}""",
    "gemini": b'{"id":"btcusd@trade","status":200}',
    "okx": b'{"id":"BTCUSDtrades","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USD"},"connId":"a4"}',
    "kraken": b"""{"method":"subscribe","req_id":1,"success":true,"time_in":"2023-09-25T09:04:31.742599Z",
        "time_out":"2023-09-25T09:04:31.742648Z","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"}}""",
    "coinbase": b"""{"channel":"subscriptions","client_id":"","timestamp":"2023-02-09T20:33:57.609931463Z",
        "sequence_num":0,"events":[{"subscriptions":{"market_trades":["BTC-USD"],"heartbeats":["heartbeats"]}}]}""",
    "binance": b'{"result":null,"id":1}',
    "bybit": b"""{"success":true,"ret_msg":"","conn_id":"d6ki1eae0cl5msgggj7g-1uoz2","req_id":"publicTrade.BTCUSD",
        "op":"subscribe"}""",
    "cryptocom": b'{"id":1,"code":0,"method":"subscribe"}',
}


@pytest.mark.parametrize("venue", sorted(CONFIRMATIONS))
def test_decode__confirmation__is_remembered_until_the_next_connection(venue):
    codec = codec_of(venue, ["BTC/USD"])
    codec.subscribe_frames()

    assert codec.decode(CONFIRMATIONS[venue], LATER_MS) == []
    assert codec.confirmed == {"BTC/USD"}

    codec.subscribe_frames()
    assert codec.confirmed == set()


REFUSALS = {
    "bitfinex": b"""{"channel":"trades","symbol":"tBTCXYZ","event":"error","msg":"symbol: invalid","code":10300,
        "pair":"BTCXYZ"}""",
    "bitstamp": b"""{"event":"bts:error","channel":"live_trades_btcxyz",
        "data":{"code":null,"message":"Bad subscription string."}}""",
    "gate": b"""{"time":1611541000,"id":2,"channel":"spot.trades","event":"subscribe",
        "error":{"code":2,"message":"unknown currency pair BTC_XYZ"},"result":null}""",
    "gemini": b'{"id":"btcxyz@trade","status":400,"error":{"code":-1121,"msg":"Invalid symbol."}}',
    "okx": b"""{"event":"error","code":"60018","connId":"b2b0944b",
        "msg":"Wrong URL or channel:trades,instId:BTC-XYZ doesn't exist. Please","x":"b2b0944b"}""",
    "kraken": b"""{"error":"Currency pair not supported BTC/XYZ","method":"subscribe","req_id":1,"success":false,
        "symbol":"BTC/XYZ","time_in":"2023-09-25T09:04:31.7Z","time_out":"2023-09-25T09:04:31.7Z"}""",
    "coinbase": b'{"type":"error","message":"failed to subscribe: BTC-XYZ is not a valid product"}',
    "bybit": b"""{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.BTCXYZ","conn_id":"c",
        "req_id":"","op":"subscribe"}""",
    "cryptocom": b'{"id":2,"code":40003,"method":"subscribe","message":"Unknown symbol"}',
}


@pytest.mark.parametrize("venue", sorted(REFUSALS))
def test_decode__one_market_refused__the_others_stay(venue):
    codec = codec_of(venue, ["BTC/USD", "BTC/XYZ"])
    codec.subscribe_frames()

    assert codec.decode(REFUSALS[venue], LATER_MS) == []
    assert list(codec.refused) == ["BTC/XYZ"]
    assert codec.refused["BTC/XYZ"]


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        ("kraken", b'{"channel":"status","type":"update","data":[{"version":"2.0.4","system":"maintenance"}]}'),
        ("kraken", b'{"error":"Already at maximum subscriptions","method":"subscribe","success":false}'),
        ("coinbase", b'{"type":"error","message":"rate limit exceeded"}'),
        ("binance", b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}'),
        ("binance", b'{"code":0,"msg":"Unknown property"}'),
        ("binance", b'{"e":"serverShutdown","E":1770123456789}'),
        ("bybit", b'{"success":false,"ret_msg":"args size >10","conn_id":"c","req_id":"","op":"subscribe"}'),
        ("bitfinex", b'{"event":"info","version":2,"serverId":"x","platform":{"status":0}}'),
        ("bitfinex", b'{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}'),
        ("bitfinex", b'{"event":"error","msg":"subscribe: limit","code":10305}'),
        ("bitstamp", b'{"event":"bts:request_reconnect","channel":"","data":""}'),
        ("bitstamp", b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}'),
        ("gate", b'{"time":1,"channel":"","event":"","error":{"code":4,"message":"authentication fail"}}'),
        ("gemini", b'{"id":"ping","status":429,"error":{"code":-1003,"msg":"Too many requests"}}'),
        ("okx", b'{"event":"error","code":"60012","msg":"Invalid request","connId":"a4d3ae55"}'),
        ("okx", b'{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"a4"}'),
        ("cryptocom", b'{"id":-1,"method":"subscribe","code":42901,"message":"TOO_MANY_REQUESTS"}'),
    ],
)
def test_decode__venue_refuses_all__raises_its_words(venue, frame):
    codec = codec_of(venue, ["BTC/USD"])
    codec.subscribe_frames()
    with pytest.raises(VenueRefused, match=f"^{venue}: "):
        codec.decode(frame, LATER_MS)


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        ("kraken", b'{"channel":"heartbeat"}'),
        ("kraken", b'{"channel":"status","type":"update","data":[{"version":"2.0.4","system":"online"}]}'),
        ("kraken", b'{"method":"pong","req_id":101,"time_in":"2023-09-24T14:10:23.799685Z"}'),
        (
            "coinbase",
            b"""{"channel":"heartbeats","client_id":"","timestamp":"2023-06-23T20:31:26.122969572Z","sequence_num":0,
            "events":[{"current_time":"2023-06-23 20:31:56.121961769 +0000 UTC","heartbeat_counter":"3049"}]}""",
        ),
        ("bybit", b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}'),
        ("bitfinex", b'{"event":"info","version":2,"serverId":"x","platform":{"status":1}}'),
        ("bitfinex", b'{"event":"conf","status":"OK","flags":65536}'),
        ("bitstamp", b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}'),
        ("gate", b'{"time":1611541000,"channel":"spot.pong","event":"","result":null}'),
        ("gemini", b'{"id":"ping","status":200}'),
        ("okx", b"pong"),
    ],
)
def test_decode__sign_of_life__no_trades_no_complaint(venue, frame):
    codec = codec_of(venue, ["BTC/USD"])
    codec.subscribe_frames()
    assert codec.decode(frame, LATER_MS) == []
    assert codec.replies == []


def test_cryptocom__heartbeat__is_answered_with_its_id():
    codec = codec_of("cryptocom", ["BTC/USD"])
    codec.decode(b'{"id":1788335101113,"method":"public/heartbeat","code":0}', LATER_MS)
    assert [json.loads(reply) for reply in codec.replies] == [
        {"id": 1788335101113, "method": "public/respond-heartbeat"}
    ]

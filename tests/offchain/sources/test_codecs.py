# SPDX-License-Identifier: AGPL-3.0-only
"""Each venue's conversation, on the frames of its documentation and on live frames quoted in public."""

from __future__ import annotations

import json

import pytest

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.errors import SourceError
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import MAX_SKEW_MS, Codec, FrameError, VenueRefused

LATER_MS = 2_000_000_000_000
KRAKEN_SNAPSHOT = b"""{"channel":"trade","type":"snapshot","data":[
    {"symbol":"MATIC/USD","side":"buy","price":0.5147,"qty":6423.46326,"ord_type":"limit","trade_id":4665846,
     "timestamp":"2023-09-25T07:48:36.925533Z"},
    {"symbol":"MATIC/USD","side":"buy","price":0.5147,"qty":1136.19677815,"ord_type":"limit","trade_id":4665847,
     "timestamp":"2023-09-25T07:49:36.925603Z"}]}"""
COINBASE_TRADE = b"""{"channel":"market_trades","client_id":"","timestamp":"2023-02-09T20:19:35.39625135Z",
    "sequence_num":0,"events":[{"type":"snapshot","trades":[{"trade_id":"12345","product_id":"ETH-USD",
    "price":"1260.01","size":"0.3","side":"BUY","time":"2019-08-14T20:42:27.265Z"}]}]}"""
BINANCE_TRADE = b"""{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,
    "m":true,"M":true}"""
BYBIT_TRADES = b"""{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1774021164273,"data":[
    {"T":1774021164272,"s":"BTCUSDT","S":"Sell","v":"0.001","p":"69916.80","L":"MinusTick",
     "i":"8c931d9a-b703-5c34-9aeb-860867cf1f66","BT":false,"RPI":false,"seq":549792210006},
    {"T":1774021164272,"s":"BTCUSDT","S":"Sell","v":"0.002","p":"69916.70","L":"ZeroMinusTick",
     "i":"307fb58f-09dc-5121-b24f-eb2f81873445","BT":false,"RPI":false,"seq":549792210006}]}"""
CRYPTOCOM_TRADES = b"""{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"BTC_USDT",
    "subscription":"trade.BTC_USDT","channel":"trade","data":[
    {"d":"1788335095880381802","t":1788335095880,"p":"77558.92","q":"0.00004","s":"SELL","i":"BTC_USDT",
     "m":"4611686018690432925"},
    {"d":"1788335095880381801","t":1788335095880,"p":"77558.90","q":"0.00064","s":"SELL","i":"BTC_USDT",
     "m":"4611686018690432925"}]}}"""

BITSTAMP_TRADE = b"""{"channel":"live_trades_btcusd","data":{"amount":0.032712,"amount_str":"0.03271200",
    "buy_order_id":1351035778150400,"id":164507735,"microtimestamp":"1618677693933000","price":60553.64,
    "price_str":"60553.64","sell_order_id":1351035756818432,"timestamp":"1618677693","type":0},"event":"trade"}"""
GATE_TRADE = b"""{"time":1790359171,"time_ms":1790359171120,"channel":"spot.trades","event":"update","result":{
    "id":220643714,"id_market":220643714,"create_time":1790359171,"create_time_ms":"1790359171119.653000",
    "side":"sell","currency_pair":"BTC_USDT","amount":"0.002984","price":"83790.9","range":"220643714-220643714",
    "trade_mode":0}}"""
GEMINI_TRADE = b"""{"E":1751508438600117161,"s":"btcusd","t":2840140956529623,"p":"45000.50","q":"0.10000000",
    "m":true}"""
OKX_TRADE = b"""{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474",
    "px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3","seqId":1234}]}"""


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


def wad(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(18, "0"))


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
                {"op": "subscribe", "args": ["publicTrade.BTCUSD"], "req_id": "BTCUSD"},
                {"op": "subscribe", "args": ["publicTrade.BTCEUR"], "req_id": "BTCEUR"},
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
                {"id": "btcusd", "method": "subscribe", "params": ["btcusd@trade"]},
                {"id": "btceur", "method": "subscribe", "params": ["btceur@trade"]},
            ],
        ),
        (
            "okx",
            [
                {"id": "BTCUSD", "op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USD"}]},
                {"id": "BTCEUR", "op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-EUR"}]},
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
    "gemini": b'{"id":"btcusd","status":200}',
    "okx": b'{"id":"BTCUSD","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USD"},"connId":"a4d3ae55"}',
    "kraken": b"""{"method":"subscribe","req_id":1,"success":true,"time_in":"2023-09-25T09:04:31.742599Z",
        "time_out":"2023-09-25T09:04:31.742648Z","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"}}""",
    "coinbase": b"""{"channel":"subscriptions","client_id":"","timestamp":"2023-02-09T20:33:57.609931463Z",
        "sequence_num":0,"events":[{"subscriptions":{"market_trades":["BTC-USD"],"heartbeats":["heartbeats"]}}]}""",
    "binance": b'{"result":null,"id":1}',
    "bybit": b"""{"success":true,"ret_msg":"","conn_id":"d6ki1eae0cl5msgggj7g-1uoz2","req_id":"BTCUSD",
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
    "gemini": b'{"id":"btcxyz","status":400,"error":{"code":-1121,"msg":"Invalid symbol."}}',
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


def bitfinex(*symbols: str) -> Codec:
    """A codec whose markets have the channels 1, 2, ..."""
    codec = codec_of("bitfinex", symbols)
    codec.subscribe_frames()
    for number, symbol in enumerate(symbols, 1):
        event = {"event": "subscribed", "channel": "trades", "chanId": number, "symbol": codec.native(symbol)}
        codec.decode(json.dumps(event).encode(), LATER_MS)
    return codec


def test_bitfinex__execution_and_its_update__one_trade():
    codec = bitfinex("BTC/USD")
    (trade,) = codec.decode(b'[1,"te",[401597395,1574694478808,-0.005,7245.3],3]', LATER_MS)
    assert trade == Trade("bitfinex", "BTC/USD", wad("7245.3"), wad("0.005"), 1_574_694_478_808)
    assert codec.decode(b'[1,"tu",[401597395,1574694478808,-0.005,7245.3],4]', LATER_MS) == []
    assert codec.decode(b'[1,"hb",5]', LATER_MS) == []
    assert not codec.dropped
    assert codec.missed == 0
    codec.decode(b'[1,"hb",8]', LATER_MS)
    assert codec.missed == 2


@pytest.mark.parametrize(
    ("symbol", "native"),
    [("BTC/USD", "tBTCUSD"), ("BTC/USDT", "tBTCUST"), ("USDC/USD", "tUDCUSD"), ("LINK/USD", "tLINK:USD")],
)
def test_bitfinex__names__its_own(symbol, native):
    assert list(codec_of("bitfinex", [symbol]).markets) == [native]


@pytest.mark.parametrize(
    "frame",
    [
        b'[9,"te",[1,2,3,4],5]',
        b'["x","te",[1,2,3,4]]',
        b'[1,"te"]',
        b'[1,"te",[1,2,3]]',
        b'[1,"zz"]',
        b'[1,"te",[1,1000,0,4]]',
        b'[1,"te",[1,1000,--1,4]]',
        b'[1,"te",[1,1000,1,-4]]',
    ],
)
def test_bitfinex__absurd_array__is_rejected(frame):
    with pytest.raises(FrameError):
        bitfinex("BTC/USD").decode(frame, LATER_MS)


def test_bitfinex__channels_renumbered_without_end__memory_is_bounded():
    codec = codec_of("bitfinex", ["BTC/USD"])
    for number in range(100):
        event = {"event": "subscribed", "channel": "trades", "chanId": number, "symbol": "tBTCUSD"}
        codec.decode(json.dumps(event).encode(), LATER_MS)
    assert codec._channels == {99: "tBTCUSD"}


def binance_trade(trade_id: int, at_ms: int, price: str = "100", size: str = "1", symbol: str = "BTCUSD") -> bytes:
    event = {"e": "trade", "s": symbol, "t": trade_id, "p": price, "q": size, "T": at_ms}
    return json.dumps(event).encode()


def test_numbered_ids__hole_repeat_and_late__are_counted():
    codec = codec_of("binance", ["BTC/USD"])

    assert len(codec.decode(binance_trade(10, 1_000), LATER_MS)) == 1
    assert len(codec.decode(binance_trade(13, 1_010), LATER_MS)) == 1
    assert codec.decode(binance_trade(13, 1_010), LATER_MS) == []
    assert codec.decode(binance_trade(12, 1_009), LATER_MS) == []

    assert codec.missed == 2
    assert codec.dropped == {"duplicate": 1, "out of order": 1}


def test_numbered_ids__venue_numbers_anew_at_a_later_time__is_followed():
    codec = codec_of("binance", ["BTC/USD"])
    codec.decode(binance_trade(2**62, 1_000), LATER_MS)
    assert len(codec.decode(binance_trade(1, 1_001), LATER_MS)) == 1
    assert len(codec.decode(binance_trade(2, 1_001), LATER_MS)) == 1


def test_future_trade__is_dropped_and_does_not_shadow_honest_ones():
    codec = codec_of("binance", ["BTC/USD"])
    now_ms = 1_000_000

    assert codec.decode(binance_trade(99, now_ms + MAX_SKEW_MS + 1), now_ms) == []
    assert codec.dropped == {"future": 1}
    assert len(codec.decode(binance_trade(5, now_ms + MAX_SKEW_MS), now_ms)) == 1


def test_unordered_ids__older_than_the_last__is_dropped():
    codec = codec_of("bybit", ["BTC/USDT"])

    def frame(*trades: tuple[str, int]) -> bytes:
        data = [{"T": at, "s": "BTCUSDT", "v": "1", "p": "2", "i": name} for name, at in trades]
        return json.dumps({"topic": "publicTrade.BTCUSDT", "data": data}).encode()

    assert [t.at_ms for t in codec.decode(frame(("b", 20), ("a", 10)), LATER_MS)] == [10, 20]
    assert codec.decode(frame(("c", 15)), LATER_MS) == []
    assert codec.dropped == {"out of order": 1}
    assert len(codec.decode(frame(("d", 20)), LATER_MS)) == 1


def test_unordered_ids__memory_is_bounded():
    codec = codec_of("bybit", ["BTC/USDT"])
    for n in range(100):
        data = [{"T": 10, "s": "BTCUSDT", "v": "1", "p": "2", "i": f"{n}-{k}" * 50} for k in range(100)]
        codec.decode(json.dumps({"topic": "publicTrade.BTCUSDT", "data": data}).encode(), LATER_MS)
    seen = codec.markets["BTCUSDT"].seen
    assert len(seen) == 4_096
    assert max(map(len, seen)) == 64


def test_coinbase__frames_missed__are_counted_from_their_numbers():
    codec = codec_of("coinbase", ["ETH/USD"])
    codec.subscribe_frames()
    codec.decode(COINBASE_TRADE.replace(b'"sequence_num":0', b'"sequence_num":3'), LATER_MS)
    assert codec.missed == 3
    codec.subscribe_frames()
    codec.decode(COINBASE_TRADE, LATER_MS)
    assert codec.missed == 3


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "0", "price"),
        ("price", "0.000", "price"),
        ("price", "-1", "price"),
        ("price", "", "price"),
        ("price", "NaN", "price"),
        ("price", "Infinity", "price"),
        ("price", "1e99", "price"),
        ("price", "1e-19", "price"),
        ("price", "1" * 400, "price"),
        ("price", "0x10", "price"),
        ("price", "1_000", "price"),
        ("price", " 1", "price"),
        ("price", "\u0661", "price"),
        ("size", "0", "size"),
        ("size", "-0.5", "size"),
        ("at_ms", 0, "time"),
        ("at_ms", -1, "time"),
        ("symbol", "ETHUSD", "unknown market"),
        ("trade_id", "7", "malformed"),
        ("trade_id", None, "malformed"),
        ("price", 1.5, "malformed"),
    ],
)
def test_decode__absurd_value__is_rejected_with_its_reason(field, value, reason):
    trade = {"trade_id": 1, "at_ms": 1_000, "price": "1", "size": "1", "symbol": "BTCUSD"} | {field: value}
    with pytest.raises(FrameError) as rejected:
        codec_of("binance", ["BTC/USD"]).decode(binance_trade(**trade), LATER_MS)
    assert rejected.value.reason == reason


@pytest.mark.parametrize("number", [b"-1", b"0", b"1e400", b"NaN", b'"5"', b"[1]", b"null", b"1e-30"])
def test_kraken__absurd_json_number__is_rejected(number):
    frame = KRAKEN_SNAPSHOT.replace(b'"price":0.5147', b'"price":' + number, 1)
    codec = codec_of("kraken", ["MATIC/USD"])
    with pytest.raises(FrameError):
        codec.decode(frame, LATER_MS)
    # The good trade beside the bad one was not half taken: the honest frame gives both.
    assert len(codec.decode(KRAKEN_SNAPSHOT, LATER_MS)) == 2


def test_kraken__exponent_number__is_exact():
    frame = KRAKEN_SNAPSHOT.replace(b"0.5147", b"1.5e-05", 1)
    first, _ = codec_of("kraken", ["MATIC/USD"]).decode(frame, LATER_MS)
    assert first.price_wad == 15 * 10**12


def test_kraken__time_without_a_zone__is_rejected():
    frame = KRAKEN_SNAPSHOT.replace(b"925533Z", b"925533")
    with pytest.raises(FrameError, match="malformed"):
        codec_of("kraken", ["MATIC/USD"]).decode(frame, LATER_MS)


@pytest.mark.parametrize("venue", sorted(CODECS))
@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"null", "malformed"),
        (b"[]", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"a":' * 100_000, "malformed"),
        (b"{}", "unknown message"),
        (b" " * (1 << 20) + b"{}", "too big"),
    ],
)
def test_decode__hostile_frame__is_rejected_with_its_reason(venue, frame, reason):
    with pytest.raises(FrameError) as rejected:
        codec_of(venue, ["BTC/USD"]).decode(frame, LATER_MS)
    assert rejected.value.reason == reason


def test_trade__is_what_the_model_says():
    (trade,) = codec_of("binance", ["BTC/USD"]).decode(binance_trade(1, 1_000, "27123.45", "0.5"), LATER_MS)
    assert trade == Trade("binance", "BTC/USD", 27_123_45 * WAD // 100, WAD // 2, 1_000)


def test_snapshot_after_a_reconnection__gives_what_was_missed_and_blames_nobody():
    codec = codec_of("kraken", ["MATIC/USD"])
    codec.decode(KRAKEN_SNAPSHOT, LATER_MS)
    codec.subscribe_frames()
    longer = KRAKEN_SNAPSHOT.replace(
        b"}]}",
        b"""},{"symbol":"MATIC/USD","side":"sell","price":0.5,"qty":1,"ord_type":"limit","trade_id":4665849,
            "timestamp":"2023-09-25T07:50:00Z"}]}""",
    )
    assert [t.price_wad for t in codec.decode(longer, LATER_MS)] == [WAD // 2]
    assert codec.dropped == {"snapshot": 2}
    assert codec.missed == 1

# SPDX-License-Identifier: AGPL-3.0-only
"""What every codec does with repeats, holes, late and early trades, absurd values and hostile frames."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.frames import BITSTAMP_TRADE, BYBIT_TRADES, COINBASE_TRADE, KRAKEN_SNAPSHOT, OKX_TRADE, wad

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.sources import CODECS, codec_of
from plumbline.sources.codec import MAX_ID_LENGTH, MAX_SKEW_MS, REMEMBERED_IDS, Codec, FrameError, RecentIds

LATER_MS = 2_000_000_000_000
NUMBER = re.compile(r"[0-9]+(\.[0-9]{1,18})?|[0-9]{1,14}\.")
texts_of_numbers = (
    st.from_regex(r"[0-9]{1,16}(\.[0-9]{1,18})?", fullmatch=True)
    | st.text("0123456789.", max_size=18)
    | st.sampled_from(["1_0", " 1", "+1", "-1", "\u0661", "\u00b2", "0", "0.0", ".5", "9" * 16])
)


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


def test_bitfinex__trade_that_is_refused__its_message_is_not_missed():
    codec = bitfinex("BTC/USD")
    codec.decode(b'[1,"hb",2]', LATER_MS)
    with pytest.raises(FrameError):
        codec.decode(b'[1,"te",[1,1000,0,4],3]', LATER_MS)
    codec.decode(b'[1,"hb",4]', LATER_MS)
    assert codec.missed == 0


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
    assert codec._trade_channels == {99: "tBTCUSD"}


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
    assert REMEMBERED_IDS <= len(seen) < 2 * REMEMBERED_IDS


def test_recent_ids__last_ones__are_known_and_told_by_their_first_characters():
    seen = RecentIds()
    for n in range(3 * REMEMBERED_IDS):
        assert not seen.again(f"{n}")
    assert all(seen.again(f"{n}") for n in range(2 * REMEMBERED_IDS, 3 * REMEMBERED_IDS))
    assert not seen.again("0")
    assert not seen.again("x" * MAX_ID_LENGTH + "a")
    assert seen.again("x" * MAX_ID_LENGTH + "b")


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


def turned(value: Any) -> Any:
    """The same message with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("frame", [COINBASE_TRADE, KRAKEN_SNAPSHOT, OKX_TRADE, BYBIT_TRADES, BITSTAMP_TRADE])
@pytest.mark.parametrize("ours", [turned, lambda message: message])
def test_decode__keys_in_another_order__same_trades(frame, ours):
    """How a frame begins is only a hint of what it is."""
    message = json.loads(frame)
    venue, symbol = {
        "market_trades": ("coinbase", "ETH/USD"),
        "trade": ("kraken", "MATIC/USD"),
        "live_trades_btcusd": ("bitstamp", "BTC/USD"),
    }.get(message.get("channel", ""), ("okx" if "arg" in message else "bybit", "BTC/USDT"))
    expected = codec_of(venue, [symbol]).decode(frame, LATER_MS)
    assert len(expected) == len(codec_of(venue, [symbol]).decode(json.dumps(ours(message)).encode(), LATER_MS)) > 0
    assert codec_of(venue, [symbol]).decode(json.dumps(ours(message)).encode(), LATER_MS) == expected


@given(price=texts_of_numbers, size=texts_of_numbers)
@settings(derandomize=True, max_examples=300)
def test_numbered_trade__read_the_short_way__as_the_grammar_reads_it(price: str, size: str) -> None:
    codec = codec_of("binance", ["BTC/USD"])
    codec.decode(binance_trade(1, 1_000), LATER_MS)
    frame = binance_trade(2, 1_001, price, size)
    if all(NUMBER.fullmatch(text) and 0 < Decimal(text) <= 10**15 for text in (price, size)):
        (trade,) = codec.decode(frame, LATER_MS)
        assert (trade.price_wad, trade.size_wad) == (wad(price), wad(size))
    else:
        with pytest.raises(FrameError):
            codec.decode(frame, LATER_MS)
        assert len(codec.decode(binance_trade(2, 1_001), LATER_MS)) == 1  # a bad one leaves no trace

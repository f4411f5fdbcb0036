# SPDX-License-Identifier: AGPL-3.0-only
"""The codecs on frames the exchanges really sent: today's fixtures as they are, older generations translated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.helpers import recordings
from tests.helpers.recordings import Told

from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.sources import codec_of

pytestmark = pytest.mark.data
LATER_MS = 2_000_000_000_000


@pytest.mark.parametrize(
    ("venue", "recording", "translate", "separator", "count"),
    [
        ("binance", "BINANCE.ws.1.0.gz", recordings.binance, "", 24),
        ("binance", "BINANCE_US.ws.3.0.gz", recordings.binance, "", 18),
        ("coinbase", "COINBASE.ws.28.0.gz", recordings.coinbase, "-", 107),
        ("kraken", "KRAKEN.ws.48.0.gz", recordings.kraken, "/", 10),
        ("bitstamp", "BITSTAMP.ws.19.0.gz", recordings.bitstamp, "", 16),
        ("gate", "GATEIO.ws.64.0.gz", recordings.gate, "_", 1010),
        ("gemini", "GEMINI.ws.36.0.gz", recordings.gemini, "", 551),
    ],
)
def test_decode__recorded_session__gives_every_trade_exactly(
    market_data: Path,
    venue: str,
    recording: str,
    translate: Callable[[Path], Iterator[tuple[bytes, list[Told]]]],
    separator: str,
    count: int,
):
    frames = list(translate(market_data / "ws-raw-2021-04-17" / recording))
    told = [trade for _, trades in frames for trade in trades]
    symbols = {trade.native: symbol(trade.native, separator) for trade in told}
    codec = codec_of(venue, list(symbols.values()))
    codec.subscribe_frames()

    decoded = [trade for frame, _ in frames for trade in codec.decode(frame, LATER_MS)]

    assert len(decoded) == count
    assert decoded == [
        Trade(venue, symbols[t.native], int(t.price * WAD), int(t.size * WAD), t.at_ms)
        for _, trades in frames
        for t in trades
    ]
    assert not codec.dropped


def symbol(native: str, separator: str) -> str:
    if separator:
        return native.replace(separator, "/")
    quote = next(q for q in ("USDT", "BUSD", "USD", "TRY", "ETH", "BNB", "BTC", "GBP", "EUR") if native.endswith(q))
    return f"{native.removesuffix(quote)}/{quote}"


def test_decode__kraken_fixture__numbers_are_exact(market_data: Path):
    frame = (market_data / "rest-fixtures/nautilus/kraken/ws_trade_update.json").read_bytes()

    first, second = codec_of("kraken", ["BTC/USD"]).decode(frame, LATER_MS)

    assert first == Trade("kraken", "BTC/USD", 105_944_20 * WAD // 100, 27625 * WAD // 10**8, 1_696_613_755_440)
    assert second.price_wad == 105_910_50 * WAD // 100
    assert second.at_ms == 1_696_613_756_123


def test_decode__coinbase_fixture__both_trades(market_data: Path):
    frame = (market_data / "rest-fixtures/nautilus/coinbase/ws_market_trades.json").read_bytes()
    codec = codec_of("coinbase", ["BTC/USD"])
    codec.subscribe_frames()

    first, second = codec.decode(frame, LATER_MS)

    assert first == Trade("coinbase", "BTC/USD", 68_900_50 * WAD // 100, 15 * WAD // 10**4, 1_775_572_202_789)
    assert second.price_wad == 68_900 * WAD
    # The fixture is the connection's frame number 5; 0 to 4 never came.
    assert codec.missed == 5


def test_decode__bybit_rest_fixture_as_a_frame__the_same_trade(market_data: Path):
    text = (market_data / "rest-fixtures/nautilus/bybit/http_get_trades_recent.json").read_text()
    trades = [
        {"T": int(t["time"]), "s": t["symbol"], "S": t["side"], "v": t["size"], "p": t["price"], "i": t["execId"]}
        for t in json.loads(text)["result"]["list"]
    ]
    frame = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1_709_891_679_050, "data": trades}

    decoded = codec_of("bybit", ["BTC/USDT"]).decode(recordings.encoded(frame), LATER_MS)

    assert decoded == [Trade("bybit", "BTC/USDT", int(Decimal("27450.50") * WAD), 5 * WAD // 1000, 1_709_891_679_000)]


def test_decode__kraken_thousand_recorded_trades_as_one_snapshot__all_exact(market_data: Path):
    text = (market_data / "rest-fixtures/nautilus/kraken/http_trades.json").read_text()
    told = json.loads(text, parse_float=Decimal)["result"]["XBTUSDT"]
    trades = ",".join(
        f'{{"symbol":"BTC/USDT","side":"buy","price":{price},"qty":{size},"ord_type":"limit","trade_id":{trade_id},'
        f'"timestamp":"2025-11-10T17:23:53.971744Z"}}'
        for price, size, *_, trade_id in told
    )
    frame = f'{{"channel":"trade","type":"snapshot","data":[{trades}]}}'.encode()

    decoded = codec_of("kraken", ["BTC/USDT"]).decode(frame, LATER_MS)

    assert len(decoded) == 1000
    assert [t.price_wad for t in decoded] == [int(Decimal(price) * WAD) for price, *_ in told]
    assert [t.size_wad for t in decoded] == [int(Decimal(size) * WAD) for _, size, *_ in told]


def test_decode__okx_recording_as_it_is__every_spot_trade_exactly(market_data: Path):
    frames = list(recordings.okx(market_data / "ws-raw-2021-04-17" / "OKX_2022-05-13.ws.1.0.gz"))
    spot = [(frame, told) for frame, trades in frames for told in trades if told.native == "BTC-USDT"]
    codec = codec_of("okx", ["BTC/USDT"])

    decoded = [trade for frame, _ in spot for trade in codec.decode(frame, LATER_MS)]

    assert [(t.price_wad, t.size_wad, t.at_ms) for t in decoded] == [
        (int(t.price * WAD), int(t.size * WAD), t.at_ms) for _, t in spot
    ]
    assert len(decoded) > 20
    assert not codec.dropped


def test_decode__okx_fixture__exact(market_data: Path):
    frame = (market_data / "rest-fixtures/nautilus/okx/ws_trades.json").read_bytes()
    (trade,) = codec_of("okx", ["BTC/USD"]).decode(frame, LATER_MS)
    assert trade == Trade(
        "okx", "BTC/USD", int(Decimal("42219.9") * WAD), int(Decimal("0.12060306") * WAD), 1_630_048_897_897
    )


def test_decode__bitfinex_recording_as_it_is__conversation_and_snapshots_exactly(market_data: Path):
    codec = codec_of("bitfinex", ["BFT/USD", "DOG/USD", "IOT/ETH", "MNA/BTC", "ODE/USD", "SNG/USD"])
    names = {native: market.symbol for native, market in codec.markets.items()}
    codec.subscribe_frames()
    channels: dict[int, str] = {}
    told, decoded = [], []
    for message in recordings.received(market_data / "ws-raw-2021-04-17" / "BITFINEX.ws.11.0.gz"):
        text = json.dumps(message)
        if isinstance(message, dict):
            if message["event"] == "subscribed":
                if message["channel"] != "trades" or message["symbol"] not in names:
                    continue
                channels[message["chanId"]] = names[message["symbol"]]
        elif message[0] not in channels:
            continue
        elif isinstance(message[1], list):
            exact = json.loads(text, parse_float=Decimal)
            told += [(channels[message[0]], *trade) for trade in sorted(exact[1], key=lambda trade: trade[0])]
        decoded += codec.decode(text.encode(), LATER_MS)

    assert len(decoded) == len(told) == 180
    assert [(t.symbol, t.at_ms, t.size_wad, t.price_wad) for t in decoded] == [
        (symbol, at_ms, int(abs(Decimal(amount)) * WAD), int(Decimal(price) * WAD))
        for symbol, _, at_ms, amount, price in told
    ]
    assert codec.confirmed == set(channels.values())

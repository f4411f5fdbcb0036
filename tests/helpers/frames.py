# SPDX-License-Identifier: AGPL-3.0-only
"""Trade frames from the exchanges' documentation, and live ones quoted in public."""

from __future__ import annotations

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


def wad(text: str) -> int:
    """The exact integer of a plain decimal, read with nothing of the package."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(18, "0"))

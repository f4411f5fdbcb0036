# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Compound DAI 2020: one venue traded a stablecoin at 1.30 and positions were liquidated at that price.

Must hold: several venues and their median; the one venue is out, and what is converted through the coin is untouched.
"""

from __future__ import annotations

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.units import WAD, parse_wad

START_MS = 1_606_348_800_000
DAI = FeedRule(
    "DAI/USD",
    8,
    2,
    parse_markets(["coinbase:DAI/USD", "kraken:DAI/USD"]),
    parse_crosses(["bitfinex"], "DAI/USD"),
    off_peg_bps=100,
    on_peg_bps=50,
)
ETHER = FeedRule("ETH/USD", 8, 1, parse_markets(["uniswap:ETH/DAI"]))


def test_dai_at_130_on_one_venue__is_out_and_converts_nothing():
    index = IndexEngine([DAI, ETHER])
    for round_ in range(60):
        at_ms = START_MS + 5_000 * round_
        high = "1.30" if round_ >= 3 else "1.00"
        for venue, symbol, price in (
            ("coinbase", "DAI/USD", high),
            ("kraken", "DAI/USD", "1.01"),
            ("bitfinex", "BTC/USD", "17000"),
            ("bitfinex", "BTC/DAI", "16900"),
            ("uniswap", "ETH/DAI", "500"),
        ):
            index.on_trade(Trade(venue, symbol, parse_wad(price), WAD, at_ms))
        prices = index.observe(at_ms)
        assert parse_wad("1") <= prices["DAI/USD"].price_wad <= parse_wad("1.01")
        if round_:
            assert parse_wad("500") <= prices["ETH/USD"].price_wad <= parse_wad("505")

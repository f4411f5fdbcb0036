# SPDX-License-Identifier: AGPL-3.0-only
"""Feed rules: what a config may say, and what is said to a config that may not."""

from __future__ import annotations

import pytest

from plumbline.core.rules import Cross, FeedRule, Market, parse_crosses, parse_markets, split_symbol

MARKETS = parse_markets(["kraken:BTC/USD", "bybit:BTC/USDT"])


def test_rule__says_its_quote_sources_and_venues():
    rule = FeedRule("EUR/USD", 8, 1, parse_markets(["kraken:EUR/USD"]), parse_crosses(["coinbase"], "EUR/USD"))
    assert rule.quote == "USD"
    assert rule.venues == {"kraken", "coinbase"}
    assert rule.sources == (Market("kraken", "EUR/USD"), Cross("coinbase", "BTC/USD", "BTC/EUR"))
    assert [source.legs for source in rule.sources] == [
        (("kraken", "EUR/USD"),),
        (("coinbase", "BTC/USD"), ("coinbase", "BTC/EUR")),
    ]


def test_parse_crosses__goes_through_bitcoin_unless_told_otherwise():
    assert parse_crosses(["kraken", "kraken:USDC"], "USDT/USD") == (
        Cross("kraken", "BTC/USD", "BTC/USDT"),
        Cross("kraken", "USDC/USD", "USDC/USDT"),
    )


@pytest.mark.parametrize(
    "text", ["kraken", "kraken:", "kraken:BTC", "Kraken:BTC/USD", "kraken:btc/usd", ":BTC/USD", ""]
)
def test_parse_markets__not_a_market__names_the_place(text):
    with pytest.raises(ValueError, match=r'markets\[1\]: expected "venue:BASE/QUOTE", got '):
        parse_markets(["kraken:BTC/USD", text])


@pytest.mark.parametrize("text", ["kraken:", "kraken:EUR", "kraken:USD", "kraken:BTC/USD", "KRAKEN", ""])
def test_parse_crosses__not_a_cross_of_the_feed__names_the_place(text):
    with pytest.raises(ValueError, match=r'crosses\[0\]: expected "venue" or "venue:CURRENCY" other than EUR and USD'):
        parse_crosses([text], "EUR/USD")


def test_parse_crosses__a_bitcoin_feed__cannot_go_through_bitcoin():
    with pytest.raises(ValueError, match=r"crosses\[0\]: .* other than BTC and USD, got 'kraken'"):
        parse_crosses(["kraken"], "BTC/USD")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "BTCUSD"}, "expected BASE/QUOTE, got 'BTCUSD'"),
        ({"name": "ETH/USD"}, r"markets\[0\]: expected a market of ETH, got kraken:BTC/USD"),
        ({"markets": MARKETS + MARKETS[:1]}, "markets: expected each market and cross once"),
        ({"decimals": 19}, "decimals: expected 0 to 18, got 19"),
        ({"min_venues": 0}, "min_venues: expected 1 to the 2 venues listed, got 0"),
        ({"min_venues": 3}, "min_venues: expected 1 to the 2 venues listed, got 3"),
        (
            {"method": "vwap"},
            "method: expected one of clamped_median, clamped_mean, median, .*depth_weighted_mid, got 'vwap'",
        ),
        ({"method": "clamped_mean", "clamp_bps": 501}, "clamp_bps: expected 1 to 500, got 501"),
        ({"max_age_s": 0}, "max_age_s: expected a positive number of seconds, got 0"),
        ({"frozen_s": 0}, "frozen_s: expected a positive number of seconds, got 0"),
        ({"clamp_bps": 0}, "clamp_bps: expected 1 to 100, got 0"),
        ({"clamp_bps": 101}, "clamp_bps: expected 1 to 100, got 101"),
        ({"agree_bps": 1}, "agree_bps: expected 2 to 2500, got 1"),
        ({"off_peg_bps": 100}, r"on_peg_bps: expected 0 < on_peg_bps < off_peg_bps, got \(None, 100\)"),
        ({"off_peg_bps": 50, "on_peg_bps": 50}, "on_peg_bps: expected 0 < on_peg_bps < off_peg_bps"),
    ],
)
def test_rule__out_of_bounds__names_the_key_and_what_is_expected(changes, message):
    sound = {"name": "BTC/USD", "decimals": 8, "min_venues": 2, "markets": MARKETS}
    FeedRule(**sound)
    with pytest.raises(ValueError, match=message):
        FeedRule(**(sound | changes))


@pytest.mark.parametrize("symbol", ["BTC", "BTC/", "/USD", "btc/usd", "BTC/USD/X", "BTC-USD"])
def test_split_symbol__not_base_and_quote__is_an_error(symbol):
    with pytest.raises(ValueError, match="expected BASE/QUOTE"):
        split_symbol(symbol)

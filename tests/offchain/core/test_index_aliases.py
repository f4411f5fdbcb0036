# SPDX-License-Identifier: AGPL-3.0-only
"""One market under two names, in one venue or in two: it is heard once."""

from __future__ import annotations

from tests.helpers.index_market import Market, everywhere, reasons

from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.units import parse_wad

TETHER = FeedRule("USDT/USD", 8, 1, parse_markets(["kraken:USDT/USD"]), off_peg_bps=100, on_peg_bps=50)


# Two names of one book ----------------------------------------------------------------------------------------------


def test_observe__a_market_that_prints_another_ones_trades__is_an_alias_and_stays_one():
    usdc = FeedRule("USDC/USD", 8, 1, parse_markets(["kraken:USDC/USD"]), parse_crosses(["coinbase"], "USDC/USD"))
    words = parse_markets(["kraken:BTC/USD", "coinbase:BTC/USD", "coinbase:BTC/USDC"])
    market = Market([FeedRule("BTC/USD", 8, 1, words), usdc])
    for step in range(3):
        market.trade("kraken:USDC/USD", "0.9")
        for name in ("coinbase:BTC/USD", "coinbase:BTC/USDC"):
            market.trade(name, f"2000{step}")
        prices = market.observe()
        assert reasons(prices["BTC/USD"])["coinbase:BTC/USDC"] == "alias of BTC/USD"
        # Without this, the alias would say that a USDC is a dollar, on the day it is not.
        assert reasons(prices["USDC/USD"])["coinbase:(BTC/USD)/(BTC/USDC)"] == "alias of BTC/USD"
        assert prices["USDC/USD"].price_wad == parse_wad("0.9")
    market.trade("coinbase:BTC/USD", "20010")  # one of them a moment ahead of the other
    assert reasons(market.bitcoin())["coinbase:BTC/USDC"] == "alias of BTC/USD"


def test_observe__one_coincidence__makes_no_lasting_alias():
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(["kraken:BTC/USDT", "kraken:BTC/USD"])), TETHER])
    market.trade("kraken:USDT/USD", "1")
    for name in ("kraken:BTC/USD", "kraken:BTC/USDT"):
        market.trade(name, "20000")
    for _ in range(5):
        assert reasons(market.bitcoin())["kraken:BTC/USDT"] in ("alias of BTC/USD", "no USDT/USD yet")
    market.trade("kraken:BTC/USDT", "20001")
    assert reasons(market.bitcoin())["kraken:BTC/USDT"] == "BTC/USD speaks for the venue"


# One market told by two venues --------------------------------------------------------------------------------------


def test_observe__a_venue_that_repeats_anothers_tape__counts_once_with_it_until_it_says_something_else():
    market = Market([everywhere("binance", "binanceus", "kraken", min_venues=2)])

    def told(step: int, echo: str) -> dict[str, str]:
        market.trade("binance:BTC/USD", f"2000{step}")
        market.trade("binanceus:BTC/USD", echo)
        market.trade("kraken:BTC/USD", "20005", age_ms=step)
        return reasons(market.bitcoin())

    for step in (1, 2):
        assert told(step, f"2000{step}")["binanceus:BTC/USD"] == ""
    for step in (3, 4):
        said = told(step, f"2000{step}")
        assert said["binanceus:BTC/USD"] == "alias of binance:BTC/USD"
        assert said["binance:BTC/USD"] == said["kraken:BTC/USD"] == ""
    # Whoever repeats a venue to have it silenced is alone with its next word, and the other speaks.
    assert set(told(5, "20900").values()) == {""}


def test_observe__venues_that_stand_at_one_price_together__are_nobodys_echo():
    market = Market([everywhere("binance", "coinbase", "kraken")])
    for _ in range(10):
        for venue in ("binance", "coinbase", "kraken"):
            market.trade(f"{venue}:BTC/USD", "20000")
        assert set(reasons(market.bitcoin()).values()) == {""}


def test_observe__a_cross_of_an_echoed_leg__is_out_too():
    euro = FeedRule("EUR/USD", 8, 1, crosses=parse_crosses(["kraken", "krakencopy"], "EUR/USD"))
    market = Market([euro])
    for step in range(4):
        for venue in ("kraken", "krakencopy"):
            market.trade(f"{venue}:BTC/USD", f"2000{step}")
            market.trade(f"{venue}:BTC/EUR", f"1870{step}")
        said = reasons(market.observe()["EUR/USD"])
    assert said["krakencopy:(BTC/USD)/(BTC/EUR)"] == "alias of kraken:BTC/USD"
    assert said["kraken:(BTC/USD)/(BTC/EUR)"] == ""


def test_observe__an_echo_of_a_venue_the_feed_does_not_hear__speaks_for_it():
    heard_by_another = parse_crosses(["binance"], "EUR/USD")
    market = Market([everywhere("binanceus"), FeedRule("EUR/USD", 8, 1, crosses=heard_by_another)])
    for step in range(5):
        for venue in ("binance", "binanceus"):
            market.trade(f"{venue}:BTC/USD", f"2000{step}")
        assert reasons(market.bitcoin())["binanceus:BTC/USD"] == ""

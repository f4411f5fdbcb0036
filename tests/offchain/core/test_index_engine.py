# SPDX-License-Identifier: AGPL-3.0-only
"""The index engine step by step: what gets in, what is left out and why, and when there is no price."""

from __future__ import annotations

import pytest
from tests.helpers.index_market import Market, everywhere, reasons

from plumbline.core.engine import IndexEngine
from plumbline.core.models import Contribution, IndexPrice, Trade
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.units import WAD, parse_wad

BITCOIN = FeedRule("BTC/USD", 8, 1, parse_markets(["kraken:BTC/USD", "coinbase:BTC/USD", "bybit:BTC/USDT"]))
TETHER = FeedRule("USDT/USD", 8, 1, parse_markets(["kraken:USDT/USD"]), off_peg_bps=100, on_peg_bps=50)


# A price and how it is told -----------------------------------------------------------------------------------------


def test_observe__three_venues__prices_exactly_and_tells_each_say():
    market = Market([BITCOIN, TETHER])
    market.trade("kraken:USDT/USD", "1.005")
    market.observe()
    market.trade("kraken:BTC/USD", "20000")
    market.trade("coinbase:BTC/USD", "20001", age_ms=1500)
    market.trade("bybit:BTC/USDT", "19900")
    price = market.bitcoin()
    assert price == IndexPrice(
        "BTC/USD",
        market.now_ms,
        # All within 2 bps: the mean of 20000, 20001 and 19999.5, the two direct ones weighing 4 against 3.
        parse_wad("20000.227272727272727273"),
        (
            Contribution("kraken", "BTC/USD", 20_000 * WAD, 20_000 * WAD, 5_000, True, "", (), 3_636),
            Contribution("coinbase", "BTC/USD", 20_001 * WAD, 20_001 * WAD, 6_500, True, "", (), 3_636),
            Contribution(
                "bybit", "BTC/USDT", 19_900 * WAD, parse_wad("19999.5"), 5_000, True, "", ("USDT/USD",), 2_727
            ),
        ),
        "",
        None,
        # (1 + 0 + 0.5) / 3 of 20000.
        25,
    )


def test_observe__same_trades_observed_again__is_the_same_price_and_older():
    market = Market([everywhere("kraken")])
    market.trade("kraken:BTC/USD", "20000")
    first, second = market.bitcoin(), market.bitcoin()
    assert (first.price_wad, second.price_wad) == (20_000 * WAD, 20_000 * WAD)
    assert [price.contributions[0].age_ms for price in (first, second)] == [5_000, 10_000]


def test_observe__time_goes_back__is_an_error():
    market = Market([BITCOIN])
    market.observe()
    with pytest.raises(ValueError, match=f"expected {market.now_ms} or later, got {market.now_ms - 1}"):
        market.engine.observe(market.now_ms - 1)


def test_engine__one_feed_twice__is_an_error():
    with pytest.raises(ValueError, match="each feed once, got BTC/USD, BTC/USD"):
        IndexEngine([BITCOIN, BITCOIN])


# What never gets in -------------------------------------------------------------------------------------------------


def test_on_trade__bad_trades__are_counted_and_change_nothing():
    market = Market([everywhere("kraken")])
    market.trade("kraken:BTC/USD", "20000")
    before = market.bitcoin()
    market.trade("kraken:BTC/USD", "0")
    market.trade("kraken:BTC/USD", "1", size="0")
    market.engine.on_trade(Trade("kraken", "BTC/USD", -WAD, WAD, market.now_ms))
    market.trade("kraken:BTC/USD", "1", age_ms=5_001)
    market.trade("kraken:BTC/USD", "1", age_ms=-60_000)
    market.trade("nobody:BTC/USD", "1")
    after = market.bitcoin()
    assert after.price_wad == before.price_wad
    assert market.engine.rejected == {
        "no price or no size": 3,
        "out of order": 1,
        "from the future": 1,
        "unknown market": 1,
    }


def test_on_trade__slightly_ahead_of_us__counts_with_age_zero():
    market = Market([everywhere("kraken")])
    market.trade("kraken:BTC/USD", "20000", age_ms=-6_000)
    price = market.bitcoin()
    assert (price.price_wad, price.contributions[0].age_ms) == (20_000 * WAD, 0)


def test_on_trade__a_trade_from_the_future__shuts_its_market_out_for_one_observation_only():
    market = Market([everywhere("kraken")])
    market.trade("kraken:BTC/USD", "1", age_ms=-(10**9))
    market.trade("kraken:BTC/USD", "20000")
    assert market.bitcoin().price_wad is None
    market.trade("kraken:BTC/USD", "20000")
    assert market.bitcoin().price_wad == 20_000 * WAD


def test_observe__silent_for_longer_than_the_maximum_age__is_out_until_it_speaks():
    market = Market([everywhere("kraken", max_age_s=10)])
    market.trade("kraken:BTC/USD", "20000")
    assert market.bitcoin(after_s=10).price_wad == 20_000 * WAD
    price = market.bitcoin(after_s=1)
    assert (price.price_wad, price.reason, reasons(price)["kraken:BTC/USD"]) == (
        None,
        "0 of at least 1 venues",
        "stale",
    )
    market.trade("kraken:BTC/USD", "20010")
    assert market.bitcoin().price_wad == 20_010 * WAD


# Frozen -------------------------------------------------------------------------------------------------------------


def test_observe__one_price_while_the_others_leave__is_frozen_until_it_moves():
    market = Market([everywhere("kraken", "coinbase", "bitstamp", frozen_s=60)])
    for _ in range(12):
        for venue in ("kraken", "coinbase", "bitstamp"):
            market.trade(f"{venue}:BTC/USD", "20000")
        market.observe()
    for venue in ("coinbase", "bitstamp"):
        market.trade(f"{venue}:BTC/USD", "20050")
    market.trade("kraken:BTC/USD", "20000")
    price = market.bitcoin()
    assert (price.price_wad, reasons(price)["kraken:BTC/USD"]) == (20_050 * WAD, "frozen")
    market.trade("kraken:BTC/USD", "20000.01")
    assert reasons(market.bitcoin())["kraken:BTC/USD"] == ""


def test_observe__one_price_that_the_others_stay_near__is_not_frozen():
    market = Market([everywhere("kraken", "coinbase", frozen_s=60)])
    for i in range(20):
        market.trade("kraken:BTC/USD", "20000")
        market.trade("coinbase:BTC/USD", f"{20_020 + i % 2}")
        price = market.bitcoin()
    assert set(reasons(price).values()) == {""}


@pytest.mark.parametrize("quiet", [["kraken"], ["kraken", "coinbase"]])
def test_observe__one_venue_leaves_the_quiet_ones__freezes_none_of_them(quiet):
    market = Market([everywhere("kraken", "coinbase", "mover", frozen_s=60)])
    for step in range(20):
        for venue in quiet:
            market.trade(f"{venue}:BTC/USD", "20000")
        market.trade("mover:BTC/USD", f"{20_000 + 10 * step}")
        price = market.bitcoin()
    assert {reasons(price)[f"{venue}:BTC/USD"] for venue in quiet} == {""}


def test_observe__only_one_venue__cannot_be_called_frozen():
    market = Market([everywhere("kraken", frozen_s=60)])
    for _ in range(20):
        market.trade("kraken:BTC/USD", "20000")
        price = market.bitcoin()
    assert price.price_wad == 20_000 * WAD


# One venue, one vote -------------------------------------------------------------------------------------------------


def test_observe__a_venue_with_many_markets__does_not_outvote_two_others():
    words = ["loud:BTC/USDT", "loud:BTC/USDC", "loud:BTC/EUR", "kraken:BTC/USD", "coinbase:BTC/USD"]
    rates = [
        FeedRule(f"{quote}/USD", 8, 1, parse_markets([f"kraken:{quote}/USD"])) for quote in ("USDT", "USDC", "EUR")
    ]
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(words)), *rates])
    for quote in ("USDT", "USDC", "EUR"):
        market.trade(f"kraken:{quote}/USD", "1")
    market.observe()
    for quote in ("USDT", "USDC", "EUR"):
        market.trade(f"loud:BTC/{quote}", "20900")
    market.trade("kraken:BTC/USD", "20000")
    market.trade("coinbase:BTC/USD", "20000")
    assert market.bitcoin().price_wad < 20_003 * WAD  # the loud venue pulls with one clamp of 2 bps


def test_observe__a_venue_with_a_market_in_the_feeds_quote__speaks_through_that_one():
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(["kraken:BTC/USD", "kraken:BTC/USDT"])), TETHER])
    market.trade("kraken:USDT/USD", "1")
    market.observe()
    market.trade("kraken:BTC/USD", "20000")
    market.trade("kraken:BTC/USDT", "20100")
    price = market.bitcoin()
    assert price.price_wad == 20_000 * WAD
    assert reasons(price)["kraken:BTC/USDT"] == "BTC/USD speaks for the venue"


def test_observe__equal_votes__the_direct_prices_decide():
    words = ["kraken:BTC/USD", "coinbase:BTC/USD", "bybit:BTC/USDT", "binance:BTC/USDT"]
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(words)), TETHER])
    market.trade("kraken:USDT/USD", "1")
    market.observe()
    for word in words:
        market.trade(word, "20000" if word.endswith("USD") else "20100")
    assert 20_000 * WAD <= market.bitcoin().price_wad < 20_005 * WAD


# Far from the others, and disagreement -----------------------------------------------------------------------------


def test_observe__a_venue_far_off__is_out_and_comes_back_only_near():
    market = Market([everywhere("kraken", "coinbase", "bitstamp")])

    def bitstamp_at(price: str) -> IndexPrice:
        for venue in ("kraken", "coinbase"):
            market.trade(f"{venue}:BTC/USD", "20000")
        market.trade("bitstamp:BTC/USD", price)
        return market.bitcoin()

    assert reasons(bitstamp_at("19000"))["bitstamp:BTC/USD"] == ""
    for price in ("18999", "19000", "19499"):
        observed = bitstamp_at(price)
        assert reasons(observed)["bitstamp:BTC/USD"] == "too far from the others"
        assert observed.price_wad == 20_000 * WAD
    assert reasons(bitstamp_at("19500"))["bitstamp:BTC/USD"] == ""


def test_observe__two_venues_that_disagree__give_no_price():
    market = Market([everywhere("kraken", "coinbase")])
    market.trade("kraken:BTC/USD", "20000")
    market.trade("coinbase:BTC/USD", "21000")
    assert market.bitcoin().price_wad is not None
    market.trade("coinbase:BTC/USD", "21000.01")
    price = market.bitcoin()
    assert (price.price_wad, price.reason) == (None, "venues disagree")


def test_observe__no_majority_anywhere__gives_no_price():
    market = Market([everywhere("a", "b", "c", "d")])
    for venue, price in zip("abcd", ("10000", "20000", "20001", "30000"), strict=True):
        market.trade(f"{venue}:BTC/USD", price)
    assert market.bitcoin().reason == "venues disagree"


def test_observe__fewer_venues_than_the_feed_asks_for__gives_no_price():
    market = Market([everywhere("kraken", "coinbase", "bitstamp", min_venues=3)])
    market.trade("kraken:BTC/USD", "20000")
    market.trade("coinbase:BTC/USD", "20000")
    assert market.bitcoin().reason == "2 of at least 3 venues"
    market.trade("bitstamp:BTC/USD", "20000")
    assert market.bitcoin().price_wad == 20_000 * WAD
    market.trade("bitstamp:BTC/USD", "30000")
    assert market.bitcoin().reason == "2 of at least 3 venues"


# Conversion ---------------------------------------------------------------------------------------------------------


def test_observe__before_the_first_rate__only_direct_markets_count():
    market = Market([BITCOIN, TETHER])
    for word, price in (("kraken:BTC/USD", "20000"), ("bybit:BTC/USDT", "19900"), ("kraken:USDT/USD", "1.005")):
        market.trade(word, price)
    first, second = market.bitcoin(), market.bitcoin()
    assert reasons(first)["bybit:BTC/USDT"] == "no USDT/USD yet"
    assert reasons(second)["bybit:BTC/USDT"] == ""


def test_observe__conversion__uses_the_previous_rate_and_not_this_ones():
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(["bybit:BTC/USDT"])), TETHER])
    market.trade("kraken:USDT/USD", "1")
    market.trade("bybit:BTC/USDT", "20000")
    market.observe()
    market.trade("kraken:USDT/USD", "1.005")
    assert market.bitcoin().price_wad == 20_000 * WAD
    assert market.bitcoin().price_wad == 20_100 * WAD


def test_observe__a_rate_that_ages__converts_until_its_own_maximum_age():
    tether = FeedRule("USDT/USD", 8, 1, parse_markets(["kraken:USDT/USD"]), max_age_s=10)
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(["bybit:BTC/USDT"])), tether])
    market.trade("kraken:USDT/USD", "1")
    market.trade("bybit:BTC/USDT", "20000")
    market.observe(after_s=10)
    assert market.bitcoin(after_s=10).price_wad == 20_000 * WAD
    assert reasons(market.bitcoin(after_s=1))["bybit:BTC/USDT"] == "USDT/USD stale"


def test_observe__a_currency_off_its_peg__converts_nothing_until_it_is_well_back():
    market = Market([FeedRule("BTC/USD", 8, 1, parse_markets(["bybit:BTC/USDT"])), TETHER])

    def tether_at(price: str) -> str:
        market.trade("kraken:USDT/USD", price)
        market.trade("bybit:BTC/USDT", "20000")
        market.observe()  # the rate moves here ...
        return reasons(market.bitcoin())["bybit:BTC/USDT"]  # ... and converts here

    assert tether_at("0.99") == ""
    for price in ("0.9899", "0.99", "0.9949", "1.0051"):
        assert tether_at(price) == "USDT off its peg"
    assert tether_at("0.995") == ""
    assert tether_at("1.0101") == "USDT off its peg"


def test_observe__a_price_too_small_for_its_rate__is_out():
    market = Market([FeedRule("DUST/USD", 8, 1, parse_markets(["bybit:DUST/USDT"])), TETHER])
    market.trade("kraken:USDT/USD", "0.4")
    market.observe()
    market.engine.on_trade(Trade("bybit", "DUST/USDT", 1, WAD, market.now_ms))
    price = market.observe()["DUST/USD"]
    assert (price.price_wad, reasons(price)["bybit:DUST/USDT"]) == (None, "USDT off its peg")
    market.trade("kraken:USDT/USD", "1")
    market.observe()
    assert market.observe()["DUST/USD"].price_wad == 1


# Crosses ------------------------------------------------------------------------------------------------------------

EURO = FeedRule("EUR/USD", 8, 1, crosses=parse_crosses(["kraken", "coinbase"], "EUR/USD"))


def test_observe__a_cross__is_the_ratio_of_two_markets_of_one_venue():
    market = Market([EURO])
    market.trade("kraken:BTC/USD", "20000")
    market.trade("coinbase:BTC/EUR", "18000")
    price = market.observe()["EUR/USD"]
    assert (price.price_wad, price.reason) == (None, "0 of at least 1 venues")
    market.trade("kraken:BTC/EUR", "18700", age_ms=2_000)
    price = market.observe()["EUR/USD"]
    assert price.price_wad == (20_000 * WAD * 10 // 18_700 + 5) // 10
    assert reasons(price) == {"kraken:(BTC/USD)/(BTC/EUR)": "", "coinbase:(BTC/USD)/(BTC/EUR)": "no trade yet"}
    assert price.contributions[0].age_ms == 10_000


def test_observe__one_leg_of_a_cross_is_old__the_cross_is_stale():
    market = Market([EURO])
    market.trade("kraken:BTC/USD", "20000")
    market.trade("kraken:BTC/EUR", "18700")
    market.observe(after_s=180)
    market.trade("kraken:BTC/USD", "20000")
    assert reasons(market.observe()["EUR/USD"])["kraken:(BTC/USD)/(BTC/EUR)"] == "stale"

# SPDX-License-Identifier: AGPL-3.0-only
"""Each method as a feed of the engine: from its config's words to a price, out of trades, volumes, quotes or books."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from plumbline.core.depth import Book, Mid, depth_weighted_mid
from plumbline.core.engine import MAX_LEVELS, IndexEngine
from plumbline.core.models import BookSnapshot, IndexPrice, Trade
from plumbline.core.quotes import Hop, paths
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.settlement import partitioned_median
from plumbline.core.units import WAD, parse_wad
from plumbline.core.window import MAX_TRADES, TradeWindow

START_MS = 1_678_492_800_000
VENUES = ("binance", "coinbase", "kraken")


def rule(name: str = "BTC/USD", *words: str, min_venues: int = 1, **settings: object) -> FeedRule:
    listed = words or tuple(f"{venue}:{name}" for venue in VENUES)
    return FeedRule(name, 8, min_venues, parse_markets(listed), **settings)


def trade(engine: IndexEngine, market: str, price: str, size: str = "1", at_ms: int = START_MS) -> None:
    venue, _, symbol = market.partition(":")
    engine.on_trade(Trade(venue, symbol, parse_wad(price), parse_wad(size), at_ms))


def book(market: str, bid: str, ask: str, at_ms: int = START_MS, size: int = WAD) -> BookSnapshot:
    venue, _, symbol = market.partition(":")
    return BookSnapshot(venue, symbol, ((parse_wad(bid), size),), ((parse_wad(ask), size),), at_ms)


def included(price: IndexPrice) -> dict[str, int]:
    return {said.venue: said.weight_bps for said in price.contributions if said.included}


# Weights --------------------------------------------------------------------------------------------------------------


def test_feed__weighted_median__takes_the_configured_weights():
    weights = (("binance", 3), ("coinbase", 2), ("kraken", 1))
    engine = IndexEngine([rule(method="weighted_median", weights=weights)])
    for market, price in (("binance:BTC/USD", "20000"), ("coinbase:BTC/USD", "20010"), ("kraken:BTC/USD", "20020")):
        trade(engine, market, price)
    price = engine.observe(START_MS)["BTC/USD"]
    assert price.price_wad == 20_005 * WAD  # half of the weight on either side
    assert included(price) == {"binance": 5_000, "coinbase": 3_333, "kraken": 1_666}


def test_feed__volume_weighted_mean__weighs_by_what_was_traded_and_never_above_the_cap():
    engine = IndexEngine([rule(method="weighted_mean", volume_window_s=3_600, volume_cap_bps=5_000)])
    for minute in range(10):
        trade(engine, "binance:BTC/USD", "20000", "90", START_MS + 60_000 * minute)
    for market, price in (("coinbase:BTC/USD", "20010"), ("kraken:BTC/USD", "20030")):
        trade(engine, market, price, "30", START_MS + 600_000)
    price = engine.observe(START_MS + 600_000)["BTC/USD"]
    # 900 of 960 cut to 60 of 120.
    assert included(price) == {"binance": 5_000, "coinbase": 2_500, "kraken": 2_500}
    assert price.price_wad == 20_010 * WAD


def test_feed__volume__a_tape_sent_again__weighs_no_more():
    engine = IndexEngine([rule(method="weighted_mean", volume_window_s=3_600, volume_cap_bps=10_000)])
    for _ in range(50):
        trade(engine, "binance:BTC/USD", "20000", "1")
        trade(engine, "coinbase:BTC/USD", "20010", "1")
        price = engine.observe(START_MS)["BTC/USD"]
    assert included(price) == {"binance": 5_000, "coinbase": 5_000}


def test_feed__volume__leaves_the_window_with_its_minute():
    engine = IndexEngine([rule(method="weighted_mean", volume_window_s=180, volume_cap_bps=10_000)])
    trade(engine, "binance:BTC/USD", "20000", "9", START_MS)
    trade(engine, "binance:BTC/USD", "20000.5", "1", START_MS + 240_000)
    trade(engine, "kraken:BTC/USD", "20010", "1", START_MS + 240_000)
    assert included(engine.observe(START_MS + 239_999 + 1)["BTC/USD"]) == {"binance": 5_000, "kraken": 5_000}


def test_window__full__refuses_and_the_engine_counts_it():
    window = TradeWindow(60_000)
    for i in range(MAX_TRADES):
        assert window.add(Trade("a", "BTC/USD", WAD + i, WAD, START_MS))
    assert not window.add(Trade("a", "BTC/USD", WAD, WAD, START_MS))
    window.settle(START_MS, START_MS)
    assert len(list(window.trades())) == MAX_TRADES
    assert not window.add(Trade("a", "BTC/USD", WAD, WAD, START_MS))
    window.settle(START_MS + 120_000, START_MS + 120_000)
    assert window.add(Trade("a", "BTC/USD", WAD, WAD, START_MS + 120_000))


# A window of trades ---------------------------------------------------------------------------------------------------


def test_feed__partitioned_median__is_the_reference_rate_of_all_venues_that_are_in():
    engine = IndexEngine([rule(method="partitioned_median", window_s=600, partitions=2, agree_bps=100)])
    engine.observe(START_MS)
    told = []
    for i in range(60):
        for venue, off in zip(VENUES, (0, 3, 2_000), strict=True):  # the last one is too far from the others
            at_ms = START_MS + 10_000 * i
            engine.on_trade(Trade(venue, "BTC/USD", (20_000 + i % 7 + off) * WAD, (1 + i % 3) * WAD, at_ms))
            told += [Trade(venue, "BTC/USD", (20_000 + i % 7 + off) * WAD, (1 + i % 3) * WAD, at_ms)] * (off < 2_000)
    price = engine.observe(START_MS + 600_000)["BTC/USD"]
    assert price.price_wad == partitioned_median(told, START_MS + 600_000, 2, 300_000)
    assert included(price) == {"binance": 5_000, "coinbase": 5_000}


def test_feed__partitioned_median__before_a_whole_window_was_watched__is_no_price():
    engine = IndexEngine([rule(method="partitioned_median", window_s=600, partitions=2, max_age_s=900)])
    trade(engine, "kraken:BTC/USD", "20000")
    for at_ms in (START_MS, START_MS + 599_999):
        price = engine.observe(at_ms)["BTC/USD"]
        assert (price.price_wad, price.reason) == (None, "watching for less than its window of 600 s")
    assert engine.observe(START_MS + 600_000)["BTC/USD"].price_wad == 20_000 * WAD


def test_feed__partitioned_median__nothing_traded_in_the_window__is_no_price():
    engine = IndexEngine([rule(method="partitioned_median", window_s=600, partitions=2, max_age_s=900)])
    trade(engine, "kraken:BTC/USD", "20000")
    engine.observe(START_MS)
    price = engine.observe(START_MS + 600_001)["BTC/USD"]
    assert (price.price_wad, price.reason) == (None, "no trade in the 600 s before")


# Books ----------------------------------------------------------------------------------------------------------------


def test_feed__price_from_mid__is_made_of_books_and_hears_no_trade():
    engine = IndexEngine([rule(method="median", price_from="mid")])
    assert engine.books == {(venue, "BTC/USD") for venue in VENUES}
    trade(engine, "kraken:BTC/USD", "1")
    for venue, bid, ask in zip(VENUES, ("19999", "20000", "20001"), ("20001", "20002", "20003"), strict=True):
        engine.on_book(book(f"{venue}:BTC/USD", bid, ask))
    price = engine.observe(START_MS + 5_000)["BTC/USD"]
    assert price.price_wad == 20_001 * WAD
    assert engine.rejected == {"unknown market": 1}
    assert {told.venue for told in engine.settled_books} == set(VENUES)
    engine.observe(START_MS + 10_000)
    assert engine.settled_books == ()


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ((), ((2, 1),), "book empty, crossed or unsorted"),
        (((3, 1),), ((2, 1),), "book empty, crossed or unsorted"),
        (((1, 1), (2, 1)), ((3, 1),), "book empty, crossed or unsorted"),
        (((1, 0),), ((3, 1),), "book empty, crossed or unsorted"),
        (tuple((MAX_LEVELS + 1 - i, 1) for i in range(MAX_LEVELS + 1)), ((2_000, 1),), "book too deep"),
    ],
)
def test_on_book__a_bad_book__is_counted_and_changes_nothing(bids, asks, reason):
    engine = IndexEngine([rule(method="median", price_from="mid")])
    engine.on_book(BookSnapshot("kraken", "BTC/USD", bids, asks, START_MS))
    assert engine.rejected == {reason: 1}
    assert engine.observe(START_MS)["BTC/USD"].price_wad is None


def test_feed__vote_median__a_wide_quote_counts_for_less_and_the_confidence_is_told():
    engine = IndexEngine([rule(method="vote_median", price_from="mid")])
    for venue, bid, ask in zip(VENUES, ("19999", "20000", "19700"), ("20001", "20002", "20500"), strict=True):
        engine.on_book(book(f"{venue}:BTC/USD", bid, ask))
    price = engine.observe(START_MS)["BTC/USD"]
    # Votes 19999 20000 20001, 20000 20001 20002, 19700 20100 20500.
    assert (price.price_wad, price.confidence_wad) == (20_001 * WAD, WAD)


def test_feed__vote_median__a_converted_quotes_spread__is_converted_and_rounded_up():
    feeds = [
        FeedRule("BTC/USD", 8, 1, parse_markets(["a:BTC/USDT", "a:BTC/EUR"]), method="vote_median", price_from="mid"),
        rule("USDT/USD", "a:USDT/USD", method="median", price_from="mid"),
        rule("EUR/USD", "a:EUR/USD", method="median", price_from="mid"),
    ]
    engine = IndexEngine(feeds)
    for market in ("a:USDT/USD", "a:EUR/USD"):
        engine.on_book(book(market, "0.4", "0.6"))
    engine.observe(START_MS)
    engine.on_book(BookSnapshot("a", "BTC/USDT", ((1_001, WAD),), ((1_004, WAD),), START_MS))
    engine.on_book(BookSnapshot("a", "BTC/EUR", ((900, WAD),), ((1_110, WAD),), START_MS))
    price = engine.observe(START_MS + 1)["BTC/USD"]
    # At one half: middles 501 and 503 (502.5), and of the half spreads 2 and 105 the wider, rounded up.
    assert (price.price_wad, price.confidence_wad) == (502, 53)


def test_feed__vote_median__bid_and_ask_further_apart_than_the_price__is_out():
    engine = IndexEngine([rule(method="vote_median", price_from="mid")])
    engine.on_book(BookSnapshot("kraken", "BTC/USD", ((1, WAD),), ((1_000, WAD),), START_MS))
    price = engine.observe(START_MS)["BTC/USD"]
    # 500 +- 500: a vote at nothing.
    assert price.contributions[-1].reason == "bid and ask too far apart"


@pytest.mark.data
def test_feed__depth_weighted_mid__recorded_books__is_the_real_time_index_of_the_venues_that_are_in(market_data: Path):
    with gzip.open(market_data / "l2-l3-books-2026" / "btcusd_book.jsonl.gz", "rt") as lines:
        recorded = [json.loads(line, parse_float=str, parse_int=str) for line in lines][:120:40]
    feed = rule(method="depth_weighted_mid", price_from="mid", spacing_wad=WAD // 20, max_age_s=30, agree_bps=100)
    engine, told = IndexEngine([feed]), []
    for venue, snapshot, factor in zip(VENUES, recorded, (1, 1, 2), strict=True):  # the last is too far from the others
        sides = [tuple((factor * parse_wad(p), parse_wad(q)) for p, q in snapshot[side]) for side in ("b", "a")]
        told.append(BookSnapshot(venue, "BTC/USD", sides[0], sides[1], START_MS))
        engine.on_book(told[-1])
    price = engine.observe(START_MS + 5_000)["BTC/USD"]
    assert price.price_wad == depth_weighted_mid([Book(each.bids, each.asks) for each in told[:2]], WAD // 20)
    assert set(included(price)) == {"binance", "coinbase"}
    assert engine.observe(START_MS + 31_000)["BTC/USD"].reason == "0 of at least 1 venues"


def test_mid__is_the_middle_rounded_down_with_half_the_spread_rounded_up():
    mid = Mid.of(BookSnapshot("a", "BTC/USD", ((100, 3),), ((103, 4),), START_MS))
    assert (mid.price_wad, mid.size_wad, mid.half_spread_wad) == (101, 7, 2)


# Conversion through several feeds -------------------------------------------------------------------------------------


def test_paths__the_shortest_way_forwards_or_backwards_and_never_through_the_feed_itself():
    feeds = [
        rule("BTC/USD", "a:BTC/EUR", "a:BTC/JPY", "a:BTC/GBP", "a:BTC/TRY"),
        rule("EUR/USD", "a:EUR/USD"),
        rule("USD/JPY", "a:USD/JPY"),
        rule("GBP/EUR", "a:GBP/EUR"),
    ]
    assert paths(feeds) == {
        ("BTC/USD", "EUR"): (Hop("EUR/USD", False),),
        ("BTC/USD", "JPY"): (Hop("USD/JPY", True),),
        ("BTC/USD", "GBP"): (Hop("GBP/EUR", False), Hop("EUR/USD", False)),
        ("EUR/USD", "USD"): (),
        ("USD/JPY", "JPY"): (),
        ("GBP/EUR", "EUR"): (),
    }


def test_paths__two_ways_of_one_length__take_the_first_by_name_whatever_the_order():
    feeds = [
        rule("BTC/USD", "a:BTC/GBP"),
        rule("GBP/CHF", "a:GBP/CHF"),
        rule("CHF/USD", "a:CHF/USD"),
        rule("GBP/EUR", "a:GBP/EUR"),
        rule("EUR/USD", "a:EUR/USD"),
    ]
    expected = (Hop("GBP/CHF", False), Hop("CHF/USD", False))
    assert paths(feeds)["BTC/USD", "GBP"] == paths(feeds[::-1])["BTC/USD", "GBP"] == expected


@pytest.mark.parametrize(
    ("feeds", "cycle"),
    [
        (
            [rule("USDC/USD", "a:USDC/USDT"), rule("USDT/USD", "a:USDT/USDC")],
            "USDC/USD -> USDT/USD -> USDC/USD",
        ),
        (
            [rule("A/USD", "a:A/B"), rule("B/USD", "a:B/C"), rule("C/USD", "a:C/A")],
            "A/USD -> B/USD -> C/USD -> A/USD",
        ),
    ],
)
def test_engine__feeds_that_convert_each_other__are_refused_with_the_cycle(feeds, cycle):
    with pytest.raises(ValueError, match=f"feeds: expected no feed to be converted by itself, got {cycle}"):
        IndexEngine(feeds)


def test_feed__two_hops_one_backwards__is_rounded_once():
    feeds = [rule("BTC/USD", "a:BTC/JPY"), rule("EUR/JPY", "a:EUR/JPY"), rule("EUR/USD", "a:EUR/USD")]
    engine = IndexEngine(feeds)
    trade(engine, "a:EUR/JPY", "130")
    trade(engine, "a:EUR/USD", "1.1")
    trade(engine, "a:BTC/JPY", "2600001")
    assert engine.observe(START_MS)["BTC/USD"].contributions[0].reason == "no EUR/JPY yet"
    price = engine.observe(START_MS)["BTC/USD"]
    assert price.price_wad == (2 * parse_wad("2600001") * 11 + 1_300) // 2_600
    assert price.contributions[0].via == ("EUR/JPY", "EUR/USD")


def test_feed__a_currency_off_its_peg__shuts_every_way_through_it():
    coin = FeedRule("USDT/USD", 8, 1, parse_markets(["a:USDT/USD"]), off_peg_bps=100, on_peg_bps=50)
    engine = IndexEngine([rule("BTC/USD", "a:BTC/TRY"), rule("USDT/TRY", "a:USDT/TRY"), coin])
    trade(engine, "a:USDT/USD", "0.97")
    trade(engine, "a:USDT/TRY", "30")
    trade(engine, "a:BTC/TRY", "600000")
    engine.observe(START_MS)
    assert engine.observe(START_MS)["BTC/USD"].contributions[0].reason == "USDT off its peg"


def test_feed__a_quote_nothing_converts__says_so():
    engine = IndexEngine([rule("BTC/USD", "a:BTC/TRY")])
    trade(engine, "a:BTC/TRY", "600000")
    assert engine.observe(START_MS)["BTC/USD"].contributions[0].reason == "nothing converts TRY to USD"


# Selection and hysteresis ---------------------------------------------------------------------------------------------


def test_select__a_venue_left_out__still_shows_its_price_and_its_reason_and_comes_back():
    engine = IndexEngine([rule(method="median")])
    engine.select("BTC/USD", "kraken", "volume share 1.0% of at least 2.0%")
    for venue, price in zip(VENUES, ("20000", "20000", "20090"), strict=True):
        trade(engine, f"{venue}:BTC/USD", price)
    price = engine.observe(START_MS)["BTC/USD"]
    assert price.price_wad == 20_000 * WAD
    assert price.contributions[2].reason == "volume share 1.0% of at least 2.0%"
    assert price.contributions[2].converted_wad == 20_090 * WAD
    engine.select("BTC/USD", "kraken", "")
    assert included(engine.observe(START_MS)["BTC/USD"]).keys() == set(VENUES)


@pytest.mark.parametrize(("feed", "venue"), [("ETH/USD", "kraken"), ("BTC/USD", "bybit")])
def test_select__no_such_feed_or_venue__is_an_error(feed, venue):
    with pytest.raises(ValueError, match="select: expected a feed and one of its venues"):
        IndexEngine([rule()]).select(feed, venue, "why")


def test_feed__back_bps__is_how_near_an_outlier_must_come():
    engine = IndexEngine([rule(method="median", agree_bps=2_500, back_bps=200)])  # BitMEX

    def kraken_at(price: str, at_ms: int) -> bool:
        for venue, said in zip(VENUES, ("20000", "20000", price), strict=True):
            trade(engine, f"{venue}:BTC/USD", said, at_ms=at_ms)
        return "kraken" in included(engine.observe(at_ms)["BTC/USD"])

    prices = ("25000", "25001", "21000", "20401", "20400", "21000")
    assert [kraken_at(price, START_MS + i) for i, price in enumerate(prices)] == [True, False, False, False, True, True]


# Refused configs ------------------------------------------------------------------------------------------------------

EVEN = tuple((venue, 1) for venue in VENUES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "weighted_mean"}, "weights: expected exactly one of weights and volume_window_s beside weighted_m"),
        ({"method": "weighted_median", "weights": EVEN, "volume_window_s": 600}, "weights: expected exactly one of"),
        ({"method": "median", "weights": EVEN}, "weights: expected neither weights nor volume_window_s beside median"),
        ({"method": "clamped_median", "volume_window_s": 600}, "weights: expected neither weights nor"),
        ({"method": "weighted_mean", "weights": EVEN[:2]}, "weights: expected one for each venue, got 'binance, coi"),
        ({"method": "weighted_mean", "weights": ((*EVEN[:2], ("kraken", 0)))}, "weights: expected each at least 1"),
        ({"method": "weighted_mean", "volume_window_s": 60}, "volume_window_s: expected max_age_s, 180, to 86400"),
        ({"method": "weighted_mean", "volume_window_s": 600, "volume_cap_bps": 0}, "volume_cap_bps: expected 1 to"),
        ({"method": "vote_median"}, "price_from: expected \"mid\" beside vote_median, got 'trade'"),
        ({"method": "median", "price_from": "last"}, "price_from: expected one of trade, mid, got 'last'"),
        ({"method": "depth_weighted_mid", "price_from": "mid"}, "spacing: expected above 0, at most 10 base units"),
        ({"method": "median", "spacing_wad": 1}, "spacing: expected nothing beside median, got 1"),
        ({"method": "partitioned_median", "partitions": 7}, r"partitions: expected a divisor of window_s, .* \(7, 360"),
        ({"method": "median", "back_bps": 501}, "back_bps: expected 1 to agree_bps, 500, got 501"),
    ],
)
def test_rule__a_method_without_what_it_needs__names_the_key(settings, message):
    with pytest.raises(ValueError, match=message):
        rule(**settings)


@pytest.mark.parametrize("method", ["partitioned_median", "depth_weighted_mid"])
def test_rule__trades_and_books_of_another_quote__are_refused(method):
    with pytest.raises(ValueError, match=f"markets: expected only markets in USD beside {method}, got .*BTC/USDT"):
        rule("BTC/USD", "a:BTC/USD", "a:BTC/USDT", method=method, price_from="mid", spacing_wad=WAD)
    with pytest.raises(ValueError, match=f"markets: expected only markets in USD beside {method}, got .*Cross"):
        FeedRule("EUR/USD", 8, 1, crosses=parse_crosses(["a"], "EUR/USD"), method=method, price_from="mid")

# SPDX-License-Identifier: AGPL-3.0-only
"""The engine beside an independent model, on markets nobody would design."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.reference.index_model import IndexModel

from plumbline.core.engine import IndexEngine
from plumbline.core.models import BookSnapshot, Trade
from plumbline.core.rules import Cross, FeedRule, parse_crosses, parse_markets
from plumbline.core.units import WAD

VENUES = ("a", "b", "c", "d")
LISTED = {
    "BTC/USD": 20_000,
    "BTC/USDT": 20_000,
    "BTC/EUR": 18_500,
    "BTC/GBP": 9_250,
    "BTC/JPY": 2_000_000,
    "USDT/USD": 1,
    "GBP/EUR": 2,
    "USD/JPY": 100,
}
ROUTES = {
    "USDT": [("USDT/USD", False)],
    "EUR": [("EUR/USD", False)],
    "GBP": [("GBP/EUR", False), ("EUR/USD", False)],
    "JPY": [("USD/JPY", True)],
}
PEG = {"off_peg_bps": 100, "on_peg_bps": 50}
START_MS = 1_678_492_800_000

TRADE = st.tuples(
    st.just("trade"),
    st.sampled_from(VENUES),
    st.sampled_from(sorted(LISTED)),
    # Off the usual price by bps: mostly noise, sometimes a venue that is off, or a number that cannot be.
    st.one_of(st.integers(-20, 20), st.integers(-20, 20), st.integers(-700, 700), st.sampled_from([-10_000, 990_000])),
    st.sampled_from([0, WAD, WAD, 7 * WAD]),
    # Age of the trade when it arrives: now, late, or from the future.
    st.sampled_from([0, 0, 0, 1, 900, 30_000, 100_000, -900, -5_000]),
)
ROUND = st.tuples(st.just("round"), st.lists(st.integers(-45, 45), min_size=len(VENUES), max_size=len(VENUES)))
"""Every venue trades, near the thresholds at which one is out and comes back."""
RATES = st.tuples(st.just("rates"), st.integers(-45, 45))
"""Everything that converts trades."""
ECHO = st.tuples(st.just("echo"), st.integers(-45, 45), st.sampled_from(["BTC/USD", "BTC/USDT", "USDT/USD"]))
"""Two venues tell the same trade."""
ALIAS = st.tuples(st.just("alias"), st.sampled_from(VENUES))
SELECT = st.tuples(st.just("select"), st.sampled_from(VENUES), st.booleans())
OBSERVE = st.tuples(st.just("observe"), st.sampled_from([1_000, 5_000, 5_000, 60_000, 200_000]))
STEPS = st.lists(
    st.one_of(TRADE, TRADE, TRADE, ROUND, RATES, ECHO, ALIAS, SELECT, OBSERVE, OBSERVE), min_size=5, max_size=80
)
WEIGHTS = st.fixed_dictionaries(
    {"weights": st.lists(st.integers(1, 9), min_size=4, max_size=4).map(lambda w: tuple(zip(VENUES, w, strict=True)))}
)
VOLUMES = st.fixed_dictionaries(
    {"volume_window_s": st.sampled_from([180, 600]), "volume_cap_bps": st.sampled_from([3_000, 5_000, 10_000])}
)
SOURCE = st.sampled_from([{}, {"price_from": "mid"}])
METHOD = st.one_of(
    st.tuples(st.sampled_from(["clamped_median", "median", "clamped_mean"]), st.just({}), SOURCE),
    st.tuples(
        st.sampled_from(["weighted_mean", "weighted_median", "clamped_mean"]), st.one_of(WEIGHTS, VOLUMES), SOURCE
    ),
    st.tuples(st.just("vote_median"), st.just({}), st.just({"price_from": "mid"})),
).map(lambda chosen: {"method": chosen[0], **chosen[1], **chosen[2]})
LIMITS = st.fixed_dictionaries(
    {
        "min_venues": st.integers(1, 3),
        "max_age_s": st.sampled_from([10, 180]),
        "clamp_bps": st.sampled_from([1, 5, 50]),
        "agree_bps": st.sampled_from([40, 500]),
        "frozen_s": st.sampled_from([10, 600]),
    }
)
SETTINGS = st.tuples(LIMITS, METHOD).map(lambda both: both[0] | both[1])


def rules(chosen: dict[str, Any]) -> list[FeedRule]:
    def everywhere(*symbols: str) -> list[str]:
        return [f"{venue}:{symbol}" for symbol in symbols for venue in VENUES]

    bitcoin = parse_markets(everywhere(*(symbol for symbol in LISTED if symbol.startswith("BTC/"))))
    tether = parse_markets(everywhere("USDT/USD"))
    rates = {key: chosen[key] for key in ("price_from", "max_age_s") if key in chosen}
    return [
        FeedRule("BTC/USD", 8, markets=bitcoin, **chosen),
        FeedRule("USDT/USD", 8, markets=tether, crosses=parse_crosses(VENUES, "USDT/USD"), **chosen, **PEG),
        FeedRule("EUR/USD", 8, crosses=parse_crosses(VENUES, "EUR/USD"), **chosen),
        FeedRule("GBP/EUR", 8, 1, parse_markets(everywhere("GBP/EUR")), **rates),
        FeedRule("USD/JPY", 8, 1, parse_markets(everywhere("USD/JPY")), **rates),
    ]


def for_model(rule: FeedRule) -> dict:
    markets = [(market.venue, market.symbol) for market in rule.markets]
    crosses = [(cross.venue, cross.numerator, cross.denominator) for cross in rule.crosses]
    return asdict(rule) | {"markets": markets, "crosses": crosses}


def trades(step: tuple, now_ms: int) -> list[Trade]:
    if step[0] == "alias":  # one trade under two names
        return [Trade(step[1], symbol, 20_001 * WAD, WAD, now_ms) for symbol in ("BTC/USD", "BTC/USDT")]
    if step[0] == "round":
        return [
            Trade(venue, "BTC/USD", 2 * WAD * (10_000 + off_bps), WAD, now_ms)
            for venue, off_bps in zip(VENUES, step[1], strict=True)
        ]
    if step[0] == "echo":
        price_wad = LISTED[step[2]] * WAD * (10_000 + step[1]) // 10_000
        return [Trade(venue, step[2], price_wad, WAD, now_ms) for venue in VENUES[1:3]]
    if step[0] == "rates":
        return [
            Trade(VENUES[i % 4], symbol, LISTED[symbol] * WAD * (10_000 + step[1]) // 10_000, (i + 1) * WAD, now_ms)
            for i, symbol in enumerate(("BTC/EUR", "BTC/USD", "USDT/USD", "GBP/EUR", "USD/JPY", "BTC/GBP", "BTC/JPY"))
        ]
    _, venue, symbol, off_bps, size_wad, age_ms = step
    return [Trade(venue, symbol, LISTED[symbol] * WAD * (10_000 + off_bps) // 10_000, size_wad, now_ms - age_ms)]


def book(trade: Trade) -> BookSnapshot:
    """Around the trade's price, wider the larger the trade; crossed when it has no size."""
    half = trade.price_wad * (trade.size_wad // WAD - 0 if trade.size_wad else -1) // 3_000 + 1
    bid, ask = (trade.price_wad - half, 3 * trade.size_wad), (trade.price_wad + half, trade.size_wad)
    return BookSnapshot(trade.venue, trade.symbol, (bid,), (ask,), trade.at_ms)


class Beside:
    """Engine and model, told the same."""

    def __init__(self, chosen: dict[str, Any]) -> None:
        self.feeds = rules(chosen)
        self.engine = IndexEngine(self.feeds)
        self.model = IndexModel([for_model(rule) for rule in self.feeds], ROUTES)
        self.by_book = chosen.get("price_from") == "mid"

    def tell(self, trade: Trade) -> None:
        # Books are what prices are made of then, and trades still what volumes are.
        self.engine.on_trade(trade)
        if not self.by_book:
            self.model.on_trade(trade.venue, trade.symbol, trade.price_wad, trade.size_wad, trade.at_ms)
            return
        told = book(trade)
        self.engine.on_book(told)
        (bid, bid_size), (ask, ask_size) = told.bids[0], told.asks[0]
        if min(bid, bid_size, ask_size) > 0:
            self.model.on_book(told.venue, told.symbol, bid, ask, bid_size + ask_size, told.at_ms)

    def select(self, venue: str, inside: bool) -> None:
        self.engine.select("BTC/USD", venue, "" if inside else "too slow")
        (self.model.left_out.discard if inside else self.model.left_out.add)(("BTC/USD", venue))

    def compare(self, now_ms: int) -> None:
        modelled = self.model.observe(now_ms)
        for name, price in self.engine.observe(now_ms).items():
            by_symbol = {source.symbol: source for rule in self.feeds for source in rule.crosses}
            used = set()
            for said in price.contributions:
                source = by_symbol.get(said.symbol)
                symbol = source.denominator if isinstance(source, Cross) else said.symbol
                used |= {(said.venue, symbol)} if said.included else set()
            assert (price.price_wad, used) == modelled[name], (name, price)
            assert bool(price.reason) == (price.price_wad is None)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(SETTINGS, STEPS)
def test_observe__any_trades_or_books__is_what_the_model_says(chosen, steps):
    if chosen.get("volume_window_s") and chosen.get("price_from"):
        chosen = chosen | {"price_from": "trade"}  # the model keeps one tape
    beside, now_ms = Beside(chosen), START_MS
    for step in [*steps, ("observe", 1_000)]:
        if step[0] == "observe":
            now_ms += step[1]
            beside.compare(now_ms)
        elif step[0] == "select":
            beside.select(*step[1:])
        else:
            for trade in trades(step, now_ms):
                beside.tell(trade)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(SETTINGS, STEPS, st.randoms(use_true_random=False))
def test_observe__trades_markets_and_feeds_in_another_order__is_the_same(chosen, steps, luck):
    straight, shuffled = rules(chosen), rules(chosen)
    luck.shuffle(shuffled)
    engines = (IndexEngine(straight), IndexEngine(shuffled))
    now_ms, between = START_MS, []
    for step in [*steps, ("observe", 1_000)]:
        if step[0] == "select":
            continue
        if step[0] != "observe":
            between += trades(step, now_ms)
            continue
        now_ms += step[1]
        for trade in between:
            engines[0].on_trade(trade)
            engines[0].on_book(book(trade))
        luck.shuffle(between)
        for trade in between:
            engines[1].on_book(book(trade))
            engines[1].on_trade(trade)
        between = []
        assert engines[0].observe(now_ms) == engines[1].observe(now_ms)

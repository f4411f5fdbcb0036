# SPDX-License-Identifier: AGPL-3.0-only
"""The engine beside an independent model, on markets nobody would design."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.reference.index_model import IndexModel

from plumbline.core.engine import IndexEngine
from plumbline.core.methods import METHODS
from plumbline.core.models import Trade
from plumbline.core.rules import Cross, FeedRule, parse_crosses, parse_markets
from plumbline.core.units import WAD

VENUES = ("a", "b", "c", "d")
LISTED = {"BTC/USD": 20_000, "BTC/USDT": 20_000, "BTC/EUR": 18_500, "USDT/USD": 1}
PEG = {"off_peg_bps": 100, "on_peg_bps": 50}
START_MS = 1_678_492_800_000

TRADE = st.tuples(
    st.just("trade"),
    st.sampled_from(VENUES),
    st.sampled_from(sorted(LISTED)),
    # Off the usual price by bps: mostly noise, sometimes a venue that is off, or a number that cannot be.
    st.one_of(st.integers(-20, 20), st.integers(-20, 20), st.integers(-700, 700), st.sampled_from([-10_000, 990_000])),
    st.sampled_from([0, WAD, WAD, WAD]),
    # Age of the trade when it arrives: now, late, or from the future.
    st.sampled_from([0, 0, 0, 1, 900, 30_000, -900, -5_000]),
)
ROUND = st.tuples(st.just("round"), st.lists(st.integers(-45, 45), min_size=len(VENUES), max_size=len(VENUES)))
"""Every venue trades, near the thresholds at which one is out and comes back."""
ALIAS = st.tuples(st.just("alias"), st.sampled_from(VENUES))
OBSERVE = st.tuples(st.just("observe"), st.sampled_from([1_000, 5_000, 5_000, 60_000, 200_000]))
STEPS = st.lists(st.one_of(TRADE, TRADE, TRADE, ROUND, ALIAS, OBSERVE, OBSERVE), min_size=5, max_size=80)
SETTINGS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(sorted(METHODS)),
        "min_venues": st.integers(1, 3),
        "max_age_s": st.sampled_from([10, 180]),
        "clamp_bps": st.sampled_from([1, 5, 50]),
        "agree_bps": st.sampled_from([40, 500]),
        "frozen_s": st.sampled_from([10, 600]),
    }
)


def rules(chosen: dict[str, Any]) -> list[FeedRule]:
    def everywhere(*symbols: str) -> list[str]:
        return [f"{venue}:{symbol}" for symbol in symbols for venue in VENUES]

    bitcoin = parse_markets(everywhere("BTC/USD", "BTC/USDT", "BTC/EUR"))
    tether = parse_markets(everywhere("USDT/USD"))
    return [
        FeedRule("BTC/USD", 8, markets=bitcoin, **chosen),
        FeedRule("USDT/USD", 8, markets=tether, crosses=parse_crosses(VENUES, "USDT/USD"), **chosen, **PEG),
        FeedRule("EUR/USD", 8, crosses=parse_crosses(VENUES, "EUR/USD"), **chosen),
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
    _, venue, symbol, off_bps, size_wad, age_ms = step
    return [Trade(venue, symbol, LISTED[symbol] * WAD * (10_000 + off_bps) // 10_000, size_wad, now_ms - age_ms)]


@settings(derandomize=True, deadline=None, max_examples=400)
@given(SETTINGS, STEPS)
def test_observe__any_trades__is_what_the_model_says(chosen, steps):
    feeds, now_ms = rules(chosen), START_MS
    engine, model = IndexEngine(feeds), IndexModel([for_model(rule) for rule in feeds])
    for step in [*steps, ("observe", 1_000)]:
        if step[0] == "observe":
            now_ms += step[1]
            modelled = model.observe(now_ms)
            for name, price in engine.observe(now_ms).items():
                by_symbol = {source.symbol: source for rule in feeds for source in rule.crosses}
                used = set()
                for said in price.contributions:
                    source = by_symbol.get(said.symbol)
                    symbol = source.denominator if isinstance(source, Cross) else said.symbol
                    used |= {(said.venue, symbol)} if said.included else set()
                assert (price.price_wad, used) == modelled[name], (name, price)
                assert bool(price.reason) == (price.price_wad is None)
        else:
            for trade in trades(step, now_ms):
                engine.on_trade(trade)
                model.on_trade(trade.venue, trade.symbol, trade.price_wad, trade.size_wad, trade.at_ms)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(SETTINGS, STEPS, st.randoms(use_true_random=False))
def test_observe__trades_markets_and_feeds_in_another_order__is_the_same(chosen, steps, luck):
    straight, shuffled = rules(chosen), rules(chosen)
    luck.shuffle(shuffled)
    engines = (IndexEngine(straight), IndexEngine(shuffled))
    now_ms, between = START_MS, []
    for step in [*steps, ("observe", 1_000)]:
        if step[0] != "observe":
            between += trades(step, now_ms)
            continue
        now_ms += step[1]
        for trade in between:
            engines[0].on_trade(trade)
        luck.shuffle(between)
        for trade in between:
            engines[1].on_trade(trade)
        between = []
        assert engines[0].observe(now_ms) == engines[1].observe(now_ms)

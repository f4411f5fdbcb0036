# SPDX-License-Identifier: AGPL-3.0-only
"""Source selection: what is measured of a venue, what that scores, who is out, who is spared and who comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.core.fragmentation import Fragmentation
from plumbline.core.measures import LATE_AT_MOST_MS, Measured, Measures
from plumbline.core.models import BookSnapshot, Contribution, IndexPrice, Trade
from plumbline.core.rules import FeedRule, parse_crosses, parse_markets
from plumbline.core.selection import Criterion, Decision, SelectionRule, Selector, Verdict, left_out, score
from plumbline.core.units import WAD

START_MS = 1_678_492_800_000
HOUR_MS = 3_600_000
VENUES = ("binance", "bybit", "coinbase", "kraken")
FEED = FeedRule("BTC/USD", 8, 2, parse_markets([f"{venue}:BTC/USD" for venue in VENUES]))
RULE = SelectionRule(window_s=86_400, review_s=3_600)


class Market:
    """A selector fed hour by hour; each venue trades what `volumes` says, told `delays_ms` late."""

    def __init__(self, rule: SelectionRule = RULE, feed: FeedRule = FEED, **kept: object) -> None:
        self.selector = Selector([feed], rule, kept.pop("regulated", ()), **kept)
        self.feed, self.now_ms = feed, START_MS
        self.first = self.selector.review(START_MS)

    def hour(self, volumes: dict[str, int], delays_ms: dict[str, int] | None = None) -> dict[str, Decision]:
        for minute in range(60):
            self.now_ms += 60_000
            said = []
            for venue in sorted(self.feed.venues):
                volume = volumes.get(venue, 0)
                if volume:
                    at_ms = self.now_ms - (delays_ms or {}).get(venue, 100)
                    trade = Trade(venue, "BTC/USD", 20_000 * WAD, volume * WAD // 60 + minute, at_ms)
                    self.selector.on_trade(trade, self.now_ms)
                reason = "" if volume else "stale"
                said.append(Contribution(venue, "BTC/USD", WAD, WAD, 100, not reason, reason))
            self.selector.on_observation(
                {"BTC/USD": IndexPrice("BTC/USD", self.now_ms, WAD, tuple(said))}, (), self.now_ms
            )
        return {decision.venue: decision for decision in self.selector.review(self.now_ms)}


def even(**changes: int) -> dict[str, int]:
    return dict.fromkeys(VENUES, 6_000) | changes


# Decisions ------------------------------------------------------------------------------------------------------------


def test_review__the_first__says_where_everybody_stands():
    market = Market()
    assert [(each.venue, each.verdict, each.reason) for each in market.first] == [
        (venue, Verdict.INCLUDED, "") for venue in VENUES
    ]


def test_review__all_well__decides_nothing():
    market = Market()
    assert [market.hour(even()) for _ in range(30)] == [{}] * 30
    assert set(market.selector.scores().values()) == {10_000}


def test_review__a_silent_venue__is_out_with_its_reason_and_back_after_two_good_reviews():
    market = Market(replace(RULE, window_s=7_200))
    decisions = market.hour(even(kraken=0))
    assert list(decisions) == ["kraken"]
    out = decisions["kraken"]
    assert (out.verdict, out.score_bps, out.at_ms) == (Verdict.EXCLUDED, 0, START_MS + HOUR_MS)
    assert out.reason == "score 0.0%, below 30.0%: volume share 0.0%, uptime 0.0%"
    assert left_out(out) == f"not selected: {out.reason}"
    history = [market.hour(even()) for _ in range(5)]
    back = [i for i, decided in enumerate(history) if decided]
    # After one hour its volume alone scores enough; it takes two such reviews.
    assert back == [1]
    returned = history[1]["kraken"]
    assert returned.verdict is Verdict.RETURNED
    assert returned.reason.startswith("score 100.0%, at least 45.0%: volume share")
    assert left_out(returned) == ""


def test_review__one_good_hour_between_bad_ones__lets_nobody_back():
    market = Market(replace(RULE, window_s=3_600))
    market.hour(even(kraken=0))
    for _ in range(4):
        assert market.hour(even()) == {}
        assert market.hour(even(kraken=0)) == {}


def test_review__between_the_thresholds__everybody_stays_what_they_were():
    only_uptime = Criterion(1, 0, 10_000)
    none = Criterion(0, 0, 1)
    rule = SelectionRule(3_600, 3_600, 3_000, 4_500, 1, False, none, only_uptime, none, none, none, none)

    def uptime(market: Market, share: float) -> dict[str, Decision]:
        decided: dict[str, Decision] = {}
        for minute in range(60):
            market.now_ms += 60_000
            fresh = minute < 60 * share
            said = tuple(
                Contribution(venue, "BTC/USD", WAD, WAD, 1, True, "stale" if venue == "kraken" and not fresh else "")
                for venue in VENUES
            )
            prices = {"BTC/USD": IndexPrice("BTC/USD", market.now_ms, WAD, said)}
            market.selector.on_observation(prices, (), market.now_ms)
            decided |= {each.venue: each for each in market.selector.review(market.now_ms)}
        return decided

    market = Market(rule)
    verdicts = [uptime(market, share).get("kraken") for share in (0.4, 0.2, 0.4, 0.4, 0.6, 0.4, 0.2)]
    assert [each and each.verdict for each in verdicts] == [
        None,
        Verdict.EXCLUDED,
        None,
        None,
        Verdict.RETURNED,
        None,
        Verdict.EXCLUDED,
    ]


def test_review__all_are_bad__the_feed_keeps_its_minimum_and_one_and_says_so():
    market = Market(replace(RULE, window_s=3_600))
    decisions = market.hour({"coinbase": 10, "kraken": 5})
    # Two of four may go at most one: bybit is asked before binance only by its name, and both score nothing.
    assert {venue: each.verdict for venue, each in decisions.items()} == {
        "binance": Verdict.EXCLUDED,
        "bybit": Verdict.SPARED,
    }
    assert decisions["bybit"].reason.startswith("needed, though score 0.0%, below 30.0%")
    assert market.hour({"coinbase": 10, "kraken": 5}) == {}
    assert market.hour(even())["bybit"].verdict is Verdict.RETURNED


def test_review__late_and_small__adds_up():
    market = Market(replace(RULE, window_s=3_600))
    scored = market.hour(even(kraken=60), {"kraken": 4_800})
    assert scored == {}
    # Uptime is perfect (25), volume share below half a percent (0 of 30), 4.8 s late (0.44 of 10): 25.4 of 65.
    assert market.selector.scores()["BTC/USD", "kraken"] == (25 * 10_000 + 10 * 444) // 65


def test_selector__only_regulated__bars_the_others_for_good_and_refuses_an_empty_feed():
    rule = replace(RULE, regulated_only=True, window_s=3_600)
    market = Market(rule, regulated={"coinbase", "kraken", "binance"})
    assert {each.venue: each.reason for each in market.first if each.verdict is Verdict.EXCLUDED} == {
        "bybit": "not regulated"
    }
    assert [market.hour(even()) for _ in range(3)] == [{}, {}, {}]
    with pytest.raises(ValueError, match="regulated_only: expected at least 2 regulated venues of BTC/USD, got 1"):
        Selector([FEED], rule, {"kraken"})


def test_selector__a_restart__lets_nobody_in():
    market = Market(replace(RULE, window_s=3_600))
    out = market.hour(even(kraken=0))["kraken"]
    again = Market(replace(RULE, window_s=3_600), before=[out])
    assert [(each.venue, each.reason) for each in again.first if each.verdict is Verdict.EXCLUDED] == [
        ("kraken", out.reason)
    ]
    assert [list(again.hour(even())) for _ in range(2)] == [[], ["kraken"]]
    # The ban on the unregulated was lifted in the meantime: it does not outlive its setting.
    lifted = replace(out, reason="not regulated")
    assert {each.verdict for each in Market(before=[lifted]).first} == {Verdict.INCLUDED}


def test_selector__a_feed_of_crosses__has_no_volume_to_share():
    euro = FeedRule("EUR/USD", 8, 1, crosses=parse_crosses(["kraken", "coinbase"], "EUR/USD"))
    selector = Selector([euro], RULE, ())
    selector.review(START_MS)
    selector.on_trade(Trade("kraken", "BTC/EUR", WAD, WAD, START_MS), START_MS + 100)
    said = tuple(Contribution(venue, "", WAD, WAD, 1, True, "") for venue in ("coinbase", "kraken"))
    selector.on_observation({"EUR/USD": IndexPrice("EUR/USD", START_MS, WAD, said)}, (), START_MS)
    assert selector.review(START_MS + HOUR_MS) == []
    assert selector.scores() == {("EUR/USD", "coinbase"): 10_000, ("EUR/USD", "kraken"): 10_000}


# Scores ---------------------------------------------------------------------------------------------------------------

VALUES = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.integers(0, 20_000)) for name in SelectionRule().criteria}
)


@settings(derandomize=True, max_examples=300)
@given(VALUES)
def test_score__any_values__is_between_nothing_and_all(values):
    scored = score(SelectionRule(), values)
    assert (scored is None) == all(value is None for value in values.values())
    assert scored is None or 0 <= scored <= 10_000


@settings(derandomize=True, max_examples=300)
@given(VALUES, st.sampled_from(sorted(SelectionRule().criteria)), st.integers(1, 20_000))
def test_score__one_criterion_better__never_scores_less(values, name, change):
    criterion = SelectionRule().criteria[name]
    if values[name] is not None:
        better = values | {name: values[name] + (change if criterion.good > criterion.poor else -change)}
        assert score(SelectionRule(), better) >= score(SelectionRule(), values)


def test_criterion__more_or_less_may_be_better():
    assert [Criterion(1, 50, 500).score_bps(value) for value in (0, 50, 275, 500, 900)] == [0, 0, 5_000, 10_000, 10_000]
    assert [Criterion(1, 5_000, 500).score_bps(value) for value in (9_000, 5_000, 2_750, 0)] == [0, 0, 5_000, 10_000]


# Measures -------------------------------------------------------------------------------------------------------------


def test_measures__books__are_spread_and_the_thinner_sides_worth_near_the_middle():
    measures = Measures(3_600_000)
    bids = ((99_900 * WAD // 1_000, 10 * WAD), (99_000 * WAD // 1_000, 500 * WAD))
    asks = ((100_100 * WAD // 1_000, 4 * WAD), (100_450 * WAD // 1_000, 1 * WAD))
    measures.on_book(BookSnapshot("a", "BTC/USD", bids, asks, START_MS), START_MS)
    measured = measures.measured(START_MS)
    assert (measured.spread_centibps, measured.depth) == (2_000, 500)  # 4 * 100.1 + 1 * 100.45; the bids: 999


def test_measures__what_left_the_window__counts_no_more():
    measures = Measures(HOUR_MS)
    measures.on_trade(Trade("a", "BTC/USD", WAD, 5 * WAD, START_MS - 200), START_MS, of_base=True)
    measures.on_observation(START_MS, heard=True)
    assert measures.measured(START_MS) == Measured(5 * WAD, 10_000, 200, None, None)
    measures.on_observation(START_MS + 2 * HOUR_MS, heard=False)
    assert measures.measured(START_MS + 2 * HOUR_MS) == Measured(0, 0, None, None, None)


def test_measures__a_snapshot_of_old_trades__is_no_latency_and_a_clock_ahead_is_none():
    measures = Measures(HOUR_MS)
    for at_ms in (START_MS - LATE_AT_MOST_MS - 1, START_MS + 500, START_MS - 100):
        measures.on_trade(Trade("a", "BTC/USD", WAD, WAD, at_ms), START_MS, of_base=False)
    assert measures.measured(START_MS) == Measured(0, None, 50, None, None)


# Fragmentation --------------------------------------------------------------------------------------------------------


def test_fragmentation__is_the_mean_of_the_last_hour():
    fragmentation = Fragmentation(window_ms=1_000)
    assert fragmentation.centibps is None
    for at_ms, dispersion in ((0, 100), (500, 301), (900, None)):
        fragmentation.add(at_ms, dispersion)
    assert fragmentation.centibps == 200
    fragmentation.add(1_000, None)
    assert fragmentation.centibps == 301
    fragmentation.add(1_500, None)
    assert fragmentation.centibps is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"review_s": 0}, "review_s: expected 1 to window_s, 86400, got 0"),
        ({"review_s": 86_401}, "review_s: expected 1 to window_s"),
        ({"out_bps": 4_500}, "back_bps: expected 0 < out_bps < back_bps <= 10000"),
        ({"back_reviews": 0}, "back_reviews: expected at least 1, got 0"),
        ({"depth": Criterion(1, 5, 5)}, "depth: expected poor and good apart"),
        ({"depth": Criterion(-1, 5, 6)}, "depth: expected .* a weight not below 0"),
    ],
)
def test_selection_rule__senseless__names_the_key(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(RULE, **changes)

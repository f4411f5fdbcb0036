# SPDX-License-Identifier: AGPL-3.0-only
"""The lab: figures of a known answer, a recommendation's reasons, and a sweep that goes on where it was stopped."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plumbline.cli import app
from plumbline.core.models import Trade
from plumbline.core.rules import FeedRule, Market, parse_crosses, parse_markets
from plumbline.core.units import WAD
from plumbline.errors import ConfigError
from plumbline.lab import costs
from plumbline.lab.costs import CostRule
from plumbline.lab.market import MarketDays, MarketSpec, without_venue
from plumbline.lab.publish import Answers, Outcome, Policy, crash_lag, judge, publish
from plumbline.lab.recommend import frontier, recommend
from plumbline.lab.series import STUDIED, Series, bend_bps, observe, with_method
from plumbline.lab.sweep import Result, Sweep, run
from plumbline.lab.tasks import RESULTS

START_S = 1_700_000_000
REFERENCE = Market("coinbase", "BTC/USD")
VENUES = ("bitstamp", "gemini", "kraken")
RULE = FeedRule("BTC/USD", 8, 3, parse_markets([f"{venue}:BTC/USD" for venue in (*VENUES, "coinbase")]))


def days(prices: list[int], step_s: int = 1) -> MarketDays:
    """Every venue trades at the same price each second, each its own size; the reference, too."""
    spec = MarketSpec(START_S, START_S + len(prices) * step_s, REFERENCE)
    times = [(START_S + i * step_s) * 1000 for i in range(len(prices))]
    trades = [
        Trade(venue, "BTC/USD", price * WAD, WAD + number, at_ms)
        for at_ms, price in zip(times, prices, strict=True)
        for number, venue in enumerate(VENUES)
    ]
    return MarketDays(spec, trades, times, [price * WAD for price in prices])


def studied(told: MarketDays, policy: Policy, period_s: int) -> tuple[Series, Answers, Outcome]:
    series = observe(told, without_venue([RULE], "coinbase"), "BTC/USD", period_s)
    answers = publish(series, policy, period_s)
    return series, answers, judge(told, series, answers, policy, period_s, 8)


# Figures of a known answer --------------------------------------------------------------------------------------------


def test_judge__a_market_that_stands_still__is_right_and_updates_by_its_heartbeat():
    told = days([20_000] * 800)
    _, answers, outcome = studied(told, Policy(25, 60), 5)
    assert answers.round_s == list(range(START_S, START_S + 800, 60))
    assert answers.from_s[0] == START_S + 2
    assert (outcome.error_mean, outcome.error_max, outcome.stale_share) == (0, 0, 0)
    assert outcome.updates_a_day == pytest.approx(86_400 / 60)
    assert (outcome.profit_a_day, outcome.profit_max) == (0, 0)


def test_judge__a_step__is_wrong_until_the_round_that_saw_it_has_landed():
    # One percent up 2 s after a grid time: seen 3 s later, there 2 s after that.
    told = days([20_000] * 402 + [20_200] * 398)
    _, answers, outcome = studied(told, Policy(25, 3_600), 5)
    assert answers.round_s == [START_S, START_S + 405]
    seconds = 800 - told.spec.warm_up_s
    wrong_bps = 200 / 20_200 * 10_000
    assert outcome.error_mean == pytest.approx(5 * wrong_bps / seconds)
    assert outcome.error_max == pytest.approx(wrong_bps)
    # The index is off what stands from the grid time that saw it until the round lands.
    assert outcome.stale_share == 2 / seconds
    assert outcome.profit_max == pytest.approx(100 - 5)
    assert outcome.profit_a_day == pytest.approx(95 * 86_400 / seconds)


def test_judge__a_crash__lags_by_what_it_takes_to_see_and_to_land():
    # 1 USD a second down, 400 in all; rounds each 5 s at a deviation of 1 bps: two dollars.
    told = days([20_000] * 300 + list(range(20_000, 19_600, -1)) + [19_600] * 300)
    _, answers, outcome = studied(told, Policy(1, 3_600), 5)
    lag_s, fall = crash_lag(told, answers, 8)
    assert fall == outcome.fall == 200
    # From a price to the next grid time 0 to 4 s, and 2 s to land.
    assert outcome.lag_s == lag_s
    assert 2 <= lag_s <= 6


def test_judge__an_answer_that_never_gets_there__has_no_lag():
    told = days([20_000] * 300 + list(range(20_000, 19_600, -1)) + [19_600] * 300)
    _, _, outcome = studied(told, Policy(10_000, 3_600), 5)
    assert outcome.lag_s is None
    assert outcome.error_max == pytest.approx(400 / 19_600 * 10_000)


def test_judge__an_answer_that_is_missing__is_stale_and_an_error_of_the_study():
    told = days([20_000] * 100)
    nothing = Series(range(START_S, START_S + 100, 5), [0] * 20, None)
    answers = publish(nothing, Policy(25, 60), 5)
    assert answers.at(START_S + 50) is None
    with pytest.raises(ValueError, match="days: expected an answer beside a reference, got none"):
        judge(told, nothing, answers, Policy(25, 60), 5, 8)


def test_judge__a_feed_that_stops__is_stale_from_its_heartbeat_on():
    told = days([20_000] * 800)
    series = Series(range(START_S, START_S + 800, 5), [2_000_000_000_000] * 80 + [0] * 80, None)
    outcome = judge(told, series, publish(series, Policy(25, 60), 5), Policy(25, 60), 5, 8)
    # The last round is of second 360; its age is above 62 s from second 423 on, until 800.
    assert outcome.stale_share == (800 - 423) / (800 - told.spec.warm_up_s)


# What one venue can do ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "low", "high"),
    # Of three at one price: a median does not move, a clamped one by half its clamp, a mean by a third of 4.5%.
    [("median", 0, 0), ("clamped_median", 1, 1.01), ("clamped_mean", 16, 17), ("weighted_mean", 149, 151)],
)
def test_bend__one_venue_tells_what_it_likes__moves_each_method_as_far_as_it_lets_itself(method, low, high):
    told = days([20_000] * 10)
    rules = with_method(without_venue([RULE], "coinbase"), "BTC/USD", method)
    bend = observe(told, rules, "BTC/USD", 5).bend_bps
    assert low <= bend <= high


def test_bend__no_price_or_no_price_a_venue__is_not_told():
    told = days([20_000] * 100)
    rules = with_method(without_venue([RULE], "coinbase"), "BTC/USD", "partitioned_median")
    assert observe(told, rules, "BTC/USD", 5).bend_bps is None
    assert bend_bps(RULE, replace(_priced(told), price_wad=None)) is None


def _priced(told: MarketDays):
    from plumbline.core.engine import IndexEngine

    engine = IndexEngine([RULE])
    for trade in told.trades:
        engine.on_trade(trade)
    return engine.observe(told.spec.end_s * 1000)["BTC/USD"]


# Feeds of a study -----------------------------------------------------------------------------------------------------


def test_without_venue__leaves_it_out_of_everything_and_asks_for_no_more_than_is_left():
    euro = FeedRule("EUR/USD", 8, 2, crosses=parse_crosses(["kraken", "coinbase"], "EUR/USD"))
    bitcoin, rate = without_venue([replace(RULE, min_venues=4), euro], "coinbase")
    assert (bitcoin.venues, bitcoin.min_venues) == (set(VENUES), 3)
    assert (rate.venues, rate.min_venues) == ({"kraken"}, 1)
    with pytest.raises(ConfigError, match="EUR/USD: expected venues beside kraken, whose market is the reference; got"):
        without_venue([rate], "kraken")


def test_with_method__each_studied_method__makes_a_rule_that_holds():
    for method in STUDIED:
        (changed,) = with_method([RULE], "BTC/USD", method)
        assert changed.method == method
    with pytest.raises(ConfigError, match="feed: expected one of BTC/USD, got 'ETH/USD'"):
        with_method([RULE], "ETH/USD", "median")
    by_book = FeedRule("EUR/USD", 8, 1, parse_markets(["kraken:EUR/USD"]), method="vote_median", price_from="mid")
    mids = replace(by_book, name="GBP/USD", markets=parse_markets(["kraken:GBP/USD"]), method="clamped_median")
    rates = with_method([RULE, by_book, mids], "BTC/USD", "median")[1:]
    assert [(rule.method, rule.price_from) for rule in rates] == [("median", "trade"), ("clamped_median", "trade")]
    foreign = FeedRule("BTC/USD", 8, 1, parse_markets(["kraken:BTC/USDT"]))
    with pytest.raises(ConfigError, match="BTC/USD: expected markets in USD for partitioned_median, got none"):
        with_method([foreign], "BTC/USD", "partitioned_median")


# Costs ----------------------------------------------------------------------------------------------------------------


def test_costs__worked_examples__are_true():
    assert doctest.testmod(costs).failed == 0


@pytest.mark.parametrize(
    ("feeds", "rows", "measured"),
    [(1, 4, 69_148), (1, 13, 119_770), (1, 31, 220_954), (10, 4, 95_030), (10, 31, 292_690), (32, 13, 267_584)],
)
def test_gas__of_a_round__is_within_two_percent_of_the_bench(feeds, rows, measured):
    assert abs(CostRule(feeds, rows).gas - measured) <= measured * 2 // 100


def test_calldata__has_the_shape_of_submit():
    # Selector, two words, three offsets, three lengths, medians, rows, two words a signature.
    assert len(CostRule(10, 5).calldata()) == 4 + 32 * (2 + 3 + 3 + 3 + 5 * 3 + 2 * 5)


def test_l1_fee__is_ecotones_formula():
    rule = CostRule(4, 3, l1_base_fee_wei=10**9, l1_blob_base_fee_wei=0, base_fee_scalar=10**6, blob_base_fee_scalar=0)
    data = rule.calldata()
    sixteenths = 4 * data.count(0) + 16 * (len(data) - data.count(0)) + 16 * 110
    assert rule.l1_fee_wei() == sixteenths * 10**9
    assert replace(rule, l1_base_fee_wei=0).l1_fee_wei() == 0


# The recommendation ---------------------------------------------------------------------------------------------------


def result(method: str, mean: float, p99: float, gas: float, bend: float | None, **changes: float) -> Result:
    outcome = Outcome(mean, p99, 2 * p99, 5.0, 300.0, 0.01, 100.0, changes.get("profit", 10.0), 5.0)
    return Result(method, 5, int(changes.get("deviation", 25)), 60, outcome, bend, gas, 1.0, 1.0)


def test_recommend__integrity_before_freshness_before_cost():
    bendable = result("weighted_mean", 1.0, 5.0, 1e6, 180.0)
    untold = result("partitioned_median", 1.0, 5.0, 1e6, None)
    fresh = result("median", 5.0, 20.0, 9e6, 2.0)
    nearly = result("clamped_median", 5.9, 24.0, 3e6, 3.0)
    cheap = result("median", 12.0, 60.0, 1e6, 2.0)
    told = recommend([bendable, untold, fresh, nearly, cheap])
    assert told.result == nearly
    assert told.reasons[0].endswith("left out for more, or for not telling: partitioned_median, weighted_mean")
    assert "cost: 3.0 M gas a day, least of the 2 as fresh (most: 9.0 M)" in told.reasons
    with pytest.raises(ValueError, match="expected a method made of venues' prices"):
        recommend([untold])


def test_recommend__best_in_mean_and_in_p99_are_two__takes_the_one_with_the_better_tail():
    middle, tail = result("median", 1.0, 90.0, 1e6, 2.0), result("median", 9.0, 20.0, 1e6, 2.0)
    assert recommend([middle, tail]).result == tail


def test_frontier__leaves_out_what_another_beats_and_says_equals_once():
    best, dear = result("median", 1.0, 5.0, 2e6, 2.0), result("median", 1.0, 5.0, 3e6, 2.0, deviation=10)
    cheap, twin = result("median", 9.0, 50.0, 1e6, 2.0), result("median", 9.0, 50.0, 1e6, 2.0, deviation=99)
    assert frontier([dear, best, cheap, twin]) == [cheap, best]


# A whole sweep --------------------------------------------------------------------------------------------------------

WORDS = ["lab", "oracle", "--hours", "1", "--methods", "median,weighted_mean", "--periods", "30"]
WORDS += ["--deviations", "25,50", "--heartbeats", "60,600", "--jobs", "1"]


def invoke(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_oracle__a_simulated_hour__gives_table_csv_and_picture_and_goes_on_where_it_was(tmp_path: Path):
    status, output, said = invoke(*WORDS, "--out", str(tmp_path))
    assert status == 0
    assert said.splitlines() == ["0/2", "1/2 median, period 30 s", "2/2 weighted_mean, period 30 s"]
    assert "recommended (*)" in output
    assert "weighted_mean" in output.split("left out for more, or for not telling: ")[1]
    assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 1 + 2 * 2 * 2
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "table.txt").read_text() in output + "\n"
    # Half of it is there, its last line torn: only the other half runs.
    lines = [line for line in (tmp_path / RESULTS).read_bytes().splitlines() if line]
    (tmp_path / RESULTS).write_bytes(lines[0] + b"\n" + lines[1][:100])
    _, again, said = invoke(*WORDS, "--out", str(tmp_path))
    assert said.splitlines() == ["1/2 kept from before", "2/2 weighted_mean, period 30 s"]
    assert again == output


def test_run__another_setting__is_not_taken_from_the_folder(tmp_path: Path):
    spec = MarketSpec(START_S, START_S + 600, REFERENCE)
    rules = (FeedRule("BTC/USD", 8, 1, parse_markets(["kraken:BTC/USD", "coinbase:BTC/USD"])),)
    sweep = Sweep(spec, rules, "BTC/USD", ("median",), (30,), (25,), (60,), CostRule(1, 3))
    said: list[str] = []

    def note(done: int, tasks: int, what: str) -> None:
        said.append(f"{done}/{tasks} {what}")

    first = run(sweep, tmp_path, 1, note)
    assert run(sweep, tmp_path, 1, note) == first
    assert said[-1] == "1/1 kept from before"
    other = run(replace(sweep, landing_s=30), tmp_path, 1, note)
    assert said[-1] == "1/1 median, period 30 s"
    assert other[0].outcome.error_mean > first[0].outcome.error_mean


@pytest.mark.data
def test_oracle__a_recorded_hour__is_studied(market_data: Path, tmp_path: Path):
    recording = market_data / "usdc-depeg-2023-03" / "bars_1m_2023-03-01_2023-03-13.parquet"
    words = [*WORDS, "--data", str(recording), "--from", "2023-03-11T06:00", "--out", str(tmp_path)]
    status, output, _ = invoke(*words)
    assert status == 0
    assert "recommended (*)" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--methods vwap", "--methods: expected some of clamped_median, .*, got vwap"),
        ("--periods 5,x", "--periods: expected whole numbers above 0, comma-separated, got '5,x'"),
        ("--deviations 0", "--deviations: expected whole numbers above 0"),
        ("--reference coinbase", "--reference: expected \"venue:BASE/QUOTE\", got 'coinbase'"),
        ("--reference coinbase:DOGE/USD", "reference: expected a market that trades in these days, got"),
        ("--from 2023-03-11", "--from: expected only beside --data"),
        ("--data bars.parquet", "--from: expected a time beside --data"),
        ("--data none.parquet --from 2023-03-11", r"none\.parquet: no such recording"),
        (
            "--methods median,partitioned_median",
            "days: expected more than the 3600 s that partitioned_median is made of",
        ),
        ("--feed ETH/USD", "feed: expected one of BTC/USD, .*, got 'ETH/USD'"),
    ],
)
def test_oracle__senseless_words__say_what_is_expected(tmp_path: Path, words, message):
    with pytest.raises(ConfigError, match=message):
        invoke(*WORDS, *words.split(), "--out", str(tmp_path))

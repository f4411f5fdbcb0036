# SPDX-License-Identifier: AGPL-3.0-only
"""A report's figures against the plain definitions; its files: whole, self-contained, honest about what is missing."""

from __future__ import annotations

import csv
import math
import random
import re
import statistics
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from plumbline.client.transport import Runner
from plumbline.core.arbitrage import Side
from plumbline.errors import PlumblineError
from plumbline.overview.settings import OverviewConfig
from plumbline.report import figures
from plumbline.report.chain import ChainReport, Gas, Swept, read_chain
from plumbline.report.chart import Chart, Line, legend, round_step, svg, write_png
from plumbline.report.gather import gather
from plumbline.report.rebalancing import Rebalancing
from plumbline.report.write import write_report
from plumbline.store.trades import TradeRecord

START_S = 1_795_000_000


def walk(seconds: int, seed: int, base: float = 100.0) -> list[tuple[int, float]]:
    rng, value, found = random.Random(seed), base, []
    for second in range(seconds):
        value *= 1 + rng.gauss(0, 1e-4)
        found.append((START_S + second, value))
    return found


def test_tracking__is_the_textbook_definition() -> None:
    pool, nav = walk(3_601, 1), walk(3_601, 2)
    found = figures.tracking(pool, nav, 60)
    assert found is not None
    marks = range(0, 3_601, 60)
    returns = [(pool[b][1] / pool[a][1] - nav[b][1] / nav[a][1]) * 10_000 for a, b in pairwise(marks)]
    assert found.intervals == 60
    assert found.population_bps == pytest.approx(statistics.pstdev(returns))
    assert found.sample_bps == pytest.approx(statistics.stdev(returns))
    assert found.annual_sample_bps == pytest.approx(statistics.stdev(returns) * math.sqrt(365 * 24 * 60))
    assert found.difference_bps == pytest.approx((pool[-1][1] / pool[0][1] - nav[-1][1] / nav[0][1]) * 10_000)


def test_tracking__of_itself_is_nothing__of_too_little_is_no_figure() -> None:
    nav = walk(600, 3)
    found = figures.tracking(nav, nav, 60)
    assert found is not None
    assert (found.difference_bps, found.population_bps) == (0.0, 0.0)
    assert figures.tracking(nav[:180], nav[:180], 60) is None
    assert figures.tracking([], nav, 60) is None


def test_spread__is_weighted_by_time__and_a_gap_counts_no_more_than_its_limit() -> None:
    series = [(0, 1.0), (10, 2.0), (40, 3.0), (100_000, 4.0)]
    found = figures.spread(series)
    assert found is not None
    assert found.seen_s == 10 + 30 + figures.MAX_GAP_S + 1
    assert found.percentiles[0] == 1.0
    assert found.percentiles[50] == 3.0
    assert found.percentiles[100] == 4.0
    assert found.mean == pytest.approx((10 * 1 + 30 * 2 + 60 * 3 + 4) / 101)
    assert figures.spread([]) is None


def test_outside__is_the_part_of_the_time__bounds_included() -> None:
    low, high = [(0, -10.0), (40, -10.0)], [(0, 10.0), (40, 10.0)]
    assert figures.outside_share(
        [(0, 10.0), (10, 10.1), (15, -10.0), (20, -11.0), (21, 0.0), (40, 0.0)], low, high
    ) == (pytest.approx(6 / 41))
    assert figures.outside_share([(0, 1.0)], [], high) is None
    # On an edge so wide, nobody would have traded.
    assert figures.outside_share([(0, 11.0), (10, 11.5), (40, 0.0)], low, high, edge=1.0) == pytest.approx(30 / 41)


def test_distance_and_fragmentation__in_basis_points() -> None:
    index = [(0, 100.0), (10, 100.0)]
    assert figures.distance([(0, 101.0), (10, 99.5)], index) == figures.Distance(
        pytest.approx(75.0), pytest.approx(100.0), 2
    )
    assert figures.distance([(500, 1.0)], index) is None
    apart = figures.fragmentation({"a": [(0, 100.0), (5, 100.0)], "b": [(5, 101.0)]})
    assert apart == [(5, pytest.approx(100.0))]


def test_held__a_look_without_a_count_saw_none() -> None:
    looks = [(0, 1.0), (10, 1.0), (20, 1.0)]
    assert figures.held([(0, 2.0)], looks) == 20.0
    assert figures.held([(20, 3.0)], looks) == 3.0


def test_growth__is_from_first_to_last__of_one_sample_none() -> None:
    found = figures.growth([(0, 1.0), (50, 9.0), (100, 1.01)])
    assert found == figures.Growth(pytest.approx(100.0), pytest.approx(100.0 * 365 * 86_400 / 100), 100)
    assert figures.growth([(0, 1.0)]) is None
    assert figures.growth([(0, 0.0), (1, 1.0)]) is None


def series() -> dict[str, list[tuple[int, float]]]:
    premium = [(second, (value - 100) * 100) for second, value in walk(1_200, 5)]
    return {
        "pool": walk(1_200, 1),
        "nav": walk(1_200, 2),
        "premium_bps": premium,
        "band_low_bps": [(second, -1.0) for second, _ in premium],
        "band_high_bps": [(second, 1.0) for second, _ in premium],
        "index:BTC/USD": walk(1_200, 6, 60_000),
        "chain:BTC/USD": walk(1_200, 7, 60_000),
        "venue:BTC/USD:kraken": walk(1_200, 8, 60_000),
        "venue:BTC/USD:<b>evil</b>": walk(1_200, 9, 60_000),
        "rate:yUSD": [(START_S, 1.05), (START_S + 1_199, 1.05 * (1 + 1e-6))],
        "out:BTC/USD:stale": [(START_S, 2.0), (START_S + 1, 2.0)],
    }


TRADES = [
    TradeRecord("0x1", 1, START_S, Side.PREMIUM, 10**18, 5, 5_000_000, 1, 1, 1_000_000),
    TradeRecord("0x2", 2, START_S, Side.PREMIUM, 0, 5, 0, 1, 1, 500_000),
]
CHAIN = ChainReport(
    rounds=7,
    gas={"0xRelayer": Gas(7, 700_000, 7 * 10**15)},
    minted=10**18,
    redeemed=5 * 10**17,
    fee_shares=10**15,
    collected={"0xTreasury": 10**16},
    rebalancing=Rebalancing(3, 1, Fraction(2_000), Fraction(-3)),
    step_gas=Gas(2, 700_000, 10**15),
    bid_gas=Gas(3, 400_000, 10**15),
    swept=(Swept("EURC", 6, 5_000, 10_000_000),),
    quote=("USDC", 6),
)


def test_report__has_every_part__in_one_page_that_asks_nobody(tmp_path: Path) -> None:
    known = series()
    made = gather(sorted(known), lambda name: known.get(name, []), TRADES, CHAIN, START_S, START_S + 1_199)
    written = write_report(made, tmp_path, png=True)
    page = (tmp_path / "report.html").read_text()
    assert "<b>evil</b>" not in page
    assert not re.search(r'src=|href="(?!#)|url\(|https?:|<script', page)
    assert page.count("<svg") == 4
    for title in ("Tracking", "Premium", "Index quality: BTC/USD", "Exclusions by reason", "Keeper", "Gas by caller"):
        assert f">{title}</h2>" in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page
    assert "<dt>profit and loss</dt><dd>3.500000 <small>USDC</small></dd>" in page
    assert page.count("Nothing to tell") == 0

    with (tmp_path / "figures.csv").open() as file:
        rows = {(row["section"], row["figure"]): row for row in csv.DictReader(file)}
    assert (rows["Keeper", "profit and loss"]["value"], rows["Keeper", "profit and loss"]["unit"]) == (
        "3.500000",
        "USDC",
    )
    assert rows["Keeper", "reverted"]["value"] == "1"
    assert rows["Gas by caller", "0xRelayer"]["value"] == "0.007000000000000000"
    assert rows["Shares and fees", "collected by 0xTreasury"]["value"] == "0.010000000000000000"
    assert rows["Exclusions by reason", "BTC/USD: stale"]["value"] == "0.001"
    assert float(rows["Premium", "time outside the band"]["value"]) > 0
    assert {"premium, lowest", "premium, 5th percentile", "premium, median"} <= {name for _, name in rows}
    assert ("Tracking", "annualised, sample") in rows
    assert rows["Cost of rebalancing", "turnover"]["value"] == "2000.00"
    assert rows["Cost of rebalancing", "paid against the oracle, of turnover"]["value"] == "-15.000"
    assert rows["Cost of rebalancing", "bids without a price"]["value"] == "1"
    assert rows["Cost of rebalancing", "gas of proposing, opening, closing"]["value"] == "0.001000000000000000"
    assert rows["Collateral yield", "EURC, swept into the backing"]["value"] == "0.005000"
    assert "5.000 bps" in rows["Collateral yield", "EURC, swept into the backing"]["meaning"]
    assert rows["Collateral yield", "yUSD, rate"]["value"] == "0.010"
    assert float(rows["Collateral yield", "yUSD, a year"]["value"]) == pytest.approx(
        0.01 * 365 * 86_400 / 1_199, rel=1e-3
    )

    pictures = [path for path in written if path.suffix == ".png"]
    assert [path.name for path in pictures] == [
        "share.png",
        "premium.png",
        "index-btc-usd.png",
        "fragmentation-btc-usd.png",
    ]
    for path in pictures:
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24]) == (1_800, 600)


def test_report__of_nothing__says_of_each_part_why(tmp_path: Path) -> None:
    made = gather([], lambda name: [], None, None, START_S, START_S + 1)
    write_report(made, tmp_path, png=True)
    page = (tmp_path / "report.html").read_text()
    assert page.count("Nothing to tell") == len(made.sections) == 8
    assert "no keeper&#x27;s journal was given (--keeper-journal)" in page


def test_chart__gaps_stay_gaps__and_extremes_survive_thinning() -> None:
    values = [(START_S + second, 0.0) for second in range(20_000)]
    values[12_345] = (START_S + 12_345, 1.0)
    values = values[:5_000] + values[9_000:]
    drawn = svg(Chart("x", "X", "bps", (Line("x", values),)))
    lines = re.findall(r'd="([^"]+)" class="line"', drawn)
    assert len(lines) == 2
    assert lines[1].count("H") < 1_500
    heights = [float(height) for height in re.findall(r"V([0-9.]+)", "".join(lines))]
    assert heights.count(min(heights)) == 1


def test_chart__a_sample_stands_until_the_next__a_bound_is_soft_and_told_once() -> None:
    chart = Chart("x", "X", "bps", (Line("x", [(0, 1.0), (10, 2.0)]), *(Line("band", [(0, 0.0)], soft=True),) * 2))
    assert re.search(r'd="M80.0 (\d+\.\d)H888.0V(?!\1)[0-9.]+" class="line"', svg(chart))
    assert [label for _, label in legend(chart)] == ["x", "band"]


@pytest.mark.parametrize(
    ("span", "step"), [(6.0, 1.0), (6.1, 2.0), (12.1, 5.0), (0.03, 0.005), (31, 10), (59_000, 10_000)]
)
def test_levels__are_round_and_few(span: float, step: float) -> None:
    assert round_step(span, 6) == pytest.approx(step)


@pytest.mark.parametrize(
    ("seconds", "first", "count"),
    [(60, "11:06:40", 7), (3_600, "11:10", 6), (86_400, "12:00", 6), (864_000, "11-19", 5)],
)
def test_times__are_whole_minutes_hours_days(seconds: int, first: str, count: int) -> None:
    drawn = svg(Chart("x", "X", "bps", (Line("x", [(START_S, 1.0), (START_S + seconds, 1.0)]),)))
    times = re.findall(r'text-anchor="middle">([^<]+)<', drawn)
    assert times[0].startswith(first)
    assert len(times) == count


def test_keeper__without_the_chain__is_in_base_units_and_says_so(tmp_path: Path) -> None:
    made = gather([], lambda name: [], TRADES, None, START_S, START_S + 1)
    (told,) = (each for section in made.sections for each in section.figures if each.name == "profit and loss")
    assert (told.value, told.unit) == ("3,500,000", "base units of the quote token")


def test_png__without_pillow__says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(PlumblineError, match=r"pip install 'plumbline\[report\]', or give --no-png"):
        write_png(Chart("x", "X", "bps", (Line("x", [(0, 1.0)]),)), tmp_path / "x.png")


def test_chain__a_silent_one__is_a_client_error() -> None:
    from plumbline.client import Unreachable

    config = OverviewConfig(rpc_url="http://127.0.0.1:1", oracle="0x" + "11" * 20)
    with pytest.raises(Unreachable):
        Runner(config.rpc_url, 1).run(read_chain(config, 0, 10**10))

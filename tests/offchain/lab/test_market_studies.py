# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline lab parity` and `rebalance`: the models against what must be true of them, and the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plumbline.cli import app
from plumbline.core.units import WAD
from plumbline.errors import ConfigError
from plumbline.lab.advise import advise_parity, advise_rebalance
from plumbline.lab.parity import (
    BLOCK_S,
    ParityModel,
    ParityResult,
    ParitySetting,
    ParityStudy,
    opened,
)
from plumbline.lab.parity import simulate as parity
from plumbline.lab.paths import Basket, DaysSpec, Paths
from plumbline.lab.rebalance import RebalanceResult, RebalanceSetting, RebalanceStudy
from plumbline.lab.rebalance import simulate as rebalance

BASKET = Basket.parse("BTC/USD:60,USDC/USD:40", "USDC/USD")
DAYS = DaysSpec(0, 7_200, ())
SETTING = ParitySetting(0, 1_000_000, 500, 5, 100, 1)
CALM = RebalanceSetting(3_600, 0, 10**12, 100, 0, 0)


def flat(blocks: int, step_s: int = BLOCK_S) -> Paths:
    prices = {"BTC/USD": [30_000 * 10**8] * blocks, "USDC/USD": [10**8] * blocks}
    return Paths(range(0, blocks * step_s, step_s), prices)


def waves(hours: int) -> Paths:
    """Bitcoin goes up by 10 % in every other hour and comes back in the next, in steps of a minute."""
    prices = [30_000 * 10**8 * (600 + (i % 60 if i // 60 % 2 == 0 else 60 - i % 60)) // 600 for i in range(hours * 60)]
    return Paths(range(0, hours * 3_600, 60), {"BTC/USD": prices, "USDC/USD": [10**8] * len(prices)})


def test_parity__nobody_pushes_and_nothing_moves__stays_at_nav_and_costs_nothing():
    result = parity(replace_pushes(0), SETTING, flat(300))
    assert result.premium_max < 1e-6
    assert (result.trades_a_day, result.profit_a_day, result.gas_a_day, result.inside) == (0, 0, 0, 1)


def replace_pushes(pushes: int) -> ParityStudy:
    return ParityStudy(DAYS, BASKET, pushes)


def test_model__a_push__is_answered_to_the_edge_of_the_fees_for_the_profit_foreseen():
    paths = flat(2)
    study = replace_pushes(0)
    model = ParityModel(opened(study, SETTING, paths, BASKET.units_wad(paths.at(0), 100)), 10**8, 2_000 * WAD, 0)
    cost = model.push(200)
    assert float(model.market.premium) == pytest.approx(0.02, abs=1e-9)
    trade = model.decide()
    model.land(trade)
    # Minting pays while the price after the pool's fee is above NAV with the vault's: 5 and 5 bps.
    assert float(model.market.premium) == pytest.approx(1.0005 / 0.9995 - 1, abs=1e-9)
    assert model.profit == trade.profit > 0
    assert cost > model.profit, "what the keeper takes is less than what the push paid: the pool's fees are between"
    assert model.decide() is None


def test_model__a_trade_whose_profit_is_gone__reverts_and_costs_gas_only():
    paths = flat(2)
    model = ParityModel(
        opened(replace_pushes(0), SETTING, paths, BASKET.units_wad(paths.at(0), 100)), 10**8, 2_000 * WAD, 0
    )
    model.push(100)
    trade = model.decide()
    model.push(-100)
    model.land(trade)
    assert (model.reverts, model.trades, model.profit) == (1, 0, 0)
    # It sees at once that the pool has moved: 34,000 gas at 0.1 gwei and 2,000 USD.
    assert model.gas == 34_000 * 10**8 * 2_000 * 10**8 // 10**18


def test_parity__slower_or_choosier_keeper__holds_it_less_near():
    study, paths = replace_pushes(480), flat(1_500)
    quick = parity(study, SETTING, paths)
    assert quick.trades_a_day > 300
    assert quick.inside > 0.9
    assert parity(study, replace(SETTING, latency=4), paths).tracking > 1.3 * quick.tracking
    choosy = parity(study, replace(SETTING, min_edge_usd=60), paths)
    assert choosy.tracking > 1.3 * quick.tracking
    assert choosy.trades_a_day < quick.trades_a_day


def test_rebalance__at_every_hour_without_fees_to_speak_of__is_the_ideal_index():
    result = rebalance(RebalanceStudy(DAYS, BASKET), CALM, waves(12))
    assert result.tracking < 0.2, "a basis point of fees on what drifts"
    assert result.rebalances_a_day == pytest.approx(24, abs=3)


def test_rebalance__never__drifts_and_pays_nothing():
    result = rebalance(RebalanceStudy(DAYS, BASKET), replace(CALM, tolerance_bps=9_000), waves(12))
    assert (result.rebalances_a_day, result.cost_a_day) == (0, 0)
    assert result.drift_max == pytest.approx(10_000 * (0.66 / 1.06 - 0.6), rel=0.02)


def test_rebalance__shallow_pools_and_stale_weights__cost_more():
    study, paths = RebalanceStudy(DAYS, BASKET), waves(12)
    deep = rebalance(study, replace(CALM, every_s=1_800, depth_usd=10**9), paths)
    shallow = rebalance(study, replace(CALM, every_s=1_800, depth_usd=10**7), paths)
    assert shallow.slippage_a_day > 2 * deep.slippage_a_day > 0
    stale = rebalance(study, replace(CALM, every_s=1_800, depth_usd=10**9, stale_s=1_800), paths)
    assert stale.drift_mean > 1.5 * deep.drift_mean


def told(tracking: float, profit: float) -> ParityResult:
    return ParityResult(SETTING, 0, 0, 0, 0, 0, 0, tracking, 1, 100, 0, profit, 1, 2)


def test_advise__parity__leaves_out_what_pays_nobody_then_takes_the_near_one_that_pays_most():
    unpaid, near, richer, far = told(5, -1), told(10, 3), told(12, 8), told(40, 100)
    assert advise_parity([unpaid, near, richer, far]).result == richer
    advice = advise_parity([unpaid])
    assert advice.result == unpaid
    assert "no setting pays" in advice.reasons[0]


def test_advise__rebalance__takes_the_cheapest_of_the_near_ones():
    def one(tracking: float, cost: float) -> RebalanceResult:
        return RebalanceResult(CALM, tracking, 1, 2, cost, 0, 3, 0)

    near, cheap, far = one(1, 9), one(1.6, 2), one(4, 0.1)
    assert advise_rebalance([near, cheap, far]).result == cheap


@pytest.mark.parametrize("text", ["", "BTC/USD", "BTC/USD:50", "BTC/USD:110,USDC/USD:-10", "BTC/USD:x"])
def test_basket__not_a_hundred_percent_of_feeds__says_what_is_expected(text):
    with pytest.raises(ConfigError, match="expected feeds and percents"):
        Basket.parse(text, "USDC/USD")


@pytest.mark.parametrize(
    "words",
    [
        ["parity", "--edges", "0", "--depths", "300", "--pool-fees", "500", "--vault-fees", "5", "--latencies", "1,2"],
        ["rebalance", "--every", "60", "--tolerances", "0,50", "--stale", "5"],
    ],
)
def test_command__simulated_hours__gives_table_csv_and_picture_and_goes_on_where_it_was(tmp_path: Path, words):
    options = ["lab", *words, "--hours", "2", "--gas", "100", "--jobs", "1", "--out", str(tmp_path)]
    first = CliRunner().invoke(app, options)
    assert first.exit_code == 0, first.output
    assert "recommended (*)" in (tmp_path / "table.txt").read_text()
    assert len((tmp_path / "sweep.csv").read_text().splitlines()) == 3
    assert (tmp_path / "sweep.png").stat().st_size > 10_000
    again = CliRunner().invoke(app, options)
    assert "2/2 kept from before" in again.stderr


def test_command__unknown_feed_in_the_basket__says_what_is_expected(tmp_path: Path):
    found = CliRunner().invoke(app, ["lab", "parity", "--basket", "ETH/USD:100", "--out", str(tmp_path)])
    assert found.exit_code != 0
    assert "expected feeds among" in str(found.exception) + found.output

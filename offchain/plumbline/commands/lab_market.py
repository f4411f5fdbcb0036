# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline lab parity` and `plumbline lab rebalance`: what the share's market and the index's own trades would do."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from plumbline.commands.lab import Config, Data, Numbers, Start, numbers, say, span, studied_feeds
from plumbline.commands.lab import app as app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plumbline.lab.advise import Advice
    from plumbline.lab.parity import ParityResult
    from plumbline.lab.paths import Basket, DaysSpec, PathsTask
    from plumbline.lab.rebalance import RebalanceResult
    from plumbline.lab.show_market import Columns

R = TypeVar("R", "ParityResult", "RebalanceResult")

BasketText = Annotated[str, typer.Option("--basket", help="Feeds and percents of the index's value.")]
Quote = Annotated[str, typer.Option(help="The feed of the token that shares are traded against.")]
Hours = Annotated[int, typer.Option(min=2, max=24 * 31, help="How much of it.")]
Seed = Annotated[int, typer.Option(help="Of the simulated market, and of who pushes the pool.")]
GasToken = Annotated[int, typer.Option(min=1, help="USD price of the token that gas is paid in.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes at once.")]
Gas = Annotated[str, typer.Option(help=f"{Numbers} 1e-3 gwei for a unit of gas.")]
Depths = Annotated[str, typer.Option(help=f"{Numbers} Thousand USD on each side of the pool.")]
PoolFees = Annotated[str, typer.Option(help=f"{Numbers} Uniswap v3 tiers, 1e-6.")]
DEMO_BASKET = "BTC/USD:40,USDC/USD:20,USDT/USD:20,EUR/USD:20"
CORES = os.cpu_count() or 1


@app.command()
def parity(
    data: Data = None,
    start: Start = None,
    hours: Hours = 6,
    seed: Seed = 1,
    config: Config = None,
    basket: BasketText = DEMO_BASKET,
    quote: Quote = "USDC/USD",
    edges: Annotated[str, typer.Option(help=f"{Numbers} USD: the keeper's least profit after gas.")] = "0,5,25",
    depths: Depths = "300,1000",
    pool_fees: PoolFees = "500,3000",
    vault_fees: Annotated[str, typer.Option(help=f"{Numbers} bps to mint, and to redeem.")] = "5,20",
    gas: Gas = "100,10000",
    latencies: Annotated[str, typer.Option(help=f"{Numbers} Blocks from decision to trade.")] = "1,3",
    pushes: Annotated[int, typer.Option(min=1, max=7_200, help="Of the pool by 0.5 to 3 %, a day.")] = 240,
    gas_token_usd: GasToken = 2_000,
    jobs: Jobs = CORES,
    out: Annotated[Path, typer.Option(help="Folder for results, table and picture.")] = Path("lab-parity"),
) -> None:
    """Sweep a keeper's threshold, the pool's depth and fee, the vault's fees, gas and latency."""
    from plumbline.lab.advise import advise_parity
    from plumbline.lab.parity import ParityResult, ParitySetting, ParityStudy, ParityTask, study_parity
    from plumbline.lab.show_market import PARITY, write_parity_png

    days, parts = _days(data, start, hours, seed, config, basket, quote)
    study = ParityStudy(days, parts, pushes, gas_token_usd=gas_token_usd)
    swept = product(
        numbers("--edges", edges, least=0),
        [each * 1_000 for each in numbers("--depths", depths)],
        _tiers(pool_fees),
        numbers("--vault-fees", vault_fees, least=0),
        numbers("--gas", gas, least=0),
        numbers("--latencies", latencies),
    )
    tasks = [ParityTask(study, ParitySetting(*each)) for each in swept]
    _sweep(tasks, study_parity, ParityResult, out, jobs, PARITY, advise_parity, write_parity_png)


@app.command()
def rebalance(
    data: Data = None,
    start: Start = None,
    hours: Hours = 24,
    seed: Seed = 1,
    config: Config = None,
    basket: BasketText = DEMO_BASKET,
    quote: Quote = "USDC/USD",
    every: Annotated[str, typer.Option(help=f"{Numbers} Minutes between two looks at the weights.")] = "60,360,1440",
    tolerances: Annotated[str, typer.Option(help=f"{Numbers} bps of value off its weight.")] = "0,10,50,200",
    depths: Depths = "5000",
    pool_fees: PoolFees = "500",
    gas: Gas = "100",
    stale: Annotated[str, typer.Option(help=f"{Numbers} Minutes that the traded weights are old.")] = "5,60",
    size: Annotated[int, typer.Option(min=1, help="Thousand USD in the index.")] = 10_000,
    gas_token_usd: GasToken = 2_000,
    jobs: Jobs = CORES,
    out: Annotated[Path, typer.Option(help="Folder for results, table and picture.")] = Path("lab-rebalance"),
) -> None:
    """Sweep how often and from which drift on an index rebalances, and the pools, gas and delay it does it with."""
    from plumbline.lab.advise import advise_rebalance
    from plumbline.lab.rebalance import (
        RebalanceResult,
        RebalanceSetting,
        RebalanceStudy,
        RebalanceTask,
        study_rebalance,
    )
    from plumbline.lab.show_market import REBALANCE, write_rebalance_png

    days, parts = _days(data, start, hours, seed, config, basket, quote)
    study = RebalanceStudy(days, parts, size * 1_000, gas_token_usd)
    swept = product(
        [each * 60 for each in numbers("--every", every)],
        numbers("--tolerances", tolerances, least=0),
        [each * 1_000 for each in numbers("--depths", depths)],
        _tiers(pool_fees),
        numbers("--gas", gas, least=0),
        [each * 60 for each in numbers("--stale", stale, least=0)],
    )
    tasks = [RebalanceTask(study, RebalanceSetting(*each)) for each in swept]
    _sweep(tasks, study_rebalance, RebalanceResult, out, jobs, REBALANCE, advise_rebalance, write_rebalance_png)


def _days(
    data: Path | None, start: datetime | None, hours: int, seed: int, config: Path | None, basket: str, quote: str
) -> tuple[DaysSpec, Basket]:
    from plumbline.lab.paths import Basket, DaysSpec

    rules = tuple(studied_feeds(config, recorded=data is not None))
    return DaysSpec(*span(data, start, hours), rules, data, seed), Basket.parse(basket, quote)


def _tiers(text: str) -> tuple[int, ...]:
    from plumbline.errors import ConfigError
    from plumbline.lab.parity import SPACING

    tiers = numbers("--pool-fees", text)
    if unknown := [each for each in tiers if each not in SPACING]:
        raise ConfigError(f"--pool-fees: expected some of {', '.join(map(str, SPACING))}, got {unknown[0]}")
    return tiers


def _sweep(
    tasks: Sequence[PathsTask[Any, Any]],
    study: Callable[[PathsTask[Any, Any]], list[R]],
    kind: type[R],
    out: Path,
    jobs: int,
    columns: Columns[R],
    advise: Callable[[Sequence[R]], Advice[R]],
    picture: Callable[[Path, Sequence[R], R], None],
) -> None:
    """All of one study, and its results as a table, CSV and a picture, the recommended one marked."""
    from plumbline.lab.show_market import table, write_csv
    from plumbline.lab.tasks import run_tasks

    results = run_tasks(tasks, study, kind, out, jobs, say, tasks[0].paths)
    advice = advise(results)
    text = table(results, columns, advice, lambda each: each.tracking)
    (out / "table.txt").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)
    write_csv(out / "sweep.csv", results, columns)
    picture(out / "sweep.png", results, advice.result)
    typer.echo(f"\nwritten to {out}: sweep.png, sweep.csv, table.txt")

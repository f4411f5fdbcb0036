# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline lab`: studies of what a setting would have done."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.errors import ConfigError

if TYPE_CHECKING:
    from plumbline.core.rules import FeedRule

app = typer.Typer(help="Studies of what a setting would have done.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option("--data", help="Recorded bars (Parquet); default: a simulated market.")]
Start = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="UTC; of a recording.")
]
Config = Annotated[Path | None, typer.Option("--config", help="A reporter's TOML file, for its feeds.")]
Numbers = "Comma-separated."
START_MS = 1_700_000_000_000
"""Of a simulated market: any time will do."""


@app.command()
def oracle(
    data: Data = None,
    start: Start = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="How much of it.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the simulated market.")] = 1,
    config: Config = None,
    feed: Annotated[str, typer.Option(help="The feed to study.")] = "BTC/USD",
    reference: Annotated[str, typer.Option(help="Measured against; its venue is left out.")] = "coinbase:BTC/USD",
    methods: Annotated[str, typer.Option(help=f"{Numbers} Default: every method that trades can tell.")] = "",
    periods: Annotated[str, typer.Option(help=f"{Numbers} Seconds from round to round.")] = "5,15,60",
    deviations: Annotated[str, typer.Option(help=f"{Numbers} bps.")] = "10,25,50,100",
    heartbeats: Annotated[str, typer.Option(help=f"{Numbers} Seconds.")] = "60,300,3600",
    rows: Annotated[int, typer.Option(min=1, max=31, help="Rows in a round.")] = 3,
    l1_base_fee_gwei: Annotated[float, typer.Option(min=0, help="Of the rollup's L1.")] = 5.0,
    l1_blob_fee_gwei: Annotated[float, typer.Option(min=0, help="Of the rollup's L1.")] = 0.01,
    landing: Annotated[int, typer.Option(min=0, help="Seconds from a grid time to its round on chain.")] = 2,
    swap_fee_bps: Annotated[int, typer.Option(min=0, help="What trading on an update costs.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once.")] = os.cpu_count() or 1,
    out: Annotated[Path, typer.Option(help="Folder for results, table and picture; a run goes on in it.")] = Path(
        "lab-oracle"
    ),
) -> None:
    """Sweep method, period, deviation and heartbeat over recorded or simulated days, and recommend one."""
    from plumbline.core.rules import Market
    from plumbline.lab import show
    from plumbline.lab.costs import CostRule
    from plumbline.lab.market import MarketSpec
    from plumbline.lab.recommend import recommend
    from plumbline.lab.series import STUDIED
    from plumbline.lab.sweep import Sweep, run

    chosen = tuple(methods.split(",")) if methods else STUDIED
    if unknown := [method for method in chosen if method not in STUDIED]:
        raise ConfigError(f"--methods: expected some of {', '.join(STUDIED)}, got {', '.join(unknown)}")
    try:
        held_out = Market.parse(reference)
    except ValueError as error:
        raise ConfigError(f"--reference: {error}") from None
    rules = studied_feeds(config, recorded=data is not None)
    sweep = Sweep(
        MarketSpec(*span(data, start, hours), held_out, data, seed),
        tuple(rules),
        feed,
        chosen,
        numbers("--periods", periods),
        numbers("--deviations", deviations),
        numbers("--heartbeats", heartbeats),
        CostRule(len(rules), rows, int(l1_base_fee_gwei * 10**9), int(l1_blob_fee_gwei * 10**9)),
        landing,
        swap_fee_bps,
    )
    results = run(sweep, out, jobs, say)
    recommended = recommend(results)
    text = show.table(results, recommended)
    (out / "table.txt").write_text(text + "\n", encoding="utf-8")
    show.write_csv(out / "sweep.csv", results)
    typer.echo(text)
    show.write_png(out / "sweep.png", sweep, results, recommended)
    typer.echo(f"\nwritten to {out}: sweep.png, sweep.csv, table.txt")


def say(done: int, tasks: int, what: str) -> None:
    typer.echo(f"{done}/{tasks} {what}".rstrip(), err=True)


def studied_feeds(config: Path | None, *, recorded: bool) -> list[FeedRule]:
    """The config's feeds, or those of the demo's market of that kind."""
    import msgspec

    from plumbline.config import ReporterConfig, load
    from plumbline.config_feeds import FeedConfig
    from plumbline.supervisor.feeds import LIVE, RECORDED, feeds

    if config is not None:
        return [feed.rule() for feed in load(config, ReporterConfig).feeds]
    told = feeds(RECORDED if recorded else LIVE, max_age_s=180, peg_venues=2)
    return [feed.rule() for feed in msgspec.convert(told, tuple[FeedConfig, ...])]


def span(data: Path | None, start: datetime | None, hours: int) -> tuple[int, int]:
    """Seconds UTC. Raises ConfigError for a recording without a start."""
    if data is None:
        if start is not None:
            raise ConfigError("--from: expected only beside --data: a simulated market has no date")
        start_s = START_MS // 1000
    elif start is None:
        raise ConfigError("--from: expected a time beside --data, e.g. 2023-03-11")
    else:
        start_s = int(start.replace(tzinfo=UTC).timestamp())
    return start_s, start_s + hours * 3_600


def numbers(option: str, text: str, least: int = 1) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and int(part) >= least for part in parts):
        raise ConfigError(f"{option}: expected whole numbers above {least - 1}, comma-separated, got {text!r}")
    return tuple(int(part) for part in parts)

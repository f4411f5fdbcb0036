# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline demo`: the whole path on this machine, from exchanges to a keeper, under one view."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.supervisor.scenario import Scenario

MarketOption = Annotated[
    str, typer.Option("--market", envvar="DEMO_MARKET", help="simulated, recorded or live (the real exchanges).")
]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", envvar="DEMO_SECONDS", min=1, help="End by itself after so long.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", envvar="DEMO_DATA", help="recorded: the folder that holds the recording.")
]
StartOption = Annotated[
    datetime | None, typer.Option("--start", envvar="DEMO_START", help="recorded: from when, UTC: 2023-03-11T08:00:00.")
]
SpeedOption = Annotated[
    float | None, typer.Option("--speed", envvar="DEMO_SPEED", min=1, max=120, help="recorded: times faster than life.")
]
SeedOption = Annotated[int, typer.Option("--seed", envvar="DEMO_SEED", min=0, help="The same seed, the same market.")]
PortOption = Annotated[
    int | None,
    typer.Option("--port", envvar="DEMO_PORT", min=0, max=65_535, help="Of the local chain; without it, a free one."),
]
FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="DEMO_FOLDER", help="Configs, keys, journals and logs of the run go below.")
]


def demo(
    market: MarketOption = "simulated",
    seconds: SecondsOption = None,
    data: DataOption = None,
    start: StartOption = None,
    speed: SpeedOption = None,
    seed: SeedOption = 1,
    port: PortOption = None,
    folder: FolderOption = Path("build/demo"),
) -> None:
    """Play everything at once; Ctrl-C ends it. Exit status 0 only if rounds were published, an arbitrage was made and
    the premium ended inside its band."""
    import asyncio

    from plumbline.supervisor.terminal import run

    chosen = _scenario(market, data, start, speed, seed)
    raise typer.Exit(asyncio.run(run(chosen, folder, seconds=seconds, port=port)))


def _scenario(market: str, data: Path | None, start: datetime | None, speed: float | None, seed: int) -> Scenario:
    from plumbline.errors import ConfigError
    from plumbline.supervisor import scenario

    if market == "simulated":
        return scenario.simulated(seed)
    if market == "recorded":
        begin = start.replace(tzinfo=UTC) if start else scenario.RECORDED_START
        return scenario.recorded(data, begin, speed or scenario.RECORDED_SPEED)
    if market == "live":
        return scenario.live()
    raise ConfigError(f"DEMO_MARKET: expected simulated, recorded or live, got {market!r}")

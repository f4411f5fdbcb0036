# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline relayer`: collect the reporters' rows, submit a round when the market moved or the heartbeat is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Collect the reporters' rows and submit rounds.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The relayer's TOML file.")]


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import RelayerConfig, load

    load(config, RelayerConfig)
    typer.echo(f"{config}: ok")

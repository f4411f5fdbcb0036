# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline reporter`: watch the venues, sign a row each round, serve it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Watch the venues, sign a row each round, serve it.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The reporter's TOML file.")]


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import ReporterConfig, load

    load(config, ReporterConfig)
    typer.echo(f"{config}: ok")

# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline replay`: exchanges on this machine, from a recording or a simulation, in their own formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Exchanges on this machine, recorded or simulated.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The replay's TOML file.")]


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import ReplayConfig, load

    load(config, ReplayConfig)
    typer.echo(f"{config}: ok")


@app.command()
def run(config: ConfigPath) -> None:
    """Serve every exchange of the tape on one port, until told to stop (Ctrl-C or SIGTERM)."""
    import asyncio

    from plumbline import log
    from plumbline.config import ReplayConfig, load
    from plumbline.errors import ConfigError
    from plumbline.replay.service import serve

    settings = load(config, ReplayConfig)
    log.setup(settings.log, service="replay")
    try:
        asyncio.run(serve(settings))
    except ConfigError as error:
        raise ConfigError(f"{config}: {error}") from None

# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline web`: one screen that follows the price, live and read only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.overview.settings import OverviewConfig

app = typer.Typer(help="The page: one screen that follows the price, live and read only.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The network's TOML file: what to look at.")]
_SECONDS_A_DAY = 86_400


@app.command()
def run(config: ConfigPath) -> None:
    """Serve the page until stopped."""
    from plumbline import log
    from plumbline.commands.service import run_service
    from plumbline.config import load
    from plumbline.overview.settings import OverviewConfig

    settings = load(config, OverviewConfig)
    log.setup(settings.log, service="web")
    run_service(_run(settings))


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import load
    from plumbline.overview.settings import OverviewConfig

    load(config, OverviewConfig)
    typer.echo(f"{config}: ok")


async def _run(config: OverviewConfig) -> None:
    import structlog

    from plumbline.overview.look import Overview
    from plumbline.transport.server import HttpServer
    from plumbline.web.app import web_app
    from plumbline.web.history import History
    from plumbline.web.watcher import Watcher

    with History(config.history, config.keep_days * _SECONDS_A_DAY) as history:
        async with Overview(config) as overview:
            watcher = Watcher(overview, history)
            async with HttpServer(web_app(watcher), config.http) as server:
                structlog.get_logger(__name__).info("page served", url=f"http://{config.http.host}:{server.port}/")
                await watcher.run()

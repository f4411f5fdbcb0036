# SPDX-License-Identifier: AGPL-3.0-only
"""The `plumbline` program: gathers the command groups and turns an error into one clear sentence.

Exit status: 0 done; 1 it could not be done; 2 wrong usage or a wrong config; 3 `status` found something bad.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from plumbline.commands import (
    demo,
    index,
    journal,
    keeper,
    lab_market,
    maker,
    relayer,
    replay,
    report,
    reporter,
    status,
    top,
    trader,
    web,
)
from plumbline.errors import ConfigError, PlumblineError

app = typer.Typer(
    name="plumbline",
    help="An index-price oracle nobody can bend, and an index vault worth its index.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(reporter.app, name="reporter")
app.add_typer(relayer.app, name="relayer")
app.add_typer(journal.app, name="journal")
app.add_typer(index.app, name="index")
app.add_typer(lab_market.app, name="lab")
app.add_typer(replay.app, name="replay")
app.add_typer(keeper.app, name="keeper")
app.add_typer(trader.app, name="trader")
app.add_typer(maker.app, name="maker")
app.add_typer(web.app, name="web")
app.command()(demo.demo)
app.command()(status.status)
app.command()(top.top)
app.command()(report.report)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata  # slow to load, and asked for by nothing else

        typer.echo(f"plumbline {metadata.version('plumbline')}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    try:
        app()
    except ConfigError as error:
        _fail(error, 2)
    except PlumblineError as error:
        _fail(error, 1)


def _fail(error: PlumblineError, status: int) -> None:
    print(f"plumbline: {error}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()

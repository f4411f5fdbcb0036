# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline report`: what happened in a period, as a page, a table and pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.commands.options import JsonOption

if TYPE_CHECKING:
    from plumbline.overview.settings import OverviewConfig
    from plumbline.report.chain import ChainReport
    from plumbline.store.trades import TradeRecord
    from plumbline.web.history import History

_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
_FOREVER_S = 10**10


def report(
    config: Annotated[Path, typer.Option("--config", envvar="PLUMBLINE_NETWORK", help="The network's TOML file.")],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=_FORMATS, help="UTC; default: the history's beginning.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_FORMATS, help="UTC; default: the history's end.")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", help="Where the files go.")] = Path("report"),
    keeper_journal: Annotated[
        Path | None, typer.Option("--keeper-journal", exists=True, dir_okay=False, help="The keeper's journal.")
    ] = None,
    chain: Annotated[bool, typer.Option(help="Ask the chain for rounds, gas and fees.")] = True,
    png: Annotated[bool, typer.Option(help="A picture of each chart (needs Pillow).")] = True,
    as_json: JsonOption = False,
) -> None:
    """Write what happened in a period: a page, a table, pictures.

    report.html (self-contained), figures.csv and a PNG for each chart, from the page's history and the chain.
    """
    import json

    from rich.console import Console

    from plumbline.config import load
    from plumbline.errors import ConfigError
    from plumbline.overview.settings import OverviewConfig
    from plumbline.report.gather import gather
    from plumbline.report.write import write_report
    from plumbline.web.history import History

    settings = load(config, OverviewConfig)
    if settings.history is None or not settings.history.exists():
        raise ConfigError(f"{config}: history: expected the file that `plumbline web` keeps, got {settings.history}")
    # Turns on a terminal and is silent elsewhere: a long history takes its seconds.
    with (
        Console(stderr=True).status("reading the history") as progress,
        History(settings.history, _FOREVER_S) as history,
    ):
        from_s, to_s = _period(history, settings.history, since, until)
        trades = _trades(keeper_journal, from_s, to_s)
        progress.update("asking the chain")
        known = _chain(settings, from_s, to_s) if chain else None
        progress.update("reading the history")
        made = gather(history.names(), lambda name: history.every(name, from_s, to_s), trades, known, from_s, to_s)
        progress.update(f"writing {folder}")
        written = write_report(made, folder, png=png)
    if as_json:
        typer.echo(json.dumps({"files": list(map(str, written)), "figures": made.rows()}))
        return
    for path in written:
        typer.echo(f"wrote {path}")


def _period(history: History, path: Path, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """{s}, both ends included. Raises ConfigError when nothing lies in it."""
    from plumbline.errors import ConfigError

    span = history.span()
    if span is None:
        raise ConfigError(f"{path}: nothing was seen yet")
    from_s = span[0] if since is None else int(since.replace(tzinfo=UTC).timestamp())
    to_s = span[1] if until is None else int(until.replace(tzinfo=UTC).timestamp())
    if from_s > to_s:
        raise ConfigError("--from: expected a time before --to")
    return from_s, to_s


def _trades(path: Path | None, from_s: int, to_s: int) -> list[TradeRecord] | None:
    from plumbline.store.trades import TradeJournal

    if path is None:
        return None
    with TradeJournal(path) as journal:
        return [trade for trade in journal.trades() if from_s <= trade.at_s <= to_s]


def _chain(settings: OverviewConfig, from_s: int, to_s: int) -> ChainReport:
    from plumbline.client import ClientError
    from plumbline.client.transport import Runner
    from plumbline.errors import ChainError
    from plumbline.report.chain import read_chain

    runner = Runner(settings.rpc_url, settings.timeout_s)
    try:
        return runner.run(read_chain(settings, from_s, to_s))
    except ClientError as error:
        raise ChainError(f"{error}; without the chain's part: --no-chain") from None
    finally:
        runner.close()

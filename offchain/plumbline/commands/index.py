# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline index`: how a price came about, and what it would cost to bend it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plumbline.config import ReporterConfig
    from plumbline.store.rows import RowJournal

app = typer.Typer(help="How a price came about, and what it would cost to bend it.", no_args_is_help=True)

FeedName = Annotated[str, typer.Argument(metavar="FEED", help="BASE/QUOTE, e.g. BTC/USD.")]
ConfigPath = Annotated[Path, typer.Option("--config", help="The reporter's TOML file: it names the journal.")]
JournalPath = Annotated[Path | None, typer.Option("--journal", help="A journal, instead of the config's.")]
Time = Annotated[
    datetime | None,
    typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="UTC; default: the last."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object; prices as decimal text.")]
Bps = Annotated[int, typer.Option("--bps", help="How far the index is to be moved.", min=1, max=2_500)]
BooksPath = Annotated[Path | None, typer.Option("--books", help="Order books, one JSON object a line.")]
REPORTER = Path("reporter.toml")


@app.command()
def explain(
    feed: FeedName, config: ConfigPath = REPORTER, journal: JournalPath = None, at: Time = None, json: Json = False
) -> None:
    """Show venue by venue how a price came about: computed again from the journal, which may be a running node's.

    Status 1 when the journal has kept another price than is computed from it.
    """
    from plumbline.commands import index_views
    from plumbline.reporter.explain import explain as compute

    at_ms = None if at is None else int(at.replace(tzinfo=UTC).timestamp() * 1000)
    with _opened(journal or _journal_of(config)) as kept:
        found = compute(kept, feed, at_ms, lambda reached_ms: typer.echo(index_views.reached(reached_ms), err=True))
    typer.echo(index_views.explained_json(found) if json else index_views.explained_text(found))
    if not found.true:
        raise typer.Exit(1)


@app.command()
def attack_cost(
    feed: FeedName,
    bps: Bps = 50,
    config: ConfigPath = REPORTER,
    journal: JournalPath = None,
    books: BooksPath = None,
    json: Json = False,
) -> None:
    """Say from order books what it costs to move the index, by the cheapest set of venues, against any single venue.

    The books are those the journal's last observation was made of, or those of a file, priced by the config's rules.
    """
    from plumbline.commands import index_views
    from plumbline.core.attack import Direction, attack_cost, venue_books
    from plumbline.reporter.books import from_file, from_journal

    if books is not None:
        seen = from_file(books, [each.rule() for each in _config(config).feeds], feed)
    else:
        with _opened(journal or _journal_of(config)) as kept:
            seen = from_journal(kept, feed)
    if seen.price.price_wad is None:
        raise PlumblineError(f"{feed}: expected a price to move, there is none: {seen.price.reason}")
    try:
        venues = venue_books(seen.rule, seen.price, seen.books)
        costs = [attack_cost(seen.rule, venues, bps, direction) for direction in Direction]
    except ValueError as error:
        raise PlumblineError(f"{feed}: {error}") from None
    typer.echo(index_views.costs_json(seen.rule, costs) if json else index_views.costs_text(seen.rule, costs))


def _config(path: Path) -> ReporterConfig:
    from plumbline.config import ReporterConfig, load

    return load(path, ReporterConfig)


def _journal_of(config: Path) -> Path:
    return _config(config).journal


@contextmanager
def _opened(path: Path) -> Iterator[RowJournal]:
    from plumbline.store.rows import RowJournal

    if not path.is_file():
        # Opening would make one.
        raise ConfigError(f"{path}: no such journal")
    with RowJournal(path) as kept:
        yield kept

# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline journal`: ask a reporter's journal whether it is true, and a relayer's who was not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.commands.options import JsonOption

if TYPE_CHECKING:
    from plumbline.reporter.verify import Findings

app = typer.Typer(help="Ask a journal whether it is true, and who signed two rows.", no_args_is_help=True)

_SHOWN = 20
_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


@app.command()
def verify(
    journal: Annotated[Path, typer.Argument(help="The reporter's journal file.", exists=True, dir_okay=False)],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=_FORMATS, help="UTC; default: the beginning.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_FORMATS, help="UTC; default: the end.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute every observation and row again from the trades kept; status 1 when anything differs."""
    import json
    from dataclasses import asdict

    from plumbline.reporter.verify import verify as compute_again
    from plumbline.store.rows import RowJournal

    bounds = {}
    if since is not None:
        bounds["from_s"] = int(since.replace(tzinfo=UTC).timestamp())
    if until is not None:
        bounds["to_s"] = int(until.replace(tzinfo=UTC).timestamp())
    with RowJournal(journal) as kept:
        found = compute_again(kept, **bounds)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        _show(found)
    if found.differences:
        raise typer.Exit(1)


def _show(found: Findings) -> None:
    for difference in found.differences[:_SHOWN]:
        typer.echo(difference)
    if len(found.differences) > _SHOWN:
        typer.echo(f"... and {len(found.differences) - _SHOWN} more")
    if found.warming:
        typer.echo(f"{found.warming} not compared: what they were made of was pruned")
    typer.echo(
        f"{found.observations} observations and {found.rows} rows computed again, {len(found.differences)} differences"
    )


@app.command()
def evidence(
    journal: Annotated[Path, typer.Argument(help="The relayer's journal file.", exists=True, dir_okay=False)],
) -> None:
    """Everybody who signed two rows for one round: one JSON object a line, with both; status 1 when there is any.

    `signed_by` is who the signatures say it was: computed from the rows, not taken from the journal.
    """
    import json

    from plumbline.chain.signing import recover
    from plumbline.chain.typed_data import domain_separator, row_digest
    from plumbline.relayer.pages import evidence_json
    from plumbline.store.relays import RelayJournal

    with RelayJournal(journal) as kept:
        found = kept.evidence()
    for each in found:
        domain = domain_separator(each.chain_id, each.oracle)
        signers = {recover(row_digest(domain, signed.row), signed.r, signed.vs) for signed in each.rows}
        typer.echo(json.dumps(evidence_json(each) | {"signed_by": sorted(signers)}))
    if found:
        raise typer.Exit(1)

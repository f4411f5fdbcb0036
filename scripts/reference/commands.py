# SPDX-License-Identifier: AGPL-3.0-only
"""The command line, from the program itself: what `--help` says of every command, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from plumbline import cli
from scripts.reference.prose import cell, prose


def page() -> str:
    return "\n\n".join(["# Command line", prose(cli.__doc__ or ""), *_walk(get_command(cli.app), "plumbline")]) + "\n"


def _walk(command: Any, path: str) -> Iterator[str]:
    context = command.context_class(command, info_name=path)
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            yield from _walk(command.get_command(context, name), f"{path} {name}")
        return
    yield f"## {path}"
    yield prose(command.help or "")
    rows = [_row(parameter) for parameter in command.params]
    if rows:
        yield "\n".join(["| | from the environment | default | |", "|---|---|---|---|", *rows])


def _row(parameter: Any) -> str:
    is_option = isinstance(parameter, TyperOption)
    name = ", ".join(parameter.opts) if is_option else parameter.name.upper()
    environment = f"`{parameter.envvar}`" if parameter.envvar else ""
    shown = parameter.default not in (None, False, "")
    default = f"`{parameter.default}`" if shown else "must be given" if parameter.required else ""
    return f"| `{name}` | {environment} | {default} | {cell(parameter.help or '')} |"

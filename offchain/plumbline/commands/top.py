# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline top`: the same as `status`, again and again, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.commands.network import ConfigOption, OracleOption, RpcOption, VaultOption, network
from plumbline.commands.options import JsonOption

if TYPE_CHECKING:
    from rich.text import Text

    from plumbline.overview.settings import OverviewConfig

_STYLES = {
    r"(?m)^plumbline: .*$": "bold",
    r"(?m)^!! .*$": "red",
    r"(?m)^ ! .*$": "yellow",
    r"(?m)^(?:feed|off the median, bps)  .*$": "dim",
}
"""What a line of a look is, by how it begins."""

LooksOption = Annotated[int | None, typer.Option("--looks", min=1, help="End after so many looks.")]


def top(
    config: ConfigOption = None,
    rpc_url: RpcOption = None,
    oracle: OracleOption = None,
    vault: VaultOption = None,
    as_json: JsonOption = False,
    looks: LooksOption = None,
) -> None:
    """The network live, until Ctrl-C.

    Without a terminal, or with --json: one look after the other.
    """
    import asyncio
    import contextlib

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch(network(config, rpc_url, oracle, vault), as_json, looks))


async def _watch(settings: OverviewConfig, as_json: bool, looks: int | None) -> None:
    import asyncio
    from itertools import count

    import msgspec
    from rich.console import Console
    from rich.live import Live

    from plumbline.overview.look import Overview
    from plumbline.overview.text import text

    console = Console()
    live = Live(console=console, screen=True, auto_refresh=False) if console.is_terminal and not as_json else None
    async with Overview(settings) as overview:
        if live is not None:
            live.start()
        try:
            for done in count(1):
                seen = await overview.look()
                if live is not None:
                    live.update(painted(text(seen)), refresh=True)
                else:
                    typer.echo(msgspec.json.encode(seen).decode() if as_json else f"{text(seen)}\n")
                if done == looks:
                    return
                await asyncio.sleep(settings.every_s)
        finally:
            if live is not None:
                live.stop()


def painted(words: str) -> Text:
    """What needs somebody stands out; the words are the same without colours."""
    from rich.text import Text

    shown = Text(words)
    for pattern, style in _STYLES.items():
        shown.highlight_regex(pattern, style)
    return shown

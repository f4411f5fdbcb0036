# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline status`: how a whole network stands, once. Without web3, so that the answer comes at once."""

from __future__ import annotations

import typer

from plumbline.commands.network import ConfigOption, OracleOption, RpcOption, VaultOption, network
from plumbline.commands.options import JsonOption

NEEDS_ATTENTION = 3
"""Exit status when something is bad; warnings alone are 0."""


def status(
    config: ConfigOption = None,
    rpc_url: RpcOption = None,
    oracle: OracleOption = None,
    vault: VaultOption = None,
    as_json: JsonOption = False,
) -> None:
    """How the network stands: feeds, reporters, rounds, NAV, keeper.

    Exit status: 0 it works; 1 the chain cannot be read; 2 wrong usage or config; 3 it answers, and something is bad.
    """
    import asyncio

    import msgspec

    from plumbline.overview.look import Overview
    from plumbline.overview.settings import OverviewConfig
    from plumbline.overview.text import text

    async def look(settings: OverviewConfig) -> dict[str, object]:
        async with Overview(settings) as overview:
            return await overview.look()

    seen = asyncio.run(look(network(config, rpc_url, oracle, vault)))
    typer.echo(msgspec.json.encode(seen).decode() if as_json else text(seen))
    raise typer.Exit(exit_status(seen))


def exit_status(look: dict[str, object]) -> int:
    if look["trouble"]:
        return 1
    told = look["attention"]
    assert isinstance(told, list)
    return NEEDS_ATTENTION if any(each["level"] == "bad" for each in told) else 0

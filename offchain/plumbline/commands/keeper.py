# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline keeper`: hold the share's market price to its value, for a profit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.config import KeeperConfig

app = typer.Typer(help="Hold the share's market price to its value, for a profit.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The keeper's TOML file.")]


@app.command()
def run(config: ConfigPath) -> None:
    """Run until stopped."""
    from plumbline import log
    from plumbline.commands.service import run_service
    from plumbline.config import KeeperConfig, load

    settings = load(config, KeeperConfig)
    log.setup(settings.log, service="keeper")
    run_service(_run(settings))


@app.command()
def check(config: ConfigPath) -> None:
    """Check config, key, chain and arbitrageur, and say what the keeper sees, without starting anything."""
    import asyncio

    from plumbline.config import KeeperConfig, load

    typer.echo(asyncio.run(_check(load(config, KeeperConfig))))


async def _run(config: KeeperConfig) -> None:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.parity import ChainParity
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.core.units import parse_wad
    from plumbline.keeper.pages import keeper_app
    from plumbline.keeper.service import Keeper, KeeperRules
    from plumbline.store.trades import TradeJournal
    from plumbline.transport.server import HttpServer

    key = open_key(config.key)
    rules = KeeperRules(parse_wad(config.gas_token_usd), parse_wad(config.min_edge_usd))
    with TradeJournal(config.journal) as journal:
        async with Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:
            venue = ChainParity(rpc, Sender(rpc, key, config.tx), config)
            keeper = Keeper(venue, journal, rules)
            async with HttpServer(keeper_app(keeper), config.http):
                await keeper.run(config.poll_ms / 1_000)


async def _check(config: KeeperConfig) -> str:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.parity import ChainParity
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender

    async with Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:
        sender = Sender(rpc, open_key(config.key), config.tx)
        market = (await ChainParity(rpc, sender, config).snapshot()).market
    return f"ok: {sender.address} trades {len(market.tokens)} tokens; premium {float(market.premium):+.4%}"

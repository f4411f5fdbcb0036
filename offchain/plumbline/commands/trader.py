# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline trader`: push a pool around at random, so that a keeper has something to do. For demos and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from plumbline.commands.options import ConfigPath

if TYPE_CHECKING:
    from plumbline.config import TraderConfig

app = typer.Typer(help="Push a pool around at random, for demos and tests.", no_args_is_help=True)


@app.command()
def run(config: ConfigPath) -> None:
    """Run until stopped."""
    from plumbline.commands.service import run_node
    from plumbline.config import TraderConfig

    run_node("trader", config, TraderConfig, _run)


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import TraderConfig, load

    load(config, TraderConfig)
    typer.echo(f"{config}: ok")


async def _run(config: TraderConfig) -> None:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.swapper import ChainSwapper
    from plumbline.chain.tx import Sender
    from plumbline.clock import make_clock
    from plumbline.trader.service import Trader

    async with Rpc([config.rpc_url], timeout_s=config.timeout_s) as rpc:
        swapper = ChainSwapper(rpc, Sender(rpc, open_key(config.key), config.tx), config)
        trader = Trader(
            swapper,
            make_clock(config.clock),
            seed=config.seed,
            interval_s=config.interval_s,
            min_bps=config.min_push_bps,
            max_bps=config.max_push_bps,
        )
        await trader.run()

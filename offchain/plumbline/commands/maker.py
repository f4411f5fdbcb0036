# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline maker`: keep the pools of an index's components at a venue's prices. For demos and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from plumbline.commands.options import ConfigPath

if TYPE_CHECKING:
    from plumbline.config_maker import MakerConfig

app = typer.Typer(help="Keep components' pools at a venue's prices, for demos and tests.", no_args_is_help=True)


@app.command()
def run(config: ConfigPath) -> None:
    """Run until stopped."""
    from plumbline.commands.service import run_node
    from plumbline.config_maker import MakerConfig

    run_node("maker", config, MakerConfig, _run)


@app.command()
def check(config: ConfigPath) -> None:
    """Read the config and say what is wrong with it, without starting anything."""
    from plumbline.config import load
    from plumbline.config_maker import MakerConfig

    load(config, MakerConfig)
    typer.echo(f"{config}: ok")


async def _run(config: MakerConfig) -> None:
    from plumbline.chain.erc20 import ChainToken
    from plumbline.chain.keystore import open_key
    from plumbline.chain.making import ChainMaking, MadePool
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.clock import make_clock
    from plumbline.sources import codec_of
    from plumbline.sources.websocket import WebSocketSource
    from plumbline.trader.maker import Maker
    from plumbline.trader.making import Making, Priced

    clock = make_clock(config.clock)
    source = WebSocketSource(codec_of(config.venue.name, config.markets, "none"), clock, config.venue.url)
    async with Rpc([config.rpc_url], timeout_s=config.timeout_s) as rpc:
        tokens = {
            pool.token: Priced(pool.market, pool.per, await ChainToken(rpc, pool.token).decimals())
            for pool in config.pools
        }
        quote = Priced(config.quote_market, None, await ChainToken(rpc, config.quote).decimals())
        pools = [
            MadePool(f"{each.token} {each.fee_pips}", each.token, each.token, each.fee_pips) for each in config.pools
        ]
        sender = Sender(rpc, open_key(config.key), config.tx)
        maker = Maker(ChainMaking(rpc, sender, config.router, config.quote, pools))
        making = Making(maker, source, clock, tokens, quote, every_s=config.every_s, max_age_s=config.max_age_s)
        await making.run()

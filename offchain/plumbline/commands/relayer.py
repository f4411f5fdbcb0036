# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline relayer`: collect the reporters' rows, submit a round when the market moved or the heartbeat is due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plumbline.config import RelayerConfig

app = typer.Typer(help="Collect the reporters' rows and submit rounds.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The relayer's TOML file.")]
OracleAddress = Annotated[str, typer.Option("--oracle", help="The oracle's address.")]
RpcUrl = Annotated[str, typer.Option("--rpc-url", help="The chain's JSON-RPC endpoint.")]
Folder = Annotated[Path, typer.Option("--dir", help="Where to write it.")]
LOCAL_RPC = "http://127.0.0.1:8545"
DryRun = Annotated[bool, typer.Option("--dry-run", help="Simulate each submission and log it; send nothing.")]


@app.command()
def run(config: ConfigPath, dry_run: DryRun = False) -> None:
    """Run until stopped."""
    from plumbline import log
    from plumbline.commands.service import run_service
    from plumbline.config import RelayerConfig, load

    settings = load(config, RelayerConfig)
    log.setup(settings.log, service="relayer")
    run_service(_run(settings, config, dry_run))


@app.command()
def check(config: ConfigPath) -> None:
    """Try everything it needs: config, key, balance, journal, chain, clock, peers. Starts nothing."""
    import asyncio

    from plumbline import log
    from plumbline.config import LogConfig, RelayerConfig, load

    settings = load(config, RelayerConfig)
    # What fails is said once, by the check itself.
    log.setup(LogConfig(level="error"))
    typer.echo(f"ok    config: {config}")
    asyncio.run(_check(settings))


@app.command()
def init(oracle: OracleAddress, rpc_url: RpcUrl = LOCAL_RPC, folder: Folder = Path()) -> None:
    """Write a config to edit, and a new key in an encrypted keystore."""
    from plumbline.commands.setup import write_node
    from plumbline.config import RelayerConfig

    write_node("relayer", RelayerConfig, folder, oracle=oracle, rpc_url=rpc_url)


async def _run(config: RelayerConfig, path: Path, dry_run: bool) -> None:
    from plumbline import log
    from plumbline.chain.keystore import open_key
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.clock import make_clock
    from plumbline.commands.service import on_hangup
    from plumbline.metrics import RelayerMetrics
    from plumbline.relayer.collect import Collector
    from plumbline.relayer.pages import relayer_app
    from plumbline.relayer.service import Relayer
    from plumbline.store.relays import RelayJournal
    from plumbline.transport.peer import HttpRowPeer, peer_client
    from plumbline.transport.server import HttpServer

    key, clock, metrics = open_key(config.key), make_clock(config.clock), RelayerMetrics()
    with RelayJournal(config.journal) as journal:
        async with peer_client() as client, Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:

            def peers(of: RelayerConfig) -> list[HttpRowPeer]:
                return [HttpRowPeer(each.name, each.url, client, timeout_s=of.request_timeout_s) for each in of.peers]

            sender = Sender(rpc, key, config.tx)
            waits = {"poll_s": config.poll_ms / 1000, "late_s": config.late_ms / 1000}
            collector = Collector(peers(config), journal, clock, metrics, **waits)
            relayer = Relayer(
                ChainOracle(rpc, config.chain.oracle, sender),
                collector,
                journal,
                clock,
                metrics,
                address=key.address,
                dry_run=dry_run,
                kill_switch=config.kill_switch,
            )

            def apply(fresh: RelayerConfig) -> None:
                log.setup(fresh.log, service="relayer")
                sender.config, relayer.kill_switch = fresh.tx, fresh.kill_switch
                collector.poll_s, collector.late_s = fresh.poll_ms / 1000, fresh.late_ms / 1000
                collector.ask_these(peers(fresh))

            reloadable = ("log", "tx", "kill_switch", "poll_ms", "late_ms", "peers", "request_timeout_s")
            on_hangup(path, config, reloadable, apply)
            async with HttpServer(relayer_app(relayer), config.http):
                await relayer.run()


async def _check(config: RelayerConfig) -> None:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.clock import make_clock
    from plumbline.commands import checks as try_
    from plumbline.store.relays import RelayJournal
    from plumbline.transport.peer import HttpRowPeer, peer_client

    checks, clock, key = try_.Checks(), make_clock(config.clock), open_key(config.key)
    typer.echo(f"ok    key: {key.address}")
    with RelayJournal(config.journal) as journal:
        typer.echo(f"ok    journal: {journal.path}")
    await try_.endpoints(checks, config.chain)
    async with peer_client() as client, Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:
        oracle = ChainOracle(rpc, config.chain.oracle)

        async def peer(name: str, url: str) -> str:
            row_peer = HttpRowPeer(name, url, client, timeout_s=config.request_timeout_s)
            return await try_.peer(row_peer, await oracle.config(), clock)

        await checks.ask("oracle", try_.oracle(oracle))
        await checks.ask("clock", try_.time_of(clock, rpc))
        await checks.ask("balance", try_.balance(rpc, key.address))
        for each in config.peers:
            await checks.ask(f"peer {each.name}", peer(each.name, each.url))
    checks.finish()

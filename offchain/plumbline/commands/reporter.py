# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline reporter`: watch the venues, sign a row each round, serve it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from plumbline.config import ReporterConfig
    from plumbline.ports import Clock, TradeSource

app = typer.Typer(help="Watch the venues, sign a row each round, serve it.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The reporter's TOML file.")]
OracleAddress = Annotated[str, typer.Option("--oracle", help="The oracle's address.")]
RpcUrl = Annotated[str, typer.Option("--rpc-url", help="The chain's JSON-RPC endpoint.")]
Folder = Annotated[Path, typer.Option("--dir", help="Where to write it.")]
LOCAL_RPC = "http://127.0.0.1:8545"
DryRun = Annotated[bool, typer.Option("--dry-run", help="Observe and log what would be signed; sign nothing.")]


@app.command()
def run(config: ConfigPath, dry_run: DryRun = False) -> None:
    """Run until stopped."""
    from plumbline import log
    from plumbline.commands.service import run_service
    from plumbline.config import ReporterConfig, load

    settings = load(config, ReporterConfig)
    log.setup(settings.log, service="reporter")
    run_service(_run(settings, config, dry_run))


@app.command()
def check(config: ConfigPath) -> None:
    """Try everything it needs: config, key, journal, chain, clock, agreement, venues. Starts nothing."""
    import asyncio

    from plumbline import log
    from plumbline.config import LogConfig, ReporterConfig, load

    settings = load(config, ReporterConfig)
    # What fails is said once, by the check itself.
    log.setup(LogConfig(level="error"))
    typer.echo(f"ok    config: {config}")
    asyncio.run(_check(settings, str(config)))


@app.command()
def init(oracle: OracleAddress, rpc_url: RpcUrl = LOCAL_RPC, folder: Folder = Path()) -> None:
    """Write a config to edit, and a new key in an encrypted keystore."""
    from plumbline.commands.setup import write_node
    from plumbline.config import ReporterConfig

    write_node("reporter", ReporterConfig, folder, oracle=oracle, rpc_url=rpc_url)


async def _run(config: ReporterConfig, path: Path, dry_run: bool) -> None:
    from plumbline import log
    from plumbline.chain.keystore import open_key
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.clock import make_clock
    from plumbline.commands.service import on_hangup
    from plumbline.reporter.pages import reporter_app
    from plumbline.reporter.service import Reporter, ReporterTiming
    from plumbline.store.rows import RowJournal
    from plumbline.transport.server import HttpServer

    key, clock = open_key(config.key), make_clock(config.clock)
    rules, sources = [feed.rule() for feed in config.feeds], make_sources(config, str(path), clock)
    timing = ReporterTiming(config.delay_ms, config.chain_poll_s)
    with RowJournal(config.journal, key.address) as journal:
        async with Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:
            oracle = ChainOracle(rpc, config.chain.oracle)
            reporter = Reporter(
                rules, sources, oracle, key, journal, clock, timing, dry_run=dry_run, kill_switch=config.kill_switch
            )

            def apply(fresh: ReporterConfig) -> None:
                log.setup(fresh.log, service="reporter")
                reporter.timing = ReporterTiming(fresh.delay_ms, fresh.chain_poll_s)
                reporter.kill_switch = fresh.kill_switch

            on_hangup(path, config, ("log", "delay_ms", "chain_poll_s", "kill_switch"), apply)
            async with HttpServer(reporter_app(reporter), config.http):
                await reporter.run()


async def _check(config: ReporterConfig, file: str) -> None:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.clock import make_clock
    from plumbline.commands import checks as try_
    from plumbline.errors import PlumblineError
    from plumbline.reporter.agreement import disagreement, reporter_index
    from plumbline.store.rows import RowJournal

    checks, clock = try_.Checks(), make_clock(config.clock)
    sources, key = make_sources(config, file, clock), open_key(config.key)
    typer.echo(f"ok    key: {key.address}")
    with RowJournal(config.journal, key.address) as journal:
        typer.echo(f"ok    journal: {journal.path}")
    await try_.endpoints(checks, config.chain)
    async with Rpc(config.chain.rpc_urls, timeout_s=config.chain.timeout_s) as rpc:
        oracle = ChainOracle(rpc, config.chain.oracle)

        async def agreement() -> str:
            chain = await oracle.config()
            if refusal := disagreement(chain, [feed.rule() for feed in config.feeds], key.address):
                raise PlumblineError(refusal)
            return f"{key.address} is reporter {reporter_index(chain, key.address)} of epoch {chain.epoch}"

        await checks.ask("oracle", try_.oracle(oracle))
        await checks.ask("agreement", agreement())
        await checks.ask("clock", try_.time_of(clock, rpc))
    await try_.venues(checks, sources)
    checks.finish()


def make_sources(config: ReporterConfig, file: str, clock: Clock) -> list[TradeSource]:
    """One source per venue that a feed names. Raises ConfigError for a venue or market no adapter knows."""
    from plumbline.sources import codec_of
    from plumbline.sources.websocket import WebSocketSource

    symbols: defaultdict[str, set[str]] = defaultdict(set)
    for feed in config.feeds:
        for source in feed.rule().sources:
            for name, symbol in source.legs:
                symbols[name].add(symbol)
    sources: list[TradeSource] = []
    for i, venue in enumerate(config.venues):
        if venue.name not in symbols:
            continue
        try:
            codec = codec_of(venue.name, sorted(symbols[venue.name]))
        except SourceError as error:
            raise ConfigError(f"{file}: venues[{i}]: {error}") from None
        sources.append(WebSocketSource(codec, clock, venue.url))
    return sources

# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline reporter`: watch the venues, sign a row each round, serve it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.commands.options import LOCAL_RPC, ConfigPath, DryRun, Folder, JsonOption, OracleAddress, RpcUrl
from plumbline.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plumbline.commands.checks import Checks
    from plumbline.config import ReporterConfig
    from plumbline.config_venues import PoolConfig
    from plumbline.core.rules import FeedRule
    from plumbline.core.selection import Decision, Selector
    from plumbline.ports import Clock
    from plumbline.sources.ccxt import CcxtSource
    from plumbline.sources.codec import Books
    from plumbline.sources.uniswap import PoolSource
    from plumbline.sources.websocket import WebSocketSource

app = typer.Typer(help="Watch the venues, sign a row each round, serve it.", no_args_is_help=True)


RoleOption = Annotated[
    str, typer.Option("--role", help="all, or one of several processes over NATS: ingest, aggregate, sign.")
]


@app.command()
def run(config: ConfigPath, dry_run: DryRun = False, role: RoleOption = "all") -> None:
    """Run until stopped."""
    from plumbline.commands.service import run_node
    from plumbline.config import ReporterConfig

    if role != "all":
        run_node("reporter", config, ReporterConfig, lambda settings: _run_role(settings, config, role), reloads=True)
        return
    run_node("reporter", config, ReporterConfig, lambda settings: _run(settings, config, dry_run), reloads=True)


@app.command()
def check(config: ConfigPath, as_json: JsonOption = False) -> None:
    """Try everything it needs: config, key, journal, chain, clock, agreement, venues. Starts nothing."""
    from plumbline.commands.service import check_node
    from plumbline.config import ReporterConfig

    check_node(config, ReporterConfig, lambda settings, checks: _check(settings, checks, str(config)), as_json=as_json)


@app.command()
def init(oracle: OracleAddress, rpc_url: RpcUrl = LOCAL_RPC, folder: Folder = Path()) -> None:
    """Write a config to edit, and a new key in an encrypted keystore."""
    from plumbline.commands.setup import write_node
    from plumbline.config import ReporterConfig

    write_node("reporter", ReporterConfig, folder, oracle=oracle, rpc_url=rpc_url)


async def _run_role(config: ReporterConfig, path: Path, role: str) -> None:
    try:
        from plumbline.commands.split import Role, run_role
    except ModuleNotFoundError as error:
        raise ConfigError(f"--role {role} needs the extra `nats` (pip install 'plumbline[nats]'): {error}") from None
    if role not in {str(each) for each in Role}:
        raise ConfigError(f"--role: expected one of {', '.join(Role)}, got {role!r}")
    await run_role(config, path, Role(role))


async def _run(config: ReporterConfig, path: Path, dry_run: bool) -> None:
    from plumbline import log
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.clock import make_clock
    from plumbline.commands.service import DAY_S, on_hangup, signer_of
    from plumbline.reporter.pages import reporter_app
    from plumbline.reporter.service import Reporter, ReporterTiming
    from plumbline.store.rows import RowJournal
    from plumbline.transport.peer import HttpRowPeer, peer_client
    from plumbline.transport.server import HttpServer

    clock = make_clock(config.clock)
    rules, sources = [feed.rule() for feed in config.feeds], make_sources(config, str(path), clock)
    timing = ReporterTiming(config.delay_ms, config.chain_poll_s)
    async with peer_client() as client, Rpc.of(config.chain) as rpc:
        key = signer_of(config.key, config.signer, client)
        peers = [HttpRowPeer(each.name, each.url, client, timeout_s=1) for each in config.peers]
        with RowJournal(config.journal, key.address) as journal:
            oracle = ChainOracle(rpc, config.chain.oracle)
            reporter = Reporter(
                rules,
                sources,
                oracle,
                key,
                journal,
                clock,
                timing,
                peers=peers,
                off_median_bps=config.off_median_bps,
                retention_s=config.retention_days * DAY_S,
                books=sources,
                selector=make_selector(config, rules, journal.standing()),
                dry_run=dry_run,
                kill_switch=config.kill_switch,
            )

            def apply(fresh: ReporterConfig) -> None:
                log.setup(fresh.log, service="reporter")
                reporter.timing = ReporterTiming(fresh.delay_ms, fresh.chain_poll_s)
                reporter.kill_switch, reporter.watch.off_bps = fresh.kill_switch, fresh.off_median_bps

            on_hangup(path, config, ("log", "delay_ms", "chain_poll_s", "kill_switch", "off_median_bps"), apply)
            async with HttpServer(reporter_app(reporter), config.http):
                await reporter.run()


async def _check(config: ReporterConfig, checks: Checks, file: str) -> None:
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.clock import make_clock
    from plumbline.commands import checks as try_
    from plumbline.commands.service import signer_of
    from plumbline.errors import PlumblineError
    from plumbline.reporter.agreement import disagreement, reporter_index
    from plumbline.store.rows import RowJournal
    from plumbline.transport.peer import peer_client

    clock = make_clock(config.clock)
    sources = make_sources(config, file, clock)
    async with peer_client() as client, Rpc.of(config.chain) as rpc:
        key = signer_of(config.key, config.signer, client)
        await checks.ask("key", try_.signer(key))
        with RowJournal(config.journal, key.address) as journal:
            checks.passed("journal", str(journal.path))
        await try_.endpoints(checks, config.chain)
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


def make_selector(config: ReporterConfig, rules: Sequence[FeedRule], before: Sequence[Decision]) -> Selector | None:
    """Source selection as configured, going on where the last decisions of an earlier life left it."""
    from plumbline.core.selection import Selector

    if config.selection is None:
        return None
    return Selector(rules, config.selection.rule(), config.regulated, before)


def make_sources(config: ReporterConfig, file: str, clock: Clock) -> list[WebSocketSource | PoolSource | CcxtSource]:
    """One source per venue that a feed names. Raises ConfigError for a venue or market no adapter knows."""
    from plumbline.sources import codec_of
    from plumbline.sources.rest import RestClient
    from plumbline.sources.websocket import WebSocketSource

    symbols: defaultdict[str, set[str]] = defaultdict(set)
    books: defaultdict[str, set[Books]] = defaultdict(set)
    for rule in (feed.rule() for feed in config.feeds):
        for source in rule.sources:
            books[source.venue].add(_books_for(rule))
            for name, symbol in source.legs:
                symbols[name].add(symbol)
    sources: list[WebSocketSource | PoolSource | CcxtSource] = []
    for i, venue in enumerate(config.venues):
        if venue.name not in symbols:
            continue
        try:
            # The first of these that any feed asks for is enough for all of them.
            wanted: Books = next(kind for kind in ("depth", "top", "none") if kind in books[venue.name])
            if venue.ccxt is not None:
                sources.append(_ccxt_source(venue.name, venue.ccxt, sorted(symbols[venue.name]), wanted, clock))
                continue
            codec = codec_of(venue.name, sorted(symbols[venue.name]), wanted)
        except SourceError as error:
            raise ConfigError(f"{file}: venues[{i}]: {error}") from None
        asks_rest = venue.rest_url is not None or venue.url is None
        rest = RestClient(codec, clock, venue.rest_url) if asks_rest else None
        sources.append(WebSocketSource(codec, clock, venue.url, rest=rest))
    sources += [_pool_source(pool) for pool in config.pools if pool.name in symbols]
    return sources


def _ccxt_source(venue: str, exchange: str, symbols: Sequence[str], books: Books, clock: Clock) -> CcxtSource:
    from plumbline.sources.ccxt import CcxtSource, open_exchange

    if books != "none":
        raise SourceError(f"{venue}: expected a feed that is made of trades; books are not read through ccxt")
    return CcxtSource(venue, symbols, clock, *open_exchange(exchange))


def _pool_source(pool: PoolConfig) -> PoolSource:
    from plumbline.chain.rpc import Rpc
    from plumbline.core.units import parse_wad
    from plumbline.sources.uniswap import PoolSource, PoolTerms

    terms = PoolTerms(
        pool.pool, pool.symbol, pool.base, pool.window_s, parse_wad(pool.min_depth), pool.name, pool.poll_s
    )
    return PoolSource(Rpc([pool.rpc_url], timeout_s=pool.timeout_s), terms)


def _books_for(rule: FeedRule) -> Books:
    """What a feed needs to hear of a venue's books."""
    from plumbline.core.methods import METHODS, Needs

    if METHODS[rule.method].needs is Needs.BOOKS:
        return "depth"
    return "top" if rule.price_from == "mid" else "none"

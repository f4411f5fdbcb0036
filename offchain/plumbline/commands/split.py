# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline reporter run --role`: one reporter as several processes over NATS JetStream."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from plumbline import log
from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.clock import make_clock
from plumbline.commands.reporter import make_selector, make_sources
from plumbline.commands.service import on_hangup, process_name, signer_of
from plumbline.config import BusConfig, ReporterConfig
from plumbline.core.rules import FeedRule
from plumbline.errors import ChainError, ConfigError
from plumbline.metrics import ReporterMetrics
from plumbline.reporter.aggregate import Aggregator
from plumbline.reporter.assemble import Assembler
from plumbline.reporter.ingest import Ingest
from plumbline.reporter.pages import assembler_app, shares_app
from plumbline.store.rows import RowJournal
from plumbline.transport.bus import Bus
from plumbline.transport.peer import HttpRowPeer, peer_client
from plumbline.transport.server import HttpServer


class Role(StrEnum):
    ALL = "all"
    INGEST = "ingest"
    AGGREGATE = "aggregate"
    SIGN = "sign"


_SPARE_S = 60


async def run_role(config: ReporterConfig, path: Path, role: Role) -> None:
    """Any of the roles but `all`. Raises ConfigError when there is no bus, or what the role needs is not there."""
    if config.bus is None:
        raise ConfigError(f"{path}: bus: expected beside --role {role}, got nothing")
    rules = [feed.rule() for feed in config.feeds]
    async with Bus(config.bus, _memory_s(rules)) as bus:
        if role is Role.INGEST:
            await _ingest(config, path, rules, bus)
        elif role is Role.AGGREGATE:
            await _aggregate(config, path, rules, bus)
        else:
            await _sign(config, path, config.bus, rules, bus)


async def _ingest(config: ReporterConfig, path: Path, rules: list[FeedRule], bus: Bus) -> None:
    clock = make_clock(config.clock)
    sources = make_sources(config, str(path), clock)
    ingest = Ingest(bus, sources, rules, clock, await _period_s(config), process_name())
    on_hangup(path, config, ("log",), _log_anew)
    async with HttpServer(shares_app(ingest.shares, ReporterMetrics(sources)), config.http):
        await ingest.run()


async def _aggregate(config: ReporterConfig, path: Path, rules: list[FeedRule], bus: Bus) -> None:
    metrics = ReporterMetrics([])
    aggregator = Aggregator(
        bus,
        rules,
        make_clock(config.clock),
        await _period_s(config),
        config.delay_ms,
        process_name(),
        config.journal.with_suffix(".feeds"),
        metrics,
        lambda its, before: make_selector(config, its, before),
    )

    def apply(fresh: ReporterConfig) -> None:
        _log_anew(fresh)
        aggregator.delay_ms = fresh.delay_ms

    on_hangup(path, config, ("log", "delay_ms"), apply)
    async with HttpServer(shares_app(aggregator.shares, metrics), config.http):
        await aggregator.run()


async def _period_s(config: ReporterConfig) -> int:
    async with Rpc.of(config.chain) as rpc:
        try:
            return (await ChainOracle(rpc, config.chain.oracle).config()).period_s
        except ChainError as error:
            raise ConfigError(f"chain: expected an oracle that tells its period: {error}") from None


async def _sign(config: ReporterConfig, path: Path, bus_config: BusConfig, rules: list[FeedRule], bus: Bus) -> None:
    async with peer_client() as client, Rpc.of(config.chain) as rpc:
        key = signer_of(config.key, config.signer, client)
        with RowJournal(config.journal, key.address) as journal:
            oracle = ChainOracle(rpc, config.chain.oracle)
            assembler = Assembler(
                bus,
                rules,
                oracle,
                key,
                journal,
                make_clock(config.clock),
                process_name(),
                wait_ms=config.delay_ms + bus_config.wait_ms,
                chain_poll_s=config.chain_poll_s,
                kill_switch=config.kill_switch,
                peers=[HttpRowPeer(each.name, each.url, client, timeout_s=1) for each in config.peers],
                off_median_bps=config.off_median_bps,
            )

            def apply(fresh: ReporterConfig) -> None:
                _log_anew(fresh)
                assembler.wait_ms, assembler.poll_s = fresh.delay_ms + bus_config.wait_ms, fresh.chain_poll_s
                assembler.kill_switch, assembler.watch.off_bps = fresh.kill_switch, fresh.off_median_bps

            on_hangup(path, config, ("log", "delay_ms", "chain_poll_s", "kill_switch", "off_median_bps"), apply)
            async with HttpServer(assembler_app(assembler), config.http):
                await assembler.run()


def _log_anew(fresh: ReporterConfig) -> None:
    log.setup(fresh.log, service="reporter")


def _memory_s(rules: list[FeedRule]) -> float:
    """How far back an engine looks, and a little further."""
    return max(max(rule.max_age_s, rule.frozen_s, rule.window_s, rule.volume_window_s) for rule in rules) + _SPARE_S

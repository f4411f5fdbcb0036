# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline keeper`: hold the share's market price to its value, for a profit."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer

from plumbline.commands.options import ConfigPath, JsonOption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from plumbline.chain.flight import Relay
    from plumbline.chain.heads import Heads
    from plumbline.chain.parity import ChainParity
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.signing import LocalKey
    from plumbline.chain.tx import Sender
    from plumbline.commands.checks import Checks
    from plumbline.config import KeeperConfig
    from plumbline.keeper.limits import Limits
    from plumbline.keeper.replica import Replica
    from plumbline.keeper.rules import KeeperRules
    from plumbline.keeper.strategy import Strategy
    from plumbline.metrics import KeeperMetrics
    from plumbline.store.trades import TradeJournal

app = typer.Typer(help="Hold the share's market price to its value, for a profit.", no_args_is_help=True)


@app.command()
def run(config: ConfigPath) -> None:
    """Run until stopped."""
    from plumbline.commands.service import run_node
    from plumbline.config import KeeperConfig

    run_node("keeper", config, KeeperConfig, _run)


@app.command()
def check(config: ConfigPath, as_json: JsonOption = False) -> None:
    """Try config, chain and key, and say what the keeper sees of its market. Starts nothing."""
    from plumbline.commands.service import check_node
    from plumbline.config import KeeperConfig

    check_node(config, KeeperConfig, _check, as_json=as_json)


async def _run(config: KeeperConfig) -> None:
    import asyncio

    from plumbline.chain.heads import Heads
    from plumbline.chain.keystore import open_key
    from plumbline.chain.rpc import Rpc
    from plumbline.commands.service import process_name
    from plumbline.keeper.replica import Replica
    from plumbline.store.trades import TradeJournal
    from plumbline.transport.replicas import ReplicaBroker

    key = open_key(config.key)
    with TradeJournal(config.journal) as journal:
        async with Rpc.of(config.chain) as rpc, Heads(config.ws_url, config.poll_ms / 1_000) as heads:
            if config.lease is None:
                await _keep(config, rpc, key, journal, heads, None)
                return
            lease = config.lease
            async with ReplicaBroker(lease.url, lease.name, lease.lease_s) as broker, asyncio.TaskGroup() as tasks:
                replica = Replica(broker, key.address, process_name(), heads.wake)
                tasks.create_task(replica.run(), name="lease")
                await _keep(config, rpc, key, journal, heads, replica)


async def _keep(
    config: KeeperConfig, rpc: Rpc, key: LocalKey, journal: TradeJournal, heads: Heads, replica: Replica | None
) -> None:
    from plumbline.chain.parity import ChainParity
    from plumbline.chain.tx import Sender
    from plumbline.keeper.pages import keeper_app
    from plumbline.keeper.service import Keeper
    from plumbline.metrics import KeeperMetrics
    from plumbline.transport.server import HttpServer

    async with _relay(config) as relay:
        # One sender for all strategies: the only owner of the key's nonces.
        sender, metrics = Sender(rpc, key, config.tx, guard=replica, relay=relay), KeeperMetrics()
        venue = ChainParity(rpc, sender, config, heads.take)
        made = _strategies(config, rpc, sender, venue, journal, metrics)
        keeper = Keeper(venue.head, [made[name]() for name in config.strategies], metrics, replica)
        async with HttpServer(keeper_app(keeper), config.http):
            await keeper.run(heads.wait)


@asynccontextmanager
async def _relay(config: KeeperConfig) -> AsyncIterator[Relay | None]:
    from plumbline.chain.flight import Relay
    from plumbline.chain.rpc import Rpc

    if config.relay is None:
        yield None
        return
    async with Rpc([config.relay.url], timeout_s=config.chain.timeout_s) as rpc:
        yield Relay(rpc, config.relay.blocks, config.relay.then_public)


def _strategies(
    config: KeeperConfig,
    rpc: Rpc,
    sender: Sender,
    venue: ChainParity,
    journal: TradeJournal,
    metrics: KeeperMetrics,
) -> Mapping[str, Callable[[], Strategy]]:
    """How each strategy that the config may name is made: a new one is added here, and to the config's names."""
    from plumbline.chain.bids import ChainBids
    from plumbline.chain.chores import ChainChores
    from plumbline.chain.oracle import ChainOracle
    from plumbline.core.units import parse_wad
    from plumbline.keeper.bids import Bids
    from plumbline.keeper.chores import Chores
    from plumbline.keeper.oracle_watch import OracleWatch
    from plumbline.keeper.parity import Parity

    def parity() -> Strategy:
        return Parity(venue, journal, _rules(config), metrics)

    def bids() -> Strategy:
        assert config.bidder is not None  # the config says so
        return Bids(ChainBids(rpc, sender, config, config.bidder), journal, _rules(config), metrics)

    def oracle_watch() -> Strategy:
        return OracleWatch(ChainOracle(rpc, config.chain.oracle), venue.time_s, metrics)

    def chores() -> Strategy:
        owner = config.arbitrageur if "float" in config.funding else None
        due = ChainChores(rpc, sender, venue.vault, config.max_age_s, owner)
        return Chores(due, parse_wad(config.min_fees_usd), dry_run=config.dry_run, limits=_limits(config))

    def desk() -> Strategy:
        return _desk(config, rpc, sender, journal, metrics)

    return {"parity": parity, "bids": bids, "oracle-watch": oracle_watch, "chores": chores, "desk": desk}


def _desk(config: KeeperConfig, rpc: Rpc, sender: Sender, journal: TradeJournal, metrics: KeeperMetrics) -> Strategy:
    from plumbline.chain.desk import ChainDesk
    from plumbline.core.units import parse_wad
    from plumbline.keeper.desk import Desk, DeskTerms
    from plumbline.store.desk import DeskJournal

    assert config.desk is not None  # the config says so
    venue = ChainDesk(rpc, sender, config.desk, config.arbitrageur, config.max_age_s, config.deadline_s)
    terms = DeskTerms(
        config.desk.rules(),
        parse_wad(config.gas_token_usd),
        config.desk.max_cost_bps,
        dry_run=config.dry_run,
        limits=_limits(config),
    )
    return Desk(venue, DeskJournal(journal.database), terms, metrics)


def _rules(config: KeeperConfig) -> KeeperRules:
    from plumbline.core.units import parse_wad
    from plumbline.keeper.rules import KeeperRules

    return KeeperRules(
        parse_wad(config.gas_token_usd),
        parse_wad(config.min_edge_usd),
        funding=config.funding,
        tip_percent=config.tip_percent,
        max_fee_percent=config.max_fee_percent,
        dry_run=config.dry_run,
        limits=_limits(config),
    )


def _limits(config: KeeperConfig) -> Limits:
    from plumbline.core.units import parse_wad
    from plumbline.keeper.limits import Limits

    return Limits(
        kill_switch=config.kill_switch,
        max_daily_loss_usd_wad=parse_wad(config.max_daily_loss_usd) if config.max_daily_loss_usd else None,
        max_float_usd_wad=parse_wad(config.max_float_usd) if config.max_float_usd else None,
    )


async def _check(config: KeeperConfig, checks: Checks) -> None:
    from plumbline.chain.keystore import open_key
    from plumbline.chain.parity import ChainParity
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.commands import checks as try_

    key = open_key(config.key)
    await checks.ask("key", try_.signer(key))
    await try_.endpoints(checks, config.chain)
    async with Rpc.of(config.chain) as rpc:
        await checks.ask("market", _market(ChainParity(rpc, Sender(rpc, key, config.tx), config)))


async def _market(venue: ChainParity) -> str:
    seen = await venue.snapshot()
    market, pools = seen.market, len(seen.market.share.pools)
    if seen.cycle is not None:
        pools += sum(len(each.pools) for each in seen.cycle.markets()[1:])
    flash = "" if seen.cycle is not None else ", no flash funding: a component has no pool"
    return f"{pools} pools{flash}, {len(market.components)} components; premium {float(market.premium):+.4%}"

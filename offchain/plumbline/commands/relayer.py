# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline relayer`: collect the reporters' rows, submit a round when the market moved or the heartbeat is due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from plumbline.commands.options import LOCAL_RPC, ConfigPath, DryRun, Folder, JsonOption, OracleAddress, RpcUrl
from plumbline.errors import ConfigError

if TYPE_CHECKING:
    from plumbline.commands.checks import Checks
    from plumbline.config import RelayerConfig
    from plumbline.relayer.service import Terms

app = typer.Typer(help="Collect the reporters' rows and submit rounds.", no_args_is_help=True)


@app.command()
def run(config: ConfigPath, dry_run: DryRun = False) -> None:
    """Run until stopped."""
    from plumbline.commands.service import run_node
    from plumbline.config import RelayerConfig

    run_node("relayer", config, RelayerConfig, lambda settings: _run(settings, config, dry_run), reloads=True)


@app.command()
def check(config: ConfigPath, as_json: JsonOption = False) -> None:
    """Try everything it needs: config, key, balance, journal, chain, clock, peers. Starts nothing."""
    from plumbline.commands.service import check_node
    from plumbline.config import RelayerConfig

    check_node(config, RelayerConfig, _check, as_json=as_json)


@app.command()
def init(oracle: OracleAddress, rpc_url: RpcUrl = LOCAL_RPC, folder: Folder = Path()) -> None:
    """Write a config to edit, and a new key in an encrypted keystore."""
    from plumbline.commands.setup import write_node
    from plumbline.config import RelayerConfig

    write_node("relayer", RelayerConfig, folder, oracle=oracle, rpc_url=rpc_url)


async def _run(config: RelayerConfig, path: Path, dry_run: bool) -> None:
    from plumbline import log
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.clock import make_clock
    from plumbline.commands.service import DAY_S, on_hangup, signer_of
    from plumbline.metrics import RelayerMetrics
    from plumbline.relayer.collect import Collector
    from plumbline.relayer.pages import relayer_app
    from plumbline.relayer.service import Relayer
    from plumbline.store.relays import RelayJournal
    from plumbline.transport.peer import HttpRowPeer, HttpWitness, peer_client
    from plumbline.transport.server import HttpServer

    clock, metrics = make_clock(config.clock), RelayerMetrics()
    async with peer_client() as client, Rpc.of(config.chain) as rpc:
        key = signer_of(config.key, config.signer, client)
        terms = _terms(config, path, key.address)
        with RelayJournal(config.journal) as journal:

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
                sender,
                terms,
                address=key.address,
                dry_run=dry_run,
                retention_s=config.retention_days * DAY_S,
                witnesses=[
                    HttpWitness(each.name, each.url, client, timeout_s=config.request_timeout_s)
                    for each in config.witnesses
                ],
            )

            def apply(fresh: RelayerConfig) -> None:
                log.setup(fresh.log, service="relayer")
                sender.config, relayer.terms = fresh.tx, _terms(fresh, path, key.address)
                collector.poll_s, collector.late_s = fresh.poll_ms / 1000, fresh.late_ms / 1000
                collector.ask_these(peers(fresh))

            reloadable = ("log", "tx", "policy", "kill_switch", "poll_ms", "late_ms", "peers", "request_timeout_s")
            on_hangup(path, config, reloadable, apply)
            async with HttpServer(relayer_app(relayer), config.http):
                await relayer.run()


def _terms(config: RelayerConfig, path: Path, address: str) -> Terms:
    """Raises ConfigError when others take turns, and this relayer is not among them."""
    from eth_utils.address import to_checksum_address

    from plumbline.chain.tx import GWEI
    from plumbline.core.units import parse_wad
    from plumbline.relayer.pace import Policy
    from plumbline.relayer.service import Terms

    chosen = config.policy
    relayers = tuple(str(to_checksum_address(each)) for each in chosen.relayers)
    if relayers and address not in relayers:
        raise ConfigError(f"{path}: policy.relayers: expected this key's address, {address}, among them")
    dear_wei = None if chosen.dear_gwei is None else chosen.dear_gwei * GWEI
    return Terms(
        Policy(chosen.min_interval_s, dear_wei, chosen.dear_percent),
        relayers,
        chosen.confirmations,
        parse_wad(chosen.low_balance),
        config.kill_switch,
    )


async def _check(config: RelayerConfig, checks: Checks) -> None:
    from plumbline.chain.oracle import ChainOracle
    from plumbline.chain.rpc import Rpc
    from plumbline.chain.tx import Sender
    from plumbline.clock import make_clock
    from plumbline.commands import checks as try_
    from plumbline.commands.service import signer_of
    from plumbline.core.units import parse_wad
    from plumbline.store.relays import RelayJournal
    from plumbline.transport.peer import HttpRowPeer, peer_client

    clock = make_clock(config.clock)
    with RelayJournal(config.journal) as journal:
        checks.passed("journal", str(journal.path))
    await try_.endpoints(checks, config.chain)
    async with peer_client() as client, Rpc.of(config.chain) as rpc:
        key = signer_of(config.key, config.signer, client)
        await checks.ask("key", try_.signer(key))
        oracle = ChainOracle(rpc, config.chain.oracle)

        async def peer(name: str, url: str) -> str:
            row_peer = HttpRowPeer(name, url, client, timeout_s=config.request_timeout_s)
            return await try_.peer(row_peer, await oracle.config(), clock)

        await checks.ask("oracle", try_.oracle(oracle))
        await checks.ask("clock", try_.time_of(clock, rpc))
        await checks.ask("balance", try_.balance(Sender(rpc, key, config.tx), parse_wad(config.policy.low_balance)))
        for each in config.peers:
            await checks.ask(f"peer {each.name}", peer(each.name, each.url))

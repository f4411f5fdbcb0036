# SPDX-License-Identifier: AGPL-3.0-only
"""A network of real nodes in one process: the oracle on Anvil, reporters and a relayer over real HTTP.

Blocks are mined by the test, one a second of a clock that the test's chain and the nodes share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.anvil import deploy_oracle as deploy
from tests.helpers.feeds import Terms
from tests.offchain.fakes import KEYS, FakeSource
from web3 import Web3

from plumbline.chain.oracle import ChainOracle
from plumbline.chain.rpc import Rpc
from plumbline.chain.signing import LocalKey
from plumbline.chain.tx import Sender
from plumbline.clock import SystemClock
from plumbline.config import HttpConfig, TxConfig
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Clock
from plumbline.relayer.collect import Collector
from plumbline.relayer.pages import relayer_app
from plumbline.relayer.service import Relayer
from plumbline.reporter.pages import reporter_app
from plumbline.reporter.service import Reporter, ReporterTiming
from plumbline.store.relays import RelayJournal
from plumbline.store.rows import RowJournal
from plumbline.transport.peer import HttpRowPeer, peer_client
from plumbline.transport.server import HttpServer

PERIOD_S = 1
FEEDS = ("BTC/USD", "USDC/USD")
RULES = (
    FeedRule("BTC/USD", 8, 1, markets=parse_markets(["kraken:BTC/USD"])),
    FeedRule("USDC/USD", 8, 1, markets=parse_markets(["kraken:USDC/USD"])),
)
RELAYER_KEY = LocalKey(b"\xee" * 32)
GUARDS = (1, 2**63 - 1, 1, 2**63 - 1, 2_000, 0, 2_000, 3, 60)
"""Wide: breakers are the oracle's own tests' to try."""


def deploy_oracle(
    url: str,
    *,
    reporters: Sequence[str],
    names: Sequence[str] = FEEDS,
    relayer: str = RELAYER_KEY.address,
    quorum: int = 3,
    heartbeat_s: int = 3,
    bps: int = 25,
) -> str:
    """A MedianOracle from Anvil's first account, and gas money for the relayer; returns its address.

    The same account deploys first on every fresh chain, so the address is the same after a restart.
    """
    w3 = Web3(Web3.HTTPProvider(url))
    owner = w3.eth.accounts[0]
    feeds = [(name, 8, quorum, heartbeat_s, bps, GUARDS) for name in names]
    terms = Terms(period=PERIOD_S)
    address = deploy(w3, feeds, list(reporters), terms, owner, owner)
    paid = w3.eth.send_transaction({"from": owner, "to": relayer, "value": 10**18})
    w3.eth.wait_for_transaction_receipt(paid)
    return address


@dataclass
class Node:
    """One reporter, its venue, and where it serves."""

    reporter: Reporter
    venue: FakeSource
    server: HttpServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


@dataclass
class Network:
    nodes: list[Node]
    relayer: Relayer
    relayer_url: str
    reader: ChainOracle
    """A client of its own, for the test's questions."""
    prices: dict[str, int] = field(default_factory=lambda: {"BTC/USD": 20_000, "USDC/USD": 1})
    """What the venues trade at, whole dollars."""

    async def until(self, condition: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def round_after(self, round_id: int) -> int:
        """Wait for a later round than that; returns its id."""

        async def later() -> bool:
            return (await self.reader.latest_round())[0] > round_id

        await self.until(later)
        return (await self.reader.latest_round())[0]

    async def trade(self) -> None:
        """Every venue trades every feed a few times a second, at `prices`."""
        while True:
            for node in self.nodes:
                for symbol, price in self.prices.items():
                    node.venue.put(symbol, str(price), time.time_ns() // 1_000_000)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def network(
    url: str,
    oracle: str,
    folder: Path,
    *,
    keys: Sequence[LocalKey] = KEYS[:5],
    peers: dict[str, str] | None = None,
    clock: Clock = SystemClock(),  # noqa: B008 - it has no state
) -> AsyncIterator[Network]:
    """Reporters for `keys`, and a relayer that asks them and the other `peers` (name -> url). A crash is a failure."""
    async with AsyncExitStack() as stack:

        async def client() -> Rpc:
            return await stack.enter_async_context(Rpc([url], timeout_s=2))

        nodes = []
        for index, key in enumerate(keys):
            journal = stack.enter_context(RowJournal(folder / f"reporter-{index}.sqlite", key.address))
            venue, timing = FakeSource("kraken"), ReporterTiming(delay_ms=50, chain_poll_s=0.2)
            reporter = Reporter(RULES, [venue], ChainOracle(await client(), oracle), key, journal, clock, timing)
            server = await stack.enter_async_context(HttpServer(reporter_app(reporter), HttpConfig(port=0)))
            nodes.append(Node(reporter, venue, server))
        metrics, http = RelayerMetrics(), await stack.enter_async_context(peer_client())
        asked = {f"reporter-{index}": node.url for index, node in enumerate(nodes)} | (peers or {})
        collector = Collector(
            [HttpRowPeer(name, where, http, timeout_s=0.5) for name, where in asked.items()],
            journal := stack.enter_context(RelayJournal(folder / "relayer.sqlite")),
            clock,
            metrics,
            poll_s=0.05,
            late_s=0.1,
        )
        rpc = await client()
        sender = Sender(rpc, RELAYER_KEY, TxConfig(), poll_s=0.02)
        relayer = Relayer(ChainOracle(rpc, oracle, sender), collector, journal, clock, metrics, sender)
        pages = await stack.enter_async_context(HttpServer(relayer_app(relayer), HttpConfig(port=0)))
        built = Network(nodes, relayer, f"http://127.0.0.1:{pages.port}", ChainOracle(await client(), oracle))
        services = [*(node.reporter.run() for node in nodes), relayer.run(), built.trade()]
        tasks = [asyncio.create_task(service) for service in services]
        try:
            yield built
            for task in tasks:
                assert not task.done(), task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

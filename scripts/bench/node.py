# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-node`: one reporter at its largest, and thirteen of them with a relayer, as processes on loopback.

`make soak` is the same for an hour; then memory at the end is held against memory after the first tenth.

  - A round's quorum is timed from its grid time to the moment the relayer has verified and kept the quorum-th row.
  - "Last tick to signed vector": the reporter's own loop, 50 feeds of 10 venues each, from the last trade handed to it
    to the row being served: observation, journal (synchronous), signature. Its venues are queues, its chain a constant.
  - "Command to first subscription": the program as an operator starts it, until an exchange has its first request.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from plumbline import log
from plumbline.chain.keystore import write_keystore
from plumbline.chain.signing import LocalKey
from plumbline.config import LogConfig
from plumbline.core.models import SignedRow, Trade
from plumbline.core.rules import FeedRule, parse_markets
from plumbline.core.units import WAD
from plumbline.ports import Answer, ChainFeed, NoAnswer, OracleConfig
from plumbline.reporter.service import Reporter, ReporterTiming
from plumbline.store.rows import RowJournal
from plumbline.supervisor import feeds, toml
from plumbline.supervisor.configs import free_port
from scripts.bench import network
from scripts.bench.report import Bench

FEEDS, VENUES = 50, 10
VECTORS = 300
WARM_VECTORS = 20
START_S = 1_678_492_800
SHORT_S = 60
WARM_UP_S = 15
"""Thirteen processes begin at once: what counts begins when the first round is on chain, and a little later."""
ORACLE = "0x" + "11" * 20


class StepClock:
    """Time moves when the bench says so."""

    def __init__(self) -> None:
        self._now_ms = START_S * 1000 + 1
        self._moved = asyncio.Condition()

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_until_ms(self, at_ms: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._now_ms >= at_ms)

    async def move_to(self, at_ms: int) -> None:
        async with self._moved:
            self._now_ms = at_ms
            self._moved.notify_all()


@dataclass
class Health:
    connected: bool = True
    reason: str = ""
    connections: int = 1
    trades: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


class Queue:
    """A venue that trades what the bench puts in."""

    def __init__(self, venue: str) -> None:
        self.venue, self.stats = venue, Health()
        self.waiting: asyncio.Queue[Trade] = asyncio.Queue()

    async def trades(self) -> AsyncIterator[Trade]:
        while True:
            yield await self.waiting.get()
            self.waiting.task_done()


class Constant:
    """A chain that never changes."""

    def __init__(self, config: OracleConfig) -> None:
        self._config = config

    async def config(self) -> OracleConfig:
        return self._config

    async def latest_round(self) -> tuple[int, int]:
        return 0, 0

    async def in_flight(self) -> int:
        raise AssertionError("a reporter submits nothing")

    async def disagreement(self) -> str:
        return ""

    async def answers(self) -> tuple[Answer | NoAnswer, ...]:
        return (NoAnswer.NONE_YET,) * len(self._config.feeds)

    async def simulate(self, timestamp: int, rows: Sequence[SignedRow]) -> None:
        raise AssertionError("a reporter submits nothing")

    async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
        raise AssertionError("a reporter submits nothing")


async def vectors_ms(folder: Path) -> list[float]:
    """From the last tick of each round to its signed vector."""
    venues = [f"venue{number}" for number in range(VENUES)]
    names = [f"COIN{number}/USD" for number in range(FEEDS)]
    rules = [FeedRule(name, 8, 3, markets=parse_markets([f"{venue}:{name}" for venue in venues])) for name in names]
    key, clock = LocalKey(b"\x07" * 32), StepClock()
    chain_feeds = tuple(ChainFeed(name, 8, 3, 60, 25) for name in names)
    oracle = Constant(OracleConfig(31_337, ORACLE, 1, 1, chain_feeds, (key.address,)))
    sources = [Queue(venue) for venue in venues]
    took = []
    with RowJournal(folder / "vector.sqlite", key.address) as journal:
        reporter = Reporter(rules, sources, oracle, key, journal, clock, ReporterTiming(delay_ms=0))
        running = asyncio.create_task(reporter.run())
        while reporter.config is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        for number in range(1, WARM_VECTORS + VECTORS + 1):
            timestamp = START_S + number
            for place, name in enumerate(names):
                for size, source in enumerate(sources, WAD):
                    # Each its own size: venues that tell one and the same trade again and again are one venue.
                    price_wad = (100 + place) * WAD + number * 10**14
                    source.waiting.put_nowait(Trade(source.venue, name, price_wad, size, timestamp * 1000 - 1))
            for source in sources:
                await source.waiting.join()
            began = time.perf_counter()
            await clock.move_to(timestamp * 1000)
            while reporter.last is None or reporter.last.row.timestamp < timestamp:
                assert not running.done(), running
                await asyncio.sleep(0)
            if number > WARM_VECTORS:
                took.append((time.perf_counter() - began) * 1000)
            assert all(reporter.last.row.prices)
        running.cancel()
        await asyncio.wait([running])
    return took


def one_reporter(answer: Connection) -> None:
    """In a process of its own, so that the memory is only its own."""
    log.setup(LogConfig(level="warning"))
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(vectors_ms(Path(folder)))
    answer.send((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


async def first_subscription_s(folder: Path) -> float:
    """The config of `init`, with an unreachable chain and its venues here; a keystore of full strength."""
    subscribed = asyncio.Event()

    async def exchange(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await socket.recv()
            subscribed.set()
            await socket.wait_closed()

    write_keystore(folder / "key.json", b"\x07" * 32, "bench")
    (folder / "password").write_text("bench\n", encoding="utf-8")
    async with serve(exchange, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        document = {
            "journal": "journal.sqlite",
            "chain": {"rpc_url": f"http://127.0.0.1:{free_port()}", "oracle": ORACLE},
            "key": {"keystore": "key.json", "password_file": "password"},
            "http": {"port": free_port()},
            "venues": [{"name": venue, "url": url} for venue in feeds.LIVE],
            "feeds": feeds.feeds(feeds.LIVE, max_age_s=180, peg_venues=2),
        }
        (folder / "reporter.toml").write_text(toml.dumps(document), encoding="utf-8")
        began = time.perf_counter()
        command = network.program("reporter", "run", "--config", str(folder / "reporter.toml"))
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(60):
                await subscribed.wait()
            return time.perf_counter() - began
        finally:
            process.terminate()
            await process.wait()


async def many(bench: Bench, seconds: int, faulty: int, folder: Path) -> None:
    async with network.network(folder, faulty=faulty) as run:
        async with asyncio.timeout(120):
            while not await run.rounds():
                run.processes.check()
                await asyncio.sleep(0.5)
        await asyncio.sleep(WARM_UP_S)
        from_s = int(time.time()) + 2
        memory: list[list[float]] = []
        while (now_s := time.time()) < from_s + seconds:
            run.processes.check()
            memory.append(run.memory_mib())
            await asyncio.sleep(min(max(seconds / 60, 1), from_s + seconds - now_s))
        to_s = int(time.time()) - 2
        times = network.quorum_times_ms(folder / "relayer-1.sqlite", from_s, to_s, 2 * faulty + 1)
        outcomes, said = network.submitted(folder / "relayer-1.sqlite"), network.last_words(run)
    there = [each for each in times if each is not None]
    bench.add("rounds", len(times), "1")
    bench.add(
        "quorum within 500 ms of the grid time",
        round(sum(each <= 500 for each in there) / len(times), 4),
        "1",
        ">= 0.99",
    )
    bench.add("rounds lost", len(times) - len(there), "1", "<= 0")
    bench.add("quorum, median", round(network.median(there), 1), "ms")
    bench.add("quorum, p99", round(network.percentile(there, 0.99), 1), "ms")
    bench.add(f"memory of a reporter, largest of {len(memory[0])}", round(max(map(max, memory)), 1), "MiB", "<= 150")
    if seconds > SHORT_S:
        # The first tenth fills caches and ring buffers of a bounded size.
        early, late = (sum(memory[place]) for place in (len(memory) // 10, -1))
        bench.add("memory growth", round((late / early - 1) * 100, 2), "%", "<= 5")
    print(f"submissions: {outcomes}; warnings and errors in the logs: {said}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=SHORT_S, help="how long the thirteen run")
    parser.add_argument(
        "--faulty", type=int, default=network.FAULTY, help="3 n + 1 reporters; fewer than 13: a busy machine"
    )
    options = parser.parse_args()
    bench = Bench("node")
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=one_reporter, args=(there,))
    process.start()
    # Ours is closed, so that a process that fails ends the bench, too.
    there.close()
    took, memory_mib = here.recv()
    process.join()
    bench.add(
        "last tick to signed vector, p99 (50 feeds x 10 venues)",
        round(network.percentile(took, 0.99), 2),
        "ms",
        "<= 25",
    )
    bench.add("last tick to signed vector, median", round(network.median(took), 2), "ms")
    bench.add("memory, 50 feeds x 10 venues", round(memory_mib, 1), "MiB", "<= 150")
    with tempfile.TemporaryDirectory() as folder:
        bench.add(
            "command to first subscription", round(asyncio.run(first_subscription_s(Path(folder))), 2), "s", "<= 4"
        )
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(many(bench, options.seconds, options.faulty, Path(folder)))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

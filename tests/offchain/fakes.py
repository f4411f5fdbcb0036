# SPDX-License-Identifier: AGPL-3.0-only
"""Stand-ins at the seams of `plumbline.ports`, for tests of the services."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator, row_digest
from plumbline.core.median import lane_medians
from plumbline.core.models import Row, SignedRow, Trade
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import Answer, ChainFeed, NoAnswer, OracleConfig

ORACLE = "0xC0FFEE254729296a45a3885639AC7E10F9d54979"
KEYS = tuple(LocalKey(bytes([index]) * 32) for index in range(1, 8))
"""KEYS[i] signs as reporter i + 1 of `oracle_config`; the last two are strangers to it."""
START_S = 1_678_492_800
PERIOD_S = 5


def oracle_config(**changes: object) -> OracleConfig:
    feeds = tuple(ChainFeed(name, 8, 3, 60, 25) for name in ("BTC/USD", "USDC/USD"))
    config = OracleConfig(31337, ORACLE, 1, PERIOD_S, feeds, tuple(key.address for key in KEYS[:5]))
    return replace(config, **changes)


def signed_row(
    reporter: int, timestamp: int = START_S, prices: Sequence[int] = (2_000_000_000_000, 99_000_000), **changes: object
) -> SignedRow:
    """A row as reporter 1..7 signs it; `changes` are fields of the row or of the config it is signed for."""
    config = oracle_config(**{key: value for key, value in changes.items() if key in ("chain_id", "address")})
    row = Row(int(changes.get("epoch", 1)), timestamp, tuple(prices))
    r, vs = KEYS[reporter - 1].sign(row_digest(domain_separator(config.chain_id, config.address), row))
    return SignedRow(reporter, row, r, vs)


class FakeClock:
    """Time stands still until `advance_to`; then everybody who slept until then has run."""

    def __init__(self, now_ms: int = START_S * 1000 + 1_000) -> None:
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []
        self._ids = count()

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_until_ms(self, at_ms: int) -> None:
        await asyncio.sleep(0)
        if at_ms > self._now_ms:
            woken = asyncio.Event()
            heapq.heappush(self._sleepers, (at_ms, next(self._ids), woken))
            await woken.wait()

    async def advance_to(self, at_ms: int) -> None:
        await settle()
        while self._sleepers and self._sleepers[0][0] <= at_ms:
            due_ms, _, woken = heapq.heappop(self._sleepers)
            self._now_ms = max(self._now_ms, due_ms)
            woken.set()
            await settle()
        self._now_ms = at_ms
        await settle()

    async def jump_to(self, now_ms: int) -> None:
        """As when the machine slept: everything due until then wakes at once, late."""
        self._now_ms = now_ms
        await self.advance_to(now_ms)


async def settle() -> None:
    """Let every task run until it waits for something real."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class FakeHealth:
    connected: bool = True
    reason: str = ""
    connections: int = 1
    trades: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


class FakeSource:
    """A venue whose trades the test puts in."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.stats = FakeHealth()
        self._queue: asyncio.Queue[Trade] = asyncio.Queue()

    def put(self, symbol: str, price: str, at_ms: int) -> None:
        whole, _, fraction = price.partition(".")
        price_wad = int(whole + fraction) * WAD // 10 ** len(fraction)
        self._queue.put_nowait(Trade(self.venue, symbol, price_wad, WAD, at_ms))

    async def trades(self) -> AsyncIterator[Trade]:
        while True:
            trade = await self._queue.get()
            self.stats.trades += 1
            yield trade


class FakeOracle:
    """The chain as the test wants it; `trouble` is what the next question meets."""

    def __init__(self, config: OracleConfig | None = None) -> None:
        self.current = config or oracle_config()
        self.trouble: ChainError | None = None
        self.waiting = 0
        """Timestamp of a round that somebody has sent and nobody has mined."""
        self.rounds: list[tuple[int, tuple[int, ...], tuple[SignedRow, ...]]] = []
        """(timestamp, medians, rows) of each round submitted."""
        self._answers: list[Answer | NoAnswer] = [NoAnswer.NONE_YET] * len(self.current.feeds)

    def _ask(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def unreachable(self) -> None:
        self.trouble = ChainUnreachable("http://127.0.0.1: ConnectError")

    async def config(self) -> OracleConfig:
        self._ask()
        return self.current

    async def latest_round(self) -> tuple[int, int]:
        self._ask()
        return len(self.rounds), self.rounds[-1][0] if self.rounds else 0

    async def in_flight(self) -> int:
        self._ask()
        return max(self.waiting, (await self.latest_round())[1])

    async def disagreement(self) -> str:
        return ""

    async def answers(self) -> tuple[Answer | NoAnswer, ...]:
        self._ask()
        return tuple(self._answers)

    async def simulate(self, timestamp: int, rows: Sequence[SignedRow]) -> None:
        self._ask()
        if self.rounds and timestamp <= self.rounds[-1][0]:
            raise ChainError("reverted", "oracle: timestamp did not grow")

    async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
        await self.simulate(timestamp, rows)
        medians = lane_medians([signed.row for signed in rows], [feed.quorum for feed in self.current.feeds])
        self.rounds.append((timestamp, medians, tuple(rows)))
        for index, price in enumerate(medians):
            if price:
                self._answers[index] = Answer(len(self.rounds), price, timestamp)
        return f"0x{len(self.rounds):064x}"


@dataclass
class FakePayer:
    """A key with money; the test says what became of its transactions."""

    balance: int = 10**18
    gas_price: int = 10**9
    depths: dict[str, int | None] = field(default_factory=dict)
    """By transaction; one that is not here is one block deep."""

    async def balance_wei(self) -> int:
        return self.balance

    async def gas_price_wei(self) -> int:
        return self.gas_price

    async def confirmations(self, tx_hash: str) -> int | None:
        return self.depths.get(tx_hash, 1)


class FakePeer:
    """A reporter's HTTP face; the test says what it answers, an exception included. None: not there yet."""

    def __init__(self, name: str, answers: dict[int, SignedRow | Exception] | None = None) -> None:
        self.name = name
        self.answers = answers or {}
        self.asked = 0
        self.hangs = False

    async def row(self, timestamp: int) -> SignedRow | None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.get(timestamp)
        if isinstance(answer, Exception):
            raise answer
        return answer

# SPDX-License-Identifier: AGPL-3.0-only
"""Seven reporters, three relayers, five exchanges and the oracle, in lock-step, with a seeded schedule of faults.

Everything of the product is real: adapters on frames of the replay's sessions, engines, journals on disk, signatures,
collection, decision, turns, and the contract on an EVM. The world around it is not: time stands still between steps,
what goes over HTTP is handed over, the chain mines when told to. So a thousand faults take minutes, and a seed that
fails fails again.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from plumbline.chain.signing import LocalKey
from plumbline.chain.typed_data import domain_separator
from plumbline.config import FeedConfig
from plumbline.core.models import Row, SignedRow
from plumbline.errors import PeerError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Answer, NoAnswer
from plumbline.relayer.collect import Collector
from plumbline.relayer.service import Relayer
from plumbline.relayer.service import Terms as RelayTerms
from plumbline.replay.faults import Faults
from plumbline.replay.lockstep import Lockstep
from plumbline.replay.simulation import simulated_markets, simulated_trades
from plumbline.replay.tape import Tape
from plumbline.reporter.service import Reporter, ReporterTiming
from plumbline.store.relays import RelayJournal
from plumbline.store.rows import RowJournal
from plumbline.supervisor import feeds as cast
from tests.chaos.chain import Transaction, WorldChain, WorldOracle
from tests.chaos.faults import Disorder, Killed
from tests.helpers.feeds import Feed, Terms
from tests.offchain.fakes import FakeClock

START_S = 1_700_000_000
PERIOD_S = 5
HEARTBEAT_S = 60
REPORTERS, FAULTY, RELAYERS = 7, 2, 3
QUORUM = 2 * FAULTY + 1
GAVE = 99
"""Of a reporter that was asked, and gave a row."""
VENUES = ("kraken", "coinbase", "binance", "bybit", "cryptocom")
SPARE_ROUNDS = 3
"""After the last trouble a network may need so many rounds: one dead relayer costs one, a look at the chain another."""


class Key:
    """A reporter's key that remembers every row it signed, and may be killed before or after it signs."""

    def __init__(self, key: LocalKey) -> None:
        self.local, self.address = key, key.address
        self.kill: str = ""

    async def sign_message(self, message: bytes) -> tuple[int, int]:
        if self.kill == "before signing":
            self.kill = ""
            raise Killed
        signature = await self.local.sign_message(message)
        if self.kill == "after signing":
            self.kill = ""
            raise Killed
        return signature


@dataclass
class Node:
    """A reporter: honest, or a liar for a while; up, or killed for a while."""

    index: int
    key: Key
    folder: Path
    reporter: Reporter
    journal: RowJournal
    oracle: WorldOracle
    dice: random.Random
    down_until: int = 0
    """Rounds count from 1; down while the round is lower."""
    lies: str = ""
    lies_until: int = 0
    silent_until: int = 0
    full_until: int = 0
    ahead: int = 0
    """Periods by which its clock is ahead."""
    last_s: int = 0

    @property
    def path(self) -> Path:
        return self.folder / f"reporter-{self.index}.sqlite"


@dataclass
class Payer:
    """A relayer: up, or killed for a while."""

    address: str
    journal: RelayJournal
    relayer: Relayer
    oracle: WorldOracle
    down_until: int = 0


@dataclass
class Findings:
    faults: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    quorate: int = 0
    submitted: int = 0
    doubled: int = 0
    """Submissions that were mined and brought nothing."""
    out_of_range: list[str] = field(default_factory=list)
    missed_heartbeats: list[str] = field(default_factory=list)
    equivocations: list[str] = field(default_factory=list)
    """Of honest reporters."""
    lost: list[str] = field(default_factory=list)
    """Rows that were served and are not in the journal, or are others there."""
    evidence: int = 0
    """Rounds in which a liar was caught with two rows, by each relayer."""
    promised: int = 0
    """How often a heartbeat was looked at, of a feed whose quorum was alive."""
    judged: int = 0
    """How often a served price was held against what honest reporters said."""

    @property
    def total(self) -> int:
        return sum(self.faults.values())


class Served:
    """A reporter as one relayer sees it."""

    def __init__(self, world: World, node: Node, payer: int) -> None:
        self.name, self._world, self._node, self._payer = f"reporter-{node.index}", world, node, payer

    async def row(self, timestamp: int) -> SignedRow | None:
        node, world = self._node, self._world
        world.vain[self._payer, node.index] += 1
        if node.down_until > world.number or node.silent_until > world.number:
            raise PeerError("unreachable", "ConnectError")
        if node.lies:
            lie = world.disorder.lie(node, timestamp, self._payer)
            if lie is None:
                raise PeerError("timeout", "no row")
            if node.lies != "past":
                world.vain[self._payer, node.index] = GAVE
            return lie
        signed = node.reporter.row(timestamp)
        if signed is None:
            raise PeerError("status", "HTTP 404")
        world.served[node.index, timestamp].add(signed.row)
        world.vain[self._payer, node.index] = GAVE
        return signed


class Seen:
    """A relayer as another one sees it."""

    def __init__(self, world: World, index: int) -> None:
        self.name, self._world, self._index = f"relayer-{index}", world, index

    async def seen(self, timestamp: int) -> list[SignedRow]:
        payer = self._world.payers[self._index]
        if payer.down_until > self._world.number:
            raise PeerError("unreachable", "ConnectError")
        return payer.relayer.seen(timestamp)


class World:
    def __init__(self, seed: int, folder: Path, rounds: int, faults_per_round: float) -> None:
        self.dice, self.folder, self.rounds, self.rate = random.Random(seed), folder, rounds, faults_per_round
        self.number, self.now_s = 0, START_S
        self.clock = FakeClock(START_S * 1000)
        self.found = Findings()
        self.disorder = Disorder(self, start_s=START_S, period_s=PERIOD_S, venues=VENUES, faulty=FAULTY)
        self.served: defaultdict[tuple[int, int], set[Row]] = defaultdict(set)
        """(reporter, round) -> the rows an honest reporter gave out."""
        self.vain: Counter[tuple[int, int]] = Counter()
        """(relayer, reporter) -> how often it was asked in this round; many times over once it gave a row."""
        self.rules = [
            _feed(document).rule() for document in cast.feeds(simulated_markets(), max_age_s=120, peg_venues=2)
        ]
        self._keys = [LocalKey(bytes([index]) * 32) for index in range(1, REPORTERS + 1)]
        feeds = [Feed(rule.name, rule.decimals, QUORUM, HEARTBEAT_S, 25) for rule in self.rules]
        self.chain = WorldChain(feeds, [key.address for key in self._keys], FAULTY, Terms(period=PERIOD_S), START_S)
        self.domain = domain_separator(1, self.chain.oracle.address)
        tape = Tape(simulated_trades(seed, START_S * 1000), Faults(self.disorder.of_venues(), seed))
        markets = simulated_markets()
        self._market = Lockstep(tape, {venue: markets[venue] for venue in VENUES})
        self.nodes = [self._node(index, key) for index, key in enumerate(self._keys, 1)]
        self._addresses = tuple(f"relayer-{index}" for index in range(RELAYERS))
        self.payers = [self._payer(index) for index in range(RELAYERS)]
        self.trouble = 0
        """The last round in which the chain was in trouble, or relayers were missing."""
        self._short: Counter[int] = Counter()
        """By feed: the last round in which no quorum of honest reporters had a price."""

    # Building --------------------------------------------------------------------------------------------------------

    def _node(self, index: int, key: LocalKey) -> Node:
        held = Key(key)
        reporter, journal, oracle = self._reporter(index, held)
        return Node(index, held, self.folder, reporter, journal, oracle, random.Random(index))

    def _reporter(self, index: int, key: Key) -> tuple[Reporter, RowJournal, WorldOracle]:
        journal, oracle = (
            RowJournal(self.folder / f"reporter-{index}.sqlite", key.address),
            WorldOracle(self.chain, PERIOD_S),
        )
        journal.begin(self.rules, "chaos", self.now_s * 1000)
        timing = ReporterTiming(delay_ms=0)
        return Reporter(self.rules, [], oracle, key, journal, self.clock, timing), journal, oracle

    def _payer(self, index: int) -> Payer:
        journal, metrics, oracle = (
            RelayJournal(self.folder / f"relayer-{index}.sqlite"),
            RelayerMetrics(),
            WorldOracle(self.chain, PERIOD_S),
        )
        peers = [Served(self, node, index) for node in self.nodes]
        collector = Collector(peers, journal, self.clock, metrics, poll_s=0.001, late_s=0.02)
        address = self._addresses[index]
        terms = RelayTerms(relayers=self._addresses, confirmations=3)
        relayer = Relayer(
            oracle,
            collector,
            journal,
            self.clock,
            metrics,
            oracle,
            terms,
            address=address,
            witnesses=[Seen(self, other) for other in range(RELAYERS) if other != index],
        )
        return Payer(address, journal, relayer, oracle)

    # A round ---------------------------------------------------------------------------------------------------------

    async def run(self) -> Findings:
        for number in range(1, self.rounds + 1):
            self.number = number
            self.now_s = START_S + self.number * PERIOD_S
            await self.clock.advance_to(self.now_s * 1000)
            self._restore()
            for _ in range(sum(self.dice.random() < self.rate / 3 for _ in range(2))):
                self.disorder.strike()
            await self._report()
            await self._relay()
            self._judge()
        self._audit()
        for each in [*self.nodes, *self.payers]:
            each.journal.close()
        return self.found

    async def _report(self) -> None:
        trades = self._market.until(self.now_s * 1000)
        for node in self.nodes:
            if node.down_until > self.number:
                continue
            await node.reporter.chain.look()
            for trade in trades:
                # Nobody hears everything: so honest reporters differ.
                if node.dice.random() < 0.9:
                    node.reporter.hear(trade)
            target_s = self.now_s + node.ahead * PERIOD_S
            if target_s <= node.last_s:
                continue
            node.last_s = target_s
            with suppress(Killed):
                await node.reporter.round(target_s)
                continue
            self.disorder.kill(node)

    async def _relay(self) -> None:
        alive = [payer for payer in self.payers if payer.down_until <= self.number]
        self.vain.clear()
        tasks = {payer.address: asyncio.create_task(payer.relayer.round(self.now_s)) for payer in alive}

        def settled() -> bool:
            """Each is over, waits for a block, or has asked everybody in vain for the second time."""
            return all(
                tasks[payer.address].done() or payer.oracle.submitting or self._asked_in_vain(index)
                for index, payer in enumerate(self.payers)
                if payer in alive
            )

        mined: list[Transaction] = []
        while not all(task.done() for task in tasks.values()):
            await _until(settled, 5)
            if any(payer.oracle.submitting for payer in alive):
                mined += self.chain.mine(self.now_s + 2)
                await asyncio.sleep(0)
            elif not all(task.done() for task in tasks.values()):
                # Without a quorum a round is over with its period.
                await self.clock.advance_to((self.now_s + PERIOD_S) * 1000)
                await _until(lambda: all(task.done() for task in tasks.values()), 5)
        mined += self.chain.mine(self.now_s + 3)
        outcomes = [await asyncio.wait_for(task, 10) for task in tasks.values()]
        self.found.submitted += len(mined)
        self.found.doubled += sum(bool(each.reason) for each in mined)
        self.found.rounds += 1
        self.found.quorate += any(outcome.word not in ("no quorum", "chain") for outcome in outcomes)

    def _asked_in_vain(self, payer: int) -> bool:
        """No quorum came, and everybody without a row was asked twice: nothing more will happen in this round."""
        asked = [self.vain[payer, node.index] for node in self.nodes]
        return min(asked) >= 2 and sum(count >= GAVE for count in asked) < QUORUM

    def _restore(self) -> None:
        """What is over, is over."""
        self.chain.reachable = True
        for node in self.nodes:
            if node.lies and node.lies_until <= self.number:
                node.lies = ""
            if node.down_until == self.number and node.down_until:
                node.reporter, node.journal, node.oracle = self._reporter(node.index, node.key)
                node.full_until = 0
            if node.full_until == self.number and node.down_until <= self.number:
                node.journal.execute("PRAGMA max_page_count = 1073741823")
            if node.ahead and self.dice.random() < 0.3:
                node.ahead = 0
        for index, payer in enumerate(self.payers):
            payer.oracle.reachable = True
            if payer.down_until == self.number and payer.down_until:
                self.payers[index] = self._payer(index)

    # Judging ---------------------------------------------------------------------------------------------------------

    def _honest_prices(self, timestamp: int, feed: int) -> list[int]:
        """What honest reporters said of a feed in a round: all they ever gave out."""
        rows = [row for (_, at), each in self.served.items() if at == timestamp for row in each]
        return [row.prices[feed] for row in rows if row.prices[feed]]

    def _judge(self) -> None:
        reader = WorldOracle(self.chain, PERIOD_S)
        present = Counter(
            feed
            for node in self.disorder.honest()
            if node.silent_until <= self.number and (signed := node.reporter.row(self.now_s)) is not None
            for feed, price in enumerate(signed.row.prices)
            if price
        )
        if sum(payer.down_until <= self.number and payer.oracle.reachable for payer in self.payers) < RELAYERS - 1:
            self.trouble = self.number
        for feed, rule in enumerate(self.rules):
            if present[feed] < QUORUM:
                self._short[feed] = self.number
            answer = reader.answer(feed)
            if isinstance(answer, Answer):
                self._in_range(rule.name, feed, answer)
            calm = self.number - max(self.trouble, self._short[feed]) > SPARE_ROUNDS
            if not calm or answer is NoAnswer.TRIPPED:
                continue
            self.found.promised += 1
            age_s = self.now_s - answer.timestamp if isinstance(answer, Answer) else None
            if age_s is None or age_s > HEARTBEAT_S:
                self.found.missed_heartbeats.append(f"round {self.number}: {rule.name} is {age_s} s old")

    def _in_range(self, name: str, feed: int, answer: Answer) -> None:
        self.found.judged += 1
        said = self._honest_prices(answer.timestamp, feed)
        if not said or not min(said) <= answer.price <= max(said):
            self.found.out_of_range.append(f"round {self.number}: {name} is {answer.price}, honest: {sorted(said)}")

    def _audit(self) -> None:
        """Journals against what was given out."""
        for (index, timestamp), rows in self.served.items():
            if len(rows) > 1:
                self.found.equivocations.append(f"reporter {index} in round {timestamp}")
        for node in self.nodes:
            with closing(sqlite3.connect(node.path)) as connection:
                kept = dict(connection.execute("SELECT timestamp, prices FROM rows WHERE r IS NOT NULL"))
            for (index, timestamp), rows in self.served.items():
                if index == node.index and any(kept.get(timestamp) != str(list(row.prices)) for row in rows):
                    self.found.lost.append(f"reporter {index}, round {timestamp}")
        for index in range(RELAYERS):
            with RelayJournal(self.folder / f"relayer-{index}.sqlite") as journal:
                self.found.evidence += len(journal.evidence())


def _feed(document: dict[str, object]) -> FeedConfig:
    return msgspec.convert(document, FeedConfig)


async def _until(condition: Callable[[], bool], timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - a world has no one event
                await asyncio.sleep(0.0005)

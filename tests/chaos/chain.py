# SPDX-License-Identifier: AGPL-3.0-only
"""The real oracle on a chain in memory that mines when told to, and can be reorganised, restarted or out of reach."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from plumbline.chain.typed_data import pack
from plumbline.core.median import lane_medians
from plumbline.core.models import SignedRow
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.ports import Answer, ChainFeed, NoAnswer, OracleConfig
from tests.helpers.feeds import Feed, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain, Contract, Reverted


@dataclass
class Transaction:
    """A submission on its way."""

    timestamp: int
    calldata: bytes
    hash: str
    mined: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str | None = None
    """Why it reverted; empty for one that went through, None while it is not mined."""


@dataclass
class WorldChain:
    feeds: Sequence[Feed]
    reporters: Sequence[str]
    faulty: int
    terms: Terms
    start_s: int
    blocks: list[tuple[int, list[Transaction]]] = field(default_factory=list)
    """(time, transactions), one after the other: enough to build the chain again."""
    waiting: list[Transaction] = field(default_factory=list)
    reachable: bool = True

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._build()

    def _build(self) -> None:
        self._chain = Chain(self.start_s)
        self.oracle: Contract = on_revm(self._chain, self.feeds, self.reporters, self.faulty, self.terms)
        for at, transactions in self.blocks:
            self._chain.set_time(at)
            for each in transactions:
                self._execute(each)

    def _execute(self, transaction: Transaction) -> None:
        try:
            self._chain.send(self.oracle.address, transaction.calldata)
            transaction.reason = ""
        except Reverted as error:
            transaction.reason = str(error)

    def send(self, timestamp: int, calldata: bytes) -> Transaction:
        transaction = Transaction(timestamp, calldata, f"0x{next(self._ids):064x}")
        self.waiting.append(transaction)
        return transaction

    def mine(self, at: int) -> list[Transaction]:
        """All that waits, in one block; returns it."""
        mined, self.waiting = self.waiting, []
        self._chain.set_time(at)
        for each in mined:
            self._execute(each)
            each.mined.set()
        self.blocks.append((at, mined))
        return mined

    def reorganise(self, depth: int, *, lost: bool) -> None:
        """The last blocks are others now. Their transactions wait to be mined again, or are lost."""
        dropped = self.blocks[-depth:]
        del self.blocks[-depth:]
        for _, transactions in dropped:
            for each in transactions:
                each.reason = None
                if not lost:
                    self.waiting.append(each)
        self._build()
        self._chain.set_time(max(at for at, _ in dropped))

    def restart(self) -> None:
        """A new chain in the same place, with the same oracle and none of its rounds."""
        for _, transactions in self.blocks:
            for each in transactions:
                each.reason = None
        address, self.blocks, self.waiting = self.oracle.address, [], []
        self._build()
        assert self.oracle.address == address

    def block_of(self, tx_hash: str) -> int | None:
        return next((n for n, (_, txs) in enumerate(self.blocks) if any(tx.hash == tx_hash for tx in txs)), None)

    def read(self, function: str, *arguments: int) -> object:
        return self.oracle.call(function, *arguments)


class WorldOracle:
    """One node's client: an `OracleClient`, and the `Payer` of its key."""

    def __init__(self, chain: WorldChain, period_s: int) -> None:
        self._chain, self.reachable, self.submitting = chain, True, False
        feeds = tuple(
            ChainFeed(feed.name, feed.decimals, feed.quorum, feed.heartbeat, feed.deviation_bps) for feed in chain.feeds
        )
        self._config = OracleConfig(CHAIN_ID, chain.oracle.address, 1, period_s, feeds, tuple(chain.reporters))

    def _ask(self) -> None:
        if not (self.reachable and self._chain.reachable):
            raise ChainUnreachable("http://127.0.0.1: ConnectError")

    async def config(self) -> OracleConfig:
        self._ask()
        return self._config

    async def latest_round(self) -> tuple[int, int]:
        self._ask()
        round_id, timestamp = self._chain.read("latest_round")  # type: ignore[misc]
        return int(round_id), int(timestamp)

    async def in_flight(self) -> int:
        return max((await self.latest_round())[1], *(tx.timestamp for tx in self._chain.waiting), 0)

    async def disagreement(self) -> str:
        return ""

    async def answers(self) -> tuple[Answer | NoAnswer, ...]:
        self._ask()
        return tuple(self.answer(feed) for feed in range(len(self._config.feeds)))

    def answer(self, feed: int) -> Answer | NoAnswer:
        try:
            round_id, price, timestamp = self._chain.read("latest", feed)  # type: ignore[misc]
        except Reverted as error:
            return NoAnswer.TRIPPED if str(error) == "oracle: tripped" else NoAnswer.NONE_YET
        return Answer(int(round_id), int(price), int(timestamp))

    async def simulate(self, timestamp: int, rows: Sequence[SignedRow]) -> None:
        raise AssertionError("nobody runs dry here")

    async def submit(self, timestamp: int, rows: Sequence[SignedRow]) -> str:
        self._ask()
        ordered = sorted(rows, key=lambda signed: signed.reporter)
        medians = lane_medians([signed.row for signed in ordered], [feed.quorum for feed in self._config.feeds])
        calldata = self._chain.oracle.calldata(
            "submit",
            timestamp,
            sum(signed.reporter << (8 * place) for place, signed in enumerate(ordered)),
            list(pack(medians)),
            [word for signed in ordered for word in pack(signed.row.prices)],
            [part for signed in ordered for part in (signed.r, signed.vs)],
        )
        transaction = self._chain.send(timestamp, calldata)
        self.submitting = True
        try:
            await transaction.mined.wait()
        finally:
            self.submitting = False
        self._ask()
        if transaction.reason:
            raise ChainError(f"reverted: {transaction.reason}", transaction.reason)
        return transaction.hash

    async def balance_wei(self) -> int:
        self._ask()
        return 10**18

    async def gas_price_wei(self) -> int:
        self._ask()
        return 10**9

    async def confirmations(self, tx_hash: str) -> int | None:
        self._ask()
        block = self._chain.block_of(tx_hash)
        return None if block is None else len(self._chain.blocks) - block

# SPDX-License-Identifier: AGPL-3.0-only
"""What trades and bids have in common: each new block, look, size, weigh, simulate, send, write down.

    look -> best -> worth its gas? -> limits -> simulated -> sent -> journaled

A strategy says what there is to take (`_best`), what it is worth, and what it is called in the journal. Transactions
that were mined while nobody looked are found by the contract's own events.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import structlog

from plumbline.core.arbitrage import Token, gas_cost
from plumbline.errors import ChainError, ChainUnfunded
from plumbline.keeper.outcome import Outcome, Telling
from plumbline.keeper.rules import KeeperRules, Worth
from plumbline.metrics import KeeperMetrics
from plumbline.ports import MarketSnapshot, Profitable, TakenReceipt, TakingVenue
from plumbline.store.trades import TradeJournal, TradeRecord

MAX_REVERTS: Final = 3
"""Reverted in a row, each of them paid for in vain: somebody is quicker all the time, or something is wrong ..."""
PAUSE_BLOCKS: Final = 20
"""... so the keeper sits out so many blocks, then tries again."""

SETTLED_BLOCKS: Final = 64
"""What was looked through is looked through again so far back: a reorganisation may bring a transaction into it."""

FORGOTTEN: Final = 8
"""One in so many of the gas that a guess is off its first one."""

log = structlog.get_logger(__name__)

SnapshotT = TypeVar("SnapshotT", bound=MarketSnapshot)
OrderT = TypeVar("OrderT", bound=Profitable)


class Entry(NamedTuple):
    """What only the strategy knows of a transaction: profits in the quote token."""

    side: str
    amount: int
    """0 when it reverted."""
    expected: int | None
    profit: int


class Taking(ABC, Generic[SnapshotT, OrderT]):
    noun: ClassVar[str]
    """What it makes, in the log."""
    taken: ClassVar[Outcome]
    too_small: ClassVar[Outcome]

    def __init__(
        self,
        venue: TakingVenue[SnapshotT, OrderT],
        journal: TradeJournal,
        rules: KeeperRules,
        metrics: KeeperMetrics | None = None,
    ) -> None:
        self._venue, self._journal, self._rules = venue, journal, rules
        self.metrics = metrics or KeeperMetrics()
        self._telling = Telling(f"no {self.noun}")
        self._reverts = 0
        """In a row."""
        self._pause = 0
        """Blocks still to sit out: counted, as the number of a block starts anew with a restarted chain."""
        self._complete_to = journal.last_block()
        """Block up to which the journal has everything; None until the first look of a first start."""
        self._gap = True
        """Whether something may have been mined unseen: before the start, or while the chain was silent."""
        self._began = 0.0
        """When the look did, by a clock that only measures."""

    @property
    def outcome(self) -> Outcome | None:
        return self._telling.outcome

    @abstractmethod
    def _best(self, snapshot: SnapshotT) -> OrderT | None:
        """What leaves most after gas; None when nothing leaves anything."""

    @abstractmethod
    def _token(self, snapshot: SnapshotT, order: OrderT) -> Token:
        """What its profit is counted in."""

    @abstractmethod
    def _words(self, snapshot: SnapshotT, order: OrderT) -> Mapping[str, Any]:
        """What it is, for the log."""

    @abstractmethod
    def _gas_of(self, order: OrderT) -> int:
        """About what it will take."""

    @abstractmethod
    def _learn(self, order: OrderT, gas_used: int) -> None:
        """What one like it took."""

    @abstractmethod
    def _forget(self, order: OrderT | None) -> None:
        """Some of what was learned, where that may be what keeps the best one back: the last one's gas may have been
        odd, and nothing else is learned while nothing is taken. The simulation tells what one truly takes."""

    @abstractmethod
    def _idle(self, snapshot: SnapshotT, order: OrderT | None) -> Outcome:
        """Why nothing is taken: the best does not pay for its gas, if there is one."""

    @abstractmethod
    def _entry(self, snapshot: SnapshotT, receipt: TakenReceipt, order: OrderT | None) -> Entry | None:
        """For the journal; None for what has no price any more. `order` is None for what was found later."""

    async def turn(self) -> Outcome:
        """One look at the latest block, and what pays there. Raises ChainError when the chain does not answer."""
        self._began, self._telling.reason = time.perf_counter(), ""
        return self._telling.tell(await self._turn())

    async def _turn(self) -> Outcome:
        try:
            snapshot = await self._venue.snapshot()
        except ChainError as error:
            if not error.reason:
                raise
            self._telling.reason = error.reason
            return Outcome.NO_PRICE
        if snapshot is None:
            return Outcome.NO_AUCTION
        await self._catch_up(snapshot)
        paused, self._pause = self._pause > 0, max(self._pause - 1, 0)
        order = self._best(snapshot)
        if order is None or not self._pays(snapshot, order):
            self._forget(order)
            return self._idle(snapshot, order)
        quote = snapshot.market.quote
        self._telling.reason = self._rules.limits.forbids(self._journal.trades, snapshot.at_s, quote.usd)
        if self._telling.reason:
            return Outcome.FORBIDDEN
        return Outcome.PAUSED if paused else await self._take(snapshot, order)

    def _pays(self, snapshot: SnapshotT, order: OrderT) -> bool:
        return order.profit >= self._worth(snapshot, self._token(snapshot, order)).floor(self._gas_of(order))

    def _worth(self, snapshot: SnapshotT, token: Token) -> Worth:
        return Worth(self._rules, token, snapshot.gas_price_wei)

    async def _take(self, snapshot: SnapshotT, order: OrderT) -> Outcome:
        """Simulate on the state it will land on, then send what still pays there."""
        worth, words = self._worth(snapshot, self._token(snapshot, order)), self._words(snapshot, order)
        try:
            profit, gas = await self._venue.simulate(order, worth.floor(self._gas_of(order)))
            if profit < worth.floor(gas):
                return self.too_small
            if self._rules.dry_run:
                log.info(f"would {self.noun}", **words, gas=gas)
                return Outcome.DRY
            offer = worth.offer(profit, gas)
            # Until it is known what became of it, it may be mined unseen.
            self._gap = True
            receipt = await self._venue.execute(order, offer.min_profit, offer.gas, offer.tip_wei, offer.max_fee_wei)
            self._gap = False
        except ChainUnfunded as error:
            self._telling.reason = str(error)
            return Outcome.NO_GAS
        except ChainError as error:
            if not error.reason:
                raise
            log.info(f"{self.noun} refused", **words, reason=error.reason)
            return Outcome.REFUSED
        self._write_down(snapshot, receipt, order)
        if receipt.reverted:
            self._count_revert(receipt)
            return Outcome.REVERTED
        self._reverts = 0
        self._learn(order, receipt.gas_used)
        return self.taken

    def _count_revert(self, receipt: TakenReceipt) -> None:
        self._reverts += 1
        if self._reverts == MAX_REVERTS:
            self._reverts, self._pause = 0, PAUSE_BLOCKS
        log.warning(f"{self.noun} reverted", reason=receipt.reverted, tx=receipt.tx_hash, pause_blocks=self._pause)

    async def _catch_up(self, snapshot: SnapshotT) -> None:
        """After a start and after trouble: writes down what was mined while nobody looked."""
        if self._complete_to is None:
            self._complete_to = snapshot.block
        if self._gap:
            for receipt in await self._venue.receipts_since(self._complete_to):
                self._write_down(snapshot, receipt, None)
            self._complete_to = max(self._complete_to, snapshot.block - SETTLED_BLOCKS)
            self._gap = False

    def _write_down(self, snapshot: SnapshotT, receipt: TakenReceipt, order: OrderT | None) -> None:
        entry = self._entry(snapshot, receipt, order)
        if entry is None:
            return
        record = TradeRecord(
            tx_hash=receipt.tx_hash,
            block=receipt.block,
            at_s=snapshot.at_s,
            side=entry.side,
            shares=entry.amount,
            expected=entry.expected,
            profit=entry.profit,
            gas_used=receipt.gas_used,
            gas_price_wei=receipt.gas_price_wei,
            gas_cost=gas_cost(
                snapshot.market.quote, receipt.gas_used, receipt.gas_price_wei, self._rules.gas_token_usd_wad
            ),
        )
        self._complete_to = receipt.block
        if self._journal.append(record):
            self._count(snapshot, record)

    def _count(self, snapshot: SnapshotT, record: TradeRecord) -> None:
        usd = float(snapshot.market.quote.usd)
        self.metrics.gas.inc(record.gas_cost * usd)
        if record.reverted:
            self.metrics.reverts.inc()
            return
        self.metrics.trades.labels(record.side).inc()
        self.metrics.profit.inc(record.profit * usd)
        log.info(
            str(self.taken),
            side=str(record.side),
            amount=record.shares,
            profit_usd=round(record.profit * usd, 4),
            gas_usd=round(record.gas_cost * usd, 4),
            found_later=record.expected is None,
            tx=record.tx_hash,
        )

    def lost_touch(self) -> None:
        self._gap = True

    def unready(self) -> str:
        """Why it can take nothing now; empty when it can."""
        return self._telling.unready()

# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's loop: each new block, look, size, simulate, trade.

    pool, NAV, inventory -> best trade -> worth its gas? -> simulated -> sent -> journaled

A profit is what the arbitrageur counts at the oracle's prices, less gas at a configured price of the gas token. Where
the oracle serves no price there is no trade. Nothing from outside stops the loop: a chain that does not answer, or is
another one after a restart, is asked again at the next look.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Any, Final

import structlog

from plumbline.core.arbitrage import ParityMarket, ParityTrade, band, best_trade, gas_cost
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable
from plumbline.metrics import KeeperMetrics
from plumbline.ports import ParityReceipt, ParitySnapshot, ParityVenue
from plumbline.store.trades import TradeJournal, TradeRecord

PPM: Final = 1_000_000
TYPICAL_GAS: Final = 450_000
"""What a trade over four components takes: a first guess, replaced by each trade's own figure."""
_GAS_MARGIN_PERCENT: Final = 20
"""Added to the estimate as the limit: the state may differ by the time the trade lands."""
MAX_REVERTS: Final = 3
"""Reverted in a row, each of them paid for in vain: somebody is quicker all the time, or something is wrong ..."""
PAUSE_BLOCKS: Final = 20
"""... so the keeper sits out so many blocks, then tries again."""
_UNLIMITED: Final = 1 << 120
_RECENT: Final = 20

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a look at a block."""

    INSIDE = "inside"
    """The premium is inside the band."""
    TOO_SMALL = "too small"
    """There is a profit, but not after gas."""
    NO_INVENTORY = "no inventory"
    """There would be a profit, but the keeper lacks what it takes."""
    NO_PRICE = "no price"
    """The oracle serves no price: too old, tripped, paused."""
    REFUSED = "refused"
    """The simulation reverted: somebody was quicker."""
    REVERTED = "reverted"
    """The transaction reverted on chain: somebody was quicker still, and its gas is paid."""
    PAUSED = "paused"
    """Too many transactions reverted one after the other; nothing is tried for some blocks."""
    TRADED = "traded"


@dataclass(frozen=True, slots=True)
class KeeperRules:
    gas_token_usd_wad: int
    min_edge_usd_wad: int = 0
    """Least profit after gas."""


class Keeper:
    """One keeper on one venue. `run` never returns; `turn` is one look, for a loop of one's own."""

    def __init__(
        self, venue: ParityVenue, journal: TradeJournal, rules: KeeperRules, metrics: KeeperMetrics | None = None
    ) -> None:
        self._venue, self._journal, self._rules = venue, journal, rules
        self.metrics = metrics or KeeperMetrics()
        self.last: ParitySnapshot | None = None
        self.recent: deque[TradeRecord] = deque(maxlen=_RECENT)
        self.outcome: Outcome | None = None
        self._seen: bytes | None = None
        self._typical_gas = TYPICAL_GAS
        self._reverts = 0
        """In a row."""
        self._pause = 0
        """Blocks still to sit out: counted, as the number of a block starts anew with a restarted chain."""
        self._trouble = ""
        """What the chain failed with last; empty while it answers."""
        self._reason = ""
        """Why the oracle serves no price, in its own words."""
        self._complete_to = journal.last_block()
        """Block up to which the journal has every trade; None until the first look of a first start."""
        self._gap = True
        """Whether a trade may have been mined unseen: before the start, or while the chain was silent."""

    async def run(self, poll_s: float) -> None:
        """Until cancelled: a turn for each new block, looking for one every `poll_s` of wall time."""
        while True:
            await self.look()
            await asyncio.sleep(poll_s)

    async def look(self) -> None:
        """A turn if there is a block not seen yet."""
        try:
            head = await self._venue.head()
            if head != self._seen:
                await self.turn()
                self._seen = head
        except ChainError as error:
            self.metrics.chain_errors.inc()
            self._gap = True
            if str(error) != self._trouble:
                log.warning("chain does not answer", error=str(error), unreachable=isinstance(error, ChainUnreachable))
            self._trouble = str(error)
        else:
            if self._trouble:
                log.info("chain answers again")
            self._trouble = ""

    async def turn(self) -> Outcome:
        """One look at the latest block, and a trade if one pays. Raises ChainError when the chain does not answer."""
        began = time.perf_counter()
        outcome = await self._turn(began)
        self.metrics.turns.labels(outcome).inc()
        if outcome is not self.outcome and outcome in (Outcome.NO_PRICE, Outcome.NO_INVENTORY):
            log.warning("no trade", outcome=str(outcome), reason=self._reason)
        self.outcome = outcome
        return outcome

    async def _turn(self, began: float) -> Outcome:
        self._reason = ""
        try:
            snapshot = self.last = await self._venue.snapshot()
        except ChainError as error:
            if not error.reason:
                raise
            self._reason = error.reason
            return Outcome.NO_PRICE
        await self._catch_up(snapshot)
        paused, self._pause = self._pause > 0, max(self._pause - 1, 0)
        market = snapshot.market
        self.metrics.block.set(snapshot.block)
        self.metrics.premium.set(float(market.premium))
        trade = best_trade(market)
        self.metrics.turn_time.observe(time.perf_counter() - began)
        floor = self._floor(snapshot, self._typical_gas)
        if trade is not None and trade.profit >= floor:
            if paused:
                return Outcome.PAUSED
            return await self._trade(snapshot, trade)
        wanted = best_trade(market.with_inventory(_UNLIMITED))
        if wanted is not None and wanted.profit >= floor:
            return Outcome.NO_INVENTORY
        return Outcome.INSIDE if trade is None else Outcome.TOO_SMALL

    async def _trade(self, snapshot: ParitySnapshot, trade: ParityTrade) -> Outcome:
        """Simulate on the latest state, then send what still pays there."""
        try:
            profit, gas = await self._venue.simulate(trade, self._floor(snapshot, self._typical_gas))
            floor = self._floor(snapshot, gas)
            if profit < floor:
                return Outcome.TOO_SMALL
            limit = gas * (100 + _GAS_MARGIN_PERCENT) // 100
            receipt = await self._venue.execute(trade, floor, limit)
        except ChainError as error:
            if not error.reason:
                raise
            log.info("trade refused", side=str(trade.side), shares=trade.shares, reason=error.reason)
            return Outcome.REFUSED
        self._write_down(snapshot, receipt, trade.profit)
        if receipt.reverted:
            self._count_revert(receipt)
            return Outcome.REVERTED
        self._reverts = 0
        self._typical_gas = receipt.gas_used
        return Outcome.TRADED

    def _count_revert(self, receipt: ParityReceipt) -> None:
        self._reverts += 1
        if self._reverts == MAX_REVERTS:
            self._reverts, self._pause = 0, PAUSE_BLOCKS
        log.warning("trade reverted", reason=receipt.reverted, tx=receipt.tx_hash, pause_blocks=self._pause)

    async def _catch_up(self, snapshot: ParitySnapshot) -> None:
        """After a start and after trouble: writes down the trades that were mined while nobody looked."""
        if self._complete_to is None:
            self._complete_to = snapshot.block
        if self._gap:
            for receipt in await self._venue.receipts_since(self._complete_to):
                self._write_down(snapshot, receipt, None)
            self._gap = False

    def _write_down(self, snapshot: ParitySnapshot, receipt: ParityReceipt, expected: int | None) -> None:
        cost = gas_cost(snapshot.market, receipt.gas_used, receipt.gas_price_wei, self._rules.gas_token_usd_wad)
        record = TradeRecord(
            tx_hash=receipt.tx_hash,
            block=receipt.block,
            at_s=snapshot.at_s,
            side=receipt.side,
            shares=receipt.shares,
            expected=expected,
            profit=receipt.profit,
            gas_used=receipt.gas_used,
            gas_price_wei=receipt.gas_price_wei,
            gas_cost=cost,
        )
        self._complete_to = receipt.block
        if self._journal.append(record):
            self.recent.append(record)
            self._count(snapshot.market, record)

    def _floor(self, snapshot: ParitySnapshot, gas: int) -> int:
        """The least profit {quote} that pays for `gas` and the edge."""
        market, rules = snapshot.market, self._rules
        cost = gas_cost(market, gas, snapshot.gas_price_wei, rules.gas_token_usd_wad)
        edge = Fraction(rules.min_edge_usd_wad, WAD) / market.tokens[market.quote].usd
        return cost + ceil(edge)

    def _count(self, market: ParityMarket, trade: TradeRecord) -> None:
        usd = float(market.tokens[market.quote].usd)
        self.metrics.gas.inc(trade.gas_cost * usd)
        if trade.reverted:
            self.metrics.reverts.inc()
            return
        self.metrics.trades.labels(trade.side).inc()
        self.metrics.profit.inc(trade.profit * usd)
        log.info(
            "traded",
            side=str(trade.side),
            shares=trade.shares / WAD,
            profit_usd=round(trade.profit * usd, 4),
            gas_usd=round(trade.gas_cost * usd, 4),
            premium_bps=round(float(market.premium) * 10_000, 2),
            found_later=trade.expected is None,
            tx=trade.tx_hash,
        )

    def unready(self) -> str:
        """Why this keeper cannot trade now; empty when it can."""
        if self._trouble:
            return self._trouble
        if self.last is None:
            return "no block seen yet"
        if self.outcome is Outcome.NO_PRICE:
            return f"{self.outcome}: {self._reason}"
        return str(self.outcome) if self.outcome in (Outcome.NO_INVENTORY, Outcome.PAUSED) else ""

    def status(self) -> Mapping[str, Any]:
        """For the page and the demo: premium and band in millionths, amounts in smallest units."""
        if self.last is None:
            return {"block": None, "trouble": self._trouble, "unready": self.unready()}
        market = self.last.market
        low, high = band(market)
        return {
            "block": self.last.block,
            "trouble": self._trouble,
            "unready": self.unready(),
            "outcome": self.outcome,
            "premium_ppm": round(market.premium * PPM),
            "band_ppm": [round(low * PPM), round(high * PPM)],
            "inventory": [token.held for token in market.tokens],
            "trades": [
                {"side": each.side, "profit": each.profit, "gas_cost": each.gas_cost, "reverted": each.reverted}
                for each in self.recent
            ],
        }

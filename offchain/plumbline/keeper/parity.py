# SPDX-License-Identifier: AGPL-3.0-only
"""The parity strategy: each new block, look, size, simulate, trade.

    pools, NAV, inventory -> best trade -> worth its gas? -> simulated -> sent -> journaled

A trade is paid with float, and then its profit is what the arbitrageur counts at the oracle's prices, or flash-funded,
and then it is quote in hand: whichever leaves more after gas, at a configured price of the gas token. Where the oracle
serves no price there is no trade: nobody knows then what gas costs in the quote token, or a premium is.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Any, Final

import structlog

from plumbline.core.arbitrage import ParityMarket, ParityTrade, band, best_trade, gas_cost
from plumbline.core.cycle import best_cycle
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnfunded
from plumbline.keeper.limits import Limits
from plumbline.metrics import KeeperMetrics
from plumbline.ports import ParityReceipt, ParitySnapshot, ParityVenue
from plumbline.store.trades import TradeJournal, TradeRecord

PPM: Final = 1_000_000
SWAP_GAS: Final = 95_000
"""What one more swap of a trade takes, about."""
BASE_GAS: Final = {False: 170_000, True: 190_000}
"""Beside its swaps, with float and flash-funded: a first guess, replaced by what each trade took."""
_LIMIT_PERCENT: Final = 200
"""Of the gas that is paid for, as the limit: refunds come only at the end, each nested call keeps back a 64th, and the
state may differ by the time the trade lands. What is not used is not paid for."""
_HEADROOM: Final = 4
"""Times today's price of gas is as much as a trade may come to cost: six full blocks double the base fee, and the
replacements of a usual deadline add three fifths. More would only narrow the slippage it bears."""
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
    FORBIDDEN = "forbidden"
    """A limit of the keeper's own is reached."""
    NO_GAS = "no gas"
    """The key cannot pay for its gas."""
    REFUSED = "refused"
    """The simulation reverted: somebody was quicker."""
    REVERTED = "reverted"
    """The transaction reverted on chain: somebody was quicker still, and its gas is paid."""
    PAUSED = "paused"
    """Too many transactions reverted one after the other; nothing is tried for some blocks."""
    DRY = "dry run"
    """It would have traded."""
    TRADED = "traded"


_ALARMS: Final = (Outcome.NO_PRICE, Outcome.NO_INVENTORY, Outcome.FORBIDDEN, Outcome.NO_GAS)
_UNREADY: Final = (*_ALARMS, Outcome.PAUSED)


_NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class KeeperRules:
    gas_token_usd_wad: int
    min_edge_usd_wad: int = 0
    """Least profit after gas."""
    funding: Collection[str] = ("float", "flash")
    tip_percent: int = 0
    """Of the profit above gas and edge, at most so much goes to whoever makes the block."""
    max_fee_percent: int = 50
    """Of the profit, at most so much goes to gas, however often a stuck trade is replaced. One whose gas takes more as
    it is, is sent at that and no more."""
    dry_run: bool = False
    """Everything but sending."""
    limits: Limits = _NO_LIMITS


class Parity:
    """One keeper on one venue."""

    name = "parity"

    def __init__(
        self, venue: ParityVenue, journal: TradeJournal, rules: KeeperRules, metrics: KeeperMetrics | None = None
    ) -> None:
        self._venue, self._journal, self._rules = venue, journal, rules
        self.metrics = metrics or KeeperMetrics()
        self.last: ParitySnapshot | None = None
        self.recent: deque[TradeRecord] = deque(maxlen=_RECENT)
        self.outcome: Outcome | None = None
        self._base_gas = dict(BASE_GAS)
        self._reverts = 0
        """In a row."""
        self._pause = 0
        """Blocks still to sit out: counted, as the number of a block starts anew with a restarted chain."""
        self._reason = ""
        """Why the oracle serves no price, in its own words, or which limit is reached."""
        self._complete_to = journal.last_block()
        """Block up to which the journal has every trade; None until the first look of a first start."""
        self._gap = True
        """Whether a trade may have been mined unseen: before the start, or while the chain was silent."""

    async def turn(self) -> Outcome:
        """One look at the latest block, and a trade if one pays. Raises ChainError when the chain does not answer."""
        began = time.perf_counter()
        outcome = await self._turn(began)
        if outcome is not self.outcome and outcome in _ALARMS:
            log.warning("no trade", outcome=str(outcome), reason=self._reason)
        self.outcome = outcome
        return outcome

    def lost_touch(self) -> None:
        self._gap = True

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
        self.metrics.block.set(snapshot.block)
        self.metrics.premium.set(float(snapshot.market.premium))
        trade = self._best(snapshot)
        self.metrics.turn_time.observe(time.perf_counter() - began)
        if trade is not None and trade.profit >= self._floor(snapshot, self._gas_of(trade)):
            self._reason = self._rules.limits.forbids(self._journal.trades, snapshot.at_s, snapshot.market.quote.usd)
            if self._reason:
                return Outcome.FORBIDDEN
            return Outcome.PAUSED if paused else await self._trade(snapshot, trade)
        wanted = self._best(replace(snapshot, market=snapshot.market.with_inventory(_UNLIMITED)), capped=False)
        if wanted is not None and wanted.profit >= self._floor(snapshot, self._gas_of(wanted)):
            return Outcome.NO_INVENTORY
        free = trade or self._best(replace(snapshot, gas_price_wei=0))
        return Outcome.INSIDE if free is None else Outcome.TOO_SMALL

    def _best(self, snapshot: ParitySnapshot, *, capped: bool = True) -> ParityTrade | None:
        """The trade that leaves most after its gas, of those this keeper's funding allows."""
        swap_cost = self._cost(snapshot, SWAP_GAS)
        found: list[ParityTrade | None] = []
        if "float" in self._rules.funding:
            found.append(best_trade(self._capped(snapshot.market) if capped else snapshot.market, swap_cost))
        if "flash" in self._rules.funding and snapshot.cycle is not None:
            found.append(best_cycle(snapshot.cycle, swap_cost))
        trades = [trade for trade in found if trade is not None]
        return max(trades, key=lambda trade: trade.profit - self._cost(snapshot, self._gas_of(trade)), default=None)

    def _capped(self, market: ParityMarket) -> ParityMarket:
        """With no more quote than may still become float."""
        cap = self._rules.limits.max_float_usd_wad
        if cap is None:
            return market
        worth = sum((token.held * token.usd for token in market.components), Fraction())
        room = max(int((Fraction(cap, WAD) - worth) / market.quote.usd), 0)
        quote = replace(market.quote, held=min(market.quote.held, room))
        return replace(market, tokens=(*market.components, quote))

    def _gas_of(self, trade: ParityTrade) -> int:
        return self._base_gas[trade.flash] + SWAP_GAS * trade.swaps

    async def _trade(self, snapshot: ParitySnapshot, trade: ParityTrade) -> Outcome:
        """Simulate on the state it will land on, then send what still pays there."""
        try:
            profit, gas = await self._venue.simulate(trade, self._floor(snapshot, self._gas_of(trade)))
            floor = self._floor(snapshot, gas)
            if profit < floor:
                return Outcome.TOO_SMALL
            if self._rules.dry_run:
                log.info("would trade", side=str(trade.side), shares=trade.shares / WAD, flash=trade.flash, gas=gas)
                return Outcome.DRY
            receipt = await self._send(snapshot, trade, profit, gas)
        except ChainUnfunded as error:
            self._reason = str(error)
            return Outcome.NO_GAS
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
        self._base_gas[trade.flash] = max(receipt.gas_used - SWAP_GAS * trade.swaps, 0)
        return Outcome.TRADED

    async def _send(self, snapshot: ParitySnapshot, trade: ParityTrade, profit: int, gas: int) -> ParityReceipt:
        """With a `min_profit` that pays for whatever its gas may come to cost."""
        floor = self._floor(snapshot, gas)
        tip = self._wei_per_gas(snapshot, (profit - floor) * self._rules.tip_percent, gas) // 100
        share = self._wei_per_gas(snapshot, profit * self._rules.max_fee_percent, gas) // 100
        max_fee = max(min(share, _HEADROOM * snapshot.gas_price_wei + tip), snapshot.gas_price_wei)
        least = self._floor(replace(snapshot, gas_price_wei=max_fee), gas)
        if least > profit:
            max_fee, least = snapshot.gas_price_wei, floor
        # Until it is known what became of it, it may be mined unseen.
        self._gap = True
        receipt = await self._venue.execute(trade, least, gas * _LIMIT_PERCENT // 100, tip, max_fee)
        self._gap = False
        return receipt

    def _wei_per_gas(self, snapshot: ParitySnapshot, amount: int, gas: int) -> int:
        """{wei per gas} that an amount of quote pays for."""
        return int(amount * snapshot.market.quote.usd * WAD * WAD / self._rules.gas_token_usd_wad / gas)

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
        quote = snapshot.market.quote
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
            gas_cost=gas_cost(quote, receipt.gas_used, receipt.gas_price_wei, self._rules.gas_token_usd_wad),
        )
        self._complete_to = receipt.block
        if self._journal.append(record):
            self.recent.append(record)
            self._count(snapshot.market, record)

    def _cost(self, snapshot: ParitySnapshot, gas: int) -> int:
        """{quote} of gas in the next block."""
        return gas_cost(snapshot.market.quote, gas, snapshot.gas_price_wei, self._rules.gas_token_usd_wad)

    def _floor(self, snapshot: ParitySnapshot, gas: int) -> int:
        """The least profit {quote} that pays for `gas` and the edge."""
        edge = Fraction(self._rules.min_edge_usd_wad, WAD) / snapshot.market.quote.usd
        return self._cost(snapshot, gas) + ceil(edge)

    def _count(self, market: ParityMarket, trade: TradeRecord) -> None:
        usd = float(market.quote.usd)
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
        if self.last is None:
            return "no block seen yet"
        if self.outcome not in _UNREADY:
            return ""
        return f"{self.outcome}: {self._reason}" if self._reason else str(self.outcome)

    def status(self) -> Mapping[str, Any]:
        """For the page and the demo: premium and band in millionths, amounts in smallest units."""
        if self.last is None:
            return {"block": None}
        market = self.last.market
        low, high = band(market)
        return {
            "block": self.last.block,
            "outcome": self.outcome,
            "premium_ppm": round(market.premium * PPM),
            "band_ppm": [round(low * PPM), round(high * PPM)],
            "inventory": [token.held for token in market.tokens],
            "trades": [
                {"side": each.side, "profit": each.profit, "gas_cost": each.gas_cost, "reverted": each.reverted}
                for each in self.recent
            ],
        }

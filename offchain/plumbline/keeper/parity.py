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
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from plumbline.core.arbitrage import ParityMarket, ParityTrade, Token, band, best_trade
from plumbline.core.cycle import best_cycle
from plumbline.core.units import WAD
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.rules import KeeperRules
from plumbline.keeper.taking import FORGOTTEN, Entry, Taking
from plumbline.metrics import KeeperMetrics
from plumbline.ports import ParitySnapshot, ParityVenue, TakenReceipt
from plumbline.store.trades import TradeJournal, TradeRecord

PPM: Final = 1_000_000
SWAP_GAS: Final = 95_000
"""What one more swap of a trade takes, about."""
BASE_GAS: Final = {False: 170_000, True: 190_000}
"""Beside its swaps, with float and flash-funded: a first guess, replaced by what each trade took."""
_UNLIMITED: Final = 1 << 120
_RECENT: Final = 20


class Parity(Taking[ParitySnapshot, ParityTrade]):
    """One keeper on one venue."""

    name = "parity"
    noun, taken, too_small = "trade", Outcome.TRADED, Outcome.TOO_SMALL

    def __init__(
        self, venue: ParityVenue, journal: TradeJournal, rules: KeeperRules, metrics: KeeperMetrics | None = None
    ) -> None:
        super().__init__(venue, journal, rules, metrics)
        self.last: ParitySnapshot | None = None
        self.recent: deque[TradeRecord] = deque(maxlen=_RECENT)
        self._base_gas = dict(BASE_GAS)

    def _best(self, snapshot: ParitySnapshot) -> ParityTrade | None:
        self.last = snapshot
        self.metrics.block.set(snapshot.block)
        self.metrics.premium.set(float(snapshot.market.premium))
        trade = self._sized(snapshot)
        self.metrics.turn_time.observe(time.perf_counter() - self._began)
        return trade

    def _idle(self, snapshot: ParitySnapshot, order: ParityTrade | None) -> Outcome:
        wanted = self._sized(replace(snapshot, market=snapshot.market.with_inventory(_UNLIMITED)), capped=False)
        if wanted is not None and self._pays(snapshot, wanted):
            return Outcome.NO_INVENTORY
        free = order or self._sized(replace(snapshot, gas_price_wei=0))
        return Outcome.INSIDE if free is None else Outcome.TOO_SMALL

    def _sized(self, snapshot: ParitySnapshot, *, capped: bool = True) -> ParityTrade | None:
        """The trade that leaves most after its gas, of those this keeper's funding allows."""
        worth = self._worth(snapshot, snapshot.market.quote)
        swap_cost = worth.cost(SWAP_GAS)
        found: list[ParityTrade | None] = []
        if "float" in self._rules.funding:
            found.append(best_trade(self._capped(snapshot.market) if capped else snapshot.market, swap_cost))
        if "flash" in self._rules.funding and snapshot.cycle is not None:
            found.append(best_cycle(snapshot.cycle, swap_cost))
        trades = [trade for trade in found if trade is not None]
        return max(trades, key=lambda trade: trade.profit - worth.cost(self._gas_of(trade)), default=None)

    def _capped(self, market: ParityMarket) -> ParityMarket:
        """With no more quote than may still become float."""
        cap = self._rules.limits.max_float_usd_wad
        if cap is None:
            return market
        worth = sum((token.held * token.usd for token in market.components), Fraction())
        room = max(int((Fraction(cap, WAD) - worth) / market.quote.usd), 0)
        quote = replace(market.quote, held=min(market.quote.held, room))
        return replace(market, tokens=(*market.components, quote))

    def _gas_of(self, order: ParityTrade) -> int:
        return self._base_gas[order.flash] + SWAP_GAS * order.swaps

    def _learn(self, order: ParityTrade, gas_used: int) -> None:
        self._base_gas[order.flash] = max(gas_used - SWAP_GAS * order.swaps, 0)

    def _forget(self, order: ParityTrade | None) -> None:
        if order is not None:
            self._base_gas[order.flash] -= (self._base_gas[order.flash] - BASE_GAS[order.flash]) // FORGOTTEN

    def _token(self, snapshot: ParitySnapshot, order: ParityTrade) -> Token:
        return snapshot.market.quote

    def _words(self, snapshot: ParitySnapshot, order: ParityTrade) -> Mapping[str, Any]:
        return {"side": str(order.side), "shares": order.shares / WAD, "flash": order.flash}

    def _entry(self, snapshot: ParitySnapshot, receipt: TakenReceipt, order: ParityTrade | None) -> Entry:
        if order is None:
            return Entry(receipt.what, receipt.amount, None, receipt.profit)
        return Entry(order.side, receipt.amount, order.profit, receipt.profit)

    def _count(self, snapshot: ParitySnapshot, record: TradeRecord) -> None:
        self.recent.append(record)
        super()._count(snapshot, record)

    def unready(self) -> str:
        return "no block seen yet" if self.last is None else super().unready()

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

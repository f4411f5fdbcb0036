# SPDX-License-Identifier: AGPL-3.0-only
"""The bidding strategy: while an index is rebalanced, take what pays, and pay for it out of what it brings.

    auction, pools -> best bid -> worth its gas? -> simulated -> sent -> journaled

One bid a block, of whatever part of a lot leaves most: the next look finds what is left, at a lower price. Who waits
for more leaves it to the next keeper. Profits are journaled in the quote token, beside those of trades, at the oracle's
prices: the limit on losses looks at all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from plumbline.core.arbitrage import Token
from plumbline.core.bids import Bid, best_bid
from plumbline.core.units import WAD
from plumbline.keeper.outcome import Outcome
from plumbline.keeper.rules import KeeperRules
from plumbline.keeper.taking import FORGOTTEN, Entry, Taking
from plumbline.metrics import KeeperMetrics
from plumbline.ports import BidSnapshot, BidVenue, TakenReceipt
from plumbline.store.trades import BID, TradeJournal, TradeRecord

_FIRST_GAS: Final = {1: 226_000, 2: 281_000}
"""Of a bid, by the number of its pools: replaced by what each took."""


class Bids(Taking[BidSnapshot, Bid]):
    """One keeper's bids in the auctions of one index."""

    name = "bids"
    noun, taken, too_small = "bid", Outcome.BID, Outcome.WAITING

    def __init__(
        self, venue: BidVenue, journal: TradeJournal, rules: KeeperRules, metrics: KeeperMetrics | None = None
    ) -> None:
        super().__init__(venue, journal, rules, metrics)
        self._gas = dict(_FIRST_GAS)
        self._made = 0

    def _best(self, snapshot: BidSnapshot) -> Bid | None:
        wei_usd = Fraction(snapshot.gas_price_wei * self._rules.gas_token_usd_wad, WAD * WAD)
        return best_bid(snapshot.market, {pools: gas * wei_usd for pools, gas in self._gas.items()})

    def _idle(self, snapshot: BidSnapshot, order: Bid | None) -> Outcome:
        return Outcome.WAITING

    def _gas_of(self, order: Bid) -> int:
        return self._gas[len(order.hops)]

    def _learn(self, order: Bid, gas_used: int) -> None:
        self._gas[len(order.hops)] = gas_used

    def _forget(self, order: Bid | None) -> None:
        # What does not pay for its gas is not even named.
        for pools, first in _FIRST_GAS.items():
            self._gas[pools] -= (self._gas[pools] - first) // FORGOTTEN

    def _token(self, snapshot: BidSnapshot, order: Bid) -> Token:
        return snapshot.market.lots[order.sell].token

    def _words(self, snapshot: BidSnapshot, order: Bid) -> Mapping[str, Any]:
        return {"sell": snapshot.tokens[order.sell], "buy": snapshot.tokens[order.buy], "sold": order.sold}

    def _entry(self, snapshot: BidSnapshot, receipt: TakenReceipt, order: Bid | None) -> Entry | None:
        sold = snapshot.tokens[order.sell] if order is not None else receipt.what
        if sold not in snapshot.tokens:
            # No component any more: it was sold in an auction that is over, and has no price here.
            return None
        sell = snapshot.market.lots[snapshot.tokens.index(sold)].token
        rate = sell.usd / snapshot.market.quote.usd
        expected = None if order is None else int(order.profit * rate)
        return Entry(BID, receipt.amount, expected, int(receipt.profit * rate))

    def _count(self, snapshot: BidSnapshot, record: TradeRecord) -> None:
        self._made += not record.reverted
        super()._count(snapshot, record)

    def status(self) -> Mapping[str, Any]:
        return {"outcome": self.outcome, "made": self._made}

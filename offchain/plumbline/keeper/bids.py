# SPDX-License-Identifier: AGPL-3.0-only
"""The bidding strategy: while an index is rebalanced, take what pays, and pay for it out of what it brings.

    auction, pools -> best bid -> worth its gas? -> simulated -> sent -> journaled

One bid a block, of whatever part of a lot leaves most: the next look finds what is left, at a lower price. Who waits
for more leaves it to the next keeper. Profits are journaled in the quote token, beside those of trades, at the oracle's
prices: the limit on losses looks at all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Any, Final

import structlog

from plumbline.core.arbitrage import Token, gas_cost
from plumbline.core.bids import Bid, best_bid
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnfunded
from plumbline.keeper.parity import MAX_REVERTS, PAUSE_BLOCKS, KeeperRules
from plumbline.metrics import KeeperMetrics
from plumbline.ports import BidReceipt, BidSnapshot, BidVenue
from plumbline.store.trades import BID, TradeJournal, TradeRecord

_FIRST_GAS: Final = {1: 226_000, 2: 281_000}
"""Of a bid, by the number of its pools: replaced by what each took."""
_LIMIT_PERCENT: Final = 200
"""Of the gas that is paid for, as the limit: see `plumbline.keeper.parity`."""
_HEADROOM: Final = 4
"""Times today's price of gas is as much as a bid may come to cost."""

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a look at a block."""

    NO_AUCTION = "no auction"
    WAITING = "waiting"
    """Nothing pays yet, or ever."""
    NO_PRICE = "no price"
    """The oracle serves no price of the quote token: nobody knows what gas costs in it."""
    FORBIDDEN = "forbidden"
    NO_GAS = "no gas"
    REFUSED = "refused"
    REVERTED = "reverted"
    PAUSED = "paused"
    DRY = "dry run"
    BID = "bid"


_UNREADY: Final = (Outcome.NO_PRICE, Outcome.FORBIDDEN, Outcome.NO_GAS, Outcome.PAUSED)


class Bids:
    """One keeper's bids in the auctions of one index."""

    name = "bids"

    def __init__(self, venue: BidVenue, journal: TradeJournal, rules: KeeperRules, metrics: KeeperMetrics) -> None:
        self._venue, self._journal, self._rules, self._metrics = venue, journal, rules, metrics
        self._gas = dict(_FIRST_GAS)
        self._reverts = self._pause = self._made = 0
        self._outcome: Outcome | None = None
        self._reason = ""
        self._complete_to = journal.last_block()
        """Block up to which the journal has every bid; None until the first auction of a first start."""
        self._gap = True
        """Whether a bid may have been mined unseen."""

    async def turn(self) -> Outcome:
        """One look at the latest block, and a bid if one pays. Raises ChainError when the chain does not answer."""
        self._reason = ""
        outcome = await self._turn()
        if outcome is not self._outcome and outcome in _UNREADY:
            log.warning("no bid", outcome=str(outcome), reason=self._reason)
        self._outcome = outcome
        return outcome

    async def _turn(self) -> Outcome:
        try:
            snapshot = await self._venue.snapshot()
        except ChainError as error:
            if not error.reason:
                raise
            self._reason = error.reason
            return Outcome.NO_PRICE
        if snapshot is None:
            return Outcome.NO_AUCTION
        await self._catch_up(snapshot)
        paused, self._pause = self._pause > 0, max(self._pause - 1, 0)
        bid = best_bid(snapshot.market, {pools: self._usd(snapshot, gas) for pools, gas in self._gas.items()})
        if bid is None or bid.profit < self._floor(snapshot, bid, self._gas[len(bid.hops)]):
            return Outcome.WAITING
        quote = snapshot.market.lots[snapshot.market.middle].token
        self._reason = self._rules.limits.forbids(self._journal.trades, snapshot.at_s, quote.usd)
        if self._reason:
            return Outcome.FORBIDDEN
        return Outcome.PAUSED if paused else await self._bid(snapshot, bid)

    async def _bid(self, snapshot: BidSnapshot, bid: Bid) -> Outcome:
        """Simulate on the state it will land on, then send what still pays there."""
        try:
            profit, gas = await self._venue.simulate(bid, self._floor(snapshot, bid, self._gas[len(bid.hops)]))
            if profit < self._floor(snapshot, bid, gas):
                return Outcome.WAITING
            if self._rules.dry_run:
                log.info("would bid", sell=snapshot.tokens[bid.sell], buy=snapshot.tokens[bid.buy], sold=bid.sold)
                return Outcome.DRY
            receipt = await self._send(snapshot, bid, profit, gas)
        except ChainUnfunded as error:
            self._reason = str(error)
            return Outcome.NO_GAS
        except ChainError as error:
            if not error.reason:
                raise
            log.info("bid refused", sold=bid.sold, reason=error.reason)
            return Outcome.REFUSED
        self._write_down(snapshot, receipt, bid)
        if receipt.reverted:
            self._count_revert(receipt)
            return Outcome.REVERTED
        self._reverts = 0
        self._gas[len(bid.hops)] = receipt.gas_used
        return Outcome.BID

    async def _send(self, snapshot: BidSnapshot, bid: Bid, profit: int, gas: int) -> BidReceipt:
        """With a `min_profit` that pays for whatever its gas may come to cost."""
        usd = snapshot.market.lots[bid.sell].token.usd
        floor, now = self._floor(snapshot, bid, gas), snapshot.gas_price_wei
        tip = self._wei_per_gas((profit - floor) * usd * self._rules.tip_percent / 100, gas)
        share = self._wei_per_gas(profit * usd * self._rules.max_fee_percent / 100, gas)
        max_fee = max(min(share, _HEADROOM * now + tip), now)
        least = self._floor(replace(snapshot, gas_price_wei=max_fee), bid, gas)
        if least > profit:
            max_fee, least = now, floor
        # Until it is known what became of it, it may be mined unseen.
        self._gap = True
        receipt = await self._venue.execute(bid, least, gas * _LIMIT_PERCENT // 100, tip, max_fee)
        self._gap = False
        return receipt

    def _floor(self, snapshot: BidSnapshot, bid: Bid, gas: int) -> int:
        """The least profit {sell} that pays for `gas` and the edge."""
        edge = Fraction(self._rules.min_edge_usd_wad, WAD)
        return ceil((self._usd(snapshot, gas) + edge) / snapshot.market.lots[bid.sell].token.usd)

    def _usd(self, snapshot: BidSnapshot, gas: int) -> Fraction:
        """{USD} of gas in the next block."""
        return Fraction(gas * snapshot.gas_price_wei * self._rules.gas_token_usd_wad, WAD * WAD)

    def _wei_per_gas(self, usd: Fraction, gas: int) -> int:
        return int(usd * WAD * WAD / self._rules.gas_token_usd_wad / gas)

    def _count_revert(self, receipt: BidReceipt) -> None:
        self._reverts += 1
        if self._reverts == MAX_REVERTS:
            self._reverts, self._pause = 0, PAUSE_BLOCKS
        log.warning("bid reverted", reason=receipt.reverted, tx=receipt.tx_hash, pause_blocks=self._pause)

    async def _catch_up(self, snapshot: BidSnapshot) -> None:
        """After a start and after trouble: writes down the bids that were mined while nobody looked."""
        if self._complete_to is None:
            self._complete_to = snapshot.block
        if self._gap:
            for receipt in await self._venue.receipts_since(self._complete_to):
                # What is no component any more was sold in an auction that is over: it has no price here.
                if receipt.sell in snapshot.tokens:
                    self._write_down(snapshot, receipt, None)
            self._gap = False

    def _write_down(self, snapshot: BidSnapshot, receipt: BidReceipt, bid: Bid | None) -> None:
        quote = snapshot.market.lots[snapshot.market.middle].token
        kept = quote if receipt.reverted else snapshot.market.lots[snapshot.tokens.index(receipt.sell)].token
        gas = gas_cost(quote, receipt.gas_used, receipt.gas_price_wei, self._rules.gas_token_usd_wad)
        record = TradeRecord(
            tx_hash=receipt.tx_hash,
            block=receipt.block,
            at_s=snapshot.at_s,
            side=BID,
            shares=receipt.sold,
            expected=None if bid is None else _in_quote(bid.profit, kept, quote),
            profit=_in_quote(receipt.profit, kept, quote),
            gas_used=receipt.gas_used,
            gas_price_wei=receipt.gas_price_wei,
            gas_cost=gas,
        )
        self._complete_to = receipt.block
        if self._journal.append(record):
            self._count(record, quote)

    def _count(self, record: TradeRecord, quote: Token) -> None:
        usd = float(quote.usd)
        self._metrics.gas.inc(record.gas_cost * usd)
        if record.reverted:
            self._metrics.reverts.inc()
            return
        self._made += 1
        self._metrics.trades.labels(BID).inc()
        self._metrics.profit.inc(record.profit * usd)
        log.info("bid made", sold=record.shares, profit_usd=round(record.profit * usd, 4), tx=record.tx_hash)

    def lost_touch(self) -> None:
        self._gap = True

    def unready(self) -> str:
        if self._outcome not in _UNREADY:
            return ""
        return f"{self._outcome}: {self._reason}" if self._reason else str(self._outcome)

    def status(self) -> Mapping[str, Any]:
        return {"outcome": self._outcome, "made": self._made}


def _in_quote(amount: int, token: Token, quote: Token) -> int:
    """{quote} what an amount of a token is worth at the oracle's prices, rounded down."""
    return int(amount * token.usd / quote.usd)

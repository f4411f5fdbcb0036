# SPDX-License-Identifier: AGPL-3.0-only
"""The desk: makes a market in the share with one range around NAV, and keeps its exposure to the index in a band.

    look -> book what happened since the last look -> what `plumbline.core.desk` says is next -> limits -> sent -> look

One transaction a turn. Where the oracle serves no price nothing is done: the range stays where it is, and trades on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import ceil
from typing import Any, Final

import structlog

from plumbline.core.arbitrage import gas_cost
from plumbline.core.desk import DeskRules, Hedge, Place, decide
from plumbline.core.desk_books import Booking, Flows, Mark, book
from plumbline.core.units import MAX_BPS, WAD
from plumbline.errors import ChainError
from plumbline.keeper.limits import DAY_S, NO_LIMITS, Limits
from plumbline.keeper.outcome import Outcome, Telling
from plumbline.metrics import KeeperMetrics
from plumbline.ports import DeskReceipt, DeskSnapshot, DeskVenue
from plumbline.store.desk import DeskJournal

log = structlog.get_logger(__name__)

MOVED_BPS: Final = 10
"""How much worse than foreseen a hedge may come out by the time it lands."""


@dataclass(frozen=True, slots=True)
class DeskTerms:
    rules: DeskRules
    gas_token_usd_wad: int
    max_cost_bps: int
    """What a hedge may cost of its value at NAV, everything included."""
    dry_run: bool = False
    limits: Limits = NO_LIMITS


class Desk:
    name = "desk"

    def __init__(
        self, venue: DeskVenue, journal: DeskJournal, terms: DeskTerms, metrics: KeeperMetrics | None = None
    ) -> None:
        self._venue, self._journal, self._terms = venue, journal, terms
        self.metrics = metrics or KeeperMetrics()
        self.last: DeskSnapshot | None = None
        self._telling = Telling("desk stands still")
        self.earned = journal.total()
        """Since the journal began."""

    async def turn(self) -> Outcome:
        """One look at the latest block, and one step. Raises ChainError when the chain does not answer."""
        self._telling.reason = ""
        return self._telling.tell(await self._turn())

    @property
    def outcome(self) -> Outcome | None:
        return self._telling.outcome

    async def _turn(self) -> Outcome:
        try:
            snapshot = await self._look(Flows())
        except ChainError as error:
            if not error.reason:
                raise
            self._telling.reason = error.reason
            return Outcome.NO_PRICE
        step = decide(snapshot.state, self._terms.rules)
        if step is None:
            return Outcome.NEUTRAL
        self._telling.reason = self._terms.limits.forbids(
            lambda: self._journal.hours(snapshot.at_s - DAY_S), snapshot.at_s, snapshot.quote.usd
        )
        if self._telling.reason:
            return Outcome.FORBIDDEN
        try:
            return await (self._hedge(snapshot, step) if isinstance(step, Hedge) else self._place(snapshot, step))
        except ChainError as error:
            if not error.reason:
                raise
            self._telling.reason = error.reason
            log.info("desk refused", step=type(step).__name__, reason=error.reason)
            return Outcome.REFUSED

    async def _hedge(self, snapshot: DeskSnapshot, hedge: Hedge) -> Outcome:
        minting, price = hedge.shares > 0, await self._venue.price_of(hedge)
        at_nav = abs(hedge.shares) * snapshot.state.nav
        worst = at_nav * (MAX_BPS + (1 if minting else -1) * self._terms.max_cost_bps) / MAX_BPS
        if price > worst if minting else price < worst:
            cost = float((price / at_nav - 1) * (1 if minting else -1)) * MAX_BPS
            self._telling.reason = f"{abs(hedge.shares) / WAD:,.4f} shares cost {cost:.1f} bps of their value"
            return Outcome.TOO_DEAR
        if minting and price > snapshot.state.quote:
            self._telling.reason = f"minting takes {price} of the quote, {snapshot.state.quote} are in hand"
            return Outcome.SHORT
        if self._terms.dry_run:
            log.info("would hedge", shares=hedge.shares / WAD, quote=price)
            return Outcome.DRY
        moved = Fraction(price * MOVED_BPS, MAX_BPS)
        limit = int(min(price + moved, worst)) if minting else ceil(max(price - moved, worst))
        receipt = await self._venue.hedge(hedge, min(limit, snapshot.state.quote) if minting else limit)
        return await self._settle(snapshot, receipt, Outcome.HEDGED)

    async def _place(self, snapshot: DeskSnapshot, place: Place) -> Outcome:
        if self._terms.dry_run:
            log.info("would place", low=place.low, high=place.high, liquidity=place.liquidity)
            return Outcome.DRY
        receipt = await self._venue.place(snapshot.state, place)
        return await self._settle(snapshot, receipt, Outcome.PLACED)

    async def _settle(self, snapshot: DeskSnapshot, receipt: DeskReceipt, outcome: Outcome) -> Outcome:
        """Book a mined transaction at once: what it moved is known now, and nobody tells it again."""
        gas = gas_cost(snapshot.quote, receipt.gas_used, receipt.gas_price_wei, self._terms.gas_token_usd_wad)
        after = await self._look(replace(receipt.flows, gas=gas))
        if receipt.reverted:
            self._telling.reason = receipt.reverted
            log.warning("desk reverted", reason=receipt.reverted, tx=receipt.tx_hash)
            return Outcome.REVERTED
        log.info(
            str(outcome),
            shares=receipt.flows.hedged[0] / WAD,
            exposure=after.state.exposure(self._terms.rules) / WAD,
            gas_usd=round(float(gas * snapshot.quote.usd), 4),
            tx=receipt.tx_hash,
        )
        return outcome

    async def _look(self, flows: Flows) -> DeskSnapshot:
        """The latest block, with everything since the last look booked."""
        snapshot = self.last = await self._venue.snapshot()
        rules, before = self._terms.rules, self._journal.mark()
        mark = Mark.of(snapshot.state, rules.target)
        # Of one that reverted nothing is left but its gas.
        if mark != before or flows.gas:
            booked = Booking() if before is None else book(before, mark, flows)
            self._journal.book(snapshot.at_s, booked, mark)
            self.earned += booked
        self.metrics.block.set(snapshot.block)
        self.metrics.desk_exposure.set(snapshot.state.exposure(rules) / WAD)
        for source in fields(Booking):
            earned = getattr(self.earned, source.name) * snapshot.quote.usd
            self.metrics.desk_earned.labels(source.name).set(float(earned))
        return snapshot

    def lost_touch(self) -> None:
        """Nothing to make up for: what was mined unseen is in the next look's balances."""

    def unready(self) -> str:
        return "no block seen yet" if self.last is None else self._telling.unready()

    def status(self) -> Mapping[str, Any]:
        """For the page: shares in wei, earnings in the quote's smallest units."""
        if self.last is None:
            return {"block": None}
        rules, state = self._terms.rules, self.last.state
        return {
            "block": self.last.block,
            "outcome": self.outcome,
            "exposure": state.exposure(rules),
            "exposure_at_nav": state.exposure_at_nav(rules),
            "band": rules.band,
            "earned": {each.name: getattr(self.earned, each.name) for each in fields(Booking)},
        }

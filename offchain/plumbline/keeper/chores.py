# SPDX-License-Identifier: AGPL-3.0-only
"""The chores: losses are shared, the fees that have accrued to the index's fee recipient minted, claims paid, float
brought home.

A loss comes first: until somebody shares it no bid is taken in that component, and who redeems in kind takes more than
is left for the others. That pays the keeper nothing, so it waits until `MIN_LOSS_WAD` is lost: a component that melts
away slowly does not cost a transaction at each look. Fees earn the keeper nothing by themselves either, so they wait
until `min_fees_usd` of them are pending. A claim of the keeper's own, or of its arbitrageur's, is paid as soon as the
vault could pay any of it; float that was left in a generation of the basket that is over is brought over, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog

from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.keeper.limits import NO_LIMITS, Limits
from plumbline.keeper.outcome import Outcome
from plumbline.ports import ChoresVenue

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 50
"""{blocks} Nothing here is urgent."""
MIN_LOSS_WAD: Final = WAD // 10_000
"""A basis point of what is owed of a component."""


class Chores:
    name = "chores"

    def __init__(
        self, venue: ChoresVenue, min_fees_usd_wad: int, *, dry_run: bool = False, limits: Limits = NO_LIMITS
    ) -> None:
        """limits: the kill switch. A loss of the day holds no chore back: none of them trades."""
        self._venue, self._min_fees_usd_wad, self._dry_run, self._limits = venue, min_fees_usd_wad, dry_run, limits
        self._blocks = 0
        self.done = 0
        self.refusal = ""
        """Why the last chore was refused; empty when it was not."""

    async def turn(self) -> str:
        self._blocks += 1
        if self._blocks % LOOK_EVERY != 1:
            return "idle"
        try:
            return await self._turn()
        except ChainError as error:
            if not error.reason:
                # The chain did not answer: the look is made up for.
                self._blocks -= 1
                raise
            self._refused(error.reason)
            return "refused"

    async def _turn(self) -> str:
        self.refusal = self._limits.stopped()
        if self.refusal:
            return Outcome.FORBIDDEN
        due = await self._venue.due()
        jobs: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        jobs += [
            (f"loss of {lost_wad * 10_000 // WAD} bps of {token} shared", partial(self._venue.sync, token))
            for token, lost_wad in due.losses
            if lost_wad >= MIN_LOSS_WAD
        ]
        if due.pending_fees_usd_wad >= self._min_fees_usd_wad:
            jobs.append(("fees collected", self._venue.collect_fees))
        jobs += [(f"float of generation {each} carried", partial(self._venue.carry, each)) for each in due.stranded]
        jobs += [(f"{amount} of {token} claimed", partial(self._venue.claim, token)) for token, amount in due.claims]
        jobs += [
            (f"float claim of {amount} of {token} paid", partial(self._venue.claim_float, token))
            for token, amount in due.float_claims
        ]
        if not jobs:
            return "nothing due"
        if self._dry_run:
            log.info("would do chores", chores=[what for what, _ in jobs])
            return "dry run"
        for what, do in jobs:
            await self._do(what, do)
        return "refused" if self.refusal else "done"

    async def _do(self, what: str, do: Callable[[], Awaitable[None]]) -> None:
        """One that is refused, as by a token that stands still, keeps nobody from the others."""
        try:
            await do()
        except ChainError as error:
            if not error.reason:
                raise
            self._refused(error.reason)
        else:
            self.done += 1
            log.info("chore done", what=what)

    def _refused(self, reason: str) -> None:
        # It may pass next time.
        self.refusal = reason
        log.warning("chore refused", reason=reason)

    def lost_touch(self) -> None:
        pass

    def unready(self) -> str:
        return self._limits.stopped()

    def status(self) -> Mapping[str, Any]:
        return {"done": self.done, "refusal": self.refusal}

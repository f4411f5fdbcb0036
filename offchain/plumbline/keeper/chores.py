# SPDX-License-Identifier: AGPL-3.0-only
"""The chores: the fees that have accrued to the index's fee recipient are minted, and claims are paid.

Neither earns the keeper anything by itself, so both wait until they are worth some gas: fees until `min_fees_usd` of
them are pending, a claim of the keeper's own as soon as the vault could pay any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.ports import ChoresVenue

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 50
"""{blocks} Nothing here is urgent."""


class Chores:
    name = "chores"

    def __init__(self, venue: ChoresVenue, min_fees_usd_wad: int, *, dry_run: bool = False) -> None:
        self._venue, self._min_fees_usd_wad, self._dry_run = venue, min_fees_usd_wad, dry_run
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
            # A paused token or an index without prices: it may pass next time.
            self.refusal = error.reason
            log.warning("chore refused", reason=error.reason)
            return "refused"

    async def _turn(self) -> str:
        due = await self._venue.due()
        fees = due.pending_fees_usd_wad >= self._min_fees_usd_wad
        self.refusal = ""
        if not fees and not due.claims:
            return "nothing due"
        if self._dry_run:
            log.info("would do chores", fees_usd=due.pending_fees_usd_wad / WAD, claims=len(due.claims))
            return "dry run"
        if fees:
            await self._venue.collect_fees()
            self.done += 1
        for token, amount in due.claims:
            await self._venue.claim(token)
            self.done += 1
            log.info("claim paid", token=token, amount=amount)
        return "done"

    def lost_touch(self) -> None:
        pass

    def unready(self) -> str:
        return ""

    def status(self) -> Mapping[str, Any]:
        return {"done": self.done, "refusal": self.refusal}

# SPDX-License-Identifier: AGPL-3.0-only
"""Taking away what a journal need no longer keep, a little at a time: no round may wait for it."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from plumbline.errors import JournalError
from plumbline.ports import Clock

_LOOK_S: Final = 3_600
"""Wall time between two looks ..."""
_PAUSE_S: Final = 0.05
"""... and between two steps."""

log = structlog.get_logger(__name__)


class Prunable(Protocol):
    def prune(self, before_s: int) -> bool:
        """Take away a part of what is older; True while there is more. Raises JournalError."""
        ...


async def prune_for_ever(journal: Prunable, clock: Clock, retention_s: int) -> None:
    while True:
        try:
            while journal.prune(clock.now_ms() // 1000 - retention_s):  # noqa: ASYNC110 - a disk has no event
                await asyncio.sleep(_PAUSE_S)
        except JournalError as error:
            log.error("journal not pruned", reason=str(error))
        await asyncio.sleep(_LOOK_S)

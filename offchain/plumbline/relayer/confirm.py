# SPDX-License-Identifier: AGPL-3.0-only
"""Rounds that were mined are watched until no reorganisation can take them back; one that is taken back is said.

Nothing has to be repaired then: a relayer measures every round against the chain as it is, so what the chain has
forgotten is due again. What would be wrong is the journal, and an operator's picture of what was paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from plumbline.errors import ChainError, JournalError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Payer
from plumbline.store.relays import RelayJournal

_MAX_WATCHED: Final = 64
"""Older ones are no longer watched: a transaction that left the chain for good is never deep enough."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Mined:
    timestamp: int
    gone: bool = False


class Confirmations:
    def __init__(self, payer: Payer, journal: RelayJournal, metrics: RelayerMetrics) -> None:
        self._payer, self._journal, self._metrics = payer, journal, metrics
        self._watched: dict[str, _Mined] = {}

    def mined(self, tx_hash: str, timestamp: int) -> None:
        self._watched[tx_hash] = _Mined(timestamp)
        while len(self._watched) > _MAX_WATCHED:
            del self._watched[next(iter(self._watched))]

    @property
    def waiting(self) -> int:
        """Rounds that were mined and are not settled."""
        return len(self._watched)

    async def look(self, depth: int) -> None:
        """`depth`: blocks from a round's own on after which it is settled. Never raises for the chain or the disk."""
        for tx_hash, mined in list(self._watched.items()):
            try:
                confirmations = await self._payer.confirmations(tx_hash)
            except ChainError:
                return
            if confirmations is None and not mined.gone:
                self._metrics.reorganised.inc()
                self._say("reorganised", tx_hash, mined)
            elif confirmations is not None and mined.gone:
                self._say("submitted", tx_hash, mined)
            mined.gone = confirmations is None
            if confirmations is not None and confirmations >= depth:
                del self._watched[tx_hash]
                self._say("confirmed", tx_hash, mined)

    def _say(self, word: str, tx_hash: str, mined: _Mined) -> None:
        (log.warning if word == "reorganised" else log.info)(word, round=mined.timestamp, detail=tx_hash)
        try:
            self._journal.settle(tx_hash, word)
        except JournalError as error:
            self._metrics.journal_errors.inc()
            log.error("submission not kept", round=mined.timestamp, reason=str(error))

# SPDX-License-Identifier: AGPL-3.0-only
"""Relayers compare what they were told: a reporter that says one thing to one and another to another is found out.

Each relayer shows the rows it kept; each asks the others for the rows of the round before. A row from them is believed
as far as one from its reporter: by its signature. So no relayer can lie about a reporter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from plumbline.chain.admission import admit
from plumbline.chain.typed_data import domain_separator
from plumbline.core.models import SignedRow
from plumbline.errors import JournalError, PeerError, RowError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Clock, OracleConfig, RowWitness
from plumbline.store.relays import ROWS_KEPT, RelayJournal

log = structlog.get_logger(__name__)


class Witnesses:
    """The other relayers, as far as they have seen what we have."""

    def __init__(
        self, witnesses: Sequence[RowWitness], journal: RelayJournal, clock: Clock, metrics: RelayerMetrics
    ) -> None:
        self._witnesses, self._journal, self._clock, self._metrics = tuple(witnesses), journal, clock, metrics

    async def compare(self, config: OracleConfig, timestamp: int) -> None:
        """Take in what the others saw of a round. Never raises for them, or for the disk."""
        await asyncio.gather(*(self._ask(witness, config, timestamp) for witness in self._witnesses))

    async def _ask(self, witness: RowWitness, config: OracleConfig, timestamp: int) -> None:
        try:
            rows = await witness.seen(timestamp)
        except (PeerError, RowError) as error:
            self._metrics.refused.labels(witness.name, error.kind).inc()
            return
        domain = domain_separator(config.chain_id, config.address)
        for signed in rows[: ROWS_KEPT * len(config.reporters)]:
            try:
                admit(signed, timestamp, config, domain)
            except RowError as error:
                self._metrics.refused.labels(witness.name, error.kind).inc()
                continue
            self._keep(witness.name, config, signed)

    def _keep(self, witness: str, config: OracleConfig, signed: SignedRow) -> None:
        try:
            if self._journal.knows(config.chain_id, config.address, signed):
                return
            contradicts = self._journal.keep(config.chain_id, config.address, signed, witness, self._clock.now_ms())
        except JournalError as error:
            self._metrics.journal_errors.inc()
            log.error("row not kept", peer=witness, reason=str(error))
            return
        if contradicts:
            self._metrics.equivocations.labels(str(signed.reporter)).inc()
            log.error("reporter equivocates", reporter=signed.reporter, round=signed.row.timestamp, peer=witness)

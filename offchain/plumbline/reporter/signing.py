# SPDX-License-Identifier: AGPL-3.0-only
"""Claim, sign, keep: the only way to a signed row, so that there is never a second one for a round."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Final

import msgspec
import structlog

from plumbline.chain.typed_data import domain_separator, row_message
from plumbline.core.models import Row, SignedRow
from plumbline.core.rules import FeedRule
from plumbline.errors import JournalError
from plumbline.ports import Clock, OracleConfig, Signer
from plumbline.reporter.agreement import reporter_index
from plumbline.store.rows import RowJournal

KEPT_ROWS: Final = 64
"""Rounds served from memory; older ones come from the journal."""

log = structlog.get_logger(__name__)


Fence = Callable[[int, str, Row], Awaitable[Row]]
"""(chain id, oracle, row) -> the one row that is claimed for this round, everywhere. Raises BusError."""


class SigningDesk:
    """One key and its journal."""

    def __init__(self, key: Signer, journal: RowJournal, clock: Clock, method: str, fence: Fence | None = None) -> None:
        """`fence`: where processes with journals of their own share one key; None: this one is alone."""
        self._fence = fence
        self.address, self.method = key.address, method
        self.last: SignedRow | None = None
        self._key, self._journal, self._clock = key, journal, clock
        self._rows: dict[int, SignedRow] = {}

    async def sign(self, config: OracleConfig, observed: Row) -> SignedRow:
        """The signed row of this round: of what was observed, or of what was claimed before.

        Raises:
            JournalError: the claim, or the signature, cannot be kept. Then nothing is served.
            BusError: nobody knows whether the round is claimed elsewhere. Then nothing is signed.
            SignerError: the key's holder does not sign. The claim stands; it binds whoever signs later.
        """
        index, timestamp = reporter_index(config, self.address), observed.timestamp
        now_ms = self._clock.now_ms()
        agreed = observed if self._fence is None else await self._agreed(self._fence, config, observed)
        row = self._journal.claim(config.chain_id, config.address, index, agreed, now_ms, self.method)
        if self._fence is not None and row != agreed:
            raise JournalError(f"round {timestamp} was claimed here with other prices than on the bus")
        if row != observed:
            log.warning("round was claimed before", round=timestamp, claimed=row.prices, observed=observed.prices)
        r, vs = await self._key.sign_message(row_message(domain_separator(config.chain_id, config.address), row))
        signed = SignedRow(index, row, r, vs, self.method)
        self._journal.sign(config.chain_id, config.address, signed)
        self.last = self._rows[timestamp] = signed
        while len(self._rows) > KEPT_ROWS:
            del self._rows[next(iter(self._rows))]
        return signed

    async def _agreed(self, fence: Fence, config: OracleConfig, observed: Row) -> Row:
        """What all processes that hold this key may sign. What this journal holds already comes before what is seen."""
        held = self._journal.claimed(config.chain_id, config.address, observed.epoch, observed.timestamp)
        return await fence(config.chain_id, config.address, held or observed)

    def row(self, config: OracleConfig, timestamp: int) -> SignedRow | None:
        """The row that was signed for a round, if any. Raises JournalError."""
        if timestamp in self._rows:
            return self._rows[timestamp]
        return self._journal.signed(config.chain_id, config.address, timestamp)


def method_of(rules: Sequence[FeedRule]) -> str:
    """16 hex digits that tell reporters apart that do not compute the same: a hash of software version and rules."""
    said = version("plumbline").encode() + b"\0" + msgspec.json.encode(tuple(rules))
    return hashlib.sha256(said).hexdigest()[:16]

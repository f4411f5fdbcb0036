# SPDX-License-Identifier: AGPL-3.0-only
"""Gathering one round's rows from peers that may be late, broken or hostile: none of them can hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from plumbline.chain.admission import admit
from plumbline.chain.typed_data import domain_separator
from plumbline.core.models import SignedRow
from plumbline.errors import JournalError, PeerError, RowError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Clock, OracleConfig, RowPeer
from plumbline.store.relays import RelayJournal

_MAX_PAUSE_S: Final = 2.0
"""The longest pause between two questions to a peer that answers badly."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PeerState:
    """How a peer stands, for the views."""

    name: str
    timestamp: int = 0
    """Of its last good row."""
    trouble: str = ""
    """Why its last answer was no row; empty when it was one."""
    kind: str = ""
    """The trouble in one word."""


@dataclass(slots=True)
class Gathering:
    """One round's rows so far, by reporter; who equivocates is out of the round."""

    timestamp: int
    awaited: set[str]
    """Peers that have given neither a row nor trouble: only for them is it worth waiting once a quorum is there."""
    rows: dict[int, SignedRow] = field(default_factory=dict)
    equivocators: set[int] = field(default_factory=set)
    grew: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a peer gave something, row or trouble."""

    @property
    def usable(self) -> list[SignedRow]:
        return [signed for reporter, signed in sorted(self.rows.items()) if reporter not in self.equivocators]

    async def changed(self) -> None:
        self.grew.clear()
        await self.grew.wait()


class Collector:
    """Asks every peer for a round until it has its row, or the round is over."""

    def __init__(
        self,
        peers: Sequence[RowPeer],
        journal: RelayJournal,
        clock: Clock,
        metrics: RelayerMetrics,
        *,
        poll_s: float,
        late_s: float,
    ) -> None:
        self.states: dict[str, PeerState] = {}
        self._peers: tuple[RowPeer, ...] = ()
        self._journal, self._clock, self._metrics = journal, clock, metrics
        self.ask_these(peers)
        self.poll_s, self.late_s = poll_s, late_s
        """May be changed while it runs, as may the peers by `ask_these`."""

    def ask_these(self, peers: Sequence[RowPeer]) -> None:
        """From the next round on."""
        self._peers = tuple(peers)
        # The old ones' entries stay for a round that is still gathering.
        self.states |= {peer.name: PeerState(peer.name) for peer in peers if peer.name not in self.states}

    @property
    def asked(self) -> list[PeerState]:
        """How the present peers stand."""
        return [self.states[peer.name] for peer in self._peers]

    async def gather(self, config: OracleConfig, timestamp: int, quorum: int, over_ms: int) -> Gathering:
        """All rows of a round; or those there are when it goes on without the rest.

        It does `late_s` after `quorum` rows are there, or as soon as the peers still missing are in trouble, and in
        any case at market time `over_ms`.
        """
        round_ = Gathering(timestamp, {peer.name for peer in self._peers})
        domain = domain_separator(config.chain_id, config.address)
        async with asyncio.TaskGroup() as tasks:
            asking = {tasks.create_task(self._ask(peer, config, domain, round_)): peer for peer in self._peers}
            endings = (_all(asking.keys()), self._late(round_, quorum), self._clock.sleep_until_ms(over_ms))
            ends = {tasks.create_task(ending) for ending in endings}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task, peer in asking.items():
                if not task.done():
                    self._left_behind(peer.name)
            for task in asking.keys() | ends:
                task.cancel()
        return round_

    async def _late(self, round_: Gathering, quorum: int) -> None:
        while len(round_.usable) < quorum:
            await round_.changed()
        self._metrics.quorum_time.observe(self._clock.now_ms() / 1000 - round_.timestamp)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.late_s):
                while round_.awaited:
                    await round_.changed()

    async def _ask(self, peer: RowPeer, config: OracleConfig, domain: bytes, round_: Gathering) -> None:
        """Until the peer has served a row that holds; a peer that answers badly is asked ever less often."""
        pause_s = self.poll_s
        while True:
            try:
                signed = await peer.row(round_.timestamp)
                if signed is not None:
                    admit(signed, round_.timestamp, config, domain)
                    self._take(peer.name, config, signed, round_)
                    return
                if self.states[peer.name].kind != "late":
                    self._note(peer.name, "", "")
                pause_s = self.poll_s
            except (PeerError, RowError) as error:
                self._metrics.refused.labels(peer.name, error.kind).inc()
                self._note(peer.name, error.kind, str(error))
                round_.awaited.discard(peer.name)
                round_.grew.set()
                pause_s = min(2 * pause_s, _MAX_PAUSE_S)
            await asyncio.sleep(pause_s)

    def _take(self, peer: str, config: OracleConfig, signed: SignedRow, round_: Gathering) -> None:
        known = round_.rows.setdefault(signed.reporter, signed)
        if self._contradicts(peer, config, signed) or known.row != signed.row:
            round_.equivocators.add(signed.reporter)
            self._metrics.equivocations.labels(str(signed.reporter)).inc()
            log.error("reporter equivocates", reporter=signed.reporter, round=round_.timestamp, peer=peer)
        self._metrics.rows.labels(peer).inc()
        self.states[peer].timestamp = round_.timestamp
        self._note(peer, "", "")
        round_.awaited.discard(peer)
        round_.grew.set()

    def _contradicts(self, peer: str, config: OracleConfig, signed: SignedRow) -> bool:
        try:
            return self._journal.keep(config.chain_id, config.address, signed, peer, self._clock.now_ms())
        except JournalError as error:
            # The journal is for evidence; a round must not fail for a full disk.
            self._metrics.journal_errors.inc()
            log.error("row not kept", peer=peer, reason=str(error))
            return False

    def _left_behind(self, peer: str) -> None:
        """The round goes on without a peer: its fault as long as it gave us nothing worse."""
        if self.states[peer].kind in ("", "late"):
            self._metrics.refused.labels(peer, "late").inc()
            self._note(peer, "late", "late: had no row when the round went on")

    def _note(self, peer: str, kind: str, reason: str) -> None:
        """Logged when its kind changes: a peer must not be able to fill our disk."""
        state = self.states[peer]
        if kind != state.kind:
            if kind:
                log.warning("peer gives no row", peer=peer, reason=reason)
            else:
                log.info("peer is back", peer=peer)
        state.kind, state.trouble = kind, reason


async def _all(tasks: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)

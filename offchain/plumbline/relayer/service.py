# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer's loop: at each grid time gather the rows, decide, choose a quorum, submit.

Nothing outside can stop it: a peer that misbehaves is counted and asked again, a chain that does not answer costs the
round. Anybody may run one beside it: a round that is there already costs nothing but the simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from plumbline.core.median import lane_medians
from plumbline.core.models import SignedRow
from plumbline.errors import ChainError, ChainUnreachable, JournalError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Answer, Clock, NoAnswer, OracleClient, OracleConfig
from plumbline.relayer.collect import Collector
from plumbline.relayer.decision import choose_rows, reference, why_due
from plumbline.store.relays import RelayJournal

_NOT_NEWER: Final = "oracle: round not newer"
"""MedianOracle's word for a round that is there already."""
_RETRY_S: Final = 1.0
"""Wall time between two questions to a chain that never answered."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a round."""

    timestamp: int
    word: str
    """submitted | simulated | not due | no quorum | outpaced | reverted | chain | kill switch"""
    why: tuple[str, ...] = ()
    """What called for it."""
    detail: str = ""
    """The transaction's hash, or the reason."""
    reporters: tuple[int, ...] = ()
    """Whose rows were there."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """The oracle at the beginning of a round."""

    config: OracleConfig
    round_id: int
    timestamp: int
    answers: tuple[Answer | NoAnswer, ...]


class Relayer:
    """One relayer for one oracle. `run` never returns; the rest is for whoever shows its state."""

    def __init__(
        self,
        oracle: OracleClient,
        collector: Collector,
        journal: RelayJournal,
        clock: Clock,
        metrics: RelayerMetrics,
        *,
        address: str = "",
        dry_run: bool = False,
        kill_switch: Path | None = None,
    ) -> None:
        """`kill_switch`: while this file exists nothing is submitted."""
        self.address, self.dry_run, self.metrics, self.collector = address, dry_run, metrics, collector
        self.kill_switch = kill_switch
        self._oracle, self._journal, self._clock = oracle, journal, clock
        self.chain: ChainState | None = None
        self.chain_trouble = "the chain was not read yet"
        self.medians: tuple[int, ...] = ()
        """Of all rows of the last round, in the feeds' decimals."""
        self.last: Outcome | None = None
        self._tried: dict[int, Answer] = {}
        """By feed: the last median that was submitted, taken or not."""

    async def run(self) -> None:
        last = 0
        while True:
            period_s = self.chain.config.period_s if self.chain else await self._first_look()
            upcoming = -(-self._clock.now_ms() // (period_s * 1000)) * period_s
            last = max(upcoming, last + period_s)
            await self._clock.sleep_until_ms(last * 1000)
            outcome = await self.round(last)
            if outcome.word == "kill switch" and (self.last is None or self.last.word != outcome.word):
                log.warning("kill switch is on", file=str(self.kill_switch))
            self.last = outcome
            self.metrics.rounds.labels(outcome.word).inc()

    async def _first_look(self) -> int:
        while not await self._read_chain():  # noqa: ASYNC110 - a chain has no event for being back
            await asyncio.sleep(_RETRY_S)
        assert self.chain is not None
        return self.chain.config.period_s

    async def round(self, timestamp: int) -> Outcome:
        """Everything for one grid time."""
        if self._killed():
            return Outcome(timestamp, "kill switch", detail=f"{self.kill_switch} exists")
        if not await self._read_chain() or self.chain is None:
            return Outcome(timestamp, "chain", detail=self.chain_trouble)
        chain, config = self.chain, self.chain.config
        if chain.timestamp >= timestamp:
            return Outcome(timestamp, "outpaced", detail=f"the chain has round {chain.timestamp}")
        quorums = [feed.quorum for feed in config.feeds]
        gathered = await self.collector.gather(config, timestamp, max(quorums), (timestamp + config.period_s) * 1000)
        rows = gathered.usable
        reporters = tuple(signed.reporter for signed in rows)
        self.medians = lane_medians([signed.row for signed in rows], quorums)
        if not any(self.medians):
            log.warning("no quorum", round=timestamp, reporters=reporters)
            return Outcome(timestamp, "no quorum", reporters=reporters)
        why = tuple(why_due(config.feeds, chain.answers, self._references(chain), self.medians, timestamp))
        if not why:
            return Outcome(timestamp, "not due", reporters=reporters)
        chosen = choose_rows(rows, quorums)
        word, detail = await self._submit(timestamp, chosen)
        if word == "submitted":
            medians = lane_medians([signed.row for signed in chosen], quorums)
            self._tried |= {i: Answer(0, median, timestamp) for i, median in enumerate(medians) if median}
        self._record(config, chosen, why, word, detail)
        return Outcome(timestamp, word, why, detail, reporters)

    def _references(self, chain: ChainState) -> list[Answer | None]:
        return [reference(answer, self._tried.get(i), chain.timestamp) for i, answer in enumerate(chain.answers)]

    async def _submit(self, timestamp: int, rows: Sequence[SignedRow]) -> tuple[str, str]:
        try:
            if self.dry_run:
                await self._oracle.simulate(timestamp, rows)
                return "simulated", ""
            # Submitting the last round again would pass and be paid for.
            if (await self._oracle.latest_round())[1] >= timestamp:
                return "outpaced", "another relayer's round is there"
            return "submitted", await self._oracle.submit(timestamp, rows)
        except ChainUnreachable as error:
            # Perhaps it was mined: the next round's look at the chain will say.
            self.metrics.chain_errors.inc()
            return "chain", str(error)
        except ChainError as error:
            return "outpaced" if error.reason == _NOT_NEWER else "reverted", error.reason or str(error)

    def _record(
        self, config: OracleConfig, rows: Sequence[SignedRow], why: Sequence[str], word: str, detail: str
    ) -> None:
        row = rows[0].row
        reporters = [signed.reporter for signed in rows]
        medians = lane_medians([signed.row for signed in rows], [feed.quorum for feed in config.feeds])
        say = log.info if word in ("submitted", "simulated", "outpaced") else log.error
        say(word, round=row.timestamp, why=list(why), reporters=reporters, medians=medians, detail=detail)
        try:
            self._journal.submission(
                config.chain_id, config.address, rows, medians, "; ".join(why), word, detail, self._clock.now_ms()
            )
        except JournalError as error:
            self.metrics.journal_errors.inc()
            log.error("submission not kept", round=row.timestamp, reason=str(error))

    async def _read_chain(self) -> bool:
        try:
            config = await self._oracle.config()
            (round_id, timestamp), answers = await self._oracle.latest_round(), await self._oracle.answers()
        except ChainError as error:
            self.metrics.chain_errors.inc()
            if str(error) != self.chain_trouble:
                log.warning("chain not readable", reason=str(error))
            self.chain_trouble = str(error)
            return False
        if self.chain_trouble:
            log.info("chain is readable", epoch=config.epoch, round=round_id, timestamp=timestamp)
        self.chain, self.chain_trouble = ChainState(config, round_id, timestamp, answers), ""
        self.metrics.epoch.set(config.epoch)
        self.metrics.last_round.set(timestamp)
        return True

    def _killed(self) -> bool:
        return self.kill_switch is not None and self.kill_switch.exists()

    def unready(self) -> str:
        """Why the chain's prices are not in good hands now; empty when they are."""
        if self._killed():
            return f"kill switch: {self.kill_switch} exists"
        if self.chain_trouble or self.chain is None:
            return self.chain_trouble
        now_s, config = self._clock.now_ms() // 1000, self.chain.config
        for feed, answer, known in zip(config.feeds, self.chain.answers, self._references(self.chain), strict=True):
            if answer is NoAnswer.NONE_YET and known is not None:
                return f"{feed.name} {answer}: the oracle did not take {known.price} in round {known.timestamp}"
            if isinstance(answer, NoAnswer):
                return f"{feed.name} {answer}"
            # The state is of the beginning of the last round; a submission may take the next one.
            limit_s = feed.heartbeat_s + 3 * config.period_s
            if now_s - answer.timestamp > limit_s:
                return f"{feed.name} is {now_s - answer.timestamp} s old, expected at most {limit_s} s"
        return ""

# SPDX-License-Identifier: AGPL-3.0-only
"""The relayer's loop: at each grid time gather the rows, decide, choose a quorum, submit.

Nothing outside can stop it: a peer that misbehaves is counted and asked again, a chain that does not answer costs the
round. Several may run: they take turns by round, so no round is paid for twice, and one that is dead costs a period.
Anybody else may run one beside them: a round that is there already costs nothing but the simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from plumbline.core.median import lane_medians
from plumbline.core.models import SignedRow
from plumbline.core.units import WAD
from plumbline.errors import ChainError, ChainUnreachable, JournalError
from plumbline.metrics import RelayerMetrics
from plumbline.ports import Answer, Clock, NoAnswer, OracleClient, OracleConfig, Payer, RowWitness
from plumbline.relayer.collect import Collector
from plumbline.relayer.confirm import Confirmations
from plumbline.relayer.decision import choose_rows, reference, why_due
from plumbline.relayer.pace import Pace, Policy, has_turn, pace
from plumbline.relayer.witness import Witnesses
from plumbline.store.pruning import prune_for_ever
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
    """submitted | simulated | not due | not our turn | in flight | no quorum | outpaced | reverted | chain |
    kill switch"""
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


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator chose; may be changed while it runs."""

    policy: Policy = field(default_factory=Policy)
    relayers: tuple[str, ...] = ()
    """Everybody who takes turns, in the order of the turns; empty: only this one."""
    confirmations: int = 12
    """{blocks} after which a round is settled."""
    low_balance_wei: int = 0
    """Not ready with less."""
    kill_switch: Path | None = None
    """While this file exists nothing is submitted."""


class Relayer:
    """One relayer for one oracle. `run` never returns; the rest is for whoever shows its state."""

    def __init__(
        self,
        oracle: OracleClient,
        collector: Collector,
        journal: RelayJournal,
        clock: Clock,
        metrics: RelayerMetrics,
        payer: Payer,
        terms: Terms = Terms(),
        *,
        address: str = "",
        dry_run: bool = False,
        retention_s: int | None = None,
        witnesses: Sequence[RowWitness] = (),
    ) -> None:
        """
        Args:
            address: the payer's, to know its turns by.
            retention_s: how long the journal remembers; None: for ever.
            witnesses: the other relayers, to compare rows with.
        """
        self._witnesses = Witnesses(witnesses, journal, clock, metrics)
        self._comparing: asyncio.Task[None] | None = None
        self._retention_s = retention_s
        self.address, self.dry_run, self.metrics, self.collector = address, dry_run, metrics, collector
        self.terms = terms
        self.journal = journal
        self._oracle, self._clock, self._payer = oracle, clock, payer
        self._confirmations = Confirmations(payer, journal, metrics)
        self.balance_wei: int | None = None
        """The payer's, as last read."""
        self.disagreement = ""
        """Why the chain's endpoints cannot all be right; empty when they can."""
        self.chain: ChainState | None = None
        self.chain_trouble = "the chain was not read yet"
        self.medians: tuple[int, ...] = ()
        """Of all rows of the last round, in the feeds' decimals."""
        self.last: Outcome | None = None
        self._tried: dict[int, Answer] = {}
        """By feed: the last median that was submitted, taken or not."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds(), name="rounds")
            if self._retention_s is not None:
                tasks.create_task(prune_for_ever(self.journal, self._clock, self._retention_s), name="pruning")

    async def _rounds(self) -> None:
        last = 0
        while True:
            period_s = self.chain.config.period_s if self.chain else await self._first_look()
            upcoming = -(-self._clock.now_ms() // (period_s * 1000)) * period_s
            last = max(upcoming, last + period_s)
            await self._clock.sleep_until_ms(last * 1000)
            outcome = await self.round(last)
            if outcome.word == "kill switch" and (self.last is None or self.last.word != outcome.word):
                log.warning("kill switch is on", file=str(self.terms.kill_switch))
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
            return Outcome(timestamp, "kill switch", detail=f"{self.terms.kill_switch} exists")
        if not await self._read_chain() or self.chain is None:
            return Outcome(timestamp, "chain", detail=self.chain_trouble)
        chain, config = self.chain, self.chain.config
        self._compare(config, timestamp - config.period_s)
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
        references, chosen_pace = self._references(chain), await self._pace(chain, timestamp)
        why = tuple(why_due(config.feeds, chain.answers, references, self.medians, timestamp, chosen_pace))
        if not why:
            return Outcome(timestamp, "not due", reporters=reporters)
        if not has_turn(self.terms.relayers, self.address, timestamp, config.period_s):
            return Outcome(timestamp, "not our turn", why, reporters=reporters)
        chosen = choose_rows(rows, quorums)
        word, detail = await self._submit(chain, timestamp, chosen)
        if word == "submitted":
            self._confirmations.mined(detail, timestamp)
            medians = lane_medians([signed.row for signed in chosen], quorums)
            self._tried |= {i: Answer(0, median, timestamp) for i, median in enumerate(medians) if median}
        self._record(config, chosen, why, word, detail)
        return Outcome(timestamp, word, why, detail, reporters)

    def _compare(self, config: OracleConfig, timestamp: int) -> None:
        """With the other relayers, a round later: by now they have what there is. Beside the round, which goes on."""
        if self._comparing is None or self._comparing.done():
            self._comparing = asyncio.create_task(self._witnesses.compare(config, timestamp))

    def seen(self, timestamp: int) -> list[SignedRow]:
        """The rows that were kept of a round. Raises JournalError."""
        if self.chain is None:
            return []
        config = self.chain.config
        return self.journal.seen(config.chain_id, config.address, config.epoch, timestamp)

    def _references(self, chain: ChainState) -> list[Answer | None]:
        return [reference(answer, self._tried.get(i), chain.timestamp) for i, answer in enumerate(chain.answers)]

    async def _pace(self, chain: ChainState, timestamp: int) -> Pace:
        policy, gas_price_wei = self.terms.policy, None
        if policy.dear_wei is not None:
            try:
                gas_price_wei = await self._payer.gas_price_wei()
            except ChainError:
                self.metrics.chain_errors.inc()
        since_s = timestamp - chain.timestamp
        return pace(policy, len(self.terms.relayers), chain.config.period_s, since_s, gas_price_wei)

    async def _submit(self, chain: ChainState, timestamp: int, rows: Sequence[SignedRow]) -> tuple[str, str]:
        try:
            if self.dry_run:
                await self._oracle.simulate(timestamp, rows)
                return "simulated", ""
            # Submitting the last round again would pass and be paid for. One that only waits to be mined may be as
            # good as this one: it gets one period.
            in_flight = max((await self._oracle.latest_round())[1], await self._oracle.in_flight())
            if in_flight >= timestamp:
                return "outpaced", "another relayer's round is there"
            if in_flight > chain.timestamp and timestamp - in_flight <= chain.config.period_s:
                return "in flight", f"round {in_flight} waits to be mined"
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
        say = log.info if word in ("submitted", "simulated", "outpaced", "in flight") else log.error
        say(word, round=row.timestamp, why=list(why), reporters=reporters, medians=medians, detail=detail)
        try:
            self.journal.submission(
                config.chain_id, config.address, rows, medians, "; ".join(why), word, detail, self._clock.now_ms()
            )
        except JournalError as error:
            self.metrics.journal_errors.inc()
            log.error("submission not kept", round=row.timestamp, reason=str(error))

    async def _read_chain(self) -> bool:
        try:
            config = await self._oracle.config()
            (round_id, timestamp), answers = await self._oracle.latest_round(), await self._oracle.answers()
            self.disagreement, self.balance_wei = await self._oracle.disagreement(), await self._payer.balance_wei()
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
        self.metrics.endpoints_agree.set(not self.disagreement)
        self.metrics.balance.set(self.balance_wei / WAD)
        await self._confirmations.look(self.terms.confirmations)
        return True

    @property
    def unsettled(self) -> int:
        """Rounds of ours that a reorganisation may still take back."""
        return self._confirmations.waiting

    def _killed(self) -> bool:
        return self.terms.kill_switch is not None and self.terms.kill_switch.exists()

    def unready(self) -> str:
        """Why the chain's prices are not in good hands now; empty when they are."""
        if self._killed():
            return f"kill switch: {self.terms.kill_switch} exists"
        if self.chain_trouble or self.chain is None:
            return self.chain_trouble
        if self.disagreement:
            return self.disagreement
        if self.balance_wei is not None and self.balance_wei < self.terms.low_balance_wei:
            return f"balance is {self.balance_wei} wei, expected at least {self.terms.low_balance_wei}"
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

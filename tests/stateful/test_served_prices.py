# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever is served was the exact lower median of a quorum of the round it names.

Apart from the oracle's model: nothing here knows a guard. Lives of an oracle are played with every guard biting, lanes
missing, liars, pauses, feeds held and cleared by hand, reporters removed and new epochs; a ledger keeps, for each round
and feed, the observations that were in it. After each step every read must revert with one of the oracle's reasons, or
return a number that the ledger can explain.
PLUMBLINE_FUZZ=long plays more lives.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from scripts.artifacts import compile_contract

from tests.helpers import rows
from tests.helpers.feeds import GUARDIAN, OWNER, Feed, Guards, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain, Contract, Reverted

START_S = 1_700_000_000
TERMS = Terms(delay=60)
NO_ANSWER = {"oracle: stale", "oracle: tripped", "oracle: paused", "oracle: no quorum yet"}
NO_ROUND = {"oracle: no answer in round", "oracle: round not in history", "oracle: paused", "oracle: tripped"}
NO_TIME = {*NO_ROUND, "oracle: time not reached"}
LIVES = 200 if os.environ.get("PLUMBLINE_FUZZ") == "long" else 12
STEPS = 150


class Life:
    """One oracle whose market, reporters and owner do whatever the dice say."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.chain = Chain(START_S)
        self.signers = rows.signers(self.dice.randint(5, 9))
        self.feeds = [self._feed(index) for index in range(self.dice.randint(1, 9))]
        self.oracle = on_revm(self.chain, self.feeds, self._addresses(), 1, TERMS)
        self.domain = rows.domain_separator(CHAIN_ID, self.oracle.address)
        self.epoch, self.at, self.round_id, self.paused = 1, START_S, 0, False
        self.levels = [10_000 * 10 ** self.dice.randint(0, 9) for _ in self.feeds]
        self.ledger: dict[tuple[int, int], tuple[list[int], int, int]] = {}
        """(round id, feed) -> (observations present, the feed's quorum then, round time)"""
        self.seen: Counter[str] = Counter()
        self.adapters = [self._adapter(feed) for feed in range(len(self.feeds))]

    def _feed(self, index: int) -> Feed:
        step = self.dice.choice([20, 100, 500])
        guards = Guards(
            step_bps=step,
            step_growth_bps=self.dice.choice([0, 30, 300]),
            step_cap_bps=self.dice.choice([step, 3 * step]),
            confirm_rounds=self.dice.randint(2, 4),
            confirm_seconds=self.dice.choice([0, 10, 30]),
        )
        return Feed(f"F{index}/USD", quorum=self.dice.randint(3, min(5, len(self.signers))), guards=guards)

    def _adapter(self, feed: int) -> Contract:
        return self.chain.deploy(compile_contract("AggregatorAdapter"), self.oracle.address, feed)

    def _addresses(self) -> list[str]:
        return [signer.address for signer in self.signers]

    def step(self) -> None:
        acts = {
            self.round: 80,
            self.forge: 8,
            self.wait: 8,
            self.pause_or_go_on: 20 if self.paused else 1,
            self.hold: 1,
            self.clear: 4,
            self.remove_reporter: 1,
            self.new_epoch: 2,
        }
        self.dice.choices(list(acts), list(acts.values()))[0]()
        self.check_reads()

    def _vectors(self) -> dict[rows.Signer, list[int]]:
        """A random walk with jumps and returns; honest noise; sometimes an empty lane; one liar."""
        for feed in range(len(self.levels)):
            move_bps = self.dice.choices(
                [self.dice.randint(-20, 20), self.dice.choice([-5_000, -300, 300, 10_000])], [9, 1]
            )
            self.levels[feed] = min(max(self.levels[feed] * (10_000 + move_bps[0]) // 10_000, 100), 10**17)
        chosen = self.dice.sample(self.signers, self.dice.randint(3, len(self.signers)))
        liar = self.dice.choice(self.signers)
        return {
            signer: [self._observation(level, signer is liar) for level in self.levels]
            for signer in sorted(chosen, key=lambda signer: signer.index)
        }

    def _observation(self, level: int, lies: bool) -> int:
        if self.dice.random() < 0.08:
            return 0
        return self.dice.choice([1, 2**63 - 1, level * 2]) if lies else level + self.dice.randint(0, level // 1_000)

    def _bundle(self, at: int) -> tuple[rows.Bundle, dict[rows.Signer, list[int]]]:
        vectors = self._vectors()
        return rows.bundle(self.domain, self.epoch, at, vectors, [feed.quorum for feed in self.feeds]), vectors

    def round(self) -> None:
        at = self.at + TERMS.period * self.dice.choice([1, 1, 1, 2, 12])
        self.chain.set_time(max(self.chain.timestamp, at))
        at = max(at, (self.chain.timestamp - 30) // TERMS.period * TERMS.period)
        bundle, vectors = self._bundle(at)
        if self.paused or not any(bundle.medians):
            with pytest.raises(Reverted, match="oracle: paused" if self.paused else "oracle: no quorum"):
                self.chain.send(self.oracle.address, bundle.calldata)
            return
        self.chain.send(self.oracle.address, bundle.calldata)
        self.round_id, self.at = self.round_id + 1, at
        for index, feed in enumerate(self.feeds):
            present = [vector[index] for vector in vectors.values() if vector[index]]
            self.ledger[self.round_id, index] = present, feed.quorum, at

    def forge(self) -> None:
        """Whoever submits claims a median of his own in one lane: nothing is taken."""
        at = max(self.at + TERMS.period, self.chain.timestamp // TERMS.period * TERMS.period)
        bundle, _ = self._bundle(at)
        feed = self.dice.randrange(len(self.feeds))
        medians = rows.unpack(bundle.medians, len(self.feeds))
        other = self.dice.choice([0, 1, medians[feed] - 1, medians[feed] + 1, self.levels[feed], 2**63 - 1])
        if not 0 <= other < 2**63 or other == medians[feed]:
            return
        medians[feed] = other
        with pytest.raises(Reverted):
            self.chain.send(self.oracle.address, replace(bundle, medians=rows.pack(medians)).calldata)

    def wait(self) -> None:
        self.chain.set_time(self.chain.timestamp + self.dice.choice([1, 30, 600]))

    def pause_or_go_on(self) -> None:
        self.oracle.call("unpause" if self.paused else "pause", sender=OWNER)
        self.paused = not self.paused

    def hold(self) -> None:
        feed = self.dice.randrange(len(self.feeds))
        self._try({"oracle: tripped"}, "trip", feed, sender=GUARDIAN)

    def clear(self) -> None:
        """The owner lets a stopped feed go on after the delay; sometimes it went on by itself meanwhile."""
        feed = self.dice.randrange(len(self.feeds))
        if self._try({"clear: feed is not tripped"}, "propose_clear", feed, sender=OWNER):
            self.chain.set_time(self.chain.timestamp + TERMS.delay)
            if not self.paused and self.dice.random() < 0.5:
                self.round()
            reasons = {"clear: feed is not tripped", "clear: feed was served since"}
            self._try(reasons, "execute_clear", feed, sender=OWNER)

    def _try(self, reasons: set[str], name: str, *arguments: int, sender: str) -> bool:
        try:
            self.oracle.call(name, *arguments, sender=sender)
        except Reverted as reverted:
            if str(reverted) in reasons:
                return False
            raise
        return True

    def remove_reporter(self) -> None:
        if len(self.signers) == max(feed.quorum for feed in self.feeds):
            return
        gone = self.signers.pop(self.dice.randrange(len(self.signers)))
        self._number(self.signers)
        self.oracle.call("remove_reporter", gone.address, sender=GUARDIAN)
        self.epoch += 1

    def _number(self, signers: Sequence[rows.Signer]) -> None:
        """The same keys under new indices."""
        self.signers = [rows.Signer(index, signer.key) for index, signer in enumerate(signers, 1)]

    def new_epoch(self) -> None:
        """Another order of reporters, other guards; sometimes one feed more."""
        self.feeds = [self._feed(index) for index in range(len(self.feeds))]
        if len(self.feeds) < 12 and self.dice.random() < 0.5:
            self.feeds.append(self._feed(len(self.feeds)))
            self.levels.append(10_000)
        self._number(self.dice.sample(self.signers, len(self.signers)))
        self.oracle.call("propose_epoch", self.feeds, self._addresses(), 1, sender=OWNER)
        self.chain.set_time(self.chain.timestamp + TERMS.delay)
        self.oracle.call("execute_epoch", sender=OWNER)
        self.epoch += 1
        if len(self.adapters) < len(self.feeds):
            self.adapters.append(self._adapter(len(self.adapters)))

    # ------------------------------------------------------------- reading

    def check_reads(self) -> None:
        max_age = self.dice.choice([0, 5, 60, 2**256 - 1])
        for feed in range(len(self.feeds)):
            latest = self._read(NO_ANSWER, "latest", feed)
            if latest is not None:
                self._explain(feed, *latest)
                assert self.adapters[feed].call("latestRoundData")[:4] == (*latest[:2], latest[2], latest[2])
            price = self._read(NO_ANSWER, "price", feed, max_age)
            if price is not None:
                assert latest is not None
                assert price == latest[1]
                assert self.chain.timestamp - latest[2] <= max_age
            fresh = self._read(NO_ANSWER, "fresh_price", feed)
            assert fresh is None or (latest is not None and fresh == latest[1])
            at = self.dice.randint(START_S, self.chain.timestamp)
            settled = self._read(NO_TIME, "round_at", feed, at)
            if settled is not None:
                assert settled[2] <= at
                self._explain(feed, *settled)
            round_id = self.dice.randint(0, self.round_id + 1)
            past = self._read(NO_ROUND, "round_data", feed, round_id)
            if past is not None:
                self._explain(feed, round_id, *past)

    def _read(self, reasons: set[str], name: str, *arguments: int) -> tuple[int, ...] | int | None:
        try:
            value = self.oracle.call(name, *arguments)
        except Reverted as reverted:
            self.seen[str(reverted)] += 1
            if str(reverted) in reasons:
                return None
            raise
        self.seen[name] += 1
        return value

    def _explain(self, feed: int, round_id: int, price: int, timestamp: int) -> None:
        """By counting, as the definition has it: as many at most below as above, and the lower one of two."""
        present, quorum, at = self.ledger[round_id, feed]
        assert len(present) >= quorum
        assert price in present
        assert timestamp == at
        below, above = sum(x < price for x in present), sum(x > price for x in present)
        equal = len(present) - below - above
        rank = (len(present) + 1) // 2
        assert below < rank <= below + equal


@pytest.mark.parametrize("seed", range(LIVES))
def test_everything_served__was_the_median_of_a_quorum_of_its_round(seed):
    life = Life(seed)
    for _ in range(STEPS):
        life.step()
    assert life.seen["latest"] + life.seen["round_data"] + life.seen["round_at"] > STEPS, life.seen


def test_lives__meet_every_reason_not_to_serve():
    """The property is not vacuous: the same lives see each reason, and answers beside them."""
    seen: Counter[str] = Counter()
    for seed in range(3):
        life = Life(seed)
        for _ in range(STEPS):
            life.step()
        seen += life.seen
    served = {"latest", "price", "fresh_price", "round_data", "round_at"}
    assert set(seen) >= {*served, *NO_ANSWER, *NO_TIME}

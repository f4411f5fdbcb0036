# SPDX-License-Identifier: AGPL-3.0-only
"""What the oracle's state machine plays with: feeds and what may become of them, a chain, the model beside the
contract, and calls that are made of both."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine
from scripts.artifacts import compile_contract

from tests.helpers import rows
from tests.helpers.feeds import MAX_LANE, OWNER, ZERO, Feed, Guards, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.reference.oracle import FeedModel, OracleModel, Refused
from tests.helpers.revm import Chain, Contract, Reverted

START_S = 1_700_000_000
RELAID = 1 << 90
TERMS = Terms(period=5, max_lateness=60, delay=100)
REPORTERS = 5
LEVEL = 10_000_000
LAST_ROUND = 2**40 - 1
"""What the meta slot holds: at a round a second, 34,000 years of them."""

GUARDED = Guards(
    min_price=LEVEL // 4,
    max_price=LEVEL * 4,
    first_min_price=LEVEL // 2,
    first_max_price=LEVEL * 2,
    step_bps=500,
    step_growth_bps=100,
    step_cap_bps=1_500,
    confirm_rounds=3,
    confirm_seconds=10,
)
FEEDS = [
    Feed("A/USD", guards=GUARDED),
    Feed("B/USD", guards=GUARDED._replace(step_bps=1_000, confirm_rounds=2, confirm_seconds=0)),
    Feed("C/USD"),
    Feed("D/USD", quorum=4, guards=GUARDED),
    Feed("E/USD", guards=GUARDED),
]
# What an epoch may change of a feed: any of these, in place of what it has.
STEP_RULES = [(500, 100, 1_500), (50, 10, 400), (2_000, 0, 2_000), (9_000, 0, 60_000)]
BOUNDS = [(LEVEL // 4, LEVEL * 4), (LEVEL * 98 // 100, LEVEL * 102 // 100), (1, MAX_LANE)]
CONFIRMATIONS = [(2, 0), (3, 10), (4, 40)]
MORE = [Feed(f"F{index}/USD", guards=GUARDED) for index in range(8)]

# Where a feed's honest level goes, in bps of LEVEL, when it goes anywhere: sometimes far, sometimes off the map.
LEVELS_BPS = [10_000] * 4 + [10_400, 9_650, 10_600, 12_000, 13_000, 20_000, 2_000, 41_000]
MOVES = [True] + 4 * [False]
SPREADS_BPS = [0, 1, 10, 100, 300]
ABSENCES = [0] * 6 + [1, 2, 5]
COUNTS = [3, 4, 5, 5]


@cache
def stage(twap: bool, l2: bool) -> tuple[Chain, Contract, bytes, Contract]:
    """(chain, oracle, domain, sequencer feed), made once; every run starts from here and is rolled back."""
    chain = Chain(START_S)
    addresses = [signer.address for signer in rows.signers(REPORTERS)]
    sequencer = chain.deploy(compile_contract("MockAggregator"))
    terms = TERMS._replace(twap=twap, sequencer=sequencer.address if l2 else ZERO)
    oracle = on_revm(chain, FEEDS, addresses, 1, terms)
    return chain, oracle, oracle.call("DOMAIN_SEPARATOR"), sequencer


class OracleWorld(RuleBasedStateMachine):
    """One oracle and its model; rules and invariants are in test_oracle.py."""

    def __init__(self) -> None:
        super().__init__()
        self.signers = rows.signers(REPORTERS)
        self.proposed: dict[int, tuple[int, int]] = {}
        self.pending: tuple[list[Feed], list[rows.Signer], int] | None = None
        """The proposed epoch's feeds and reporters, and {s} when it may start."""
        self.l2 = False
        self.looks = 0
        self.levels_bps = [10_000] * (len(FEEDS) + len(MORE))

    def teardown(self) -> None:
        self.chain.evm.revert(self.start)

    def begin(self, twap: bool, l2: bool, rounds: int) -> None:
        """As if `rounds` had been."""
        self.chain, self.oracle, self.domain, self.sequencer = stage(twap, l2)
        self.start = self.chain.evm.snapshot()
        self.chain.set_time(START_S)
        self.model = OracleModel([FeedModel(feed) for feed in FEEDS], TERMS._replace(twap=twap))
        self.l2 = l2
        if l2:
            self._set_sequencer(True, START_S - 10**6)
        layout = compile_contract("MedianOracle").layout["storage_layout"]
        meta, history_start = layout["_meta"]["slot"], layout["history"]["start"]["slot"]
        put = self.chain.evm.insert_account_storage
        put(self.oracle.address, meta, self.chain.evm.storage(self.oracle.address, meta) + (rounds << 40) | RELAID)
        put(self.oracle.address, history_start, rounds + 1)
        self.model.round_id = rounds
        self.model.first_round = rounds + 1
        if rounds:
            prices = [LEVEL] * len(FEEDS)
            vectors = dict.fromkeys(range(1, REPORTERS + 1), prices)
            self._submit((self._bundle(vectors, START_S), vectors), 0)

    def _set_sequencer(self, up: bool, since: int) -> None:
        self.sequencer.call("set_round", int(not up), since)
        self.model.sequencer = (up, since)

    def _execute_epoch(self) -> None:
        """Start what is proposed, or be told that it is too early."""
        assert self.pending is not None
        feeds, signers, ready_at = self.pending
        if self.chain.timestamp < ready_at:
            self._fails("epoch: too early", "execute_epoch")
            return
        self.oracle.call("execute_epoch", sender=OWNER)
        self.model.start_epoch(feeds)
        self.signers, self.pending = signers, None
        assert [self.oracle.call("feed", index) for index in range(len(feeds))] == feeds

    @staticmethod
    def _other_rules(feed: Feed, choose: Callable[[Any], Any]) -> Feed:
        """Every second feed with other bounds, steps and confirmations, another quorum and heartbeat."""
        if choose([True, False]):
            return feed
        (low, high), (step, growth, cap), (confirm_rounds, confirm_s) = map(choose, (BOUNDS, STEP_RULES, CONFIRMATIONS))
        guards = Guards(
            low, high, max(low, LEVEL // 2), min(high, LEVEL * 2), step, growth, cap, confirm_rounds, confirm_s
        )
        return feed._replace(quorum=choose([3, 3, 4, 5]), heartbeat=choose([30, 60, 90]), guards=guards)

    def _draw(self, die: int, steps: int) -> tuple[rows.Bundle, dict[int, list[int]]]:
        """Rows for the grid time `steps` after the last round."""
        choose = random.Random(die).choice
        now_s = self.chain.timestamp // TERMS.period * TERMS.period
        at = (max(self.model.timestamp, now_s) if steps > 0 else self.model.timestamp) + steps * TERMS.period
        by = sorted(random.Random(die).sample(range(1, REPORTERS + 1), choose(COUNTS)))
        vectors: dict[int, list[int]] = {index: [] for index in by if index <= len(self.signers)}
        for feed in range(len(self.model.feeds)):
            if choose(MOVES):
                self.levels_bps[feed] = choose(LEVELS_BPS)
            level = LEVEL * self.levels_bps[feed] // 10_000
            spread, absent = choose(SPREADS_BPS), choose(ABSENCES)
            for place, vector in enumerate(vectors.values()):
                price = level + level * spread * (place - 2) // 10_000
                vector.append(0 if place < absent else price)
        return self._bundle(vectors, at), vectors

    def _bundle(self, vectors: dict[int, list[int]], at: int, epoch: int | None = None) -> rows.Bundle:
        medians = rows.pack(self.model.medians(vectors))
        observed: list[int] = []
        signatures: list[int] = []
        for index, vector in vectors.items():
            words = rows.pack(vector)
            observed += words
            digest = rows.row_digest(self.domain, epoch or self.model.epoch, at, words)
            signatures += rows.sign_digest(self.signers[index - 1], digest)
        packed = sum(index << (8 * place) for place, index in enumerate(vectors))
        return rows.Bundle(at, packed, medians, observed, signatures)

    def _submit(self, drawn: tuple[rows.Bundle, dict[int, list[int]]], late_s: int) -> None:
        bundle, vectors = drawn
        self.chain.set_time(max(self.chain.timestamp, bundle.timestamp + late_s))
        try:
            self.model.submit(bundle.timestamp, vectors, self.chain.timestamp)
        except Refused as refused:
            self._fails(str(refused), "submit", *bundle.args)
        else:
            self.oracle.call("submit", *bundle.args)

    def _fails(self, reason: str | None, name: str, *args: Any, sender: str = OWNER) -> None:
        """The call reverts, with this reason unless None; the invariants then see that nothing changed (O-5)."""
        try:
            said = f"answered {self.oracle.call(name, *args, sender=sender)}"
        except Reverted as reverted:
            if reason in (None, said := str(reverted)):
                return
        pytest.fail(f"{name}{args}: expected {reason!r}, got {said!r}")

    def _same(self, expected: Callable[[], Any], name: str, *args: Any) -> None:
        try:
            wanted = expected()
        except Refused as refused:
            self._fails(str(refused), name, *args)
        else:
            assert self.oracle.call(name, *args) == wanted

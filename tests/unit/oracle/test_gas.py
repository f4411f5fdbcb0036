# SPDX-License-Identifier: AGPL-3.0-only
"""What the bench measures in a ring that only looks gone round is what a ring that went round costs.

The smallest ring is played once, round by round; scripts/bench/oracle.py fills the slots of one round instead.
"""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from scripts.bench.oracle import READ_BOUNDS, slots_of_round

from tests.helpers import rows
from tests.helpers.feeds import Terms, feeds
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain

START_S = 1_700_000_000
FEEDS, REPORTERS = 2, 3
COLD_ACCOUNT_GAS = 2_600
TRANSACTION_GAS = 21_000


def calldata_gas(data: bytes) -> int:
    return sum(16 if byte else 4 for byte in data)


class Ring:
    def __init__(self, *, twap: bool) -> None:
        self.chain = Chain(START_S)
        self.signers = rows.signers(REPORTERS)
        self.terms = Terms(history=4_096, twap=twap)
        addresses = [signer.address for signer in self.signers]
        self.oracle = on_revm(self.chain, feeds(FEEDS), addresses, 1, self.terms)
        self.domain = rows.domain_separator(CHAIN_ID, self.oracle.address)
        self.rounds, self.at = 0, START_S

    def submit(self) -> int:
        """Gas of the next round, without its calldata, whose zero bytes depend on the signatures."""
        self.rounds, self.at = self.rounds + 1, self.at + self.terms.period
        self.chain.set_time(self.at)
        vector = [10**18 + self.rounds * 10**12 + feed for feed in range(FEEDS)]
        bundle = rows.bundle(self.domain, 1, self.at, dict.fromkeys(self.signers, vector), [3] * FEEDS)
        self.chain.send(self.oracle.address, bundle.calldata)
        return self.chain.gas_used - calldata_gas(bundle.calldata)

    def read(self, name: str, *arguments: int) -> int:
        """Gas of one call from a contract. This engine keeps slots warm that a round wrote; the bench has them cold."""
        self.oracle.call(name, *arguments)
        data = self.oracle.calldata(name, *arguments)
        return self.chain.gas_used - TRANSACTION_GAS - calldata_gas(data) + COLD_ACCOUNT_GAS


@cache
def played(twap: bool) -> Ring:
    ring = Ring(twap=twap)
    for _ in range(ring.terms.history + 10):
        ring.submit()
    return ring


@pytest.mark.parametrize("twap", [False, True])
def test_submit__in_a_ring_that_went_round__costs_what_the_bench_finds_by_its_shortcut(twap):
    short = Ring(twap=twap)
    first_lap = [short.submit() for _ in range(3)][-1]
    for slot in slots_of_round(short.rounds + 1, FEEDS):
        short.chain.evm.insert_account_storage(short.oracle.address, slot, 7 << 192 | 5)
    steady = short.submit()
    assert steady == played(twap).submit()
    assert first_lap - steady > 17_000


def test_submit__that_keeps_sums__costs_a_slot_for_two_feeds_and_little_more():
    assert 0 < played(True).submit() - played(False).submit() <= 3_500


@pytest.mark.parametrize("start", [1, 7, 2_048, 4_000])
def test_twap__anywhere_in_a_full_ring__stays_inside_its_bounds(start):
    ring = played(True)
    ring.chain.set_time(ring.at + 3)
    since = ring.at - ring.terms.period * (ring.terms.history - start) + 2
    assert ring.read("twap", 0, since, ring.at + 3) <= READ_BOUNDS["twap_now"]
    for end in (since + 1, since + 40, ring.at - 2):
        assert ring.read("twap", 0, since, end) <= READ_BOUNDS["twap_window"]


def test_round_at__costs_a_look_for_each_doubling_of_the_history_and_nothing_more():
    ring = Ring(twap=False)
    costs = []
    for doublings in range(7):
        while ring.rounds < 2**doublings:
            ring.submit()
        costs.append(ring.read("round_at", 0, START_S + ring.terms.period))
    looks = [after - before for before, after in itertools.pairwise(costs)]
    assert costs[0] <= ring.read("round_data", 0, 1) + 1_000
    assert min(looks) > 0
    assert max(looks) <= 600  # a warm slot, and what is done with it: 2,000 less than a cold one

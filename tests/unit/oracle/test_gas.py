# SPDX-License-Identifier: AGPL-3.0-only
"""What the bench measures in a ring that only looks gone round is what a ring that went round costs.

The smallest ring is played once, round by round; scripts/bench/oracle.py fills the slots of one round instead.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest
from boa import Env
from boa.util.abi import Address
from scripts.artifacts import compile_contract
from scripts.bench.oracle import READ_BOUNDS, slots_of_round

from tests.helpers import rows
from tests.helpers.feeds import Terms, feeds
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain, Contract

START_S = 1_700_000_000
FEEDS, REPORTERS = 2, 3
MAX_AGE_S = 60
COLD_ACCOUNT_GAS = 2_600


def calldata_gas(data: bytes) -> int:
    return sum(16 if byte else 4 for byte in data)


class Ring:
    """A small oracle whose rounds are played in pyrevm, which keeps every slot warm that it ever touched. What they
    left is read in titanoboa, where each read finds all slots cold, as a transaction of its own does.
    """

    def __init__(self, *, twap: bool, feed_count: int = FEEDS) -> None:
        self.chain = Chain(START_S)
        self.signers = rows.signers(REPORTERS)
        self.terms = Terms(history=4_096, twap=twap)
        self.feed_count = feed_count
        addresses = [signer.address for signer in self.signers]
        self.oracle = on_revm(self.chain, feeds(feed_count), addresses, 1, self.terms)
        self.facade = self.chain.deploy(compile_contract("AggregatorAdapter"), self.oracle.address, feed_count - 1)
        self.domain = rows.domain_separator(CHAIN_ID, self.oracle.address)
        self.rounds, self.at = 0, START_S
        self.reader: Env | None = None

    def submit(self) -> int:
        """Gas of the next round, without its calldata, whose zero bytes depend on the signatures."""
        self.rounds, self.at, self.reader = self.rounds + 1, self.at + self.terms.period, None
        self.chain.set_time(self.at)
        vector = [10**18 + self.rounds * 10**12 + feed for feed in range(self.feed_count)]
        bundle = rows.bundle(self.domain, 1, self.at, dict.fromkeys(self.signers, vector), [3] * self.feed_count)
        self.chain.send(self.oracle.address, bundle.calldata)
        return self.chain.gas_used - calldata_gas(bundle.calldata)

    def read(self, name: str, *arguments: Any, through: Contract | None = None) -> int:
        """Gas of one cold call from a contract, the call's own included, at the chain's present time."""
        self.reader = self.reader or self._copied()
        self.reader.evm.patch.timestamp = self.chain.timestamp
        self.reader.evm.reset_access_counters()
        contract = through or self.oracle
        called = self.reader.execute_code(contract.address, data=contract.calldata(name, *arguments))
        assert not called.is_error
        return int(called.get_gas_used()) + COLD_ACCOUNT_GAS

    def _copied(self) -> Env:
        """All code and all that the oracle stored."""
        evm, copy = self.chain.evm, Env()
        for address in evm.journal_state:
            if code := evm.get_code(address):
                copy.set_code(Address(address), bytes(code))
        slots = {compile_contract("MedianOracle").layout["storage_layout"]["_meta"]["slot"]}
        for round_id in range(min(self.rounds, self.terms.history)):
            slots.update(slots_of_round(round_id + 1, self.feed_count))
        for slot in slots:
            copy.set_storage(Address(self.oracle.address), slot, evm.storage(self.oracle.address, slot))
        return copy


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
    assert max(looks) <= 2_600  # a cold slot, and what is done with it


def test_reads__cold__of_ten_feeds__stay_inside_their_bounds():
    ring = Ring(twap=False, feed_count=10)
    for _ in range(3):
        ring.submit()
    gas = {
        "price": ring.read("price", 9, MAX_AGE_S),
        "prices10": ring.read("prices", list(range(10)), MAX_AGE_S),
        "latestRoundData": ring.read("latestRoundData", through=ring.facade),
    }
    assert {name: used for name, used in gas.items() if used > READ_BOUNDS[name]} == {}
    # Two slots at least are cold, or this measures something else.
    assert min(gas.values()) > 2 * 2_100 + COLD_ACCOUNT_GAS

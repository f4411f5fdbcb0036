# SPDX-License-Identifier: AGPL-3.0-only
"""FeedSetWriter: write, write_without; what anybody can do with it, and what a false one could do to an oracle."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers import rows
from tests.helpers.contracts import deployer
from tests.helpers.feeds import CAST, GUARDIAN, OWNER, ZERO, Feed, Guards, Terms, feeds
from tests.unit.oracle.conftest import PRICES, Rounds

ADDRESSES = [signer.address for signer in rows.signers(5)]
NOBODY = 2**256 - 1
SET_WORDS = 4 + 31 + 8 * 5


@pytest.fixture
def writer() -> Any:
    return deployer("FeedSetWriter").deploy()


def words_of(config: Any) -> list[int]:
    """The words of a data contract's code, behind its STOP."""
    code = boa.env.get_code(config)
    assert code[0] == 0
    assert len(code) % 32 == 1
    return [int.from_bytes(code[at : at + 32], "big") for at in range(1, len(code), 32)]


def test_write__of_a_first_set__is_epoch_1_in_the_layout_that_submit_reads(writer):
    guards = Guards(min_price=2, max_price=9, first_min_price=3, first_max_price=8, step_bps=625, step_cap_bps=700)
    set_of_five = [Feed("A/USD", quorum=4, guards=guards), *feeds(4)]
    words = words_of(writer.write(ZERO, set_of_five, ADDRESSES, 1))
    assert words[:4] == [1, 1, 5, 5]
    assert words[4:35] == [int(address, 16) for address in ADDRESSES] + [NOBODY] * 26
    used, lane = [2**63 - 1] * 4, 2**64 - 1
    forbidden, quorums, lowest, highest, shift = words[35:40]
    assert forbidden == rows.pack([lane - each for each in used])[0]
    assert rows.unpack([quorums], 4) == [4, 3, 3, 3]
    assert (rows.unpack([lowest], 4), rows.unpack([highest], 4)) == ([2, 1, 1, 1], [9] + [2**63 - 1] * 3)
    assert shift == 4
    assert words[40:45] == [rows.pack([2**63, lane, lane, lane])[0], 3, 1, 2**63 - 1, 1]
    assert words[45:SET_WORDS] == [NOBODY, 0, 0, 0, 1] * 6
    assert len(words) == SET_WORDS + 2 + 3 * 5


@pytest.mark.parametrize(
    ("step_bps", "shift"),
    [(10_000, 1), (5_000, 1), (4_999, 2), (2_500, 2), (2_499, 3), (5, 11), (4, 12), (2, 13), (1, 14)],
)
def test_write__of_a_step__keeps_the_largest_shifted_step_within_it(writer, step_bps, shift):
    """10,000 >> shift is at most step_bps of 10,000, so what four lanes pass at once every single lane would pass."""
    guards = Guards(step_bps=step_bps, step_cap_bps=10_000)
    words = words_of(writer.write(ZERO, [Feed("A/USD", guards=guards)], ADDRESSES, 1))
    assert words[39] == shift
    assert step_bps << shift >= 10_000


def test_write__with_the_smallest_step_of_a_word__counts_for_its_four_feeds(writer):
    small = Feed("SMALL/USD", guards=Guards(step_bps=100))
    words = words_of(writer.write(ZERO, [*feeds(2), small, Feed("D/USD"), Feed("E/USD")], ADDRESSES, 1))
    assert (words[39], words[44]) == (7, 1)


def test_write__by_anybody__writes_the_same_bytes(writer, stranger):
    first = writer.write(ZERO, list(CAST), ADDRESSES, 1, sender=OWNER)
    second = writer.write(ZERO, list(CAST), ADDRESSES, 1, sender=stranger)
    other = deployer("FeedSetWriter").deploy().write(ZERO, list(CAST), ADDRESSES, 1)
    assert len({first, second, other}) == 3
    assert boa.env.get_code(first) == boa.env.get_code(second) == boa.env.get_code(other)


def test_write__on_an_oracles_present_set__changes_nothing_there(rounds, oracle, stranger):
    """Anybody can have the next epoch's set written. Nobody but the oracle's owner can propose it."""
    writer = deployer("FeedSetWriter").at(oracle.terms().writer)
    oracle.propose_epoch(list(CAST), ADDRESSES[:4], 1, sender=OWNER)
    proposed = oracle.pending_config()
    mine = writer.write(proposed, list(CAST), [*ADDRESSES[:4], stranger], 1, sender=stranger)
    assert words_of(mine)[0] == 3
    writer.write_without(proposed, ADDRESSES[0], sender=stranger)
    assert (oracle.pending_config(), oracle.epoch(), oracle.reporters()) == (proposed, 1, ADDRESSES)
    rounds.agree(*PRICES)


def test_write__after_an_old_set__is_its_next_epoch_and_extends_it(writer):
    old = writer.write(ZERO, list(CAST), ADDRESSES, 1)
    new = writer.write(old, [*CAST, Feed("ETH/USD")], ADDRESSES[:3], 0)
    assert words_of(new)[:4] == [2, 0, 5, 3]
    assert words_of(writer.write(new, [*CAST, Feed("ETH/USD")], ADDRESSES, 1))[0] == 3
    with boa.reverts("feeds: one is missing"):
        writer.write(new, list(CAST), ADDRESSES, 1)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("change", "what"), [({"name": "X/USD"}, "name"), ({"decimals": 9}, "decimals")])
def test_write__of_an_old_feed_that_would_mean_something_else__reverts(writer, place, change, what):
    old = writer.write(ZERO, list(CAST), ADDRESSES, 1)
    changed = [feed._replace(**change) if index == place else feed for index, feed in enumerate(CAST)]
    with boa.reverts(f"feed: {what} changed"):
        writer.write(old, changed, ADDRESSES, 1)


@pytest.mark.parametrize("gone", range(5))
def test_write_without__one_reporter__is_the_rest_in_their_order(writer, gone):
    old = writer.write(ZERO, list(CAST), ADDRESSES, 1)
    new = words_of(writer.write_without(old, ADDRESSES[gone]))
    rest = [int(address, 16) for index, address in enumerate(ADDRESSES) if index != gone]
    assert new[:4] == [2, 1, 4, 4]
    assert new[4:9] == [*rest, NOBODY]
    assert new[35:] == words_of(old)[35:]


def test_write_without__somebody_who_is_not_there__reverts(writer, stranger):
    old = writer.write(ZERO, list(CAST), ADDRESSES, 1)
    for nobody in (stranger, ZERO):
        with boa.reverts("reporter: unknown"):
            writer.write_without(old, nobody)


def test_write_without__below_a_quorum__reverts(writer):
    old = writer.write(ZERO, feeds(2, quorum=5), ADDRESSES, 2)
    with boa.reverts("feed: quorum above reporters"):
        writer.write_without(old, ADDRESSES[0])


def test_write__of_the_largest_set__fits_a_contract_and_a_block(writer):
    long_names = [Feed(f"{index:02d}".ljust(32, "x"), quorum=31) for index in range(32)]
    reporters = [signer.address for signer in rows.signers(31)]
    config = writer.write(ZERO, long_names, reporters, 15)
    assert len(boa.env.get_code(config)) == 1 + 32 * (SET_WORDS + 2 + 3 * 32) < 24_576
    assert writer._computation.get_gas_used() < 8_000_000


def test_deploy__with_a_writer_that_is_no_contract__reverts():
    addresses = [signer.address for signer in rows.signers(5)]
    for nobody in (ZERO, OWNER):
        with boa.reverts("terms: writer has no code"):
            deployer("MedianOracle").deploy(list(CAST), addresses, 1, Terms(writer=nobody), OWNER, GUARDIAN)


FALSE_WRITER = """
# pragma version 0.4.3
from contracts.interfaces import IFeedSetWriter
from contracts.interfaces import IMedianOracle

implements: IFeedSetWriter
prepared: public(address)

@external
def prepare(config: address):
    self.prepared = config

@external
def write(
    old: address, feeds: DynArray[IMedianOracle.Feed, 32], reporters: DynArray[address, 31], faulty: uint256
) -> address:
    return self.prepared

@external
def write_without(old: address, reporter: address) -> address:
    return self.prepared
"""


def test_false_writer__names_its_own_reporters_at_the_next_removal__and_is_told_by_its_code(writer):
    """Why terms().writer has to be looked at: this is the worst a writer can do, and all it takes to see it."""
    false = boa.loads(FALSE_WRITER, compiler_args={"evm_version": "cancun"})
    false.prepare(writer.write(ZERO, list(CAST), ADDRESSES, 1))
    terms = Terms(writer=false.address)
    oracle = deployer("MedianOracle").deploy(list(CAST), ADDRESSES, 1, terms, OWNER, GUARDIAN)
    assert oracle.reporters() == ADDRESSES
    thieves = [rows.Signer(index) for index in range(11, 16)]
    false.prepare(writer.write(ZERO, list(CAST), [thief.address for thief in thieves], 1))
    oracle.remove_reporter(ADDRESSES[0], sender=GUARDIAN)
    assert oracle.reporters() == [thief.address for thief in thieves]
    assert oracle.terms().writer == false.address
    assert boa.env.get_code(false.address) != boa.env.get_code(writer.address)


def test_writer__returning_what_is_no_feed_set__cannot_be_taken(writer):
    """An account without code, or with too little, named as an epoch's set: the oracle cannot read it and reverts."""
    false = boa.loads(FALSE_WRITER, compiler_args={"evm_version": "cancun"})
    false.prepare(writer.write(ZERO, list(CAST), ADDRESSES, 1))
    oracle = deployer("MedianOracle").deploy(list(CAST), ADDRESSES, 1, Terms(writer=false.address), OWNER, GUARDIAN)
    for nothing in (ZERO, OWNER, deployer("AggregatorAdapter").deploy(oracle.address, 0).address):
        false.prepare(nothing)
        with boa.reverts():
            oracle.remove_reporter(ADDRESSES[0], sender=GUARDIAN)
    assert (oracle.epoch(), oracle.reporters()) == (1, ADDRESSES)


def test_rounds__of_two_oracles_with_one_writer__do_not_mix():
    """A set written for one oracle can be the set of another; signatures still name the oracle."""
    first, second = Rounds(), Rounds()
    bundle = first.bundle(PRICES, PRICES, PRICES)
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        second.oracle.submit(*bundle.args)
    first.submit(bundle)

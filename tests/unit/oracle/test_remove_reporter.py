# SPDX-License-Identifier: AGPL-3.0-only
"""remove_reporter: a key voided at once."""

from __future__ import annotations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import CAST, GUARDIAN, OWNER, ZERO
from tests.unit.oracle.conftest import PRICES, Rounds


def remove(rounds: Rounds, index: int, sender: str = GUARDIAN) -> None:
    rounds.oracle.remove_reporter(rounds.signers[index - 1].address, sender=sender)
    del rounds.signers[index - 1]
    rounds.epoch += 1


@pytest.mark.parametrize("who", [GUARDIAN, OWNER], ids=["guardian", "owner"])
def test_remove_reporter__by_guardian_or_owner__starts_an_epoch_without_it(rounds, oracle, who):
    rounds.agree(*PRICES)
    gone = rounds.signers[1]
    remove(rounds, 2, who)
    removed, started = oracle.get_logs()
    assert (removed.reporter, removed.caller) == (gone.address, who)
    assert (type(started).__name__, started.epoch) == ("EpochStarted", 2)
    assert oracle.reporters() == [signer.address for signer in rounds.signers]
    assert (oracle.epoch(), oracle.feed_count(), oracle.faulty()) == (2, 4, 1)
    assert [tuple(oracle.feed(index).guards) for index in range(4)] == [feed.guards for feed in CAST]
    assert oracle.price(0, 0) == PRICES[0]
    rounds.agree(*PRICES)


def test_remove_reporter__its_rows__are_void(rounds, oracle):
    gone = rounds.signers[1]
    remove(rounds, 2)
    bundle = rounds.bundle(PRICES, PRICES, PRICES)
    forged = rows.sign_digest(gone, rows.row_digest(rounds.domain, 2, bundle.timestamp, bundle.rows[:1]))
    boa.env.evm.patch.timestamp = bundle.timestamp
    with boa.reverts("oracle: signature"):
        oracle.submit(*bundle.args[:4], [*bundle.signatures[:2], *forged, *bundle.signatures[4:]])


def test_remove_reporter__rows_of_the_epoch_before__are_void(rounds, oracle):
    bundle = rounds.bundle(PRICES, PRICES, PRICES, by=(3, 4, 5))
    remove(rounds, 1)
    with boa.reverts("oracle: signature"):
        rounds.submit(bundle)


def test_remove_reporter__down_to_the_quorum__then_reverts(rounds, oracle):
    remove(rounds, 1)
    remove(rounds, 1)
    rounds.agree(*PRICES)
    with boa.reverts("feed: quorum above reporters"):
        remove(rounds, 1)


def test_remove_reporter__unknown__reverts(oracle, stranger):
    with boa.reverts("reporter: unknown"):
        oracle.remove_reporter(stranger, sender=GUARDIAN)


def test_remove_reporter__by_anybody_else__reverts(rounds, oracle, stranger):
    with boa.reverts("oracle: not guardian or owner"):
        remove(rounds, 1, stranger)


def test_remove_reporter__withdraws_a_proposal_made_for_the_old_set(rounds, oracle):
    oracle.propose_epoch(list(CAST), oracle.reporters(), 1, sender=OWNER)
    proposed = oracle.pending_config()
    remove(rounds, 1)
    cancelled, *rest = oracle.get_logs()
    assert (type(cancelled).__name__, cancelled.config) == ("EpochCancelled", proposed)
    assert [type(log).__name__ for log in rest] == ["ReporterRemoved", "EpochStarted"]
    assert (oracle.pending_config(), oracle.pending_at()) == (ZERO, 0)
    boa.env.evm.patch.timestamp += 3_600
    with boa.reverts("epoch: nothing proposed"):
        oracle.execute_epoch(sender=OWNER)

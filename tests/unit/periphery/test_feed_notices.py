# SPDX-License-Identifier: AGPL-3.0-only
"""FeedNotices: an oracle's owner says that a feed will end; early enough, of a feed there is, and can take it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.helpers.feeds import GUARDIAN, Feed
from tests.unit.oracle.conftest import START_S, Rounds
from tests.unit.periphery.market import ZERO
from tests.unit.vault.conftest import events

DAY_S = 86_400
SOONEST = START_S + 14 * DAY_S
LATEST = START_S + 730 * DAY_S
NONE = (0, 0, ZERO, 0, "")


class Notices(NamedTuple):
    contract: Any
    rounds: Rounds
    oracle: Any
    """With two feeds."""
    newer: Any
    """Another oracle, of another owner."""
    owner: Any


@pytest.fixture(scope="module")
def stage() -> Iterator[Notices]:
    with boa.env.anchor():
        boa.env.evm.patch.timestamp = START_S
        rounds = Rounds([Feed("BTC/USD"), Feed("EUR/USD")])
        newer = Rounds([Feed("EUR/USD", decimals=6)], owner=boa.env.generate_address("other-owner")).oracle
        yield Notices(deployer("FeedNotices").deploy(), rounds, rounds.oracle, newer, rounds.oracle.owner())


@pytest.fixture
def notices(stage: Notices) -> Iterator[Notices]:
    with boa.env.anchor():
        yield stage


def test_announce__is_told_with_its_date_its_reason_and_where_to_go(notices: Notices) -> None:
    contract, _, oracle, newer, owner = notices
    contract.announce(oracle, 1, SOONEST, newer, 0, "six decimals", sender=owner)
    assert contract.notice(oracle, 1) == (START_S, SOONEST, newer.address, 0, "six decimals")
    contract.announce(oracle, 1, LATEST, ZERO, 0, "later", sender=owner)
    [given] = events(contract, "NoticeGiven")
    assert given[1:] == (oracle.address, 1, SOONEST, LATEST, ZERO, 0, "later")
    # The other feed, and the same index of another oracle, go on.
    assert contract.notice(oracle, 0) == contract.notice(newer, 1) == NONE


def test_announce__changes_no_price__not_even_after_the_end(notices: Notices) -> None:
    contract, rounds, oracle, _, owner = notices
    contract.announce(oracle, 1, SOONEST, ZERO, 0, "done", sender=owner)
    rounds.agree(20_000_00000000, 1_06000000, after_s=SOONEST + DAY_S - rounds.timestamp)
    assert oracle.price(1, 60) == 1_06000000
    assert contract.notice(oracle, 1)[1] == SOONEST


def test_announce__a_successor_in_the_same_oracle__or_without_words__is_enough(notices: Notices) -> None:
    contract, _, oracle, _, owner = notices
    contract.announce(oracle, 1, SOONEST, oracle, 0, "", sender=owner)
    assert contract.notice(oracle, 1) == (START_S, SOONEST, oracle.address, 0, "")


@pytest.mark.parametrize(
    ("ends_at", "reason"),
    [
        (SOONEST - 1, "notice: too soon"),
        (START_S - 1, "notice: too soon"),
        (0, "notice: too soon"),
        (LATEST + 1, "notice: too far"),
        (2**256 - 1, "notice: too far"),
    ],
)
def test_announce__dated_too_soon_or_too_far__reverts(notices: Notices, ends_at: int, reason: str) -> None:
    with boa.reverts(reason):
        notices.contract.announce(notices.oracle, 0, ends_at, ZERO, 0, "why", sender=notices.owner)
    assert notices.contract.notice(notices.oracle, 0) == NONE


def test_announce__again__cannot_bring_the_end_nearer_than_the_minimum(notices: Notices) -> None:
    contract, _, oracle, _, owner = notices
    contract.announce(oracle, 0, LATEST, ZERO, 0, "why", sender=owner)
    boa.env.evm.patch.timestamp = START_S + DAY_S
    with boa.reverts("notice: too soon"):
        contract.announce(oracle, 0, SOONEST, ZERO, 0, "sooner", sender=owner)
    contract.announce(oracle, 0, SOONEST + DAY_S, ZERO, 0, "sooner", sender=owner)
    assert contract.notice(oracle, 0)[:2] == (START_S + DAY_S, SOONEST + DAY_S)


def test_announce__what_says_nothing_or_points_nowhere__reverts(notices: Notices) -> None:
    contract, _, oracle, newer, owner = notices
    for feed, successor, place, words, reason in (
        (2, ZERO, 0, "why", "notice: unknown feed"),
        (0, ZERO, 0, "", "notice: says nothing"),
        (0, ZERO, 1, "why", "notice: feed of no successor"),
        (0, oracle, 0, "why", "notice: successor is itself"),
        (0, oracle, 2, "why", "notice: unknown successor"),
        (0, newer, 1, "why", "notice: unknown successor"),
        (0, owner, 0, "why", "notice: no oracle"),
    ):
        with boa.reverts(reason):
            contract.announce(oracle, feed, SOONEST, successor, place, words, sender=owner)


def test_withdraw__ends_the_notice__and_a_second_one_reverts(notices: Notices) -> None:
    contract, _, oracle, _, owner = notices
    contract.announce(oracle, 1, SOONEST, ZERO, 0, "done", sender=owner)
    contract.withdraw(oracle, 1, sender=owner)
    [withdrawn] = events(contract, "NoticeWithdrawn")
    assert withdrawn[1:] == (oracle.address, 1, SOONEST)
    assert contract.notice(oracle, 1) == NONE
    with boa.reverts("notice: none given"):
        contract.withdraw(oracle, 1, sender=owner)


def test_anybody_but_the_oracles_owner__may_do_nothing(notices: Notices, attacker: str) -> None:
    contract, _, oracle, newer, owner = notices
    contract.announce(oracle, 1, SOONEST, ZERO, 0, "done", sender=owner)
    assert oracle.guardian() == GUARDIAN != owner
    # Neither a stranger, nor the guardian, nor the owner of another oracle.
    for who in (attacker, GUARDIAN, newer.owner()):
        with boa.reverts("notice: not the owner"):
            contract.announce(oracle, 0, SOONEST, ZERO, 0, "why", sender=who)
        with boa.reverts("notice: not the owner"):
            contract.withdraw(oracle, 1, sender=who)
    with boa.reverts("notice: no oracle"):
        contract.announce(attacker, 0, SOONEST, ZERO, 0, "why", sender=attacker)


def test_who_speaks__is_whoever_owns_the_oracle_now(notices: Notices, attacker: str) -> None:
    contract, _, oracle, _, old = notices
    contract.announce(oracle, 1, SOONEST, ZERO, 0, "why", sender=old)
    oracle.transfer_ownership(attacker, sender=old)
    with boa.reverts("notice: not the owner"):
        contract.withdraw(oracle, 1, sender=attacker)
    oracle.accept_ownership(sender=attacker)
    with boa.reverts("notice: not the owner"):
        contract.withdraw(oracle, 1, sender=old)
    contract.withdraw(oracle, 1, sender=attacker)
    assert contract.notice(oracle, 1) == NONE

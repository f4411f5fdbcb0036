# SPDX-License-Identifier: AGPL-3.0-only
"""INCIDENTS.md, Orcfax 2024 and Pragma 2025: sources, or the only publisher, were out; there was no quorum any more.

Must hold: the feed ages and reverts; when a quorum is back it serves again, by itself.
"""

from __future__ import annotations

import boa
import pytest

from tests.helpers import rows
from tests.helpers.feeds import Feed, Guards, Terms
from tests.helpers.oracles import on_revm
from tests.helpers.revm import CHAIN_ID, Chain
from tests.unit.oracle.conftest import PRICES, START_S, Rounds

pytestmark = pytest.mark.usefixtures("stage")

HEARTBEAT_S = 60


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


def test_submit__of_the_reporters_that_are_left__reverts_and_the_answer_ages(rounds):
    rounds.agree(*PRICES)
    for _ in range(3):
        bundle = rounds.bundle(PRICES, PRICES, at=rounds.timestamp + HEARTBEAT_S)
        boa.env.evm.patch.timestamp = bundle.timestamp
        with boa.reverts("oracle: no quorum"):
            rounds.oracle.submit(*bundle.args)
        rounds.timestamp = bundle.timestamp
    with boa.reverts("oracle: stale"):
        rounds.oracle.price(0, HEARTBEAT_S)
    assert rounds.oracle.latest(0) == (1, PRICES[0], START_S + 5)


@pytest.mark.parametrize("away_s", [600, 86_400, 30 * 86_400])
def test_price__after_an_outage__is_served_with_the_first_round_of_a_quorum(rounds, away_s):
    rounds.agree(*PRICES)
    rounds.agree(*PRICES, after_s=away_s)
    assert rounds.oracle.prices([0, 1, 2, 3], 0) == list(PRICES)


def test_price__after_an_outage_in_which_the_market_moved__is_served_when_the_level_has_stood():
    guards = Guards(step_bps=100, step_growth_bps=10, step_cap_bps=1_000, confirm_rounds=3, confirm_seconds=60)
    rounds = Rounds([Feed("ADA/USD", guards=guards)])
    rounds.agree(50_000_000)
    for after_s in (86_400, 30):
        rounds.agree(40_000_000, after_s=after_s)
        with boa.reverts("oracle: tripped"):
            rounds.oracle.price(0, HEARTBEAT_S)
    rounds.agree(40_000_000, after_s=30)
    assert rounds.oracle.price(0, 0) == 40_000_000


def test_price__sources_of_one_feed_out__ages_alone(rounds):
    rounds.agree(*PRICES)
    for _ in range(3):
        rounds.agree(0, *PRICES[1:], after_s=HEARTBEAT_S)
    with boa.reverts("oracle: stale"):
        rounds.oracle.price(0, HEARTBEAT_S)
    assert rounds.oracle.prices([1, 2, 3], 0) == list(PRICES[1:])
    rounds.agree(*PRICES)
    assert rounds.oracle.price(0, 0) == PRICES[0]


def test_latest__of_a_feed_out_for_longer_than_the_history__still_is_its_last_answer():
    """The ring comes round; the last answer of a feed that missed all of it is not overwritten."""
    chain = Chain(START_S)
    terms, signers = Terms(history=4_096), rows.signers(3)
    feeds = [Feed("OUT/USD"), Feed("IN/USD")]
    addresses = [signer.address for signer in signers]
    oracle = on_revm(chain, feeds, addresses, 1, terms)
    domain = rows.domain_separator(CHAIN_ID, oracle.address)
    rounds = terms.history + 10
    for place in range(rounds):
        at = START_S + 5 * (place + 1)
        chain.set_time(at)
        vector = [1_000 if place == 0 else 0, 2_000 + place]
        chain.send(oracle.address, rows.bundle(domain, 1, at, dict.fromkeys(signers, vector), [3, 3]).calldata)
    assert oracle.call("latest", 0) == (1, 1_000, START_S + 5)
    assert oracle.call("latest", 1) == (rounds, 2_000 + rounds - 1, START_S + 5 * rounds)

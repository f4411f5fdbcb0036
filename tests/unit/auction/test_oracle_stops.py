# SPDX-License-Identifier: AGPL-3.0-only
"""Bids against the real oracle when it is stale, tripped, short of its quorum or paused: none; and everybody leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest

from tests.helpers.feeds import CAST, GUARDIAN, OWNER, Feed, Guards
from tests.unit.auction.conftest import (
    DELAY_S,
    DURATION_S,
    MAX_AGE_S,
    PRICES,
    START_BPS,
    USDC,
    WAD,
    WBTC,
    bid,
    floor_due,
    rebalance,
)
from tests.unit.oracle.conftest import Rounds
from tests.unit.vault.conftest import MAX_UINT, events, fund, mint, pass_time, redeem

LOT = 2_000_000
PERIOD_S = 5


@pytest.fixture
def rounds() -> Rounds:
    """The feeds of the cast; BTC/USD is held to steps of 5 %."""
    guarded = Feed("BTC/USD", guards=Guards(step_bps=500, step_cap_bps=500))
    return Rounds([guarded, *CAST[1:]])


@pytest.fixture
def oracle(rounds: Rounds) -> Any:
    rounds.agree(*PRICES)
    return rounds.oracle


@pytest.fixture
def index(
    oracle: Any, create: Any, params: Any, house: Any, tokens: list[Any], rounds: Rounds, owner: str, depositor: str
) -> Any:
    """Half of its WBTC is for sale; the depositor has shares, float and a claim, and could bid now."""
    index = create(replace(params, oracle=oracle.address).as_tuple())
    fund(tokens, index, depositor)
    mint(index, 100 * WAD, depositor)
    index.deposit_float(index.preview_mint(WAD), sender=depositor)
    index.redeem_skipping(WAD, depositor, [0] * 4, 1 << USDC, MAX_UINT, sender=depositor)
    house.propose(index.address, rebalance(), sender=owner)
    rounds.agree(*PRICES, after_s=DELAY_S)
    house.open(index.address, sender=owner)
    return index


def goes_stale(rounds: Rounds) -> None:
    pass_time(MAX_AGE_S + 1)


def trips_by_itself(rounds: Rounds) -> None:
    """A tenth more at once: recorded, not served."""
    rounds.agree(PRICES[WBTC] * 11 // 10, *PRICES[1:])


def is_tripped_by_hand(rounds: Rounds) -> None:
    rounds.oracle.trip(USDC, sender=GUARDIAN)


def loses_its_quorum(rounds: Rounds) -> None:
    """One feed gets too few observations for longer than the auction takes a price for; the others go on."""
    for _ in range(MAX_AGE_S // 60 + 1):
        vectors = [(0, *PRICES[1:]), (0, *PRICES[1:]), PRICES]
        rounds.submit(rounds.bundle(*vectors, at=rounds.timestamp + 60))


def is_paused(rounds: Rounds) -> None:
    rounds.oracle.pause(sender=GUARDIAN)


STOPS: dict[str, tuple[Callable[[Rounds], None], str]] = {
    "stale": (goes_stale, "oracle: stale"),
    "tripped": (trips_by_itself, "oracle: tripped"),
    "tripped by hand": (is_tripped_by_hand, "oracle: tripped"),
    "short of its quorum": (loses_its_quorum, "oracle: stale"),
    "paused": (is_paused, "oracle: paused"),
}


@pytest.fixture(params=STOPS)
def reason(request: Any, index: Any, rounds: Rounds) -> str:
    """The oracle has just stopped; what it says."""
    stop, reason = STOPS[request.param]
    stop(rounds)
    return reason


def test_bid__at_a_round_of_the_real_oracle__is_filled(index, house, tokens, depositor):
    due = floor_due(LOT, (PRICES[WBTC], PRICES[USDC]), START_BPS, (8, 6))
    assert bid(house, index, tokens[WBTC], tokens[USDC], LOT, depositor) == (LOT, due)


def test_bid__when_the_oracle_stops__reverts_with_its_reason_and_moves_nothing(index, house, tokens, depositor, reason):
    before = index.components(), tokens[WBTC].balanceOf(index.address)
    pair = tokens[WBTC], tokens[USDC]
    with boa.reverts(reason):
        bid(house, index, *pair, LOT, depositor)
    with boa.reverts(reason):
        house.quote(index.address, *(token.address for token in pair), LOT)
    with boa.reverts(reason):
        index.nav(MAX_AGE_S)
    assert before == (index.components(), tokens[WBTC].balanceOf(index.address))


def test_exits__when_the_oracle_stops__go_on(index, house, tokens, depositor, stranger, reason):
    assert mint(index, WAD, depositor)
    assert redeem(index, WAD, depositor) == list(index.preview_redeem(WAD))
    assert all(index.redeem_skipping(WAD, depositor, [0] * 4, 1, MAX_UINT, sender=depositor))
    index.redeem_to_float(WAD, index.basket_version(), MAX_UINT, sender=depositor)
    index.withdraw_float(index.float_of(depositor), depositor, sender=depositor)
    for token in (tokens[WBTC], tokens[USDC]):
        assert index.claim(token.address, depositor, sender=depositor) > 0
        assert index.sync(token.address) == WAD
    assert redeem(index, index.balanceOf(depositor), depositor)
    pass_time(DURATION_S + 1)
    house.close(index.address, sender=stranger)
    assert events(house, "AuctionClosed")


@pytest.mark.parametrize("stop", ["stale", "tripped", "paused"])
def test_bid__when_the_oracle_goes_on__is_filled_again(index, house, rounds, tokens, depositor, stop):
    STOPS[stop][0](rounds)
    if stop == "paused":
        rounds.oracle.unpause(sender=OWNER)
    waited_s = boa.env.evm.patch.timestamp - rounds.timestamp
    rounds.agree(*PRICES, after_s=PERIOD_S * (waited_s // PERIOD_S + 1))
    assert bid(house, index, tokens[WBTC], tokens[USDC], LOT, depositor)[0] == LOT

# SPDX-License-Identifier: AGPL-3.0-only
"""AuctionHouse.pause, unpause, set_rebalancer, set_limits: each index's roles are its own."""

from __future__ import annotations

import boa
import pytest

from tests.unit.auction.conftest import DAY_S, DELAY_S, DURATION_S, KEEP, USDC, WBTC, bid, rebalance
from tests.unit.vault.conftest import WAD, events, mint, pass_time, redeem

MIN_FLOOR_BPS = 9_800


def test_pause__stops_bids_and_openings_and_nothing_else(
    open_index, house, tokens, bidder, depositor, guardian, stranger
):
    house.pause(open_index.address, sender=guardian)
    [told] = events(house, "AuctionsPaused")
    assert (told.index, told.caller) == (open_index.address, guardian)
    assert house.paused(open_index.address)
    with boa.reverts("auction: paused"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], 1, bidder)
    with boa.reverts("auction: paused"):
        house.factor_bps(open_index.address)
    assert mint(open_index, WAD, depositor)
    assert redeem(open_index, WAD, depositor)
    pass_time(DURATION_S + 1)
    house.close(open_index.address, sender=stranger)
    # It outlives the auction.
    assert house.paused(open_index.address)


def test_paused__a_proposal_waits(held, house, guardian, owner, rebalancer):
    house.propose(held.address, rebalance(), sender=rebalancer)
    house.pause(held.address, sender=owner)
    pass_time(DELAY_S)
    with boa.reverts("auction: paused"):
        house.open(held.address, sender=rebalancer)
    house.unpause(held.address, sender=owner)
    [told] = events(house, "AuctionsUnpaused")
    assert (told.index, told.caller) == (held.address, owner)
    house.open(held.address, sender=rebalancer)


def test_pause_and_unpause__by_who_may_not__revert(held, house, guardian, rebalancer, stranger):
    for who in (stranger, rebalancer):
        with boa.reverts("auction: not owner or guardian"):
            house.pause(held.address, sender=who)
    house.pause(held.address, sender=guardian)
    for who in (stranger, rebalancer, guardian):
        with boa.reverts("auction: not the owner"):
            house.unpause(held.address, sender=who)


def test_pause__of_one_index__is_not_anothers(held, open_index, house, create, params, owner):
    other = create(params.as_tuple())
    house.pause(other.address, sender=owner)
    assert not house.paused(held.address)


def test_set_rebalancer__replaces_the_old_one(held, house, owner, rebalancer, stranger):
    with boa.reverts("auction: not the owner"):
        house.set_rebalancer(held.address, stranger, sender=rebalancer)
    house.set_rebalancer(held.address, stranger, sender=owner)
    [told] = events(house, "RebalancerChanged")
    assert (told.index, told.old_rebalancer, told.new_rebalancer) == (held.address, rebalancer, stranger)
    assert house.rebalancer(held.address) == stranger
    with boa.reverts("auction: not the rebalancer"):
        house.propose(held.address, rebalance(), sender=rebalancer)
    house.propose(held.address, rebalance(), sender=stranger)


def test_set_limits__holds_the_rebalancer_and_not_the_owner(held, house, owner, rebalancer):
    assert house.limits(held.address) == (MIN_FLOOR_BPS, DELAY_S)
    house.set_limits(held.address, 9_950, 7 * DAY_S, sender=owner)
    [told] = events(house, "LimitsChanged")
    assert (told.index, told.old_floor_bps, told.old_delay) == (held.address, MIN_FLOOR_BPS, DELAY_S)
    assert (told.new_floor_bps, told.new_delay) == (9_950, 7 * DAY_S)
    assert house.limits(held.address) == (9_950, 7 * DAY_S)

    with boa.reverts("auction: floor out of range"):
        house.propose(held.address, rebalance(floor_bps=9_949), sender=rebalancer)
    house.propose(held.address, rebalance(floor_bps=9_950), sender=rebalancer)
    pass_time(7 * DAY_S - 1)
    with boa.reverts("auction: not yet"):
        house.open(held.address, sender=rebalancer)
    pass_time(1)
    house.open(held.address, sender=rebalancer)
    assert house.auction(held.address).floor_bps == 9_950
    house.close(held.address, sender=owner)

    house.propose(held.address, rebalance(floor_bps=MIN_FLOOR_BPS), sender=owner)
    pass_time(DELAY_S)
    house.open(held.address, sender=owner)


def test_set_limits__of_what_is_abandoned__the_longer_wait_counts(held, house, owner, rebalancer):
    pass_time(3 * DAY_S)
    for days, wait_days in ((1, 3), (30, 30)):
        house.set_limits(held.address, MIN_FLOOR_BPS, days * DAY_S, sender=owner)
        house.propose(held.address, rebalance((0, KEEP, KEEP, KEEP), abandoned=1), sender=rebalancer)
        assert house.auction(held.address).starts_at == boa.env.evm.patch.timestamp + wait_days * DAY_S


@pytest.mark.parametrize(
    ("floor_bps", "delay", "reason"),
    [
        (MIN_FLOOR_BPS - 1, DELAY_S, "auction: floor out of range"),
        (10_001, DELAY_S, "auction: floor out of range"),
        (MIN_FLOOR_BPS, DELAY_S - 1, "auction: delay out of range"),
        (MIN_FLOOR_BPS, 30 * DAY_S + 1, "auction: delay out of range"),
    ],
)
def test_set_limits__looser_than_the_house_or_without_end__reverts(held, house, owner, floor_bps, delay, reason):
    with boa.reverts(reason):
        house.set_limits(held.address, floor_bps, delay, sender=owner)


def test_set_limits__up_to_the_ends__of_one_index_by_its_owner(held, house, create, params, owner, rebalancer):
    for who in (rebalancer, boa.env.generate_address()):
        with boa.reverts("auction: not the owner"):
            house.set_limits(held.address, MIN_FLOOR_BPS, DELAY_S, sender=who)
    house.set_limits(held.address, 10_000, 30 * DAY_S, sender=owner)
    assert house.limits(held.address) == (10_000, 30 * DAY_S)
    other = create(params.as_tuple())
    assert house.limits(other.address) == (MIN_FLOOR_BPS, DELAY_S)


def test_revoke_component__by_a_stranger__reverts(held, house, new_token, stranger, owner):
    with boa.reverts("auction: not the owner"):
        house.revoke_component(held.address, new_token.address, sender=stranger)
    house.revoke_component(held.address, new_token.address, sender=owner)
    [told] = events(house, "ComponentRevoked")
    assert (told.index, told.token) == (held.address, new_token.address)

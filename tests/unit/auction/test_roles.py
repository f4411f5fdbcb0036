# SPDX-License-Identifier: AGPL-3.0-only
"""AuctionHouse.pause, unpause, set_rebalancer: each index's roles are its own."""

from __future__ import annotations

import boa

from tests.unit.auction.conftest import DELAY_S, DURATION_S, USDC, WBTC, bid, rebalance
from tests.unit.vault.conftest import WAD, events, mint, pass_time, redeem


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


def test_revoke_component__by_a_stranger__reverts(held, house, new_token, stranger, owner):
    with boa.reverts("auction: not the owner"):
        house.revoke_component(held.address, new_token.address, sender=stranger)
    house.revoke_component(held.address, new_token.address, sender=owner)
    [told] = events(house, "ComponentRevoked")
    assert (told.index, told.token) == (held.address, new_token.address)

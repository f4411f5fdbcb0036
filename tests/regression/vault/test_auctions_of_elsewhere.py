# SPDX-License-Identifier: AGPL-3.0-only
"""What audits found in the auctions of others: no limits, an exact bid blocked by one wei, a lot sold twice, absolute
sizes, an index bricked at supply zero, exits that wait for an auction, a price below the oracle's.
"""

from __future__ import annotations

import random

import pytest

from tests.helpers.revm import Reverted
from tests.regression.vault.rebalancing import ATTACKER, DAY_S, HOLDER, KEEP, MAX_UINT, OWNER, WAD, Rebalancing

TO_HALF = [WAD * WAD // 2, 3 * WAD * WAD // 2, KEEP]
ALL = 10**40


@pytest.fixture
def index() -> Rebalancing:
    """100 shares, half of the first component for sale against the second."""
    index = Rebalancing()
    index.mint(100 * WAD, HOLDER)
    index.open(TO_HALF, start_bps=11_000, floor_bps=9_900)
    return index


def test_slippage__a_bid_that_the_price_has_passed_by__reverts(index: Rebalancing) -> None:
    sold, bought = index.quote(0, 1, WAD)
    index.publish(2 * 10**8, 10**8, 10**8)
    with pytest.raises(Reverted, match="auction: above limit"):
        index.bid(0, 1, sold, ATTACKER, limit=bought)


def test_exact_bid__after_somebody_took_one_wei_or_gave_one__is_filled_all_the_same(index: Rebalancing) -> None:
    lot, due = index.quote(0, 1, ALL)
    index.bid(0, 1, 1, HOLDER)
    index.tokens[0].call("mint", index.vault.address, 1)
    index.tokens[1].call("mint", index.vault.address, 1)
    sold, bought = index.bid(0, 1, lot, ATTACKER, limit=due)
    assert lot - 3 <= sold < lot
    assert bought <= due


def test_lot__is_sold_once_however_often_it_is_bid_for_and_rebalanced(index: Rebalancing) -> None:
    index.bid(0, 1, ALL, ATTACKER)
    with pytest.raises(Reverted, match="auction: nothing to trade"):
        index.bid(0, 1, ALL, ATTACKER)
    index.house.call("close", index.vault.address)
    with pytest.raises(Reverted, match="auction: not open"):
        index.bid(0, 1, ALL, ATTACKER)
    # The same targets again: there is nothing left to do.
    index.open(TO_HALF)
    assert max(index.lots()[1]) <= 2
    with pytest.raises(Reverted, match="auction: nothing to trade"):
        index.bid(0, 1, WAD, ATTACKER)


def test_sizes__follow_the_supply__and_units_do_not_notice(index: Rebalancing) -> None:
    above, below = index.lots()
    index.mint(300 * WAD, ATTACKER)
    assert index.lots()[0][0] == pytest.approx(4 * above[0], abs=4)
    assert index.lots()[1][1] == pytest.approx(4 * below[1], abs=4)
    index.bid(0, 1, 4 * above[0], ATTACKER)
    units = index.units()
    index.redeem(300 * WAD, ATTACKER)
    assert index.units() == units
    assert units[1] == pytest.approx(TO_HALF[1], rel=1e-12)


def test_supply_zero__in_the_middle_of_an_auction__is_left_and_entered_again(index: Rebalancing) -> None:
    index.bid(0, 1, WAD, ATTACKER)
    index.redeem(100 * WAD, HOLDER)
    assert index.vault.call("totalSupply") == 0
    with pytest.raises(Reverted, match="auction: nothing to trade"):
        index.bid(0, 1, WAD, ATTACKER)
    index.mint(WAD, HOLDER)
    assert index.bid(0, 1, ALL, ATTACKER)[0] > 0
    index.redeem(WAD, HOLDER)
    index.house.call("close", index.vault.address, sender=OWNER)
    index.mint(WAD, HOLDER)
    index.redeem(WAD, HOLDER)


def test_exits__depend_on_no_auction_no_oracle_and_no_frozen_component(index: Rebalancing) -> None:
    index.bid(0, 1, WAD, ATTACKER)
    index.vault.call("deposit_float", [WAD] * 3, sender=HOLDER)
    index.house.call("pause", index.vault.address, sender=OWNER)
    index.vault.call("pause", sender=OWNER)
    for feed in range(3):
        index.oracle.call("set_answer", feed, 1, 1)
    index.tokens[0].call("set_paused", True)
    paid = index.redeem(50 * WAD, HOLDER, skip=1)
    assert index.vault.call("claim_of", HOLDER, index.tokens[0].address) == paid[0]
    index.vault.call("redeem_to_float", WAD, index.vault.call("basket_version"), MAX_UINT, sender=HOLDER)
    index.vault.call("withdraw_float", [0, WAD, WAD], HOLDER, sender=HOLDER)
    index.tokens[0].call("set_paused", False)
    assert index.vault.call("claim", index.tokens[0].address, HOLDER, sender=HOLDER) == paid[0]
    index.redeem(49 * WAD, HOLDER)


@pytest.mark.parametrize("seed", range(3))
def test_price__is_never_below_the_floor_of_the_oracles(seed: int) -> None:
    dice = random.Random(seed)
    index = Rebalancing()
    index.mint(10**6 * WAD, HOLDER)
    floor_bps = dice.randint(9_800, 10_000)
    index.open([WAD * WAD // 2, 100 * WAD * WAD, KEEP], start_bps=12_000, floor_bps=floor_bps)
    end = index.chain.timestamp + DAY_S
    for _ in range(40):
        prices = [dice.randint(10**6, 10**10) for _ in range(3)]
        index.chain.set_time(min(end, index.chain.timestamp + dice.randint(0, 4_000)))
        index.publish(*prices)
        sold, bought = index.bid(0, 1, dice.randint(1, 10**22), ATTACKER)
        assert bought * prices[1] * 10_000 >= sold * prices[0] * floor_bps


def test_loss__while_bids_are_taken__is_shared_and_bids_go_on(index: Rebalancing) -> None:
    index.bid(0, 1, WAD, ATTACKER)
    for i in (0, 1):
        held = index.tokens[i].call("balanceOf", index.vault.address)
        index.tokens[i].call("slash", index.vault.address, held // 3)
        assert index.vault.call("sync", index.tokens[i].address) < WAD
    before = index.units()
    assert index.bid(0, 1, WAD, ATTACKER)[0] == WAD
    after = index.units()
    assert after[0] < before[0]
    assert after[1] > before[1]
    index.house.call("close", index.vault.address, sender=OWNER)
    index.redeem(100 * WAD, HOLDER)

# SPDX-License-Identifier: AGPL-3.0-only
"""Mint, bid and redeem in one transaction: whoever owns nearly all of an index while it sells gains nothing by it.

Sizes are per share, so a mint makes the lot larger, and what it pays for it the smaller part of what others gain.
"""

from __future__ import annotations

import pytest

from tests.regression.vault.rebalancing import ATTACKER, HOLDER, KEEP, WAD, Rebalancing

HALF_FOR_TWICE = [WAD * WAD // 2, 3 * WAD * WAD // 2, KEEP]


@pytest.mark.parametrize("minted", [1, WAD, 10**6 * WAD])
@pytest.mark.parametrize("start_bps", [10_001, 12_000])
def test_mint_bid_redeem__at_the_oracles_price_or_above__loses_money(minted: int, start_bps: int) -> None:
    index = Rebalancing(fee_bps=5)
    index.mint(100 * WAD, HOLDER)
    index.open(HALF_FOR_TWICE, start_bps=start_bps)
    before = index.fortune(ATTACKER)
    index.mint(minted, ATTACKER)
    index.bid(0, 1, 10**40, ATTACKER)
    index.redeem(minted, ATTACKER)
    assert index.fortune(ATTACKER) < before


@pytest.mark.parametrize("minted", [WAD, 100 * WAD, 10**6 * WAD])
def test_mint_bid_redeem__at_the_floor__gains_no_more_than_the_bid_alone(minted: int) -> None:
    """Below the oracle's price a bid is worth the tolerance; a mint before it adds nothing, even without fees."""

    def gain(mints: int) -> int:
        index = Rebalancing()
        index.mint(100 * WAD, HOLDER)
        index.open(HALF_FOR_TWICE, floor_bps=9_800)
        index.pass_time(86_400)
        index.publish()
        before = index.fortune(ATTACKER)
        if mints:
            index.mint(mints, ATTACKER)
        index.bid(0, 1, 10**40, ATTACKER)
        if mints:
            index.redeem(mints, ATTACKER)
        return index.fortune(ATTACKER) - before

    alone = gain(0)
    # Two per cent of the half of one component of 100 shares.
    assert alone == pytest.approx(WAD, rel=1e-6)
    assert gain(minted) <= alone


def test_bid_redeem_mint__in_any_order__gains_nothing_at_the_oracles_price() -> None:
    index = Rebalancing()
    index.mint(100 * WAD, HOLDER)
    index.mint(100 * WAD, ATTACKER)
    index.open(HALF_FOR_TWICE)
    before = index.fortune(ATTACKER) + 100 * 3 * WAD
    index.redeem(50 * WAD, ATTACKER)
    index.bid(0, 1, 10 * WAD, ATTACKER)
    index.mint(70 * WAD, ATTACKER)
    index.bid(0, 1, 10**40, ATTACKER)
    index.redeem(120 * WAD, ATTACKER)
    assert index.fortune(ATTACKER) < before

# SPDX-License-Identifier: AGPL-3.0-only
"""Cream yUSD 2021, and every first depositor of an ERC-4626 vault: a donation multiplied what a share seemed worth.
As a component it is priced by a rate that may move so fast and no faster, and exits ask nobody."""

from __future__ import annotations

import boa

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import FOREVER, USDC, WAD, ZERO, Trade, make_index


def test_doubling_the_assets_of_a_vault__doubles_no_nav(trade: Trade, attacker: str):
    usd = trade.usdc
    vault = deployer("MockERC4626").deploy("Saved", "sUSDC", usd.address, 0, False)
    usd.approve(vault.address, FOREVER, sender=trade.depositor)
    vault.deposit(10**9, sender=trade.depositor)
    feeds = deployer("ERC4626Feeds").deploy(trade.oracle.address, 0, trade.owner, ZERO)
    spec = ("sUSDC/USD", vault.address, USDC, WAD // 2, 3 * WAD, 10, 2)
    feed = feeds.add_feed(spec, sender=trade.owner)
    index = make_index(trade.factory, [usd, vault], [10**6, 10**6], feeds, trade.owner, feeds=[USDC, feed])
    for token in (usd, vault):
        token.approve(index.address, FOREVER, sender=trade.depositor)
    index.mint(100 * WAD, trade.depositor, [FOREVER] * 2, FOREVER, sender=trade.depositor)
    boa.env.evm.patch.timestamp += 100
    before = index.nav(FOREVER)
    usd.mint(attacker, 10**9)
    usd.transfer(vault.address, 10**9, sender=attacker)
    with boa.reverts("feeds: rate out of limits"):
        index.nav(FOREVER)
    assert 0 < before < 2 * WAD
    index.redeem(100 * WAD, trade.depositor, [0, 0], FOREVER, sender=trade.depositor)

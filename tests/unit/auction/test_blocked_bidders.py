# SPDX-License-Identifier: AGPL-3.0-only
"""Bids in a component that blocks somebody: a bidder who is blocked bids for nothing, the next takes the same lot."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import KEEP, USDC, USDT, WBTC, bid, rebalance
from tests.unit.vault.conftest import WAD, fund, redeem

LOT = 10**6
BLOCKED = "erc20: blocked"
FOR_SALE, WANTED = (KEEP, 10_000_000 * WAD, 60_000_000 * WAD, KEEP), (50_000 * WAD, 60_000_000 * WAD, KEEP, KEEP)


@pytest.fixture
def tokens(tokens: list[Any]) -> list[Any]:
    """The USDC can block."""
    return [tokens[WBTC], deployer("MockBlocklistERC20").deploy("USD Coin", "USDC", 6), *tokens[USDC + 1 :]]


@pytest.mark.parametrize(
    ("goals", "sell", "buy"), [(FOR_SALE, USDC, USDT), (WANTED, WBTC, USDC)], ids=["takes it", "pays in it"]
)
def test_bid__by_who_is_blocked__reverts_and_the_next_one_is_filled(
    start, house, tokens, bidder, stranger, depositor, goals, sell, buy
):
    index = start(rebalance(goals))
    fund(tokens, index, stranger)
    tokens[USDC].block(bidder, True)
    quoted = tuple(house.quote(index.address, tokens[sell].address, tokens[buy].address, LOT))
    with boa.reverts(BLOCKED):
        bid(house, index, tokens[sell], tokens[buy], LOT, bidder)
    assert bid(house, index, tokens[sell], tokens[buy], LOT, stranger) == quoted
    assert redeem(index, WAD, depositor)


def test_index_itself_blocked__no_bid_goes_through_and_the_auction_closes(start, house, tokens, bidder, owner):
    index = start(rebalance(FOR_SALE))
    units = index.components()[1]
    tokens[USDC].block(index.address, True)
    with boa.reverts(BLOCKED):
        bid(house, index, tokens[USDC], tokens[USDT], LOT, bidder)
    house.close(index.address, sender=owner)
    assert index.components()[1] == units

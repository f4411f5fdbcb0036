# SPDX-License-Identifier: AGPL-3.0-only
"""Bids paid out of what they bring; what can be done in the middle of one: next to nothing (vault/test_reentry.py)."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import EURC, PRICES, START_BPS, USDC, WAD, WBTC, floor_due
from tests.unit.vault.conftest import events

ZERO = "0x" + "00" * 20
LOT = 10**6
DUE = floor_due(LOT, (PRICES[WBTC], PRICES[USDC]), START_BPS, (8, 6))


@pytest.fixture
def contract(open_index: Any, tokens: list[Any]) -> Any:
    """A contract that bids with a callback."""
    bidder = deployer("MockBidder").deploy()
    bidder.arm(ZERO, b"", True)
    return bidder


def test_bid__with_data__sends_first_and_is_paid_after(open_index, house, tokens, contract):
    tokens[USDC].mint(contract.address, DUE)
    pair = tokens[WBTC].address, tokens[USDC].address
    assert contract.bid(house.address, open_index.address, *pair, LOT) == (LOT, DUE)
    assert (contract.sell(), contract.sold(), contract.buy(), contract.owed()) == (pair[0], LOT, pair[1], DUE)
    assert contract.sold_there() == LOT
    assert tokens[USDC].balanceOf(contract.address) == 0


def test_bid__that_is_not_paid_for__reverts_whole(open_index, house, tokens, contract):
    before = open_index.components(), tokens[WBTC].balanceOf(open_index.address)
    with boa.reverts():
        contract.bid(house.address, open_index.address, tokens[WBTC].address, tokens[USDC].address, LOT)
    contract.arm(ZERO, b"", False)
    tokens[USDC].mint(contract.address, DUE)
    with boa.reverts():
        contract.bid(house.address, open_index.address, tokens[WBTC].address, tokens[USDC].address, LOT)
    assert before == (open_index.components(), tokens[WBTC].balanceOf(open_index.address))


def test_bid__paid_by_a_transfer_in_the_callback__is_charged_again(open_index, house, tokens, contract):
    """What arrives is measured after the callback: a payment beside the pull is a gift."""
    tokens[USDC].mint(contract.address, DUE)
    data = tokens[USDC].transfer.prepare_calldata(open_index.address, DUE)
    contract.arm(tokens[USDC].address, data, True)
    with boa.reverts():
        contract.bid(house.address, open_index.address, tokens[WBTC].address, tokens[USDC].address, LOT)


def test_callback__may_transfer_shares(open_index, house, tokens, contract, depositor, receiver):
    tokens[USDC].mint(contract.address, DUE)
    open_index.transfer(contract.address, WAD, sender=depositor)
    selector_and_args = bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(receiver[2:]) + WAD.to_bytes(32, "big")
    contract.arm(open_index.address, selector_and_args, True)
    contract.bid(house.address, open_index.address, tokens[WBTC].address, tokens[USDC].address, LOT)
    assert (contract.calls(), contract.successes()) == (1, 1)
    assert open_index.balanceOf(receiver) == WAD


@pytest.mark.parametrize("door", ["begin_auction", "settle", "end_auction"])
def test_privileged_entries__of_the_index__take_nobody_but_the_house(held, open_index, owner, attacker, door):
    arguments = {
        "begin_auction": ([], []),
        "settle": (attacker, WBTC, 1, USDC, 1, b""),
        "end_auction": (0,),
    }[door]
    for who in (owner, attacker):
        with boa.reverts("vault: not the auction house"):
            getattr(open_index, door)(*arguments, sender=who)


def test_privileged_entries__outside_an_auction__revert_even_for_the_house(held, house, attacker):
    with boa.reverts("vault: not in auction"):
        held.settle(attacker, WBTC, 1, USDC, 1, b"", sender=house.address)
    with boa.reverts("vault: not in auction"):
        held.end_auction(0, sender=house.address)


def test_begin_auction__takes_no_unit_no_duplicate_and_not_the_index_itself(held, house, tokens):
    lane = 0
    for word, reason in (
        (int(held.address, 16), "vault: component is itself"),
        (int(tokens[WBTC].address, 16), "vault: duplicate component"),
        ((1 << 176) | int(house.address, 16), "vault: added with a unit"),
    ):
        with boa.reverts(reason):
            held.begin_auction([word], [lane], sender=house.address)
    held.begin_auction([], [], sender=house.address)
    with boa.reverts("vault: no auction now"):
        held.begin_auction([], [], sender=house.address)


def test_privileged_entries__tell_what_they_did(held, house, tokens, bidder):
    held.begin_auction([], [], sender=house.address)
    [begun] = events(held, "AuctionBegun")
    assert begun.basket == held.basket_data()
    held.settle(bidder, WBTC, LOT, USDC, DUE, b"", sender=house.address)
    [settled] = events(held, "Settled")
    assert (settled.bidder, settled.sell, settled.buy) == (bidder, tokens[WBTC].address, tokens[USDC].address)
    assert (settled.sold, settled.bought) == (LOT, DUE)
    held.end_auction(1 << EURC, sender=house.address)
    [ended] = events(held, "AuctionEnded")
    assert (ended.basket, ended.generation) == (held.basket_data(), 1)
    assert held.components()[0] == [token.address for token in tokens[:EURC]]


def test_end_auction__never_leaves_an_index_of_nothing(open_index, house):
    with boa.reverts("vault: no components"):
        open_index.end_auction(0b1111, sender=house.address)


def test_settle__of_more_than_the_backing__reverts(open_index, house, tokens, bidder):
    """Float and claims of a component are not the backing's to sell."""
    open_index.deposit_float([10**9, 0, 0, 0], sender=bidder)
    with boa.reverts("vault: more than the backing"):
        open_index.settle(bidder, WBTC, 10_005_001, USDC, 1, b"", sender=house.address)

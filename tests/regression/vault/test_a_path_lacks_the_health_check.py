# SPDX-License-Identifier: AGPL-3.0-only
"""Euler 2023: giving one's own collateral away was the one path without the health check; whoever made himself
insolvent by it bought his position back from the protocol below its worth.

Here: after every function that changes an index, what is owed of each token is there; and nobody gains by giving away
shares, components, float or claims, nor by bidding against what he has just given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from eth_utils import to_normalized_address
from scripts.artifacts import compile_contract

from tests.regression.vault.rebalancing import ATTACKER, HOLDER, KEEP, MAX_UINT, OWNER, WAD, Rebalancing

EVERYBODY = (HOLDER, ATTACKER, OWNER)
ZEROS, ONES = [0] * 3, [1] * 3
HALF, TWICE = WAD * WAD // 2, 2 * WAD * WAD
LOT = 7 * WAD // 3


def owed(index: Rebalancing) -> Counter[str]:
    """Of each token: the whole backing, all float of today's places, every claim."""
    held = index.vault.call("components")[0]
    amounts = [index.vault.call("preview_redeem", index.vault.call("totalSupply"))]
    amounts += [index.vault.call("float_of", who) for who in EVERYBODY]
    due: Counter[str] = Counter()
    for each in amounts:
        due.update({to_normalized_address(token): amount for token, amount in zip(held, each, strict=True)})
    for token in index.tokens:
        claims = (index.vault.call("claim_of", who, token.address) for who in EVERYBODY)
        due[to_normalized_address(token.address)] += sum(claims)
    return due


def check_health(index: Rebalancing) -> None:
    due = owed(index)
    assert len(due) == len(index.tokens)
    for token in index.tokens:
        assert due[to_normalized_address(token.address)] <= token.call("balanceOf", index.vault.address)


@pytest.fixture
def index() -> Rebalancing:
    """Holder and attacker have shares, float and a claim each, at amounts that do not divide."""
    index = Rebalancing(streaming_bps=100)
    index.lend_shares(10**30)
    for who, shares in ((HOLDER, 100 * WAD + 7), (ATTACKER, 33 * WAD + 1)):
        index.mint(shares, who)
        index.vault.call("deposit_float", [WAD + 1, 3 * WAD, 5], sender=who)
        index.vault.call("mint_from_float", 3, who, index.vault.call("basket_version"), MAX_UINT, sender=who)
        index.redeem(shares // 7, who, skip=0b001)
        index.vault.call("approve", who, MAX_UINT, sender=who)
    check_health(index)
    return index


def flash(index: Rebalancing) -> None:
    borrower = index.chain.deploy(compile_contract("MockFlashBorrower"))
    index.vault.call("transfer", borrower.address, WAD, sender=ATTACKER)
    index.vault.call("flashLoan", borrower.address, index.vault.address, 10**24, b"", sender=ATTACKER)


def end_a_generation(index: Rebalancing) -> None:
    """One component is sold whole, so the others get new places."""
    index.open([TWICE, KEEP, 0])
    index.bid(2, 0, 10**40, ATTACKER)
    index.house.call("close", index.vault.address, sender=OWNER)


def sweep(index: Rebalancing) -> None:
    index.tokens[0].call("mint", index.vault.address, 10**24)
    index.vault.call("sweep_surplus", index.tokens[0].address)
    index.pass_time(600)
    assert index.vault.call("sweep_surplus", index.tokens[0].address) > 0


def carry(index: Rebalancing) -> None:
    end_a_generation(index)
    for who in EVERYBODY:
        index.vault.call("carry_float", who, 0)


def lose_and_sync(index: Rebalancing) -> None:
    index.tokens[0].call("slash", index.vault.address, LOT)
    assert index.vault.call("sync", index.tokens[0].address) < WAD


def watched(index: Rebalancing) -> None:
    index.vault.call("set_rebasing", index.tokens[0].address, True, sender=OWNER)
    index.tokens[0].call("slash", index.vault.address, LOT)
    index.redeem(LOT, ATTACKER)


def bids(index: Rebalancing) -> None:
    index.open([HALF, TWICE, KEEP], start_bps=10_500, floor_bps=9_800)
    for lot in (1, 17, LOT, 10**40):
        index.bid(0, 1, lot, ATTACKER)
        check_health(index)
    index.house.call("close", index.vault.address, sender=OWNER)


def as_attacker(name: str, *arguments: object) -> Callable[[Rebalancing], object]:
    return lambda index: index.vault.call(name, *arguments, sender=ATTACKER)


def versioned(name: str, *arguments: object) -> Callable[[Rebalancing], object]:
    return lambda index: index.vault.call(
        name, *arguments, index.vault.call("basket_version"), MAX_UINT, sender=ATTACKER
    )


PATHS: dict[str, Callable[[Rebalancing], object]] = {
    "mint": lambda index: index.mint(LOT, ATTACKER),
    "redeem": as_attacker("redeem", LOT, ATTACKER, ZEROS, MAX_UINT),
    "redeem_skipping": lambda index: index.redeem(LOT, ATTACKER, skip=0b110),
    "deposit_float": as_attacker("deposit_float", [LOT, 0, 1]),
    "withdraw_float": as_attacker("withdraw_float", ONES, ATTACKER),
    "mint_from_float": versioned("mint_from_float", 1, ATTACKER),
    "redeem_to_float": versioned("redeem_to_float", LOT),
    "claim": lambda index: index.claim(0, ATTACKER),
    "sync": lose_and_sync,
    "settle": bids,
    "begin_auction": lambda index: index.open([HALF, TWICE, KEEP]),
    "end_auction": end_a_generation,
    "carry_float": carry,
    "sweep_surplus": sweep,
    "flashLoan": flash,
    "collect_fees": as_attacker("collect_fees"),
    "set_fee_recipient": lambda index: index.vault.call("set_fee_recipient", HOLDER, sender=OWNER),
    "set_rebasing": watched,
    "set_fees": lambda index: index.announced("set_fees", 500, 500, 1_000),
    "wind_down": lambda index: index.announced("wind_down"),
    "transfer": as_attacker("transfer", HOLDER, LOT),
    "transferFrom": as_attacker("transferFrom", ATTACKER, OWNER, LOT),
}
BOOKS_UNTOUCHED = (
    *("approve", "permit", "transfer_ownership", "accept_ownership", "initialize", "pause", "unpause", "set_guardian"),
    *("set_supply_cap", "announce", "retract", "set_registry", "set_flash_terms"),
)
"""They write a right, a role, a limit or an announcement, and no amount."""


def test_paths__are_all_functions_that_change_an_index() -> None:
    abi = compile_contract("IndexVault").abi
    changing = {entry["name"] for entry in abi if entry.get("stateMutability") == "nonpayable" and "name" in entry}
    assert changing == {*PATHS, *BOOKS_UNTOUCHED}


@pytest.mark.parametrize("path", PATHS)
def test_health__after_any_path__holds(index: Rebalancing, path: str) -> None:
    PATHS[path](index)
    check_health(index)
    index.pass_time(365 * 86_400)
    check_health(index)


def give_shares_away(index: Rebalancing) -> None:
    """By the only burn that pays nothing out: the fee of a flash mint."""
    index.announced("set_flash_terms", 100, 10**30)
    borrower = index.chain.deploy(compile_contract("MockFlashBorrower"))
    index.vault.call("transfer", borrower.address, WAD, sender=ATTACKER)
    index.vault.call("flashLoan", borrower.address, index.vault.address, 100 * WAD, b"", sender=ATTACKER)


def give_components_away(index: Rebalancing) -> None:
    for token in index.tokens:
        token.call("transfer", index.vault.address, WAD, sender=ATTACKER)


GIFTS: dict[str, Callable[[Rebalancing], object]] = {
    "shares": give_shares_away,
    "components": give_components_away,
    "shares to the fees": lambda index: index.vault.call("transfer", OWNER, WAD, sender=ATTACKER),
    "a claim": lambda index: index.redeem(WAD, ATTACKER, skip=0b111),
}


@pytest.mark.parametrize("gift", GIFTS)
def test_gift__then_a_bid_against_ones_own_index__leaves_the_giver_with_less(gift: str) -> None:
    """At the oracle's price; whatever he gave, all of it is redeemed, claimed and withdrawn in the end."""
    index = Rebalancing()
    index.mint(100 * WAD, HOLDER)
    before = index.fortune(ATTACKER)
    index.mint(900 * WAD, ATTACKER)
    GIFTS[gift](index)
    index.open([HALF, TWICE, KEEP])
    index.bid(0, 1, 10**40, ATTACKER)
    index.redeem(index.vault.call("balanceOf", ATTACKER), ATTACKER)
    for place in range(3):
        index.claim(place, ATTACKER)
    assert index.fortune(ATTACKER) < before
    check_health(index)
    index.redeem(index.vault.call("balanceOf", HOLDER), HOLDER)
    # What the holder brought, and what the bid paid above the oracle's price.
    assert index.fortune(HOLDER) >= 3 * 10**30 - 3

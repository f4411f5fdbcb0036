# SPDX-License-Identifier: AGPL-3.0-only
"""Bids in a component that has lost some of its balance: claims are owed in it, too, and bear what backing bears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import APPROVAL_S, DELAY_S, EURC, KEEP, USDC, WAD, bid, rebalance, set_prices
from tests.unit.vault.conftest import MAX_UINT, fund, pass_time, redeem

FOR_SALE = (KEEP, 10**9 * WAD, KEEP, 0)
"""All of the fourth component for USDC."""
WANTED = (KEEP, 5_000_000 * WAD, KEEP, 10**9 * WAD)
"""Four fifths of the USDC for the fourth component."""
ALL = 10**40


class Lossy(NamedTuple):
    """An index in auction whose fourth component can lose balance; half of its shares have left a claim on it."""

    index: Any
    token: Any
    usdc: Any
    claim: int

    def lose(self, fifths: int) -> None:
        self.token.slash(self.index.address, self.token.balanceOf(self.index.address) * fifths // 5)

    def unit(self) -> int:
        return self.index.components()[1][EURC]


@pytest.fixture
def lossy(
    create: Any, params: Any, tokens: list[Any], house: Any, oracle: Any, owner: str, depositor: str
) -> Callable[..., Lossy]:
    """lossy(goals, rebasing=False)"""

    def begin(goals: tuple[int, ...], rebasing: bool = False) -> Lossy:
        token = deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)
        components = [*tokens[:EURC], token]
        index = create(params.but(tokens=tuple(each.address for each in components)))
        fund(components, index, depositor)
        index.set_rebasing(token.address, rebasing, sender=owner)
        index.mint(100 * WAD, depositor, [MAX_UINT] * 4, MAX_UINT, sender=depositor)
        index.redeem_skipping(50 * WAD, depositor, [0] * 4, 1 << EURC, MAX_UINT, sender=depositor)
        house.propose(index.address, rebalance(goals), sender=owner)
        boa.env.evm.patch.timestamp += DELAY_S
        set_prices(oracle)
        house.open(index.address, sender=owner)
        return Lossy(index, token, tokens[USDC], index.claim_of(depositor, token.address))

    return begin


@pytest.mark.parametrize("goals", [FOR_SALE, WANTED], ids=["for sale", "wanted"])
def test_bid__while_either_side_has_a_loss__waits_until_it_is_shared(lossy, house, depositor, stranger, goals):
    """Sold, it must not take the whole backing out while the claims bear the loss alone; wanted, who has a claim on it
    must not bring backing in to share a loss that was there before."""
    index, token, usdc, claim = world = lossy(goals)
    pair = (token, usdc) if goals is FOR_SALE else (usdc, token)
    world.lose(2)
    with boa.reverts("vault: sync first"):
        bid(house, index, *pair, 10**6, depositor)
    left = index.sync(token.address, sender=stranger)
    bid(house, index, *pair, ALL, depositor)
    assert index.sync(token.address, sender=stranger) == WAD
    assert index.claim(token.address, depositor, sender=depositor) == claim * left // WAD


def test_quote__for_a_component_with_a_loss__answers_what_the_bid_refuses(lossy, house, depositor):
    index, token, usdc, _ = world = lossy(FOR_SALE)
    world.lose(2)
    assert house.quote(index.address, token.address, usdc.address, 10**6)[0] == 10**6
    with boa.reverts("vault: sync first"):
        bid(house, index, token, usdc, 10**6, depositor)


@pytest.mark.parametrize("goals", [FOR_SALE, WANTED], ids=["for sale", "wanted"])
def test_bid__in_a_watched_component_with_a_loss__shares_it_first(lossy, house, depositor, stranger, goals):
    """A component declared rebasing needs no sync: the bid makes it, at the amounts that the quote said."""
    index, token, usdc, claim = world = lossy(goals, rebasing=True)
    pair = (token, usdc) if goals == FOR_SALE else (usdc, token)
    before = world.unit()
    world.lose(1)
    with boa.env.anchor():
        left = index.sync(token.address, sender=stranger)
    cut = world.unit()
    quoted = tuple(house.quote(index.address, *(each.address for each in pair), 10**6))
    assert bid(house, index, *pair, 10**6, depositor) == quoted
    assert left < WAD * 4 // 5
    assert cut == before * left // WAD
    assert index.claim_of(depositor, token.address) == claim * left // WAD
    # What was exchanged moved the unit that the loss had left, not the one before.
    moved = quoted[0] if goals == FOR_SALE else -quoted[1]
    assert world.unit() == pytest.approx(cut - moved * WAD * WAD // index.totalSupply(), abs=10**12)
    assert index.sync(token.address, sender=stranger) == WAD
    redeem(index, index.balanceOf(depositor), depositor)
    assert index.claim(token.address, depositor, sender=depositor) == claim * left // WAD


@pytest.mark.parametrize("goals", [FOR_SALE, WANTED], ids=["for sale", "wanted"])
def test_bid__in_a_watched_component_that_grew__leaves_the_gain_to_nobody(lossy, house, depositor, goals):
    index, token, usdc, claim = world = lossy(goals, rebasing=True)
    pair = (token, usdc) if goals == FOR_SALE else (usdc, token)
    quoted = tuple(house.quote(index.address, *(each.address for each in pair), 10**6))
    before = world.unit()
    token.mint(index.address, 10**12)
    assert world.unit() == before
    assert bid(house, index, *pair, 10**6, depositor) == quoted
    moved = quoted[0] if goals == FOR_SALE else -quoted[1]
    assert world.unit() == pytest.approx(before - moved * WAD * WAD // index.totalSupply(), abs=10**12)
    assert index.claim(token.address, depositor, sender=depositor) == claim


@pytest.mark.parametrize("rebasing", [False, True])
def test_bid__paid_in_a_component_that_was_lost_altogether__is_refused(lossy, house, depositor, stranger, rebasing):
    """With a unit again, it would be owed again, and whoever skips it would get no claim."""
    index, token, usdc, _ = world = lossy(WANTED, rebasing=rebasing)
    world.lose(5)
    if not rebasing:
        assert index.sync(token.address, sender=stranger) == 0
    with boa.reverts("reserves: token is worthless"):
        bid(house, index, usdc, token, 10**6, depositor)
    assert world.unit() == 0


def test_bid__for_a_component_that_was_lost_altogether__finds_nothing(lossy, house, depositor, stranger):
    index, token, usdc, _ = world = lossy(FOR_SALE)
    world.lose(5)
    index.sync(token.address, sender=stranger)
    with boa.reverts("auction: nothing to trade"):
        bid(house, index, token, usdc, 10**6, depositor)
    house.close(index.address, sender=index.owner())
    assert token.address not in index.components()[0]


def test_component_to_be_bought__that_loses_float_again_and_again__is_bought_all_the_same(
    held, start, house, tokens, owner, bidder, stranger
):
    """Nothing of it is backing yet: a loss has nothing to round, and no more digits to keep."""
    token = deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)
    fund([token], held, bidder)
    house.approve_component(held.address, token.address, EURC, sender=owner)
    pass_time(APPROVAL_S)
    index = start(rebalance((KEEP, 5_000_000 * WAD, KEEP, KEEP, 10**9 * WAD), [token]))
    index.deposit_float([0] * 4 + [10**12], sender=bidder)
    floating = 10**12
    for _ in range(4):
        token.slash(index.address, token.balanceOf(index.address) // 2)
        floating = floating * index.sync(token.address, sender=stranger) // WAD
    assert house.lots(index.address)[1][-1] > 0
    sold, bought = bid(house, index, tokens[USDC], token, 10**6, bidder)
    assert sold == 10**6
    assert index.preview_redeem(index.totalSupply())[-1] == pytest.approx(bought, rel=1e-3)
    assert index.float_of(bidder)[-1] == pytest.approx(floating, abs=4)
    assert index.sync(token.address, sender=stranger) == WAD

# SPDX-License-Identifier: AGPL-3.0-only
"""BasketTokenView: an index by the names of ERC-7621's views and previews."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.periphery.market import BASKET, FOREVER, WAD, Trade

MAX_AGE_S = 120


@pytest.fixture
def view(held: Trade) -> Any:
    boa.env.evm.patch.timestamp += 100
    return deployer("BasketTokenView").deploy(held.vault.address, MAX_AGE_S)


def test_constituents__have_weights_of_their_value__that_add_up(held: Trade, view: Any):
    tokens, weights = view.getConstituents()
    assert tokens == [token.address for token in held.tokens]
    assert sum(weights) == 10_000
    worths = [Fraction(unit * price, 10**decimals) for _, decimals, unit, price in BASKET]
    exact = [worth * 10_000 / sum(worths) for worth in worths]
    assert all(abs(weight - fair) < len(weights) for weight, fair in zip(weights, exact, strict=True))
    assert [view.getWeight(token) for token in tokens] == weights
    assert view.totalConstituents() == 4
    assert [view.isConstituent(token) for token in (*tokens, held.hub.address)] == [True] * 4 + [False]
    with boa.reverts("basket: not a constituent"):
        view.getWeight(held.hub.address)


def test_reserve__is_what_the_index_accounts_for__whatever_is_sent_to_it(held: Trade, view: Any):
    before = [view.getReserve(token.address) for token in held.tokens]
    for token, reserve in zip(held.tokens, before, strict=True):
        assert 0 <= token.balanceOf(held.vault.address) - reserve <= 1
        token.mint(held.vault.address, 10**9)
    assert [view.getReserve(token.address) for token in held.tokens] == before
    assert view.getReserve(held.hub.address) == 0


def test_value__is_nav_times_supply__and_reverts_when_the_oracle_does(held: Trade, view: Any):
    assert view.totalBasketValue() == held.vault.nav(MAX_AGE_S) * held.vault.totalSupply() // WAD
    boa.env.evm.patch.timestamp += MAX_AGE_S
    for call in (view.totalBasketValue, view.getConstituents):
        with boa.reverts("oracle: stale"):
            call()
    assert view.totalConstituents() == 4


def test_preview_withdraw__is_what_a_redeem_gives(held: Trade, view: Any):
    previewed = view.previewWithdraw(3 * WAD)
    assert held.vault.redeem(3 * WAD, held.receiver, previewed, FOREVER, sender=held.depositor) == previewed


@pytest.mark.parametrize("seed", range(4))
def test_preview_contribute__is_the_most_that_the_amounts_mint(held: Trade, view: Any, seed: int):
    rng = random.Random(seed)
    size = 10 ** rng.uniform(-4, 4)
    amounts = [int(unit * size * rng.uniform(1, 1.5)) + rng.randrange(2) for _, _, unit, _ in BASKET]
    shares = view.previewContribute(amounts)
    with boa.reverts("vault: above limit"):
        held.vault.mint(shares + 1, held.depositor, amounts, FOREVER, sender=held.depositor)
    if shares == 0:
        return
    taken = held.vault.mint(shares, held.depositor, amounts, FOREVER, sender=held.depositor)
    assert all(each <= amount for each, amount in zip(taken, amounts, strict=True))


def test_preview_contribute__of_nothing_of_one__is_nothing(held: Trade, view: Any):
    assert view.previewContribute([10**9, 0, 10**9, 10**9]) == 0
    assert view.previewContribute([FOREVER] * 4) > 10**30
    with boa.reverts("basket: wrong number of amounts"):
        view.previewContribute([1, 2, 3])


def test_no_interface_id_is_claimed(view: Any):
    assert not hasattr(view, "supportsInterface")

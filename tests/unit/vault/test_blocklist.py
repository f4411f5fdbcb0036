# SPDX-License-Identifier: AGPL-3.0-only
"""A component that blocks somebody, as USDC can: he leaves by another receiver or by skipping; nobody else notices."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, fund, mint, redeem

USDC = 1
SKIP, ZEROS = 1 << USDC, [0] * 4
BLOCKED = "erc20: blocked"


@pytest.fixture
def tokens(tokens: list[Any]) -> list[Any]:
    return [tokens[0], deployer("MockBlocklistERC20").deploy("USD Coin", "USDC", 6), *tokens[USDC + 1 :]]


@pytest.fixture
def usdc(tokens: list[Any]) -> Any:
    return tokens[USDC]


@pytest.fixture
def index(held: Any, tokens: list[Any], usdc: Any, depositor: str, stranger: str) -> Any:
    """Depositor and stranger have 100 shares and the float for one more; then the depositor is blocked."""
    fund(tokens, held, stranger)
    mint(held, 100 * WAD, stranger)
    for who in (depositor, stranger):
        held.deposit_float(held.preview_mint(WAD), sender=who)
    usdc.block(depositor, True)
    return held


def test_mint__by_who_is_blocked__reverts_and_for_him_by_another_does_not(index, depositor, stranger):
    with boa.reverts(BLOCKED):
        mint(index, WAD, depositor)
    assert mint(index, WAD, stranger, depositor)
    assert index.balanceOf(depositor) == 101 * WAD


def test_redeem__of_who_is_blocked__goes_to_another_receiver(index, usdc, depositor, receiver):
    with boa.reverts(BLOCKED):
        redeem(index, WAD, depositor)
    assert redeem(index, WAD, depositor, receiver)[USDC] == usdc.balanceOf(receiver) > 0


def test_redeem__to_who_is_blocked__reverts_whoever_redeems(index, depositor, stranger):
    with boa.reverts(BLOCKED):
        redeem(index, WAD, stranger, depositor)


def test_redeem_skipping__by_who_is_blocked__pays_the_rest_and_his_claim_waits(index, usdc, depositor, receiver):
    expected = list(index.preview_redeem(100 * WAD))
    assert index.redeem_skipping(100 * WAD, depositor, ZEROS, SKIP, MAX_UINT, sender=depositor) == expected
    with boa.reverts(BLOCKED):
        index.claim(usdc.address, depositor, sender=depositor)
    assert index.claim_of(depositor, usdc.address) == expected[USDC]
    with boa.env.anchor():
        assert index.claim(usdc.address, receiver, sender=depositor) == expected[USDC] == usdc.balanceOf(receiver)
    usdc.block(depositor, False)
    before = usdc.balanceOf(depositor)
    assert index.claim(usdc.address, depositor, sender=depositor) == expected[USDC]
    assert usdc.balanceOf(depositor) == before + expected[USDC]


def test_float__of_who_is_blocked__is_neither_brought_nor_fetched_but_used(index, usdc, depositor, receiver):
    one_each = [1] * 4
    with boa.reverts(BLOCKED):
        index.deposit_float(one_each, sender=depositor)
    with boa.reverts(BLOCKED):
        index.withdraw_float(one_each, depositor, sender=depositor)
    index.mint_from_float(WAD, depositor, index.basket_version(), MAX_UINT, sender=depositor)
    index.redeem_to_float(WAD, index.basket_version(), MAX_UINT, sender=depositor)
    index.withdraw_float([1, 0, 1, 1], depositor, sender=depositor)
    floating = index.float_of(depositor)[USDC]
    index.withdraw_float([0, floating, 0, 0], receiver, sender=depositor)
    assert usdc.balanceOf(receiver) == floating


def test_others__while_somebody_is_blocked__pay_and_get_what_they_did(index, depositor, stranger):
    index.redeem_skipping(100 * WAD, depositor, ZEROS, SKIP, MAX_UINT, sender=depositor)
    preview = list(index.preview_redeem(WAD))
    assert mint(index, WAD, stranger) == list(index.preview_mint(WAD))
    assert redeem(index, WAD, stranger) == preview
    index.withdraw_float(index.float_of(stranger), stranger, sender=stranger)
    assert redeem(index, index.balanceOf(stranger), stranger)


def test_index_itself_blocked__nobody_mints__everybody_leaves_the_token_behind_and_fetches_it_later(
    index, tokens, usdc, depositor, stranger, receiver
):
    usdc.block(index.address, True)
    with boa.reverts(BLOCKED):
        mint(index, WAD, stranger)
    with boa.reverts(BLOCKED):
        redeem(index, WAD, stranger, receiver)
    owed = {
        who: index.redeem_skipping(100 * WAD, who, ZEROS, SKIP, MAX_UINT, sender=who)[USDC]
        for who in (depositor, stranger)
    }
    assert index.sync(usdc.address) == WAD
    usdc.block(index.address, False)
    for who, amount in owed.items():
        assert index.claim(usdc.address, receiver, sender=who) == amount
    assert usdc.balanceOf(receiver) == sum(owed.values())

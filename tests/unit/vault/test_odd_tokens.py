# SPDX-License-Identifier: AGPL-3.0-only
"""Components that misbehave: a fee on transfer, a polite refusal, a hook that calls back, a donation."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector as selector

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, balances, fund, mint, redeem


@pytest.fixture
def with_odd(create: Any, params: Any, tokens: list[Any], depositor: str) -> Any:
    """with_odd(token) -> (index, its tokens): the odd one in third place."""

    def make(odd: Any) -> tuple[Any, list[Any]]:
        all_tokens = [tokens[0], tokens[1], odd, tokens[3]]
        index = create(params.but(tokens=tuple(token.address for token in all_tokens)))
        fund(all_tokens, index, depositor)
        return index, all_tokens

    return make


def test_mint__with_a_fee_on_transfer__reverts(with_odd, depositor):
    odd = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    index, _ = with_odd(odd)
    mint(index, WAD, depositor)
    odd.set_fee(1)
    with boa.reverts("token: amount not received"):
        mint(index, WAD, depositor)


def test_redeem__with_a_fee_on_transfer__pays_what_it_owes_and_stays_solvent(with_odd, depositor, receiver):
    odd = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    index, all_tokens = with_odd(odd)
    mint(index, 100 * WAD, depositor)
    odd.set_fee(100)
    paid = redeem(index, 50 * WAD, depositor, receiver)
    assert balances(all_tokens, receiver)[2] == paid[2] - paid[2] // 100
    owed = index.preview_redeem(index.totalSupply())
    assert all(has >= due for has, due in zip(balances(all_tokens, index.address), owed, strict=True))


def test_mint__when_a_token_answers_false__reverts(with_odd, depositor):
    odd = deployer("MockFalseERC20").deploy("False", "NO", 6)
    index, _ = with_odd(odd)
    odd.set_refusing(True)
    with boa.reverts("token: transferFrom failed"):
        mint(index, WAD, depositor)


def test_redeem__when_a_token_answers_false__reverts(with_odd, depositor):
    odd = deployer("MockFalseERC20").deploy("False", "NO", 6)
    index, _ = with_odd(odd)
    mint(index, WAD, depositor)
    odd.set_refusing(True)
    with boa.reverts("token: transfer failed"):
        redeem(index, WAD, depositor)


def test_reentry__shares_may_be_transferred_but_are_not_there_before_they_are_paid(with_odd, depositor, receiver):
    odd = deployer("MockReentrantERC20").deploy("Hook", "HOOK", 6)
    index, _ = with_odd(odd)
    signature = "transferFrom(address,address,uint256)"
    steal = bytes(selector(signature)) + encode(["address", "address", "uint256"], [depositor, receiver, WAD])
    index.approve(odd.address, MAX_UINT, sender=depositor)
    odd.arm(index.address, steal)
    mint(index, WAD, depositor)
    assert (odd.calls(), odd.successes()) == (1, 0)
    assert b"share: insufficient balance" in odd.heard()
    assert index.balanceOf(depositor) == WAD


def test_donation__changes_neither_previews_nor_supply_nor_fees(held, tokens, attacker):
    def state() -> list[Any]:
        return [
            held.preview_mint(WAD),
            held.preview_redeem(WAD),
            held.components(),
            held.totalSupply(),
            held.pending_fees(),
        ]

    before = state()
    for token in tokens:
        token.mint(held.address, 10**15)
    assert state() == before


def test_donation__to_an_empty_index__takes_nothing_from_the_first_depositor(vault, tokens, depositor, attacker):
    for token in tokens:
        token.mint(vault.address, 10**15)
    paid = mint(vault, WAD, depositor)
    assert paid == list(vault.preview_mint(WAD))
    back = redeem(vault, WAD, depositor)
    # 5 bps on the way in, 5 bps on the way out, and at most one base unit of rounding each time.
    assert all(out >= put * 9_995 // 10_005 - 1 for out, put in zip(back, paid, strict=True))
    assert boa.env.evm.patch.timestamp == START_S

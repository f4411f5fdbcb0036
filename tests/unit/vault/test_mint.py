# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.mint."""

from __future__ import annotations

import boa
import pytest

from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, YEAR_S, balances, events, fund, mint, pass_time

# 100 shares and the fee of 5 bps: 100.05 times what one share holds.
PAID = [10_005_000, 2_501_250_000, 2_501_250_000, 2_001_000_000]


def test_mint__first__takes_exactly_the_components_of_shares_and_fee(vault, tokens, depositor, receiver):
    before = balances(tokens, depositor)
    assert vault.mint(100 * WAD, receiver, PAID, START_S, sender=depositor) == PAID
    [minted] = events(vault, "Minted")
    assert (minted.caller, minted.receiver, minted.shares, minted.fee_shares) == (
        depositor,
        receiver,
        100 * WAD,
        5 * WAD // 100,
    )
    [transfer] = events(vault, "Transfer")
    assert (transfer.sender, transfer.receiver, transfer.value) == (boa.eval("empty(address)"), receiver, 100 * WAD)
    assert [was - now for was, now in zip(before, balances(tokens, depositor), strict=True)] == PAID
    assert balances(tokens, vault.address) == PAID
    assert vault.balanceOf(receiver) == 100 * WAD
    assert vault.balanceOf(depositor) == 0
    assert vault.pending_fees() == 5 * WAD // 100
    assert vault.totalSupply() == 10_005 * WAD // 100


def test_mint__one_wei__charges_one_base_unit_of_each(vault, depositor):
    # One wei of shares and one of fee: both amounts are below one base unit and are rounded up to it.
    assert mint(vault, 1, depositor) == [1, 1, 1, 1]
    assert vault.balanceOf(depositor) == 1
    assert vault.totalSupply() == 2


def test_mint__after_a_year__costs_less_per_share_by_the_streaming_fee(vault, depositor):
    mint(vault, 100 * WAD, depositor)
    pass_time(YEAR_S)
    # Of USDC: 25_000_000 * 100.05 * e**-0.005 = 2_488_774_963.6, rounded up.
    assert mint(vault, 100 * WAD, depositor)[1] == 2_488_774_964


def test_mint__zero_shares__reverts(vault, depositor):
    with boa.reverts("vault: shares out of range"):
        mint(vault, 0, depositor)


def test_mint__more_shares_than_the_ledger_holds__reverts(vault, depositor):
    with boa.reverts("vault: shares out of range"):
        mint(vault, 2**112, depositor)


def test_mint__above_a_limit__reverts(vault, depositor):
    for i in range(len(PAID)):
        limits = [amount - (i == j) for j, amount in enumerate(PAID)]
        with boa.reverts("vault: above limit"):
            vault.mint(100 * WAD, depositor, limits, MAX_UINT, sender=depositor)


@pytest.mark.parametrize("limits", [[], PAID[:3], [*PAID, 1]])
def test_mint__wrong_number_of_limits__reverts(vault, depositor, limits):
    with boa.reverts("vault: wrong number of amounts"):
        vault.mint(100 * WAD, depositor, limits, MAX_UINT, sender=depositor)


def test_mint__past_its_deadline__reverts(vault, depositor):
    with boa.reverts("vault: expired"):
        vault.mint(WAD, depositor, [MAX_UINT] * 4, START_S - 1, sender=depositor)


def test_mint__to_zero_or_to_the_vault__reverts(vault, depositor):
    for receiver in (boa.eval("empty(address)"), vault.address):
        with boa.reverts("share: invalid receiver"):
            mint(vault, WAD, depositor, receiver)


def test_mint__without_allowance__reverts(vault, tokens, depositor):
    tokens[1].approve(vault.address, 0, sender=depositor)
    with boa.reverts("erc20: insufficient allowance"):
        mint(vault, WAD, depositor)


def test_mint__without_the_tokens__reverts(vault, tokens, stranger):
    for token in tokens:
        token.approve(vault.address, MAX_UINT, sender=stranger)
    with boa.reverts("erc20: insufficient balance"):
        mint(vault, WAD, stranger)


def test_mint__of_more_than_the_ledger_holds__reverts(create, params, tokens, depositor):
    index = create(params.but(mint_fee_bps=0, streaming_fee_bps=0))
    fund(tokens, index, depositor, 2**120)
    mint(index, 2**112 - 1, depositor)
    with boa.reverts("vault: supply too large"):
        mint(index, 1, depositor)
    assert index.totalSupply() == 2**112 - 1

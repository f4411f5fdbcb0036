# SPDX-License-Identifier: AGPL-3.0-only
"""Folio audits: no limits on issue and redeem, a dust donation that blocks, an index bricked at supply zero."""

from __future__ import annotations

import boa
import pytest

from tests.unit.vault.conftest import MAX_UINT, WAD, YEAR_S, fund, mint, pass_time, redeem


def test_every_amount_has_its_limit(held, depositor):
    cost, pay = list(held.preview_mint(WAD)), list(held.preview_redeem(WAD))
    for i in range(4):
        with boa.reverts("vault: above limit"):
            limits = [amount - (i == j) for j, amount in enumerate(cost)]
            held.mint(WAD, depositor, limits, MAX_UINT, sender=depositor)
        with boa.reverts("vault: below limit"):
            limits = [amount + (i == j) for j, amount in enumerate(pay)]
            held.redeem(WAD, depositor, limits, MAX_UINT, sender=depositor)


def test_one_wei_sent_just_before__does_not_block_an_exact_mint_or_redeem(held, tokens, depositor, attacker):
    cost, pay = list(held.preview_mint(WAD)), list(held.preview_redeem(WAD))
    for token in tokens:
        token.mint(held.address, 1)
    assert held.mint(WAD, depositor, cost, MAX_UINT, sender=depositor) == cost
    assert held.redeem(WAD, depositor, pay, MAX_UINT, sender=depositor) == pay


@pytest.mark.parametrize("years", [0, 3])
def test_index_at_supply_zero__can_be_entered_again(held, tokens, depositor, fee_recipient, stranger, years):
    held.collect_fees()
    redeem(held, 100 * WAD, depositor)
    held.collect_fees()
    redeem(held, held.balanceOf(fee_recipient), fee_recipient)
    pass_time(years * YEAR_S)
    fund(tokens, held, stranger)
    mint(held, WAD, stranger)
    assert redeem(held, WAD, stranger)[1] > 0

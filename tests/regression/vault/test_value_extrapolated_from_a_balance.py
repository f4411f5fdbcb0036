# SPDX-License-Identifier: AGPL-3.0-only
"""Indexed Finance 2021: a pool valued itself from one token's balance, then updated that from a donated balance."""

from __future__ import annotations

from tests.unit.vault.conftest import WAD, balances, fund, mint, redeem


def test_mint_donate_redeem__in_one_block__takes_out_no_more_than_was_put_in(held, tokens, attacker):
    fund(tokens, held, attacker)
    before = balances(tokens, attacker)
    units = held.components()
    for token in tokens:
        token.transfer(held.address, 10**6, sender=attacker)
    mint(held, 50 * WAD, attacker)
    for token in tokens:
        token.transfer(held.address, 10**8, sender=attacker)
        held.sync(token.address, sender=attacker)
    redeem(held, 50 * WAD, attacker)
    assert held.components() == units
    assert all(now < had for now, had in zip(balances(tokens, attacker), before, strict=True))

# SPDX-License-Identifier: AGPL-3.0-only
"""Cream yUSD 2021: a donation doubled a vault's share price, and with it what the share could borrow."""

from __future__ import annotations

from tests.unit.vault.conftest import WAD, balances


def test_donation_of_everything_again__leaves_nav_and_amounts_where_they_were(held, tokens, attacker):
    before = held.nav(0), held.components(), held.preview_mint(WAD), held.preview_redeem(WAD), held.totalSupply()
    for token, amount in zip(tokens, balances(tokens, held.address), strict=True):
        token.mint(held.address, amount)
    after = held.nav(0), held.components(), held.preview_mint(WAD), held.preview_redeem(WAD), held.totalSupply()
    assert after == before

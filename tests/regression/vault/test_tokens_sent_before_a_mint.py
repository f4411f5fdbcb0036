# SPDX-License-Identifier: AGPL-3.0-only
"""Phuture audit: assets transferred beforehand paid for anybody's mint, and assets skipped at a redeem were drained."""

from __future__ import annotations

import boa

from tests.unit.vault.conftest import MAX_UINT, WAD, fund, mint


def test_mint__never_uses_what_somebody_sent_before(held, tokens, depositor, attacker):
    for token, amount in zip(tokens, held.preview_mint(WAD), strict=True):
        token.transfer(held.address, amount, sender=depositor)
        token.approve(held.address, MAX_UINT, sender=attacker)
    with boa.reverts("erc20: insufficient balance"):
        mint(held, WAD, attacker)


def test_skipped_component__cannot_be_drained_by_those_who_stay_or_come(held, tokens, depositor, attacker):
    owed = held.redeem_skipping(90 * WAD, depositor, [0] * 4, 0b0010, MAX_UINT, sender=depositor)[1]
    fund(tokens, held, attacker)
    for _ in range(3):
        mint(held, 500 * WAD, attacker)
        held.redeem(500 * WAD, attacker, [0] * 4, MAX_UINT, sender=attacker)
        held.claim(tokens[1].address, attacker, sender=attacker)
    assert held.claim(tokens[1].address, depositor, sender=depositor) == owed

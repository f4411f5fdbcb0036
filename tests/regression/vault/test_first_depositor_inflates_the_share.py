# SPDX-License-Identifier: AGPL-3.0-only
"""ERC-4626 inflation: the first depositor mints one wei, donates, and the next deposit rounds to no shares."""

from __future__ import annotations

from tests.unit.vault.conftest import WAD, fund, mint, redeem


def test_victim_after_a_one_wei_mint_and_a_donation__gets_his_shares_at_their_price(vault, tokens, depositor, attacker):
    fund(tokens, vault, attacker)
    fair = list(vault.preview_mint(WAD))
    mint(vault, 1, attacker)
    for token in tokens:
        token.transfer(vault.address, 10**12, sender=attacker)
    assert mint(vault, WAD, depositor) == fair
    assert vault.balanceOf(depositor) == WAD
    back = redeem(vault, WAD, depositor)
    # The two fees of 5 bps and at most one base unit of rounding each way; nothing to the attacker.
    assert all(out >= put * 9_995 // 10_005 - 1 for out, put in zip(back, fair, strict=True))
    assert redeem(vault, 1, attacker) == [0, 0, 0, 0]

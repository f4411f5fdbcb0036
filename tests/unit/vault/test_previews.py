# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.preview_mint and preview_redeem: what they say is what happens in the same block."""

from __future__ import annotations

import boa
import pytest

from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, mint, pass_time, redeem

SIZES = (1, 2, 19_999, 20_001, 10**12 + 7, WAD, 33 * WAD + 1)
AGES_S = (0, 1, 86_399, 10 * 365 * 86_400)


@pytest.mark.parametrize("age_s", AGES_S)
def test_preview_mint__equals_the_mint_to_the_wei(held, depositor, age_s):
    pass_time(age_s)
    for shares in SIZES:
        preview = list(held.preview_mint(shares))
        assert held.mint(shares, depositor, preview, START_S + age_s, sender=depositor) == preview


@pytest.mark.parametrize("age_s", AGES_S)
def test_preview_redeem__equals_the_redeem_to_the_wei(held, depositor, age_s):
    pass_time(age_s)
    for shares in SIZES:
        preview = list(held.preview_redeem(shares))
        assert held.redeem(shares, depositor, preview, START_S + age_s, sender=depositor) == preview


def test_mint_then_redeem__never_returns_more_than_was_paid(held, depositor):
    for shares in SIZES:
        paid = mint(held, shares, depositor)
        back = redeem(held, shares, depositor)
        assert all(out < put for out, put in zip(back, paid, strict=True))


@pytest.mark.parametrize("shares", [0, 2**112, MAX_UINT])
def test_previews__of_sizes_that_cannot_be__revert_like_the_acts(held, shares):
    for preview in (held.preview_mint, held.preview_redeem):
        with boa.reverts("vault: shares out of range"):
            preview(shares)

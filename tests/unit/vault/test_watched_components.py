# SPDX-License-Identifier: AGPL-3.0-only
"""A component declared rebasing, in the first place and in the last: whatever is done first shares its loss before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, events, fund, mint, redeem

ACTS = {
    "mint": lambda index, who: mint(index, WAD, who),
    "redeem": lambda index, who: redeem(index, WAD, who),
    "mint_from_float": lambda index, who: index.mint_from_float(
        WAD, who, index.basket_version() + 1, MAX_UINT, sender=who
    ),
    "redeem_to_float": lambda index, who: index.redeem_to_float(WAD, index.basket_version() + 1, MAX_UINT, sender=who),
}


@pytest.fixture(params=[0, 3])
def watched(request: Any, create: Any, params: Any, tokens: list[Any], owner: str, depositor: str) -> Any:
    """(index, its watched component, place): half backing, half float, and a tenth of the component gone."""
    place = request.param
    odd = deployer("MockSlashableERC20").deploy("Rebasing", "REB", tokens[place].decimals())
    parts = [*tokens[:place], odd, *tokens[place + 1 :]]
    index = create(params.but(tokens=tuple(token.address for token in parts)))
    fund(parts, index, depositor)
    mint(index, 10 * WAD, depositor)
    index.deposit_float(index.preview_mint(10 * WAD), sender=depositor)
    index.set_rebasing(odd.address, True, sender=owner)
    odd.slash(index.address, odd.balanceOf(index.address) // 10)
    return index, odd, place


@pytest.mark.parametrize("act", ACTS)
def test_watched_component__with_a_loss__is_cut_before_anything_moves(watched, depositor, act):
    index, odd, place = watched
    units, floating = index.components()[1], index.float_of(depositor)
    ACTS[act](index, depositor)
    [shared] = events(index, "LossShared")
    assert shared.component == odd.address
    assert 0.9 * WAD - 10**12 <= shared.left < 0.9 * WAD
    # `components` of before the act said the loss already; a redeem to float or a mint from it has moved float.
    assert index.components()[1] == units
    if act in ("mint", "redeem"):
        assert index.float_of(depositor)[place] == floating[place] * shared.left // WAD
    else:
        assert index.float_of(depositor) != floating


def test_watched_component__skipped__is_not_asked__and_what_is_left_behind_shares_the_loss(watched, depositor):
    index, odd, place = watched
    after_loss = index.preview_redeem(WAD)[place]
    owed = index.redeem_skipping(WAD, depositor, [0] * 4, 1 << place, MAX_UINT, sender=depositor)
    assert not events(index, "LossShared")
    assert owed[place] > after_loss
    index.sync(odd.address)
    [shared] = events(index, "LossShared")
    assert index.claim_of(depositor, odd.address) == owed[place] * shared.left // WAD

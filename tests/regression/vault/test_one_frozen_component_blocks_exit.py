# SPDX-License-Identifier: AGPL-3.0-only
"""Set, CoinAlpha, Enzyme: one paused component held everybody's other assets."""

from __future__ import annotations

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, balances, fund, mint


def test_every_holder_leaves__with_one_component_frozen_for_ever(create, params, tokens, owner, depositor, stranger):
    frozen = deployer("MockSlashableERC20").deploy("Frozen", "ICE", 6)
    parts = [tokens[0], frozen, tokens[2], tokens[3]]
    index = create(params.but(tokens=tuple(token.address for token in parts)))
    for who in (depositor, stranger):
        fund(parts, index, who)
        mint(index, 10 * WAD, who)
    frozen.set_paused(True)
    index.pause(sender=owner)
    for who in (depositor, stranger):
        before = balances(parts, who)
        paid = index.redeem_skipping(10 * WAD, who, [0] * 4, 0b0010, MAX_UINT, sender=who)
        moved = [now - had for now, had in zip(balances(parts, who), before, strict=True)]
        assert moved == [paid[0], 0, paid[2], paid[3]]
        assert index.claim_of(who, frozen.address) == paid[1]

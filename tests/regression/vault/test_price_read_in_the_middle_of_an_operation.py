# SPDX-License-Identifier: AGPL-3.0-only
"""Curve views, dForce, Folio M-6: a token's hook let others read a price while the accounts were half written."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector as selector

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, fund, mint, redeem

VIEWS: dict[str, list[Any]] = {
    "nav(uint256)": [MAX_UINT],
    "totalSupply()": [],
    "pending_fees()": [],
    "components()": [],
    "preview_mint(uint256)": [WAD],
    "preview_redeem(uint256)": [WAD],
}


@pytest.mark.parametrize("view", VIEWS)
def test_price_view__while_a_token_is_being_called__reverts(create, params, tokens, depositor, view):
    hooked = deployer("MockReentrantERC20").deploy("Hook", "HOOK", 6)
    parts = [tokens[0], hooked, tokens[2], tokens[3]]
    index = create(params.but(tokens=tuple(token.address for token in parts)))
    fund(parts, index, depositor)
    mint(index, WAD, depositor)
    hooked.arm(index.address, bytes(selector(view)) + encode(["uint256"] * len(VIEWS[view]), VIEWS[view]))
    mint(index, WAD, depositor)
    redeem(index, WAD, depositor)
    assert (hooked.calls(), hooked.successes()) == (2, 0)

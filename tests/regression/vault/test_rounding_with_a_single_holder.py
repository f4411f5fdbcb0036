# SPDX-License-Identifier: AGPL-3.0-only
"""Alpha Homora 2021: with one holder of a few wei, rounding and a public reserve call gave borrowed value away."""

from __future__ import annotations

import pytest

from tests.unit.vault.conftest import balances, fund, mint, redeem


@pytest.mark.parametrize("supply", [1, 2, 3, 999])
def test_single_holder_of_a_few_wei__never_gains_a_base_unit(vault, tokens, attacker, supply):
    fund(tokens, vault, attacker)
    start = balances(tokens, attacker)
    mint(vault, supply, attacker)
    for token in tokens:
        vault.sync(token.address, sender=attacker)
    for shares in (1, supply, 10 * supply + 1):
        mint(vault, shares, attacker)
        vault.collect_fees(sender=attacker)
        redeem(vault, shares, attacker)
        assert all(now < had for now, had in zip(balances(tokens, attacker), start, strict=True))
    redeem(vault, supply, attacker)
    assert all(now < had for now, had in zip(balances(tokens, attacker), start, strict=True))

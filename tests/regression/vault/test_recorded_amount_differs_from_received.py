# SPDX-License-Identifier: AGPL-3.0-only
"""Balancer STA 2020: a token burnt 1% of each transfer, and the pool believed the amount it had asked for."""

from __future__ import annotations

import boa

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import WAD, fund, mint, redeem


def test_component_that_starts_to_take_a_fee__cannot_dilute_anybody(create, params, depositor, attacker):
    burning = deployer("MockFeeERC20").deploy("Statera", "STA", 18)
    index = create(params.but(tokens=(burning.address,), units=(10 * WAD * WAD,), feeds=(0,)))
    fund([burning], index, depositor, 10**24)
    fund([burning], index, attacker, 10**24)
    mint(index, 100 * WAD, depositor)
    burning.set_fee(100)
    with boa.reverts("token: amount not received"):
        mint(index, WAD, attacker)
    with boa.reverts("token: amount not received"):
        index.deposit_float([WAD], sender=attacker)
    for _ in range(5):
        redeem(index, 10 * WAD, depositor)
        # units * supply <= balance
        assert burning.balanceOf(index.address) * WAD >= index.totalSupply() * 10 * WAD

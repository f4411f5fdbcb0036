# SPDX-License-Identifier: AGPL-3.0-only
"""Balancer V2 2025, with auctions: 1,000 random steps at supplies of 1 to 1,000 wei, bids at the oracle's price among
them, never leave the caller with more than he started with, each token counted at what it is worth.
"""

from __future__ import annotations

import random

import pytest

from tests.helpers.revm import Reverted
from tests.regression.vault.rebalancing import ATTACKER, DAY_S, HOLDER, MAX_UINT, OWNER, WAD, Rebalancing

STEPS = 1_000


@pytest.mark.parametrize("seed", range(4))
def test_thousand_steps_at_a_tiny_supply__bids_among_them__never_profit(seed: int) -> None:
    dice = random.Random(seed)
    index = Rebalancing(streaming_bps=1_000 if seed % 2 else 0)
    index.mint(dice.randint(1, 1_000), HOLDER)
    index.vault.call("deposit_float", [10**12] * 3, sender=ATTACKER)
    refused = 0

    def wealth() -> int:
        floating = sum(index.vault.call("float_of", ATTACKER))
        return index.fortune(ATTACKER) + floating

    start = wealth()

    def plan() -> list[int]:
        units = [dice.randint(1, 3 * WAD * WAD) for _ in range(3)]
        return [unit if unit < 2**80 else unit // 10**13 * 10**13 for unit in units]

    index.open(plan())
    for _ in range(STEPS):
        held = index.vault.call("balanceOf", ATTACKER)
        shares, act = dice.randint(1, 1_000), dice.choice(("mint", "float", "redeem", "to_float", "bid", "bid", "next"))
        version = index.vault.call("basket_version")
        try:
            if act == "mint":
                index.mint(shares, ATTACKER)
            elif act == "float":
                index.vault.call("mint_from_float", shares, ATTACKER, version, MAX_UINT, sender=ATTACKER)
            elif act == "redeem" and held:
                index.redeem(dice.randint(1, held), ATTACKER)
            elif act == "to_float" and held:
                index.vault.call("redeem_to_float", dice.randint(1, held), version, MAX_UINT, sender=ATTACKER)
            elif act == "bid":
                index.publish()
                index.bid(*dice.sample(range(3), 2), dice.choice((1, 7, 10**9)), ATTACKER)
            elif act == "next" and dice.random() < 0.1:
                index.house.call("close", index.vault.address, sender=OWNER)
                index.pass_time(DAY_S if seed % 2 else 60)
                index.open(plan())
        except Reverted:
            # No such lot, more than the float holds, or too little to be worth a base unit.
            refused += 1
        # Shares count for nothing: they are what the caller could be made to pay too much for.
        assert wealth() <= start
    assert refused < STEPS * 3 // 4
    held = index.vault.call("balanceOf", ATTACKER)
    if held:
        index.redeem(held, ATTACKER)
    assert wealth() <= start

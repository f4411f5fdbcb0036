# SPDX-License-Identifier: AGPL-3.0-only
"""Balancer V2 2025: the rounding of scaled amounts, repeated in a batch at a tiny supply, paid out more than came in.

1,000 random steps at supplies of 1 to 1,000 wei, without fees to hide behind, never leave the caller with more of any
component than he started with.
"""

from __future__ import annotations

import random

import pytest
from scripts.artifacts import compile_contract

from tests.helpers.index import factory_on
from tests.helpers.revm import Chain, Contract

WAD = 10**18
MAX_UINT = 2**256 - 1
STEPS = 1_000
# Awkward on purpose: thirds, primes, more and less than one base unit per wei of share.
UNITS = (1, 333_333_333_333_333_333, 7 * WAD * WAD // 3 // 10**13 * 10**13, 999_999_999_989, 2 * WAD * WAD)
NOBODY = f"0x{0xD0:040x}"
ATTACKER, HOLDER = f"0x{0xA1:040x}", f"0x{0xA2:040x}"


@pytest.mark.parametrize("seed", range(6))
def test_thousand_steps_at_a_tiny_supply__never_profit(seed: int) -> None:
    rng = random.Random(seed)
    chain = Chain()
    tokens = [chain.deploy(compile_contract("MockERC20"), f"T{i}", f"T{i}", 18) for i in range(len(UNITS))]
    oracle = chain.deploy(compile_contract("MockOracle"), ["X/USD"], [8])
    factory = factory_on(chain)
    streaming_bps = 1_000 if seed % 2 else 0
    addresses = [token.address for token in tokens]
    params = ("Tiny", "TINY", addresses, UNITS, oracle.address, [0] * len(UNITS), 0, 0, streaming_bps, NOBODY, NOBODY)
    vault = Contract(chain, factory.call("create", params), compile_contract("IndexVault").abi)
    for token in tokens:
        for who in (ATTACKER, HOLDER):
            token.call("mint", who, 10**30)
            token.call("approve", vault.address, MAX_UINT, sender=who)
    limits, no_limits = [MAX_UINT] * len(UNITS), [0] * len(UNITS)
    vault.call("mint", rng.randint(1, 1_000), HOLDER, limits, MAX_UINT, sender=HOLDER)
    vault.call("deposit_float", [10**25] * len(UNITS), sender=ATTACKER)
    start = [10**30] * len(UNITS)

    def wealth() -> list[int]:
        float_of = vault.call("float_of", ATTACKER)
        return [
            token.call("balanceOf", ATTACKER) + floating + vault.call("claim_of", ATTACKER, token.address)
            for token, floating in zip(tokens, float_of, strict=True)
        ]

    for _ in range(STEPS):
        held = vault.call("balanceOf", ATTACKER)
        shares = rng.randint(1, 1_000)
        act = rng.choice(("mint", "float", "redeem", "skip", "to_float", "claim", "sync", "wait"))
        data = vault.call("basket_version")
        if act == "mint":
            vault.call("mint", shares, ATTACKER, limits, MAX_UINT, sender=ATTACKER)
        elif act == "float":
            vault.call("mint_from_float", shares, ATTACKER, data, MAX_UINT, sender=ATTACKER)
        elif act == "redeem" and held:
            vault.call("redeem", min(held, shares), ATTACKER, no_limits, MAX_UINT, sender=ATTACKER)
        elif act == "skip" and held:
            skip = rng.randrange(2 ** len(UNITS))
            arguments = (min(held, shares), ATTACKER, no_limits, skip, MAX_UINT)
            vault.call("redeem_skipping", *arguments, sender=ATTACKER)
        elif act == "to_float" and held:
            vault.call("redeem_to_float", min(held, shares), data, MAX_UINT, sender=ATTACKER)
        elif act == "claim":
            vault.call("claim", rng.choice(tokens).address, ATTACKER, sender=ATTACKER)
        elif act == "sync":
            assert vault.call("sync", rng.choice(tokens).address, sender=ATTACKER) == WAD
        elif act == "wait":
            chain.set_time(chain.timestamp + rng.randint(1, 10**6))
        assert all(now <= had for now, had in zip(wealth(), start, strict=True))

    held = vault.call("balanceOf", ATTACKER)
    if held:
        vault.call("redeem", held, ATTACKER, no_limits, MAX_UINT, sender=ATTACKER)
    assert all(now <= had for now, had in zip(wealth(), start, strict=True))
    # And the holder, who did nothing, is paid what he is owed.
    share = vault.call("balanceOf", HOLDER)
    expected = vault.call("preview_redeem", share)
    assert vault.call("redeem", share, HOLDER, expected, MAX_UINT, sender=HOLDER) == expected

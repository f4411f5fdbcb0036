# SPDX-License-Identifier: AGPL-3.0-only
"""A component that turned hostile after it was chosen: the rest can always leave, and cheaply."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, fund, mint, redeem

HOSTILE = 1


@pytest.fixture
def tokens(tokens: list[Any]) -> list[Any]:
    return [tokens[0], deployer("MockHostileERC20").deploy("Hostile", "WAR", 6), *tokens[2:]]


def test_gas_bomb__stops_a_redeem_that_calls_it(held, tokens, depositor):
    tokens[HOSTILE].burn_gas()
    with boa.reverts():
        held.redeem(WAD, depositor, [0] * 4, MAX_UINT, sender=depositor, gas=2_000_000)


def test_gas_bomb__is_skipped_at_the_usual_price(held, tokens, depositor):
    expected = list(held.preview_redeem(WAD))
    held.redeem_skipping(WAD, depositor, [0] * 4, 1 << HOSTILE, MAX_UINT, sender=depositor)
    tokens[HOSTILE].burn_gas()
    arguments = (WAD, depositor, [0] * 4, 1 << HOSTILE, MAX_UINT)
    assert held.redeem_skipping(*arguments, sender=depositor, gas=400_000) == expected


def test_return_bomb__costs_the_caller_a_few_gas_and_nothing_else(held, tokens, depositor):
    expected = list(held.preview_redeem(WAD))
    tokens[HOSTILE].flood()
    assert held.redeem(WAD, depositor, expected, MAX_UINT, sender=depositor, gas=600_000) == expected
    assert mint(held, WAD, depositor) == list(held.preview_mint(WAD))


@pytest.mark.parametrize("decimals", [0, 1, 6, 18, 27])
def test_every_decimals__mints_redeems_and_is_priced(create, params, depositor, decimals):
    token = deployer("MockERC20").deploy("Any", "ANY", decimals)
    # Three whole tokens a share.
    unit = 3 * 10**decimals
    index = create(params.but(tokens=(token.address,), units=(unit * WAD,), feeds=(1,)))
    fund([token], index, depositor, 10**40)
    for shares in (1, 10**9 + 7, WAD, 10**6 * WAD):
        gross = shares + -(-shares * 5 // 10_000)
        assert mint(index, shares, depositor) == [-(-gross * unit // WAD)]
        net = shares - -(-shares * 5 // 10_000)
        assert redeem(index, shares, depositor) == [net * unit // WAD]
    # 3 tokens at 0.97
    assert index.nav(0) == 291 * WAD // 100

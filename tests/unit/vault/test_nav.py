# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.nav, components and price_feeds."""

from __future__ import annotations

from fractions import Fraction

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import WAD, YEAR_S, pass_time

# 0.001 * 20_000 + 25 * 0.97 + 25 * 1.005 + 20 * 1.06
NAV_WAD = 90_575 * WAD // 1_000


def test_nav__is_the_value_of_one_shares_components(vault):
    assert vault.nav(0) == NAV_WAD


def test_nav__does_not_move_with_supply_or_donations(held, tokens, attacker):
    assert held.nav(0) == NAV_WAD
    for token in tokens:
        token.mint(held.address, 10**12)
    assert held.nav(0) == NAV_WAD


def test_nav__falls_by_the_streaming_fee(held, oracle):
    pass_time(YEAR_S)
    # 90.575 * e**-0.005 = 90.123255302877200531..; growth is known to 7 wei below, so NAV to 7 * 90 above.
    assert 0 <= held.nav(YEAR_S) - 90_123_255_302_877_200_531 <= 7 * 91


def test_nav__of_a_stale_price__reverts_for_the_age_the_caller_named(vault):
    pass_time(60)
    assert vault.nav(60) < NAV_WAD
    with boa.reverts("oracle: stale"):
        vault.nav(59)


def test_nav__with_one_price_missing__reverts(vault, oracle):
    oracle.set_answer(2, 0, 0)
    with boa.reverts("oracle: no quorum yet"):
        vault.nav(0)


@pytest.mark.parametrize("token_decimals", [0, 5, 18, 27])
@pytest.mark.parametrize("feed_decimals", [0, 8, 18])
def test_nav__of_any_decimals__is_exact(create, params, token_decimals, feed_decimals):
    oracle = deployer("MockOracle").deploy(["X/USD"], [feed_decimals])
    oracle.set_price(0, 7 * 10 ** min(feed_decimals, 17))
    token = deployer("MockERC20").deploy("X", "X", token_decimals)
    # 3 whole tokens a share.
    index = create(
        params.but(tokens=(token.address,), units=(3 * 10**token_decimals * WAD,), feeds=(0,), oracle=oracle.address)
    )
    assert index.nav(0) == Fraction(3 * 7 * 10 ** min(feed_decimals, 17), 10**feed_decimals) * WAD


def test_components__after_a_year__hold_less_of_each_token(vault):
    pass_time(YEAR_S)
    units = vault.components()[1]
    # 25_000_000 * e**-0.005 = 24_875_311.98
    assert units[1] // WAD == 24_875_311

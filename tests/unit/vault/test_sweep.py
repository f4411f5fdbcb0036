# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.sweep_surplus: what is held beyond what is owed drips to every holder alike, and to nobody at once."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, events, fund, mint, new_transaction, pass_time, redeem

PERIOD_S, STEP_S = 14 * 86_400, 600
USDC = 1
GIFT = 10**12


@pytest.fixture
def gifted(held: Any, tokens: list[Any]) -> Any:
    """The clock of USDC has been started, and a gift of it has come since."""
    new_transaction()
    assert held.sweep_surplus(tokens[USDC].address) == 0
    tokens[USDC].mint(held.address, GIFT)
    pass_time(STEP_S)
    return held


def test_sweep_surplus__moves_a_part_for_each_second_and_raises_the_unit(gifted, tokens, depositor):
    before, supply, version = gifted.preview_redeem(50 * WAD), gifted.totalSupply(), gifted.basket_version()
    swept = gifted.sweep_surplus(tokens[USDC].address)
    [told] = events(gifted, "SurplusSwept")
    assert (told.component, told.amount) == (tokens[USDC].address, swept)
    # The gift, and the base unit that rounding left over at the mint.
    assert GIFT * STEP_S // PERIOD_S <= swept <= (GIFT + 1) * STEP_S // PERIOD_S
    after = gifted.preview_redeem(50 * WAD)
    assert after[USDC] - before[USDC] == pytest.approx(swept * 49.975 * WAD / supply, rel=1e-6)
    assert [now for i, now in enumerate(after) if i != USDC] == [had for i, had in enumerate(before) if i != USDC]
    assert gifted.basket_version() == version + 1
    assert gifted.sync(tokens[USDC].address) == WAD


def test_sweep_surplus__of_a_long_time__moves_no_more_than_a_step(gifted, tokens):
    pass_time(365 * 86_400)
    assert gifted.sweep_surplus(tokens[USDC].address) <= (GIFT + 1) * STEP_S // PERIOD_S


def test_sweep_surplus__the_first_time__only_starts_the_clock(held, tokens):
    pass_time(86_400)
    tokens[USDC].mint(held.address, GIFT)
    before = held.components()
    assert held.sweep_surplus(tokens[USDC].address) == 0
    assert held.components() == before
    assert events(held, "SurplusSwept") == []
    with boa.reverts("reserves: too little yet"):
        held.sweep_surplus(tokens[USDC].address)


def test_sweep_surplus__twice_in_a_block__reverts(gifted, tokens):
    gifted.sweep_surplus(tokens[USDC].address)
    with boa.reverts("reserves: too little yet"):
        gifted.sweep_surplus(tokens[USDC].address)


def test_sweep_surplus__with_nothing_over__reverts(create, params, tokens, depositor):
    index = create(params.but(mint_fee_bps=0, streaming_fee_bps=0))
    fund(tokens, index, depositor)
    mint(index, 100 * WAD, depositor)
    new_transaction()
    index.sweep_surplus(tokens[USDC].address)
    pass_time(STEP_S)
    with boa.reverts("reserves: nothing over"):
        index.sweep_surplus(tokens[USDC].address)


def test_sweep_surplus__during_an_auction__reverts(gifted, tokens, house):
    gifted.begin_auction([], [], sender=house.address)
    with boa.reverts("vault: in auction"):
        gifted.sweep_surplus(tokens[USDC].address)
    gifted.end_auction(0, sender=house.address)
    assert gifted.sweep_surplus(tokens[USDC].address) > 0


def test_sweep_surplus__at_dust_supply__reverts(gifted, tokens, depositor, fee_recipient):
    redeem(gifted, gifted.balanceOf(depositor), depositor)
    gifted.collect_fees()
    redeem(gifted, gifted.balanceOf(fee_recipient) - WAD // 10_000, fee_recipient)
    with boa.reverts("vault: supply too small"):
        gifted.sweep_surplus(tokens[USDC].address)


def test_sweep_surplus__in_a_transaction_that_minted__reverts(gifted, tokens, depositor):
    """Else who mints, sweeps and redeems at once would take most of what is over, at no risk."""
    mint(gifted, WAD, depositor)
    with boa.reverts("vault: minted just now"):
        gifted.sweep_surplus(tokens[USDC].address)
    new_transaction()
    assert gifted.sweep_surplus(tokens[USDC].address) > 0


def test_sweep_surplus__of_no_component__reverts(held, stranger):
    new_transaction()
    with boa.reverts("vault: not a component"):
        held.sweep_surplus(stranger)


def test_sweep_surplus__with_float_in_the_backing__leaves_the_float_as_it_is(gifted, tokens, depositor):
    gifted.deposit_float([10**8, 10**10, 10**10, 10**10], sender=depositor)
    gifted.mint_from_float(20 * WAD, depositor, gifted.basket_version(), MAX_UINT, sender=depositor)
    floating = gifted.float_of(depositor)
    new_transaction()
    assert gifted.sweep_surplus(tokens[USDC].address) > 0
    assert gifted.float_of(depositor) == floating
    assert gifted.sync(tokens[USDC].address) == WAD
    gifted.withdraw_float(floating, depositor, sender=depositor)
    redeem(gifted, gifted.balanceOf(depositor), depositor)
    assert gifted.sync(tokens[USDC].address) == WAD


def test_positive_rebase__drips_to_the_holders(create, params, tokens, depositor, owner):
    """A component that pays by growing balances: what is over is no different from a gift."""
    rebasing = deployer("MockSlashableERC20").deploy("Growing", "GROW", 18)
    index = create(params.but(tokens=(*params.tokens[:3], rebasing.address), units=(*params.units[:3], 20 * WAD * WAD)))
    fund([*tokens[:3], rebasing], index, depositor, 10**24)
    mint(index, 100 * WAD, depositor)
    index.set_rebasing(rebasing.address, True, sender=owner)
    new_transaction()
    index.sweep_surplus(rebasing.address)
    rebasing.mint(index.address, 100 * WAD)
    unit = index.components()[1][3]
    for _ in range(3):
        pass_time(STEP_S)
        index.sweep_surplus(rebasing.address)
    assert index.components()[1][3] > unit


def test_sweep_surplus__of_what_comes_back_of_a_component_lost_altogether__is_refused(
    create, params, tokens, depositor, stranger
):
    """With a unit again it would be owed again: whoever skips it would get no claim, and no float could be counted."""
    lossy = deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)
    components = [*tokens[:3], lossy]
    index = create(params.but(tokens=tuple(token.address for token in components)))
    fund(components, index, depositor)
    mint(index, 100 * WAD, depositor)
    lossy.slash(index.address, lossy.balanceOf(index.address))
    assert index.sync(lossy.address, sender=stranger) == 0
    lossy.mint(index.address, GIFT)
    new_transaction()
    pass_time(STEP_S)
    with boa.reverts("reserves: token is worthless"):
        index.sweep_surplus(lossy.address)
    assert index.components()[1][3] == 0
    # All else goes on: minting costs and redeeming pays nothing of it.
    assert mint(index, WAD, depositor)[3] == redeem(index, WAD, depositor)[3] == 0

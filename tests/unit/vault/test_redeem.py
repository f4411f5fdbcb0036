# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.redeem."""

from __future__ import annotations

import boa
import pytest

from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, YEAR_S, balances, events, mint, pass_time, redeem

# 100 shares less the fee of 5 bps: 99.95 times what one share holds.
PAID_OUT = [9_995_000, 2_498_750_000, 2_498_750_000, 1_999_000_000]
ZERO = "0x" + "00" * 20


def test_redeem__pays_exactly_the_components_of_shares_less_fee(held, tokens, depositor, receiver):
    assert held.redeem(100 * WAD, receiver, PAID_OUT, START_S, sender=depositor) == PAID_OUT
    [redeemed] = events(held, "Redeemed")
    assert (redeemed.caller, redeemed.receiver, redeemed.shares, redeemed.fee_shares) == (
        depositor,
        receiver,
        100 * WAD,
        5 * WAD // 100,
    )
    [transfer] = events(held, "Transfer")
    assert (transfer.sender, transfer.receiver, transfer.value) == (depositor, ZERO, 100 * WAD)
    assert balances(tokens, receiver) == PAID_OUT
    assert held.balanceOf(depositor) == 0
    # The fee of the mint and the fee of the redeem: the backing of both is still there.
    assert held.pending_fees() == held.totalSupply() == WAD // 10
    assert balances(tokens, held.address) == [10_000, 2_500_000, 2_500_000, 2_000_000]


def test_redeem__after_a_year__pays_less_per_share_by_the_streaming_fee(held, depositor):
    pass_time(YEAR_S)
    # Of USDC: 25_000_000 * 99.95 * e**-0.005 = 2_486_287_432.5, rounded down.
    assert redeem(held, 100 * WAD, depositor)[1] == 2_486_287_432


def test_redeem__by_the_last_holder__leaves_an_index_that_can_be_entered_again(held, depositor, fee_recipient):
    held.collect_fees()
    redeem(held, 100 * WAD, depositor)
    held.collect_fees()
    redeem(held, held.balanceOf(fee_recipient), fee_recipient)
    assert held.totalSupply() == held.pending_fees() < WAD // 1_000
    mint(held, WAD, depositor)
    assert held.balanceOf(depositor) == WAD


def test_redeem__one_wei__pays_nothing_and_calls_no_token(held, tokens, depositor):
    # One wei of shares is all fee. A transfer of zero would be refused by some tokens.
    before = balances(tokens, held.address)
    assert redeem(held, 1, depositor) == [0, 0, 0, 0]
    assert not [log for log in held.get_logs() if log.address in [token.address for token in tokens]]
    assert balances(tokens, held.address) == before
    assert held.balanceOf(depositor) == 100 * WAD - 1


def test_redeem__more_than_held__reverts(held, depositor):
    with boa.reverts("share: insufficient balance"):
        redeem(held, 100 * WAD + 1, depositor)


def test_redeem__zero_shares__reverts(held, depositor):
    with boa.reverts("vault: shares out of range"):
        redeem(held, 0, depositor)


def test_redeem__below_a_limit__reverts(held, depositor):
    for i in range(len(PAID_OUT)):
        limits = [amount + (i == j) for j, amount in enumerate(PAID_OUT)]
        with boa.reverts("vault: below limit"):
            held.redeem(100 * WAD, depositor, limits, MAX_UINT, sender=depositor)


@pytest.mark.parametrize("limits", [[], PAID_OUT[:3], [*PAID_OUT, 0]])
def test_redeem__wrong_number_of_limits__reverts(held, depositor, limits):
    with boa.reverts("vault: wrong number of amounts"):
        held.redeem(100 * WAD, depositor, limits, MAX_UINT, sender=depositor)


def test_redeem__past_its_deadline__reverts(held, depositor):
    with boa.reverts("vault: expired"):
        held.redeem(WAD, depositor, [0] * 4, START_S - 1, sender=depositor)


def test_redeem__to_zero_or_to_the_vault__reverts(held, depositor):
    for receiver in (ZERO, held.address):
        with boa.reverts("share: invalid receiver"):
            redeem(held, WAD, depositor, receiver)


def test_redeem__with_a_dead_oracle__pays(held, oracle, depositor):
    for feed in range(4):
        oracle.set_answer(feed, 0, 0)
    assert redeem(held, 100 * WAD, depositor) == PAID_OUT

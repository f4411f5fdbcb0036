# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.fees, pending_fees, collect_fees, set_fee_recipient, and the law of the streaming fee."""

from __future__ import annotations

from decimal import Decimal, localcontext

import boa

from tests.unit.vault.conftest import WAD, YEAR_S, events, fund, mint, pass_time, redeem

RATE = Decimal(50) / 10_000
ZERO = "0x" + "00" * 20


def grown(shares: int, elapsed_s: int) -> Decimal:
    """What `shares` of total supply have become after `elapsed_s` at 50 bps a year, exactly."""
    with localcontext(prec=60):
        return Decimal(shares) * (RATE * elapsed_s / YEAR_S).exp()


def test_fees__tells_the_three_fees(vault):
    assert vault.fees() == (5, 5, 50)


def test_pending_fees__after_a_year__are_the_continuous_rate_on_the_total(held):
    total = held.totalSupply()
    pass_time(YEAR_S)
    exact = grown(total, YEAR_S)
    # Rounded down: growth by at most 7 wei in 1e18 here (as many as its series has terms), the total by one more.
    assert 0 <= exact - held.totalSupply() <= 7 * total // WAD + 2
    assert held.pending_fees() == held.totalSupply() - 100 * WAD


def test_pending_fees__do_not_depend_on_who_came_by_in_between(create, params, tokens, depositor, stranger):
    quiet, busy = create(params.as_tuple()), create(params.as_tuple())
    for vault in (quiet, busy):
        fund(tokens, vault, depositor)
        mint(vault, 1_000 * WAD, depositor)
    for _ in range(50):
        pass_time(YEAR_S // 50)
        busy.transfer(stranger, 1, sender=depositor)
        busy.collect_fees(sender=stranger)
    quiet.collect_fees(sender=stranger)
    assert quiet.totalSupply() == busy.totalSupply()
    assert quiet.balanceOf(quiet.fee_recipient()) == busy.balanceOf(busy.fee_recipient())


def test_pending_fees__stop_growing_after_eighty_years_of_the_highest_rate_and_nothing_reverts(
    create, params, tokens, depositor
):
    vault = create(params.but(streaming_fee_bps=1_000))
    fund(tokens, vault, depositor)
    mint(vault, 100 * WAD, depositor)
    pass_time(80 * YEAR_S)
    then = vault.totalSupply()
    pass_time(80 * YEAR_S)
    assert vault.totalSupply() == then
    # e**8 = 2_980.957987
    assert then // WAD == 298_244
    assert redeem(vault, 100 * WAD, depositor)[1] > 0


def test_collect_fees__pays_the_recipient_whoever_calls(held, fee_recipient, stranger):
    pass_time(YEAR_S)
    pending, total = held.pending_fees(), held.totalSupply()
    assert held.collect_fees(sender=stranger) == pending
    [collected] = events(held, "FeesCollected")
    assert (collected.caller, collected.recipient, collected.shares) == (stranger, fee_recipient, pending)
    [transfer] = events(held, "Transfer")
    assert (transfer.sender, transfer.receiver, transfer.value) == (ZERO, fee_recipient, pending)
    assert held.balanceOf(fee_recipient) == pending
    assert held.pending_fees() == 0
    assert held.totalSupply() == total


def test_collect_fees__with_nothing_pending__is_nothing(held, fee_recipient, stranger):
    held.collect_fees()
    assert held.collect_fees(sender=stranger) == 0
    assert held.get_logs() == []
    assert held.balanceOf(fee_recipient) == 5 * WAD // 100


def test_collected_fees__are_redeemed_like_any_share(held, tokens, fee_recipient):
    held.collect_fees()
    # 0.05 shares less 5 bps.
    assert redeem(held, 5 * WAD // 100, fee_recipient)[1] == 25_000_000 * 5 * 9_995 // 10_000 // 100


def test_set_fee_recipient__pays_the_old_one_first(held, owner, fee_recipient, receiver):
    held.set_fee_recipient(receiver, sender=owner)
    [changed] = events(held, "FeeRecipientChanged")
    assert (changed.old_recipient, changed.new_recipient) == (fee_recipient, receiver)
    assert held.fee_recipient() == receiver
    assert held.balanceOf(fee_recipient) == 5 * WAD // 100
    pass_time(YEAR_S)
    held.collect_fees()
    assert held.balanceOf(receiver) > 0
    assert held.balanceOf(fee_recipient) == 5 * WAD // 100


def test_set_fee_recipient__by_a_stranger__reverts(held, stranger):
    with boa.reverts("owner: caller is not the owner"):
        held.set_fee_recipient(stranger, sender=stranger)


def test_set_fee_recipient__to_nobody__reverts(held, owner):
    for recipient in (ZERO, held.address):
        with boa.reverts("share: invalid receiver"):
            held.set_fee_recipient(recipient, sender=owner)


def test_no_fees__no_shares_are_ever_pending(create, params, tokens, depositor):
    vault = create(params.but(mint_fee_bps=0, redeem_fee_bps=0, streaming_fee_bps=0))
    fund(tokens, vault, depositor)
    paid = mint(vault, 7 * WAD, depositor)
    pass_time(10 * YEAR_S)
    assert vault.pending_fees() == 0
    assert redeem(vault, 7 * WAD, depositor) == paid

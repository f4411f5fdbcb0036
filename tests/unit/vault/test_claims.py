# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.redeem_skipping, claim, claim_of: the rest exits, what cannot move is kept."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, WAD, balances, events, mint, redeem

ZERO = "0x" + "00" * 20
FROZEN = 2


@pytest.fixture
def tokens(tokens: list[Any]) -> list[Any]:
    """The third one can be paused and slashed."""
    return [*tokens[:FROZEN], deployer("MockSlashableERC20").deploy("Frozen", "ICE", 6), *tokens[FROZEN + 1 :]]


@pytest.fixture
def frozen(held: Any, tokens: list[Any]) -> Any:
    """The depositor's 100 shares, and one component paused."""
    tokens[FROZEN].set_paused(True)
    return held


def redeem_past(vault: Any, shares: int, who: str, receiver: str | None = None, skip: int = 1 << FROZEN) -> list[int]:
    return list(vault.redeem_skipping(shares, receiver or who, [0] * 4, skip, MAX_UINT, sender=who))


def test_redeem__of_a_paused_component__reverts_without_skipping_it(frozen, depositor):
    with boa.reverts("erc20: paused"):
        redeem(frozen, WAD, depositor)


def test_redeem_skipping__pays_the_rest_and_keeps_the_claim(frozen, tokens, depositor, receiver):
    expected = list(frozen.preview_redeem(100 * WAD))
    assert redeem_past(frozen, 100 * WAD, depositor, receiver) == expected
    [kept] = events(frozen, "ClaimKept")
    assert (kept.owner, kept.component, kept.amount) == (depositor, tokens[FROZEN].address, expected[FROZEN])
    assert not [log for log in frozen.get_logs() if log.address == tokens[FROZEN].address]
    assert balances(tokens, receiver) == [*expected[:FROZEN], 0, *expected[FROZEN + 1 :]]
    assert frozen.balanceOf(depositor) == 0
    assert frozen.claim_of(depositor, tokens[FROZEN].address) == expected[FROZEN]
    assert frozen.pending_fees() == WAD // 10


def test_claim__pays_once_the_token_moves_again(frozen, tokens, depositor, receiver):
    owed = redeem_past(frozen, 100 * WAD, depositor)[FROZEN]
    with boa.reverts("erc20: paused"):
        frozen.claim(tokens[FROZEN].address, receiver, sender=depositor)
    tokens[FROZEN].set_paused(False)
    assert frozen.claim(tokens[FROZEN].address, receiver, sender=depositor) == owed
    [paid] = events(frozen, "ClaimPaid")
    assert (paid.owner, paid.receiver, paid.component, paid.amount) == (
        depositor,
        receiver,
        tokens[FROZEN].address,
        owed,
    )
    assert tokens[FROZEN].balanceOf(receiver) == owed
    assert frozen.claim_of(depositor, tokens[FROZEN].address) == 0
    assert frozen.claim(tokens[FROZEN].address, receiver, sender=depositor) == 0


def test_claims__of_several_redeems_add_up(frozen, tokens, depositor):
    owed = sum(redeem_past(frozen, 10 * WAD, depositor)[FROZEN] for _ in range(3))
    assert frozen.claim_of(depositor, tokens[FROZEN].address) == owed


def test_claim__by_somebody_else__gets_nothing(frozen, tokens, depositor, attacker):
    redeem_past(frozen, 100 * WAD, depositor)
    tokens[FROZEN].set_paused(False)
    assert frozen.claim(tokens[FROZEN].address, attacker, sender=attacker) == 0
    assert tokens[FROZEN].balanceOf(attacker) == 0


def test_redeem_skipping__everything__leaves_claims_on_everything(held, tokens, depositor):
    owed = redeem_past(held, 100 * WAD, depositor, skip=0b1111)
    assert [held.claim_of(depositor, token.address) for token in tokens] == owed
    paid = [held.claim(token.address, depositor, sender=depositor) for token in tokens]
    assert paid == owed


def test_redeem_skipping__still_holds_the_limits(frozen, depositor):
    expected = list(frozen.preview_redeem(WAD))
    expected[FROZEN] += 1
    with boa.reverts("vault: below limit"):
        frozen.redeem_skipping(WAD, depositor, expected, 1 << FROZEN, MAX_UINT, sender=depositor)


def test_redeem_skipping__too_late_or_of_more_than_is_held_or_with_limits_for_others__reverts(frozen, depositor):
    now = boa.env.evm.patch.timestamp
    skip = 1 << FROZEN
    with boa.reverts("vault: expired"):
        frozen.redeem_skipping(WAD, depositor, [0] * 4, skip, now - 1, sender=depositor)
    with boa.reverts("share: insufficient balance"):
        redeem_past(frozen, 100 * WAD + 1, depositor)
    with boa.reverts("vault: wrong number of amounts"):
        frozen.redeem_skipping(WAD, depositor, [0] * 3, skip, now, sender=depositor)
    assert frozen.redeem_skipping(WAD, depositor, [0] * 4, skip, now, sender=depositor)


def test_redeem_skipping__what_is_not_there__reverts(frozen, depositor):
    with boa.reverts("vault: skips what is not there"):
        redeem_past(frozen, WAD, depositor, skip=1 << 4)


def test_exit__works_while_paused_with_a_dead_oracle_and_a_frozen_component(frozen, oracle, owner, depositor):
    frozen.pause(sender=owner)
    for feed in range(4):
        oracle.set_answer(feed, 0, 0)
    assert redeem_past(frozen, 100 * WAD, depositor)[0] > 0


def test_sync__cuts_backing_and_claims_by_the_same_ratio(held, tokens, depositor, receiver, stranger):
    component = tokens[FROZEN]
    owed = redeem_past(held, 50 * WAD, depositor)[FROZEN]
    unit = held.components()[1][FROZEN]
    component.slash(held.address, component.balanceOf(held.address) // 4)
    left = held.sync(component.address, sender=stranger)
    [shared] = events(held, "LossShared")
    assert (shared.component, shared.left) == (component.address, left)
    # A quarter is gone, and one base unit is kept back for rounding.
    assert 3 * WAD // 4 - WAD // 10**8 <= left <= 3 * WAD // 4
    assert held.claim_of(depositor, component.address) == owed * left // WAD
    assert held.components()[1][FROZEN] == unit * left // WAD
    assert held.sync(component.address) == WAD
    # All of it can leave.
    assert held.claim(component.address, receiver, sender=depositor) == owed * left // WAD
    assert redeem(held, 50 * WAD, depositor)[FROZEN] > 0


def test_claim__before_anybody_synced__shares_the_loss_all_the_same(held, tokens, depositor, receiver):
    component = tokens[FROZEN]
    owed = redeem_past(held, 50 * WAD, depositor)[FROZEN]
    component.slash(held.address, component.balanceOf(held.address) // 2)
    assert owed // 2 - 1 <= held.claim(component.address, receiver, sender=depositor) <= owed // 2


def test_sync__of_a_token_that_is_all_gone__leaves_the_rest_alone(held, tokens, depositor):
    component = tokens[FROZEN]
    redeem_past(held, 50 * WAD, depositor)
    component.slash(held.address, component.balanceOf(held.address))
    assert held.sync(component.address) == 0
    assert held.components()[1][FROZEN] == 0
    assert held.claim(component.address, depositor, sender=depositor) == 0
    redeem_past(held, WAD, depositor)
    assert held.claim_of(depositor, component.address) == 0
    paid = redeem(held, 49 * WAD, depositor)
    assert paid[FROZEN] == 0
    assert all(amount > 0 for i, amount in enumerate(paid) if i != FROZEN)


def test_sync__with_nothing_short__changes_nothing(held, tokens):
    before = held.components()
    assert [held.sync(token.address) for token in tokens] == [WAD] * 4
    assert held.get_logs() == []
    assert held.components() == before


def test_sync__of_a_token_that_is_no_component__changes_nothing(held):
    other = deployer("MockERC20").deploy("Other", "OTH", 18)
    assert held.sync(other.address) == WAD


def test_set_rebasing__makes_redeem_and_mint_and_previews_see_a_loss(held, tokens, owner, depositor):
    component = tokens[FROZEN]
    held.set_rebasing(component.address, True, sender=owner)
    [changed] = events(held, "RebasingChanged")
    assert (changed.component, changed.rebasing) == (component.address, True)
    whole = list(held.preview_redeem(WAD))
    component.slash(held.address, component.balanceOf(held.address) // 10)
    mint_preview, redeem_preview = list(held.preview_mint(WAD)), list(held.preview_redeem(WAD))
    assert whole[FROZEN] * 9 // 10 - 1 <= redeem_preview[FROZEN] < whole[FROZEN]
    with boa.env.anchor():
        assert redeem(held, WAD, depositor) == redeem_preview
    with boa.env.anchor():
        assert mint(held, WAD, depositor) == mint_preview
    assert held.preview_redeem(WAD) == redeem_preview


def test_set_rebasing__off_again__stops_the_check(held, tokens, owner, depositor):
    component = tokens[FROZEN]
    held.set_rebasing(component.address, True, sender=owner)
    held.set_rebasing(component.address, False, sender=owner)
    whole = list(held.preview_redeem(WAD))
    component.slash(held.address, 1_000)
    assert redeem(held, WAD, depositor) == whole


def test_set_rebasing__by_a_stranger_or_of_no_component__reverts(held, tokens, owner, stranger):
    with boa.reverts("owner: caller is not the owner"):
        held.set_rebasing(tokens[0].address, True, sender=stranger)
    with boa.reverts("vault: not a component"):
        held.set_rebasing(stranger, True, sender=owner)


def test_redeem_skipping__does_not_even_ask_the_balance_of_a_rebasing_component(held, tokens, owner, depositor):
    component = tokens[FROZEN]
    held.set_rebasing(component.address, True, sender=owner)
    component.slash(held.address, 1_000)
    seen = held.basket_data()
    redeem_past(held, WAD, depositor)
    # The loss is still to be shared: nobody looked.
    assert held.basket_data() == seen
    assert held.sync(component.address) < WAD


def test_claim_and_withdraw__to_nobody_or_to_the_vault__revert(held, tokens, depositor):
    for receiver in (ZERO, held.address):
        with boa.reverts("share: invalid receiver"):
            held.claim(tokens[0].address, receiver, sender=depositor)
        with boa.reverts("share: invalid receiver"):
            held.withdraw_float([0] * 4, receiver, sender=depositor)

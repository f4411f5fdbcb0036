# SPDX-License-Identifier: AGPL-3.0-only
"""IndexVault.deposit_float, withdraw_float, mint_from_float, redeem_to_float, float_of."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.vault.conftest import MAX_UINT, START_S, WAD, balances, events, fund, mint, pass_time

DEPOSIT = [20_000_000, 5_000_000_000, 5_000_000_000, 4_000_000_000]
LOSSY = 3


@pytest.fixture
def tokens(tokens: list[Any]) -> list[Any]:
    """The last one can be paused and slashed."""
    return [*tokens[:LOSSY], deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)]


@pytest.fixture
def keeper(held: Any, tokens: list[Any]) -> str:
    """Has deposited what 200 shares hold."""
    who = boa.env.generate_address("keeper")
    fund(tokens, held, who)
    held.deposit_float(DEPOSIT, sender=who)
    return who


def mint_from_float(vault: Any, shares: int, who: str, receiver: str | None = None) -> None:
    vault.mint_from_float(shares, receiver or who, vault.basket_version(), MAX_UINT, sender=who)


def redeem_to_float(vault: Any, shares: int, who: str) -> None:
    vault.redeem_to_float(shares, vault.basket_version(), MAX_UINT, sender=who)


def test_deposit_float__is_the_keepers_and_moves_nothing_else(held, tokens, keeper):
    deposited = events(held, "FloatDeposited")
    assert [(event.owner, event.component, event.amount) for event in deposited] == [
        (keeper, token.address, amount) for token, amount in zip(tokens, DEPOSIT, strict=True)
    ]
    assert held.float_of(keeper) == DEPOSIT
    assert balances(tokens, keeper) == [10**15 - amount for amount in DEPOSIT]
    assert held.totalSupply() == 10_005 * WAD // 100


def test_deposit_float__of_nothing_calls_no_token(held, tokens, keeper):
    tokens[LOSSY].set_paused(True)
    held.deposit_float([1, 0, 0, 0], sender=keeper)
    assert held.float_of(keeper) == [DEPOSIT[0] + 1, *DEPOSIT[1:]]


def test_withdraw_float__returns_all_of_it(held, tokens, keeper, receiver):
    held.withdraw_float(DEPOSIT, receiver, sender=keeper)
    withdrawn = events(held, "FloatWithdrawn")
    assert [(event.owner, event.receiver, event.component, event.amount) for event in withdrawn] == [
        (keeper, receiver, token.address, amount) for token, amount in zip(tokens, DEPOSIT, strict=True)
    ]
    assert balances(tokens, receiver) == DEPOSIT
    assert held.float_of(keeper) == [0] * 4


@pytest.mark.parametrize("i", range(4))
def test_withdraw_float__of_more_than_there_is__reverts(held, keeper, i):
    amounts = [amount + (i == j) for j, amount in enumerate(DEPOSIT)]
    with boa.reverts("float: insufficient"):
        held.withdraw_float(amounts, keeper, sender=keeper)


def test_float__of_one_is_not_anothers(held, keeper, attacker):
    assert held.float_of(attacker) == [0] * 4
    with boa.reverts("float: insufficient"):
        held.withdraw_float([1, 0, 0, 0], attacker, sender=attacker)
    with boa.reverts("float: insufficient"):
        mint_from_float(held, 1, attacker)


def test_float__of_the_wrong_length__reverts(held, keeper):
    with boa.reverts("vault: wrong number of amounts"):
        held.deposit_float([1], sender=keeper)
    with boa.reverts("vault: wrong number of amounts"):
        held.withdraw_float([1], keeper, sender=keeper)


def test_mint_from_float__costs_what_a_mint_costs_and_moves_no_token(held, tokens, keeper, receiver):
    pass_time(86_400)
    cost, before = list(held.preview_mint(100 * WAD)), balances(tokens, held.address)
    mint_from_float(held, 100 * WAD, keeper, receiver)
    [minted] = events(held, "Minted")
    assert (minted.caller, minted.receiver, minted.shares, minted.fee_shares) == (
        keeper,
        receiver,
        100 * WAD,
        5 * WAD // 100,
    )
    assert not [log for log in held.get_logs() if log.address != held.address]
    assert balances(tokens, held.address) == before
    assert held.balanceOf(receiver) == 100 * WAD
    assert held.float_of(keeper) == [had - amount for had, amount in zip(DEPOSIT, cost, strict=True)]


@pytest.mark.parametrize("i", range(4))
def test_mint_from_float__one_unit_short_of_one_component__reverts_until_it_is_there(held, keeper, i):
    """Two components share a slot: neither may pay for the other, nor be read as more than it is."""
    cost = held.preview_mint(100 * WAD)
    spare = [had - amount for had, amount in zip(DEPOSIT, cost, strict=True)]
    held.withdraw_float([amount + (i == j) for j, amount in enumerate(spare)], keeper, sender=keeper)
    with boa.reverts("float: insufficient"):
        mint_from_float(held, 100 * WAD, keeper)
    held.deposit_float([int(i == j) for j in range(4)], sender=keeper)
    mint_from_float(held, 100 * WAD, keeper)
    assert held.float_of(keeper) == [0] * 4


def test_redeem_to_float__pays_what_a_redeem_pays_and_moves_no_token(held, tokens, keeper):
    mint_from_float(held, 100 * WAD, keeper)
    pass_time(86_400)
    paid, had, before = list(held.preview_redeem(40 * WAD)), held.float_of(keeper), balances(tokens, held.address)
    redeem_to_float(held, 40 * WAD, keeper)
    [redeemed] = events(held, "Redeemed")
    assert (redeemed.caller, redeemed.receiver, redeemed.shares, redeemed.fee_shares) == (
        keeper,
        keeper,
        40 * WAD,
        2 * WAD // 100,
    )
    assert balances(tokens, held.address) == before
    assert held.float_of(keeper) == [now + amount for now, amount in zip(had, paid, strict=True)]
    assert held.balanceOf(keeper) == 60 * WAD


def test_float__round_trips_end_with_less_of_everything(held, keeper):
    for shares in (1, 10**9 + 1, 7 * WAD + 3, 100 * WAD):
        before = held.float_of(keeper)
        mint_from_float(held, shares, keeper)
        redeem_to_float(held, shares, keeper)
        assert all(now < had for now, had in zip(held.float_of(keeper), before, strict=True))


def test_shares_from_float__are_redeemed_in_kind_by_anybody(held, tokens, keeper, receiver):
    mint_from_float(held, 100 * WAD, keeper, receiver)
    expected = list(held.preview_redeem(100 * WAD))
    held.redeem(100 * WAD, receiver, expected, START_S, sender=receiver)
    assert balances(tokens, receiver) == expected
    assert held.sync(tokens[0].address) == WAD


def test_mint_from_float__while_paused_or_late__reverts(held, keeper, owner):
    data = held.basket_version()
    with boa.reverts("vault: expired"):
        held.mint_from_float(WAD, keeper, data, START_S - 1, sender=keeper)
    with boa.reverts("vault: expired"):
        held.redeem_to_float(WAD, data, START_S - 1, sender=keeper)
    held.pause(sender=owner)
    with boa.reverts("vault: paused"):
        mint_from_float(held, WAD, keeper)


def test_float__works_on_a_basket_the_keeper_has_seen_only(held, tokens, keeper, owner):
    seen = held.basket_version()
    mint_from_float(held, WAD, keeper)
    held.set_rebasing(tokens[0].address, True, sender=owner)
    with boa.reverts("vault: basket changed"):
        held.mint_from_float(WAD, keeper, seen, MAX_UINT, sender=keeper)
    with boa.reverts("vault: basket changed"):
        held.redeem_to_float(WAD, seen, MAX_UINT, sender=keeper)


def test_loss__is_shared_by_float_claims_and_backing_alike(held, tokens, keeper, depositor):
    lossy = tokens[LOSSY]
    held.redeem_skipping(50 * WAD, depositor, [0] * 4, 1 << LOSSY, MAX_UINT, sender=depositor)
    mint_from_float(held, 20 * WAD, keeper)
    redeem_to_float(held, 10 * WAD, keeper)
    floating, claimed = held.float_of(keeper)[LOSSY], held.claim_of(depositor, lossy.address)
    unit = held.components()[1][LOSSY]
    lossy.slash(held.address, lossy.balanceOf(held.address) * 3 // 10)
    left = held.sync(lossy.address)
    # What is owed is what is there, but for the dust of rounding: left is the part of the balance that stayed.
    assert 7 * WAD // 10 - WAD // 10**8 < left <= 7 * WAD // 10 + WAD // 10**8
    assert held.float_of(keeper)[LOSSY] == floating * left // WAD
    assert held.claim_of(depositor, lossy.address) == claimed * left // WAD
    assert held.components()[1][LOSSY] == unit * left // WAD
    # And every part of it can be had, to the last wei of each.
    held.withdraw_float([0, 0, 0, floating * left // WAD], keeper, sender=keeper)
    assert held.claim(lossy.address, depositor, sender=depositor) == claimed * left // WAD
    held.redeem(10 * WAD, keeper, [0] * 4, MAX_UINT, sender=keeper)
    held.redeem(50 * WAD, depositor, [0] * 4, MAX_UINT, sender=depositor)


def test_float__after_a_loss_still_mints_and_redeems_at_the_previews(held, tokens, keeper):
    lossy = tokens[LOSSY]
    lossy.slash(held.address, lossy.balanceOf(held.address) // 3)
    held.sync(lossy.address)
    before, cost = held.float_of(keeper), list(held.preview_mint(10 * WAD))
    mint_from_float(held, 10 * WAD, keeper)
    # Points are taken rounded up: at most one base unit more than the preview.
    spent = [had - now for had, now in zip(before, held.float_of(keeper), strict=True)]
    assert spent[:LOSSY] == cost[:LOSSY]
    assert cost[LOSSY] <= spent[LOSSY] <= cost[LOSSY] + 1
    redeem_to_float(held, 10 * WAD, keeper)
    assert held.float_of(keeper)[LOSSY] < before[LOSSY]


def test_deposit_float__after_a_loss_nobody_synced__is_not_cut(held, tokens, keeper):
    lossy = tokens[LOSSY]
    lossy.slash(held.address, lossy.balanceOf(held.address) // 2)
    had = held.float_of(keeper)[LOSSY]
    held.deposit_float([0, 0, 0, 10**9], sender=keeper)
    # Only what was there before is halved.
    assert had // 2 + 10**9 - 2 <= held.float_of(keeper)[LOSSY] <= had // 2 + 10**9
    assert held.sync(lossy.address) == WAD


def test_deposit_float__of_a_token_that_is_all_gone__reverts(held, tokens, keeper):
    lossy = tokens[LOSSY]
    lossy.slash(held.address, lossy.balanceOf(held.address))
    with boa.reverts("float: token is worthless"):
        held.deposit_float([0, 0, 0, 1], sender=keeper)
    assert held.float_of(keeper)[LOSSY] == DEPOSIT[LOSSY]
    held.sync(lossy.address)
    assert held.float_of(keeper)[LOSSY] == 0
    mint_from_float(held, WAD, keeper)
    assert mint(held, WAD, keeper)[LOSSY] == 0


def test_deposit_float__with_a_fee_on_transfer__reverts(create, params, tokens, depositor):
    odd = deployer("MockFeeERC20").deploy("Fee", "FEE", 6)
    index = create(params.but(tokens=(*params.tokens[:3], odd.address)))
    fund([odd], index, depositor)
    odd.set_fee(1)
    with boa.reverts("token: amount not received"):
        index.deposit_float([0, 0, 0, 10**6], sender=depositor)


def test_losses__one_after_the_other__multiply(held, tokens, keeper, depositor):
    lossy = tokens[LOSSY]
    claimed = held.redeem_skipping(50 * WAD, depositor, [0] * 4, 1 << LOSSY, MAX_UINT, sender=depositor)[LOSSY]
    index = WAD
    for _ in range(3):
        lossy.slash(held.address, lossy.balanceOf(held.address) // 5)
        index = index * held.sync(lossy.address) // WAD
    assert 512 * WAD // 1_000 - WAD // 10**6 < index < 512 * WAD // 1_000
    assert held.claim_of(depositor, lossy.address) == claimed * index // WAD
    assert held.float_of(keeper)[LOSSY] == DEPOSIT[LOSSY] * index // WAD


def test_withdraw_float__one_unit_at_a_time_after_a_loss__pays_no_more_than_at_once(held, tokens):
    lossy, who = tokens[LOSSY], boa.env.generate_address("small keeper")
    fund(tokens, held, who)
    held.deposit_float([0, 0, 0, 10], sender=who)
    lossy.slash(held.address, lossy.balanceOf(held.address) // 3)
    held.sync(lossy.address)
    # Ten units were brought, two thirds of them are left: 6 at once. Each single one takes 2 points.
    assert held.float_of(who)[LOSSY] == 6
    taken = 0
    while held.float_of(who)[LOSSY]:
        held.withdraw_float([0, 0, 0, 1], who, sender=who)
        taken += 1
    assert taken == 5

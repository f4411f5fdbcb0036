# SPDX-License-Identifier: AGPL-3.0-only
"""AuctionHouse.close, components that come and go, and the float of those whose place changes."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import (
    DELAY_S,
    DURATION_S,
    EURC,
    KEEP,
    USDC,
    USDT,
    WAD,
    WBTC,
    bid,
    rebalance,
    set_prices,
)
from tests.unit.vault.conftest import MAX_UINT, balances, events, fund, mint, pass_time, redeem

ALL = 10**40
ABANDON_S = 3 * 86_400
WITHOUT_USDC = (KEEP, 0, KEEP, 100_000_000 * WAD)
"""All USDC for EURC: more room than there is to sell."""


def test_close__writes_down_what_bids_have_moved(open_index, house, oracle, tokens, bidder, owner):
    bid(house, open_index, tokens[WBTC], tokens[USDC], 10**6, bidder)
    before, data, version = open_index.components(), open_index.basket_data(), open_index.basket_version()
    house.close(open_index.address, sender=owner)
    [told] = events(house, "AuctionClosed")
    assert (told.index, told.caller, told.dropped) == (open_index.address, owner, 0)
    assert open_index.components() == before
    assert open_index.basket_data() != data
    assert open_index.basket_version() == version + 1
    assert not open_index.in_auction()
    assert house.auction(open_index.address).state == 0
    assert open_index.float_generation() == 0


def test_close__by_anybody__only_once_it_is_over(open_index, house, stranger, owner, guardian, rebalancer):
    with boa.reverts("auction: not over"):
        house.close(open_index.address, sender=stranger)
    for who in (owner, guardian, rebalancer):
        with boa.env.anchor():
            house.close(open_index.address, sender=who)
    pass_time(DURATION_S)
    with boa.reverts("auction: not over"):
        house.close(open_index.address, sender=stranger)
    pass_time(1)
    house.close(open_index.address, sender=stranger)
    with boa.reverts("auction: not open"):
        house.close(open_index.address, sender=stranger)


def test_close__by_anybody__once_only_dust_is_left(open_index, house, tokens, bidder, stranger):
    bid(house, open_index, tokens[WBTC], tokens[USDC], 10**6, bidder)
    with boa.reverts("auction: not over"):
        house.close(open_index.address, sender=stranger)
    bid(house, open_index, tokens[WBTC], tokens[USDC], ALL, bidder)
    house.close(open_index.address, sender=stranger)


@pytest.mark.parametrize(
    ("usdc", "eurc", "is_dust"),
    [
        (24_997_500, 30_000_000, True),
        (24_997_499, 30_000_000, False),
        (20_000_000, 20_002_000, True),
        (20_000_000, 20_002_001, False),
    ],
)
def test_close__by_anybody__of_a_ten_thousandth_to_trade_and_not_of_more(start, house, stranger, usdc, eurc, is_dust):
    """25,000,000 of USDC and 20,000,000 of EURC are behind a share; a surplus is measured in what is there, a deficit
    in what is wanted."""
    index = start(rebalance((KEEP, usdc * WAD, KEEP, eurc * WAD)))
    if is_dust:
        house.close(index.address, sender=stranger)
    else:
        with boa.reverts("auction: not over"):
            house.close(index.address, sender=stranger)


def test_close__with_a_dead_oracle__works(open_index, house, oracle, stranger):
    pass_time(DURATION_S + 1)
    for feed in range(4):
        oracle.set_answer(feed, 1, 1)
    house.close(open_index.address, sender=stranger)


@pytest.fixture
def without_usdc(start: Any, house: Any, oracle: Any, tokens: list[Any], bidder: str, owner: str) -> Any:
    """The index after all its USDC was sold for EURC."""
    index = start(rebalance(WITHOUT_USDC))
    bid(house, index, tokens[USDC], tokens[EURC], ALL, bidder)
    return index


def test_component_sold_out__leaves_at_close(without_usdc, house, tokens, params, owner, depositor):
    house.close(without_usdc.address, sender=owner)
    assert events(house, "AuctionClosed")[0].dropped == 1 << USDC
    assert without_usdc.components()[0] == [params.tokens[i] for i in (WBTC, USDT, EURC)]
    assert without_usdc.price_feeds()[1] == [WBTC, USDT, EURC]
    assert without_usdc.float_generation() == 1
    # It goes on with three.
    paid = mint(without_usdc, WAD, depositor)
    assert len(paid) == 3
    assert len(redeem(without_usdc, 2 * WAD, depositor)) == 3
    # One base unit of it at most belongs to nobody now.
    assert tokens[USDC].balanceOf(without_usdc.address) <= 2


def test_component_sold_out_but_still_there__asks_nothing_of_who_mints(without_usdc, tokens, depositor):
    tokens[USDC].approve(without_usdc.address, 0, sender=depositor)
    amounts = list(without_usdc.preview_mint(WAD))
    # What is left is below one base unit a share; rounding up makes it one.
    assert amounts[USDC] <= 1


def test_component_not_sold_out__stays_with_the_unit_it_has(start, house, tokens, bidder, owner):
    index = start(rebalance(WITHOUT_USDC))
    bid(house, index, tokens[USDC], tokens[EURC], 10**9, bidder)
    house.close(index.address, sender=owner)
    assert len(index.components()[0]) == 4
    assert 0 < index.components()[1][USDC] < 25_000_000 * WAD


def test_float__follows_its_token_to_the_new_place_and_to_a_claim_when_it_left(
    without_usdc, house, tokens, owner, bidder
):
    deposit = [1_000, 2_000, 3_000, 4_000]
    without_usdc.deposit_float(deposit, sender=bidder)
    house.close(without_usdc.address, sender=owner)
    # A place is never read as another token's: until it is carried over there is none.
    assert without_usdc.float_of(bidder) == [0, 0, 0]
    without_usdc.carry_float(bidder, 0)
    [told] = events(without_usdc, "FloatCarried")
    assert (told.owner, told.generation) == (bidder, 0)
    assert without_usdc.float_of(bidder) == [1_000, 3_000, 4_000]
    assert without_usdc.claim_of(bidder, tokens[USDC].address) == 2_000
    # Once.
    without_usdc.carry_float(bidder, 0)
    assert without_usdc.float_of(bidder) == [1_000, 3_000, 4_000]
    before = balances(tokens, bidder)
    without_usdc.withdraw_float([1_000, 3_000, 4_000], bidder, sender=bidder)
    assert without_usdc.claim(tokens[USDC].address, bidder, sender=bidder) == 2_000
    assert [now - had for now, had in zip(balances(tokens, bidder), before, strict=True)] == deposit


def test_carry_float__of_the_generation_in_force__reverts(held, bidder):
    with boa.reverts("float: generation not over"):
        held.carry_float(bidder, 0)


def test_claims__survive_the_removal_of_their_token(without_usdc, house, tokens, owner, depositor):
    owed = without_usdc.redeem_skipping(WAD, depositor, [0] * 4, 1 << USDT, MAX_UINT, sender=depositor)[USDT]
    house.close(without_usdc.address, sender=owner)
    assert without_usdc.claim_of(depositor, tokens[USDT].address) == owed
    assert without_usdc.claim(tokens[USDT].address, depositor, sender=depositor) == owed


def test_component_added__is_bought_from_nothing(start, house, oracle, tokens, new_token, bidder, owner, depositor):
    index = start(rebalance((50_000 * WAD, KEEP, KEEP, KEEP, 9 * WAD * WAD), [new_token]))
    assert index.components()[0][4] == new_token.address
    assert index.components()[1][4] == 0
    # It asks nothing of anybody while it has no unit, and it can be skipped.
    assert mint(index, WAD, depositor)[4] == 0
    assert all(bid(house, index, tokens[WBTC], new_token, ALL, bidder))
    house.close(index.address, sender=owner)
    units = index.components()[1]
    assert 0 < units[4] <= 9 * WAD * WAD
    assert mint(index, WAD, depositor)[4] > 0
    assert index.price_feeds()[1] == [0, 1, 2, 3, EURC]
    assert index.nav(600) > 0
    assert index.float_generation() == 0


def test_component_added_and_never_bought__leaves_again(start, house, new_token, owner):
    index = start(rebalance((50_000 * WAD, KEEP, KEEP, KEEP, WAD * WAD), [new_token]))
    house.close(index.address, sender=owner)
    assert len(index.components()[0]) == 4
    assert index.float_generation() == 1


def test_component__removed_and_added_again__finds_its_claims_and_losses(
    create, params, house, oracle, tokens, owner, depositor
):
    lossy = deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)
    all_tokens = [*tokens[:EURC], lossy]
    index = create(params.but(tokens=tuple(token.address for token in all_tokens)))
    fund(all_tokens, index, depositor)
    mint(index, 100 * WAD, depositor)
    owed = index.redeem_skipping(WAD, depositor, [0] * 4, 1 << EURC, MAX_UINT, sender=depositor)[EURC]
    lossy.slash(index.address, lossy.balanceOf(index.address) // 2)
    left = index.sync(lossy.address)

    def run(units: Any, added: Any, sell: Any, buy: Any) -> None:
        house.propose(index.address, rebalance(units, added), sender=owner)
        pass_time(DELAY_S)
        set_prices(oracle)
        house.open(index.address, sender=owner)
        bid(house, index, sell, buy, ALL, depositor)
        house.close(index.address, sender=owner)

    house.approve_component(index.address, lossy.address, EURC, sender=owner)
    pass_time(3 * 86_400)
    run((KEEP, 10**9 * WAD, KEEP, 0), [], lossy, tokens[USDC])
    assert len(index.components()[0]) == 3
    run((KEEP, 10**6 * WAD, KEEP, 10**9 * WAD), [lossy], tokens[USDC], lossy)
    assert len(index.components()[0]) == 4
    assert index.claim_of(depositor, lossy.address) == owed * left // WAD
    # Float in it is counted in points of the index that the loss has left behind.
    index.deposit_float([0, 0, 0, 10**6], sender=depositor)
    assert index.float_of(depositor)[EURC] in (10**6 - 1, 10**6)
    before = index.float_of(depositor)[EURC]
    index.deposit_float([10**7, 10**10, 10**10, 10**10], sender=depositor)
    cost = index.preview_mint(WAD)[EURC]
    index.mint_from_float(WAD, depositor, index.basket_version(), MAX_UINT, sender=depositor)
    assert before + 10**10 - cost - 3 <= index.float_of(depositor)[EURC] <= before + 10**10 - cost
    assert [index.sync(token.address) for token in all_tokens] == [WAD] * 4


def abandon(index: Any, house: Any, owner: str) -> None:
    house.propose(index.address, rebalance((KEEP, KEEP, KEEP, 0), abandoned=1 << EURC), sender=owner)
    pass_time(ABANDON_S - 1)
    with boa.reverts("auction: not yet"):
        house.open(index.address, sender=owner)
    pass_time(1)
    house.open(index.address, sender=owner)
    assert house.auction(index.address).abandoned == 1 << EURC


def test_component_without_a_price__can_be_abandoned__and_who_skipped_it_keeps_his_claim(
    held, house, oracle, tokens, owner, depositor
):
    owed = held.redeem_skipping(50 * WAD, depositor, [0] * 4, 1 << EURC, MAX_UINT, sender=depositor)[EURC]
    pass_time(ABANDON_S)
    abandon(held, house, owner)
    with boa.reverts("oracle: stale"):
        bid(house, held, tokens[EURC], tokens[USDC], 1, depositor)
    house.close(held.address, sender=owner)
    assert len(held.components()[0]) == 3
    assert held.claim(tokens[EURC].address, depositor, sender=depositor) == owed
    # What nobody took is still there, and nobody's.
    assert tokens[EURC].balanceOf(held.address) > 0
    assert held.sync(tokens[EURC].address) == WAD


def test_component_with_a_price__cannot_be_proposed_to_be_abandoned(held, house, oracle, owner):
    proposal = rebalance((KEEP, KEEP, KEEP, 0), abandoned=1 << EURC)
    with boa.reverts("auction: abandons a price"):
        house.propose(held.address, proposal, sender=owner)
    pass_time(ABANDON_S - 10)
    with boa.reverts("auction: abandons a price"):
        house.propose(held.address, proposal, sender=owner)
    pass_time(10)
    house.propose(held.address, proposal, sender=owner)


@pytest.mark.parametrize("stop", ["set_tripped", "set_paused"])
def test_component__whose_oracle_refused_for_a_moment__is_not_abandoned(held, house, oracle, owner, stranger, stop):
    """A trip or a pause at the proposal is not enough: there must be no price three days later either."""
    arguments = (EURC,) if stop == "set_tripped" else ()
    getattr(oracle, stop)(*arguments, True)
    abandon(held, house, owner)
    with boa.env.anchor():
        house.close(held.address, sender=owner)
        assert len(held.components()[0]) == 3
    getattr(oracle, stop)(*arguments, False)
    set_prices(oracle)
    house.close(held.address, sender=owner)
    assert len(held.components()[0]) == 4


def test_contest__once_there_is_a_price__takes_the_proposal_back(held, house, oracle, owner, stranger):
    with boa.reverts("auction: nothing proposed"):
        house.contest(held.address, sender=stranger)
    oracle.set_tripped(EURC, True)
    house.propose(held.address, rebalance((KEEP, KEEP, KEEP, 0), abandoned=1 << EURC), sender=owner)
    with boa.reverts("auction: nothing to contest"):
        house.contest(held.address, sender=stranger)
    oracle.set_tripped(EURC, False)
    house.contest(held.address, sender=stranger)
    [told] = events(house, "RebalanceCancelled")
    assert (told.index, told.caller) == (held.address, stranger)
    pass_time(ABANDON_S)
    with boa.reverts("auction: nothing proposed"):
        house.open(held.address, sender=owner)


def test_contest__of_a_proposal_that_abandons_nothing__reverts(held, house, owner, stranger):
    house.propose(held.address, rebalance((KEEP, KEEP, KEEP, 0)), sender=owner)
    with boa.reverts("auction: nothing to contest"):
        house.contest(held.address, sender=stranger)


def test_component__whose_oracle_is_no_more__can_be_abandoned(held, house, oracle, owner):
    boa.env.set_code(oracle.address, b"")
    abandon(held, house, owner)
    house.close(held.address, sender=owner)
    assert len(held.components()[0]) == 3


def test_auction__of_an_index_without_shares__removes_and_never_removes_all(create, params, house, owner):
    index = create(params.as_tuple())
    house.propose(index.address, rebalance((0, 0, KEEP, 0)), sender=owner)
    pass_time(DELAY_S)
    house.open(index.address, sender=owner)
    house.close(index.address, sender=owner)
    assert index.components()[0] == [params.tokens[USDT]]

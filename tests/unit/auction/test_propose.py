# SPDX-License-Identifier: AGPL-3.0-only
"""AuctionHouse.propose, cancel and open: what may become of an index, who says so, and when."""

from __future__ import annotations

import boa
import pytest

from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import (
    APPROVAL_S,
    DELAY_S,
    DURATION_S,
    EURC,
    FLOOR_BPS,
    HALF_WBTC,
    KEEP,
    MAX_AGE_S,
    START_BPS,
    USDC,
    WAD,
    WBTC,
    WINDOW_S,
    rebalance,
    set_prices,
)
from tests.unit.vault.conftest import START_S, events, fund, mint, pass_time

IDLE, PROPOSED, OPEN = range(3)
ZERO = "0x" + "00" * 20


def test_propose__says_when_it_may_be_opened(held, house, rebalancer):
    house.propose(held.address, rebalance(), sender=rebalancer)
    [told] = events(house, "RebalanceProposed")
    assert (told.index, told.caller, told.opens_at) == (held.address, rebalancer, START_S + DELAY_S)
    assert (told.units, told.tokens, told.abandoned) == (list(HALF_WBTC), [], 0)
    auction = house.auction(held.address)
    assert (auction.state, auction.starts_at, auction.ends_at) == (
        PROPOSED,
        START_S + DELAY_S,
        START_S + DELAY_S + WINDOW_S,
    )
    assert (auction.start_bps, auction.floor_bps, auction.max_age) == (START_BPS, FLOOR_BPS, MAX_AGE_S)
    assert auction.target == told.target
    assert not held.in_auction()


def test_propose__by_the_owner__works_without_a_rebalancer(held, house, owner):
    house.propose(held.address, rebalance(), sender=owner)
    assert house.auction(held.address).state == PROPOSED


def test_propose_and_open__by_anybody_else__revert(held, house, rebalancer, guardian, stranger):
    for who in (stranger, guardian, ZERO):
        with boa.reverts("auction: not the rebalancer"):
            house.propose(held.address, rebalance(), sender=who)
    house.propose(held.address, rebalance(), sender=rebalancer)
    pass_time(DELAY_S)
    for who in (stranger, guardian):
        with boa.reverts("auction: not the rebalancer"):
            house.open(held.address, sender=who)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"start_bps": 10_000}, "auction: start out of range"),
        ({"start_bps": 12_001}, "auction: start out of range"),
        ({"floor_bps": 9_799}, "auction: floor out of range"),
        ({"floor_bps": 10_001}, "auction: floor out of range"),
        ({"duration": 599}, "auction: duration out of range"),
        ({"duration": 86_401}, "auction: duration out of range"),
        ({"max_age": 0}, "auction: max age out of range"),
        ({"max_age": 3_601}, "auction: max age out of range"),
        ({"units": HALF_WBTC[:3]}, "auction: wrong number of units"),
        ({"units": (0, 0, 0, 0)}, "auction: removes everything"),
        ({"abandoned": 1 << 4, "units": HALF_WBTC}, "auction: abandons nothing"),
        ({"abandoned": 1, "units": HALF_WBTC}, "auction: abandons what stays"),
        ({"abandoned": 4, "units": HALF_WBTC}, "auction: abandons what stays"),
    ],
)
def test_propose__out_of_the_limits__reverts_with_the_reason(held, house, rebalancer, changes, reason):
    with boa.reverts(reason):
        house.propose(held.address, rebalance(**changes), sender=rebalancer)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_bps": 10_001, "floor_bps": 9_800, "duration": 600, "max_age": 1},
        {"start_bps": 12_000, "floor_bps": 10_000, "duration": 86_400, "max_age": 3_600},
    ],
)
def test_propose__at_the_limits__is_kept_as_it_was_said(held, house, oracle, rebalancer, changes):
    house.propose(held.address, rebalance(**changes), sender=rebalancer)
    pass_time(DELAY_S + 1)
    set_prices(oracle)
    house.open(held.address, sender=rebalancer)
    auction = house.auction(held.address)
    now = boa.env.evm.patch.timestamp
    assert (auction.state, auction.starts_at, auction.ends_at) == (OPEN, now, now + changes["duration"])
    assert (auction.start_bps, auction.floor_bps, auction.max_age) == (
        changes["start_bps"],
        changes["floor_bps"],
        changes["max_age"],
    )


def test_propose__again__takes_the_place_of_the_last_and_waits_anew(held, house, rebalancer):
    house.propose(held.address, rebalance(), sender=rebalancer)
    pass_time(DELAY_S - 1)
    house.propose(held.address, rebalance((KEEP, 0, KEEP, 30_000_000 * WAD)), sender=rebalancer)
    pass_time(DELAY_S - 1)
    with boa.reverts("auction: not yet"):
        house.open(held.address, sender=rebalancer)
    pass_time(1)
    house.open(held.address, sender=rebalancer)
    above, below = house.lots(held.address)
    assert [bool(lot) for lot in above] == [False, True, False, False]
    assert [bool(lot) for lot in below] == [False, False, False, True]


def test_propose__while_an_auction_is_open__reverts(open_index, house, rebalancer):
    with boa.reverts("auction: is open"):
        house.propose(open_index.address, rebalance(), sender=rebalancer)


def test_open__begins_the_auction(held, house, rebalancer):
    house.propose(held.address, rebalance(), sender=rebalancer)
    pass_time(DELAY_S)
    version = held.basket_version()
    house.open(held.address, sender=rebalancer)
    [told] = events(house, "AuctionOpened")
    now = START_S + DELAY_S
    assert (told.index, told.caller, told.starts_at, told.ends_at) == (held.address, rebalancer, now, now + DURATION_S)
    assert (told.start_bps, told.floor_bps) == (START_BPS, FLOOR_BPS)
    assert held.in_auction()
    # Nothing has moved yet.
    assert held.basket_version() == version


def test_open__too_late__reverts(held, house, rebalancer):
    house.propose(held.address, rebalance(), sender=rebalancer)
    pass_time(DELAY_S + WINDOW_S)
    with boa.env.anchor():
        house.open(held.address, sender=rebalancer)
    pass_time(1)
    with boa.reverts("auction: too late"):
        house.open(held.address, sender=rebalancer)


def test_open__twice_or_of_nothing__reverts(open_index, house, create, params, rebalancer, owner):
    with boa.reverts("auction: nothing proposed"):
        house.open(open_index.address, sender=rebalancer)
    with boa.reverts("auction: nothing proposed"):
        house.open(create(params.as_tuple()).address, sender=owner)
    with boa.reverts("auction: nothing proposed"):
        house.lots(create(params.as_tuple()).address)


def test_cancel__takes_the_proposal_back(held, house, owner, guardian, rebalancer, stranger):
    for who in (owner, guardian, rebalancer):
        house.propose(held.address, rebalance(), sender=rebalancer)
        with boa.reverts("auction: no role"):
            house.cancel(held.address, sender=stranger)
        house.cancel(held.address, sender=who)
        [told] = events(house, "RebalanceCancelled")
        assert (told.index, told.caller) == (held.address, who)
        assert house.auction(held.address).state == IDLE
    pass_time(DELAY_S)
    with boa.reverts("auction: nothing proposed"):
        house.open(held.address, sender=rebalancer)


def test_cancel__of_an_open_auction__reverts(open_index, house, owner):
    with boa.reverts("auction: nothing proposed"):
        house.cancel(open_index.address, sender=owner)


def test_targets__are_fixed_per_base__the_streaming_fee_between_proposal_and_close_moves_none(start, house):
    index = start()
    above, below = house.lots(index.address)
    pass_time(30 * 86_400)
    assert house.lots(index.address) == (above, below)


def test_component_left_as_it_is__stays_so_after_a_loss(create, params, tokens, house, oracle, owner, depositor):
    lossy = deployer("MockSlashableERC20").deploy("Lossy", "LOSS", 6)
    index = create(params.but(tokens=(*params.tokens[:EURC], lossy.address)))
    fund([*tokens[:EURC], lossy], index, depositor)
    mint(index, 100 * WAD, depositor)
    house.propose(index.address, rebalance(), sender=owner)
    pass_time(DELAY_S)
    lossy.slash(index.address, 10**6)
    index.sync(lossy.address)
    house.open(index.address, sender=owner)
    assert house.lots(index.address)[1][EURC] == 0
    assert house.lots(index.address)[0][WBTC] > 0


def test_addition__needs_an_approval_that_is_old_enough(held, house, rebalancer, owner, stranger):
    token = deployer("MockERC20").deploy("New", "NEW", 18)
    plan = rebalance((*HALF_WBTC, WAD), [token])
    with boa.reverts("auction: token not approved"):
        house.propose(held.address, plan, sender=rebalancer)
    with boa.reverts("auction: not the owner"):
        house.approve_component(held.address, token.address, EURC, sender=stranger)
    with boa.reverts("auction: not the owner"):
        house.approve_component(held.address, token.address, EURC, sender=rebalancer)
    house.approve_component(held.address, token.address, EURC, sender=owner)
    [told] = events(house, "ComponentApproved")
    assert (told.index, told.token, told.feed) == (held.address, token.address, EURC)
    assert told.valid_from == boa.env.evm.patch.timestamp + APPROVAL_S == house.approval(held.address, token.address)[1]
    pass_time(APPROVAL_S - 1)
    with boa.reverts("auction: token not approved"):
        house.propose(held.address, plan, sender=rebalancer)
    pass_time(1)
    house.propose(held.address, plan, sender=rebalancer)
    # Another index's approval is its own.
    house.revoke_component(held.address, token.address, sender=owner)
    assert house.approval(held.address, token.address) == (0, 0)
    pass_time(DELAY_S)
    with boa.reverts("auction: token not approved"):
        house.open(held.address, sender=rebalancer)


def test_open__after_an_approval_with_another_feed__waits_anew(held, house, oracle, owner, new_token):
    """Or who has the owner's key would approve an honest token, and price it by another's feed when it is sold for."""
    house.propose(held.address, rebalance((KEEP, 0, KEEP, KEEP, 10**30 * WAD), [new_token]), sender=owner)
    pass_time(DELAY_S)
    house.approve_component(held.address, new_token.address, WBTC, sender=owner)
    with boa.reverts("auction: token not approved"):
        house.open(held.address, sender=owner)
    pass_time(APPROVAL_S + DELAY_S - 1)
    with boa.reverts("auction: token not approved"):
        house.open(held.address, sender=owner)
    pass_time(1)
    house.open(held.address, sender=owner)


def test_approve_component__of_no_token_or_an_unknown_feed__reverts(held, house, owner, stranger, tokens):
    with boa.reverts("auction: not a token"):
        house.approve_component(held.address, stranger, 0, sender=owner)
    with boa.reverts("auction: not a token"):
        house.approve_component(held.address, held.address, 0, sender=owner)
    with boa.reverts("auction: unknown feed"):
        house.approve_component(held.address, tokens[0].address, 256, sender=owner)


@pytest.mark.parametrize(
    ("units", "count", "reason"),
    [
        ((*HALF_WBTC, 0), 1, "auction: added without a unit"),
        ((*HALF_WBTC, KEEP), 1, "auction: added without a unit"),
        (HALF_WBTC, 1, "auction: wrong number of units"),
        ((*HALF_WBTC, WAD, WAD), 2, "auction: token twice"),
    ],
)
def test_addition__that_is_unsound__reverts(held, house, new_token, rebalancer, units, count, reason):
    with boa.reverts(reason):
        house.propose(held.address, rebalance(units, [new_token] * count), sender=rebalancer)


def test_addition__of_a_component__reverts(held, house, tokens, rebalancer, owner):
    house.approve_component(held.address, tokens[USDC].address, USDC, sender=owner)
    pass_time(APPROVAL_S)
    with boa.reverts("auction: is a component"):
        house.propose(held.address, rebalance((*HALF_WBTC, WAD), [tokens[USDC]]), sender=rebalancer)


def test_addition__of_too_many_at_once__reverts(held, house, new_token, rebalancer):
    with boa.reverts("auction: too many additions"):
        house.propose(held.address, rebalance((*HALF_WBTC, *[WAD] * 17), [new_token] * 17), sender=rebalancer)
    with boa.reverts("auction: too many components"):
        house.propose(held.address, rebalance((*HALF_WBTC, *[WAD] * 28), [new_token] * 29), sender=rebalancer)


def test_addition__with_28_decimals__cannot_be_opened(held, house, rebalancer, owner):
    odd = deployer("MockERC20").deploy("Odd", "ODD", 28)
    house.approve_component(held.address, odd.address, EURC, sender=owner)
    pass_time(APPROVAL_S)
    house.propose(held.address, rebalance((*HALF_WBTC, WAD), [odd]), sender=rebalancer)
    pass_time(DELAY_S)
    with boa.reverts("auction: too many token decimals"):
        house.open(held.address, sender=rebalancer)

# SPDX-License-Identifier: AGPL-3.0-only
"""NavDesk.settle and expire: which round, at what price, and who could hold an option."""

from __future__ import annotations

import random

import boa
import pytest

from tests.unit.periphery.desk import ASSETS, DELAY_S, DOWN, LIFE_S, PRICES, SHARES, UP, Desk, room
from tests.unit.periphery.market import EURC, FOREVER, USDC, WAD, WBTC
from tests.unit.vault.conftest import events


@pytest.mark.parametrize("prices", [PRICES, UP, DOWN])
def test_settle__a_buy__at_the_round_s_prices__leaves_the_rest_as_credit(desk: Desk, prices, attacker):
    id_ = desk.buy(WAD, 150 * 10**6)
    round_id = desk.first_round(*prices)
    cost = desk.cost(WAD, prices)
    desk.desk.settle(id_, round_id, [0], sender=attacker)
    [settled] = events(desk.desk, "Settled")
    assert settled[1:] == (id_, round_id, cost)
    assert desk.credits(desk.requester) == (150 * 10**6 - cost, WAD)
    assert desk.credits(desk.maker) == (ASSETS + cost, SHARES - WAD)
    assert desk.held() == (ASSETS + 150 * 10**6, SHARES)
    desk.desk.withdraw(desk.vault.address, WAD, desk.requester, sender=desk.requester)


@pytest.mark.parametrize("prices", [PRICES, UP, DOWN])
def test_settle__a_sell__at_the_round_s_prices__pays_out_of_what_was_set_aside(desk: Desk, prices, attacker):
    id_ = desk.sell(WAD, 90 * 10**6, 120 * 10**6)
    round_id = desk.first_round(*prices)
    proceeds = desk.proceeds(WAD, prices)
    desk.desk.settle(id_, round_id, [0], sender=attacker)
    assert desk.credits(desk.requester) == (proceeds, 0)
    assert desk.credits(desk.maker) == (ASSETS - proceeds, SHARES + WAD)
    desk.desk.withdraw(desk.usdc.address, proceeds, desk.requester, sender=desk.requester)


def test_settle__twice__reverts(desk: Desk):
    id_ = desk.buy()
    round_id = desk.first_round()
    desk.desk.settle(id_, round_id, [0])
    for call in (lambda: desk.desk.settle(id_, round_id, [0]), lambda: desk.desk.expire(id_)):
        with boa.reverts("desk: no such request"):
            call()
    assert tuple(desk.desk.request(id_)) == ("0x" + "00" * 20, False, 0, 0, 0, 0, 0, 0)


def test_settle__above_a_buyer_s_limit__gives_both_sides_back(desk: Desk):
    limit = room(desk.desk.quote(WAD)[0])
    id_ = desk.buy(WAD, limit)
    round_id = desk.first_round(*UP)
    desk.desk.settle(id_, round_id, [0])
    [unfilled] = events(desk.desk, "Unfilled")
    assert unfilled[1:] == (id_, round_id, desk.cost(WAD, UP))
    assert desk.credits(desk.requester) == (limit, 0)
    assert desk.credits(desk.maker) == (ASSETS, SHARES)


@pytest.mark.parametrize("prices", [UP, DOWN])
def test_settle__outside_a_seller_s_limits__gives_both_sides_back(desk: Desk, prices):
    _, today = desk.desk.quote(WAD)
    id_ = desk.sell(WAD, today * 99 // 100, room(today))
    desk.desk.settle(id_, desk.first_round(*prices), [0])
    assert desk.credits(desk.requester) == (0, WAD)
    assert desk.credits(desk.maker) == (ASSETS, SHARES)


# ---- which round: a price that could be known at the request is never the price paid, and nobody chooses


def test_settle__at_a_round_before_the_request__reverts(desk: Desk):
    seen = desk.round(*DOWN)
    id_ = desk.buy()
    desk.first_round(*UP)
    with boa.reverts("desk: round too early"):
        desk.desk.settle(id_, seen, [0])


def test_settle__at_a_round_on_chain_ahead_of_the_request_s_block__reverts(desk: Desk):
    """The oracle lets a round lie 15 s ahead of its block: such a one is there when the request is made."""
    bundle = desk.rounds.bundle(*[DOWN] * 3, at=desk.now() + 15)
    desk.rounds.oracle.submit(*bundle.args)
    desk.rounds.timestamp = bundle.timestamp
    seen, stamped = desk.rounds.oracle.latest_round()
    id_ = desk.buy()
    assert stamped > desk.now()
    desk.first_round(*UP)
    with boa.reverts("desk: round too early"):
        desk.desk.settle(id_, seen, [0])


def test_settle__at_a_round_a_second_too_early__reverts_and_at_the_next_does_not(desk: Desk):
    boa.env.evm.patch.timestamp += 1
    id_ = desk.buy()
    early = desk.round(*DOWN, after_s=DELAY_S)
    due = desk.round(*UP)
    with boa.reverts("desk: round too early"):
        desk.desk.settle(id_, early, [0])
    desk.desk.settle(id_, due, [0])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, UP)


@pytest.mark.parametrize("witness", range(5))
def test_settle__at_a_later_round_that_suits_better__reverts(desk: Desk, witness: int):
    id_ = desk.buy()
    first = desk.first_round(*UP)
    suits = desk.round(*DOWN)
    with boa.reverts("desk: not the first round"):
        desk.desk.settle(id_, suits, [witness])
    desk.desk.settle(id_, first, [witness])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, UP)


def test_settle__when_a_feed_missed_the_first_round__is_at_the_first_complete_one(desk: Desk):
    id_ = desk.buy()
    incomplete = desk.first_round(*UP[:EURC], 0)
    complete = desk.round(*DOWN)
    with boa.reverts("oracle: no answer in round"):
        desk.desk.settle(id_, incomplete, [0])
    # A feed that did answer proves nothing; the one that missed does.
    with boa.reverts("desk: not the first round"):
        desk.desk.settle(id_, complete, [WBTC])
    desk.desk.settle(id_, complete, [EURC])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, DOWN)


def test_settle__when_the_asset_missed_the_first_round__the_asset_is_witness(desk: Desk):
    id_ = desk.buy()
    prices = list(UP)
    prices[USDC] = 0
    desk.first_round(*prices)
    complete = desk.round(*DOWN)
    with boa.reverts("desk: unknown witness"):
        desk.desk.settle(id_, complete, [5])
    desk.desk.settle(id_, complete, [4])


def test_settle__after_an_incomplete_and_a_complete_round__at_a_third__reverts(desk: Desk):
    id_ = desk.buy()
    desk.first_round(*UP[:EURC], 0)
    desk.round(*UP)
    third = desk.round(*DOWN)
    # The round in between has every feed: whoever is asked answered in it, and nobody gets past it.
    for witnesses in (*([witness] for witness in range(5)), [], [EURC] * 2, [WBTC, EURC], [0, 1, 2, 3, 4] * 20):
        with boa.reverts("desk: not the first round"):
            desk.desk.settle(id_, third, witnesses)


def without(feed: int) -> list[int]:
    return [0 if i == feed else price for i, price in enumerate(UP)]


def test_settle__when_two_rounds_each_missed_another_feed__a_chain_of_witnesses_proves_it(desk: Desk):
    """No one feed is missing from both: each of them proves one round, the later one first."""
    id_ = desk.buy()
    desk.first_round(*without(WBTC))
    desk.round(*without(EURC))
    complete = desk.round(*DOWN)
    for witnesses in (*([witness] for witness in range(5)), [], [WBTC, EURC], [EURC] * 2, [EURC, USDC]):
        with boa.reverts("desk: not the first round"):
            desk.desk.settle(id_, complete, witnesses)
    with boa.reverts("desk: unknown witness"):
        desk.desk.settle(id_, complete, [EURC, 5])
    desk.desk.settle(id_, complete, [USDC, EURC, WBTC])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, DOWN)


def test_settle__of_whatever_rounds_there_were__at_the_first_complete_one_only(desk: Desk):
    """Each round misses a random set of feeds. The chain that says what was missing, latest round first, settles at the
    first complete round; at a later one no chain does, random ones and the most a chain can say among them."""
    rng = random.Random(11)
    for _ in range(8):
        with boa.env.anchor():
            at = desk.rounds.timestamp
            id_ = desk.buy()
            missing: list[list[int]] = []
            ids: list[int] = []
            for i in range(5):
                gone = [] if i == 4 else rng.sample(range(4), rng.choice((0, 1, 1, 2, 3)))
                prices = [0 if feed in gone else price for feed, price in enumerate(UP)]
                ids.append(desk.round(*prices) if i else desk.first_round(*prices))
                missing.append(gone)
            first = missing.index([])
            for later in range(first + 1, 5):
                for chain in ([*range(5)] * 10, [rng.randrange(5) for _ in range(rng.randrange(12))]):
                    unanswered = USDC in missing[later]
                    with boa.reverts("oracle: no answer in round" if unanswered else "desk: not the first round"):
                        desk.desk.settle(id_, ids[later], chain)
            desk.desk.settle(id_, ids[first], [rng.choice(missing[i]) for i in reversed(range(first))])
        desk.rounds.timestamp = at


def test_settle__when_more_rounds_than_feeds_were_spoilt_in_turns__still_has_its_proof(desk: Desk):
    """Who leaves one of two feeds out of every other round makes a chain that is as long as the rounds."""
    id_ = desk.buy()
    desk.first_round(*without(WBTC))
    for i in range(35):
        desk.round(*without((EURC, WBTC)[i % 2]))
    complete = desk.round(*DOWN)
    chain = [(EURC, WBTC)[i % 2] for i in range(36)]
    with boa.reverts("desk: not the first round"):
        desk.desk.settle(id_, complete, chain[:-1])
    desk.desk.settle(id_, complete, chain)
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD, DOWN)


# ---- nobody can leave, and nobody need wait for the other


def test_maker__cannot_withdraw_what_a_request_set_aside(desk: Desk):
    desk.buy(100 * WAD, 11_000 * 10**6)
    desk.sell(100 * WAD, 0, 11_000 * 10**6)
    for token, most in ((desk.usdc, ASSETS - 11_000 * 10**6), (desk.vault, SHARES - 100 * WAD)):
        with boa.reverts("desk: insufficient credit"):
            desk.desk.withdraw(token.address, most + 1, desk.maker, sender=desk.maker)
        desk.desk.withdraw(token.address, most, desk.maker, sender=desk.maker)


def test_either_side__settles_when_the_other_would_rather_not(desk: Desk):
    """The price has run against the one who would have to act: the other one acts."""
    buys, sells = desk.buy(), desk.sell()
    round_id = desk.first_round(*UP)
    desk.round(*DOWN)
    desk.desk.settle(buys, round_id, [0], sender=desk.maker)
    desk.desk.settle(sells, round_id, [0], sender=desk.requester)
    assert desk.credits(desk.requester) == (200 * 10**6 - desk.cost(WAD, UP) + desk.proceeds(WAD, UP), WAD)


def test_terms_changed_after_a_request__do_not_touch_it(desk: Desk):
    id_ = desk.buy()
    desk.desk.set_terms(500, 0, 0, sender=desk.maker)
    desk.desk.settle(id_, desk.first_round(), [0])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD)


def test_both_sides_at_once__with_tight_limits__pay_the_spread_and_win_nothing(desk: Desk):
    """A straddle of requests is no straddle: one dies, the other trades at the fair price of its round."""
    buy_limit, sell_limit = desk.desk.quote(10 * WAD)
    for move in (UP, DOWN):
        with boa.env.anchor():
            buys = desk.buy(10 * WAD, room(buy_limit))
            sells = desk.sell(10 * WAD, sell_limit * 99 // 100, 1_200 * 10**6)
            round_id = desk.first_round(*move)
            for id_ in (buys, sells):
                desk.desk.settle(id_, round_id, [0])
            asset, shares = desk.credits(desk.requester)
            worth_before = room(buy_limit) + desk.fair(10 * WAD, move)
            assert asset + desk.fair(shares, move) < worth_before


def test_loss_shared_in_between__the_share_that_changes_hands_is_paid_for_as_it_is(desk: Desk):
    id_, before = desk.buy(), desk.cost(WAD)
    round_id = desk.first_round()
    eurc = desk.tokens[EURC]
    eurc.slash(desk.vault.address, eurc.balanceOf(desk.vault.address) // 2)
    desk.vault.sync(eurc.address)
    desk.desk.settle(id_, round_id, [0])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD)
    assert desk.cost(WAD) < before * 92 // 100


def test_donation_and_mint_in_between__move_no_price(desk: Desk):
    id_ = desk.buy()
    round_id = desk.first_round()
    for token in desk.tokens:
        token.mint(desk.vault.address, 10**12)
    desk.vault.mint(10 * WAD, desk.maker, [FOREVER] * 4, FOREVER, sender=desk.maker)
    desk.desk.settle(id_, round_id, [0])
    assert desk.credits(desk.maker)[0] == ASSETS + desk.cost(WAD)


def test_credit__is_backed_to_the_wei_through_anything(desk: Desk):
    """The books: credit and what is set aside are what the desk holds, after each of 120 random steps."""
    rng = random.Random(4)
    open_ids: list[int] = []
    rounds: list[int] = [1]
    for _ in range(120):
        step = rng.choice(["buy", "sell", "round", "settle", "settle", "expire", "time"])
        try:
            if step == "buy":
                open_ids.append(desk.buy(rng.randrange(10**15, 20 * WAD), rng.randrange(10**6, 2_500 * 10**6)))
            elif step == "sell":
                shares = rng.randrange(10**15, 20 * WAD)
                today = desk.desk.quote(shares)[1]
                open_ids.append(desk.sell(shares, today * rng.randrange(90, 100) // 100, today * 11 // 10))
            elif step == "round":
                move = rng.randrange(98, 103)
                rounds.append(desk.first_round(PRICES[0] * move // 100, *PRICES[1:]))
            elif step == "settle" and open_ids:
                desk.desk.settle(rng.choice(open_ids), rng.choice(rounds[-3:]), [rng.randrange(5)])
            elif step == "expire" and open_ids:
                desk.desk.expire(rng.choice(open_ids))
            elif rng.random() < 0.1:
                boa.env.evm.patch.timestamp += LIFE_S
        except boa.BoaError:
            pass
        aside = [desk.desk.request(i) for i in range(desk.desk.request_count())]
        credit = [sum(each) for each in zip(desk.credits(desk.maker), desk.credits(desk.requester), strict=True)]
        assert (credit[0] + sum(r[3] for r in aside), credit[1] + sum(r[2] for r in aside)) == desk.held()
    assert desk.credits(desk.requester) != (0, 0)

# SPDX-License-Identifier: AGPL-3.0-only
"""AuctionHouse.bid and quote: what is exchanged, at which price, and how far."""

from __future__ import annotations

import boa
import pytest

from tests.unit.auction.conftest import (
    DURATION_S,
    EURC,
    FLOOR_BPS,
    HALF_WBTC,
    KEEP,
    MAX_AGE_S,
    PRICES,
    START_BPS,
    USDC,
    USDT,
    WAD,
    WBTC,
    bid,
    floor_due,
    rebalance,
    set_prices,
)
from tests.unit.vault.conftest import balances, events, mint, pass_time, redeem

LOT = 2_000_000
"""0.02 of the 0.05 WBTC for sale."""
SHARES_OUT = 10_005 * WAD // 100
"""100 shares and the mint fee."""


def due(sold: int, factor_bps: int) -> int:
    return floor_due(sold, (PRICES[WBTC], PRICES[USDC]), factor_bps, (8, 6))


def test_bid__exchanges_at_the_start_price_in_the_first_block(open_index, house, tokens, bidder):
    before = balances(tokens, bidder)
    assert house.factor_bps(open_index.address) == START_BPS
    assert bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder) == (LOT, due(LOT, START_BPS))
    [told] = events(house, "Bid")
    assert (told.index, told.bidder, told.sell, told.buy) == (
        open_index.address,
        bidder,
        tokens[WBTC].address,
        tokens[USDC].address,
    )
    assert (told.sold, told.bought, told.factor_bps) == (LOT, due(LOT, START_BPS), START_BPS)
    after = balances(tokens, bidder)
    assert [now - had for now, had in zip(after, before, strict=True)] == [LOT, -due(LOT, START_BPS), 0, 0]


def test_bid__moves_the_units_by_what_was_exchanged_per_share(open_index, house, tokens, bidder):
    units, supply = list(open_index.components()[1]), open_index.totalSupply()
    sold, bought = bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder)
    now = list(open_index.components()[1])
    assert now[USDT:] == units[USDT:]
    # A wei of the supply, which is rounded down itself, is worth less than 10**5 of D18.
    assert -(10**5) <= now[WBTC] - (units[WBTC] - sold * WAD * WAD // supply) <= 10**5
    assert -(10**5) <= now[USDC] - (units[USDC] + bought * WAD * WAD // supply) <= 10**5


def test_bid__price_falls_in_a_line_to_the_floor_and_no_further(open_index, house, tokens, bidder):
    for elapsed_s, factor_bps in ((DURATION_S // 4, 10_350), (DURATION_S // 2, 10_200), (DURATION_S, FLOOR_BPS)):
        with boa.env.anchor():
            boa.env.evm.patch.timestamp += elapsed_s
            assert house.factor_bps(open_index.address) == factor_bps
            boa.env.evm.patch.timestamp -= elapsed_s


def test_bid__at_the_end__pays_the_oracles_price_less_the_tolerance(open_index, house, oracle, tokens, bidder):
    pass_time(DURATION_S)
    set_prices(oracle)
    assert bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder) == (LOT, due(LOT, FLOOR_BPS))


def test_bid__after_the_end__reverts(open_index, house, oracle, tokens, bidder):
    pass_time(DURATION_S + 1)
    set_prices(oracle)
    with boa.reverts("auction: over"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder)
    with boa.reverts("auction: over"):
        house.quote(open_index.address, tokens[WBTC].address, tokens[USDC].address, LOT)


def test_bid__before_the_auction_is_open__reverts(held, house, tokens, bidder, rebalancer):
    with boa.reverts("auction: not open"):
        bid(house, held, tokens[WBTC], tokens[USDC], LOT, bidder)
    house.propose(held.address, rebalance(), sender=rebalancer)
    with boa.reverts("auction: not open"):
        bid(house, held, tokens[WBTC], tokens[USDC], LOT, bidder)


def test_quote__is_what_the_bid_does(open_index, house, oracle, tokens, bidder):
    for elapsed_s, most in ((0, 1), (61, LOT), (777, 10**30)):
        pass_time(elapsed_s)
        set_prices(oracle)
        quoted = tuple(house.quote(open_index.address, tokens[WBTC].address, tokens[USDC].address, most))
        assert bid(house, open_index, tokens[WBTC], tokens[USDC], most, bidder) == quoted


def test_bid__for_one_base_unit__still_pays_for_it(open_index, house, tokens, bidder):
    assert bid(house, open_index, tokens[WBTC], tokens[USDC], 1, bidder) == (1, due(1, START_BPS))


def test_bid__for_more_than_there_is__takes_what_there_is(start, house, tokens, bidder):
    index = start(rebalance((50_000 * WAD, 60_000_000 * WAD, KEEP, KEEP)))
    above, below = house.lots(index.address)
    # Half of what 100.05 shares hold, but for the index's rounding.
    assert above == [SHARES_OUT * 50_000 // WAD - 1, 0, 0, 0]
    assert below[USDC] == pytest.approx(SHARES_OUT * 35_000_000 // WAD, abs=2)
    sold, _ = bid(house, index, tokens[WBTC], tokens[USDC], 10**30, bidder)
    assert sold == above[WBTC]
    assert house.lots(index.address)[0] == [0] * 4
    with boa.reverts("auction: nothing to trade"):
        bid(house, index, tokens[WBTC], tokens[USDC], 1, bidder)


def test_bid__for_more_than_the_index_wants_in_return__is_filled_in_part(open_index, house, tokens, bidder):
    above, below = house.lots(open_index.address)
    sold, bought = bid(house, open_index, tokens[WBTC], tokens[USDC], 10**30, bidder)
    assert sold < above[WBTC]
    assert below[USDC] - 220 <= bought <= below[USDC]
    assert house.lots(open_index.address)[1][USDC] <= 220


def test_bids__never_pass_a_target(open_index, house, oracle, tokens, bidder):
    for lot in (1, 17, 10**6, 10**6, 10**30):
        bid(house, open_index, tokens[WBTC], tokens[USDC], lot, bidder)
        units = open_index.components()[1]
        assert units[WBTC] >= HALF_WBTC[WBTC]
        assert units[USDC] <= HALF_WBTC[USDC]


def test_bid__of_less_than_wanted__reverts(open_index, house, tokens, bidder):
    sold, _ = house.quote(open_index.address, tokens[WBTC].address, tokens[USDC].address, 10**30)
    with boa.reverts("auction: less than wanted"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], 10**30, bidder, least=sold + 1)
    assert bid(house, open_index, tokens[WBTC], tokens[USDC], 10**9, bidder, least=sold)[0] == sold


def test_bid__above_the_limit__reverts_also_for_a_part(open_index, house, tokens, bidder):
    with boa.reverts("auction: above limit"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder, most=due(LOT, START_BPS) - 1)
    # The limit is for all that was asked for: of a part, it is the same part.
    asked = 5 * 10**6
    with boa.reverts("auction: above limit"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], asked, bidder, most=due(asked, START_BPS - 10))
    sold, bought = bid(house, open_index, tokens[WBTC], tokens[USDC], asked, bidder, most=due(asked, START_BPS))
    assert 0 < sold < asked
    assert bought == due(sold, START_BPS)


@pytest.mark.parametrize(("sell", "buy"), [(USDC, WBTC), (USDT, USDC), (WBTC, EURC), (WBTC, WBTC), (USDC, USDC)])
def test_bid__that_is_not_a_surplus_against_a_deficit__reverts(open_index, house, tokens, bidder, sell, buy):
    with boa.reverts("auction: nothing to trade"):
        bid(house, open_index, tokens[sell], tokens[buy], 1, bidder)


def test_bid__for_a_token_that_is_no_component__reverts(open_index, house, tokens, bidder, stranger):
    for pair in ((stranger, tokens[USDC].address), (tokens[WBTC].address, stranger)):
        with boa.reverts("vault: not a component"):
            house.bid(open_index.address, *pair, 1, 0, 10**30, b"", sender=bidder)


def test_bid__on_a_stale_price__reverts_and_exits_go_on(open_index, house, tokens, bidder, depositor):
    pass_time(MAX_AGE_S + 1)
    with boa.reverts("oracle: stale"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder)
    assert redeem(open_index, WAD, depositor)
    assert mint(open_index, WAD, depositor)


def test_bid__when_the_oracle_has_no_answer__reverts_and_exits_go_on(
    open_index, house, oracle, tokens, bidder, depositor
):
    oracle.set_answer(WBTC, PRICES[WBTC], 1)
    with boa.reverts("oracle: stale"):
        bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder)
    assert redeem(open_index, WAD, depositor)


def test_bid__follows_the_oracle(open_index, house, oracle, tokens, bidder):
    oracle.set_price(WBTC, 2 * PRICES[WBTC])
    assert bid(house, open_index, tokens[WBTC], tokens[USDC], LOT // 10, bidder)[1] == floor_due(
        LOT // 10, (2 * PRICES[WBTC], PRICES[USDC]), START_BPS, (8, 6)
    )


def test_bid__sizes_are_per_share__a_mint_and_a_redeem_scale_them(open_index, house, tokens, bidder, depositor):
    above, below = house.lots(open_index.address)
    mint(open_index, 10_005 * WAD // 100, depositor)
    more = house.lots(open_index.address)
    assert more[0][WBTC] == pytest.approx(2 * above[WBTC], abs=10**4)
    assert more[1][USDC] == pytest.approx(2 * below[USDC], rel=1e-3)
    redeem(open_index, 150 * WAD, depositor)
    fewer = house.lots(open_index.address)
    assert fewer[0][WBTC] == pytest.approx(above[WBTC] // 2, rel=1e-2)


def test_bid__at_supply_zero__has_nothing_to_trade(create, params, house, oracle, tokens, owner, bidder):
    index = create(params.but(streaming_fee_bps=0))
    house.propose(index.address, rebalance(), sender=owner)
    pass_time(86_400)
    set_prices(oracle)
    house.open(index.address, sender=owner)
    with boa.reverts("auction: nothing to trade"):
        bid(house, index, tokens[WBTC], tokens[USDC], 1, bidder)
    house.close(index.address)
    assert list(index.components()[1]) == list(params.units)


def test_bid__without_an_allowance_to_the_index__reverts_and_nothing_moves(open_index, house, tokens, bidder):
    tokens[USDC].approve(open_index.address, 0, sender=bidder)
    before = balances(tokens, open_index.address)
    with boa.reverts():
        bid(house, open_index, tokens[WBTC], tokens[USDC], LOT, bidder)
    assert balances(tokens, open_index.address) == before


def test_bids_and_exits__leave_nobody_short(open_index, house, oracle, tokens, bidder, depositor):
    for _ in range(5):
        bid(house, open_index, tokens[WBTC], tokens[USDC], 333_333, bidder)
        redeem(open_index, 7 * WAD, depositor)
        mint(open_index, 3 * WAD, depositor)
        pass_time(100)
        set_prices(oracle)
    house.close(open_index.address, sender=open_index.owner())
    assert [open_index.sync(token.address) for token in tokens] == [WAD] * 4
    redeem(open_index, open_index.balanceOf(depositor), depositor)

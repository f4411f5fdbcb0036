# SPDX-License-Identifier: AGPL-3.0-only
"""RebalanceBidder: a bid paid out of what it brings, through real Uniswap v3 pools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import boa
import pytest

from plumbline.chain.uniswap import pool_code_hash
from plumbline.core.uniswap_math import TICK_OFFSET
from tests.helpers.contracts import deployer
from tests.unit.auction.conftest import DURATION_S, PRICES, USDC, USDT, WBTC, pass_time
from tests.unit.execution.conftest import FOREVER, ZERO, deploy_uniswap, open_pool_of

LOT = 10**6
TIER, OTHER_TIER = 500, 3_000
_DECIMALS = (8, 6, 6, 6)
# What the house would pass on: an index of nobody's factory that hands out what was bid for, may call back for another
# pair, and takes nothing.
_FALSE_INDEX = """
from ethereum.ercs import IERC20

interface Bidder:
    def on_bid(sell: address, sold: uint256, buy: address, owed: uint256, data: Bytes[1024]): nonpayable

SELL: immutable(address)
BUY: immutable(address)

@deploy
def __init__(sell: address, buy: address):
    SELL = sell
    BUY = buy

@external
def bid(
    index: address, sell: address, buy: address, sold: uint256, least: uint256, most: uint256, data: Bytes[1024]
) -> (uint256, uint256):
    extcall IERC20(sell).transfer(msg.sender, sold)
    extcall Bidder(msg.sender).on_bid(SELL, sold, BUY, 10**6, data)
    return sold, 0
"""


def hop(fee: int, limit: int | None = None) -> int:
    """A pool in one word; limit: the last tick that will do."""
    return (0 if limit is None else limit + TICK_OFFSET) << 160 | fee << 128


@dataclass
class Street:
    """An index whose auction is about to end, pools of what it trades at the oracle's prices, and a bidder."""

    index: Any
    house: Any
    tokens: list[Any]
    bidder: Any
    keeper: str
    pools: dict[tuple[int, int], Any]

    def bid(self, *, middle: Any = ZERO, sold: int = LOT, least: int = 0, min_profit: int = 1, **terms: Any) -> int:
        pair = self.tokens[WBTC].address, self.tokens[USDC].address
        hops = (hop(TIER), hop(OTHER_TIER if middle == ZERO else TIER))
        deadline = terms.get("deadline", FOREVER)
        route = (getattr(middle, "address", middle), *terms.get("hops", hops))
        sender = terms.get("sender", self.keeper)
        return self.bidder.bid(self.index.address, *pair, sold, least, *route, min_profit, deadline, sender=sender)

    def left_behind(self) -> list[int]:
        held = [token.balanceOf(self.bidder.address) for token in self.tokens]
        return held + [token.allowance(self.bidder.address, self.index.address) for token in self.tokens]


@pytest.fixture
def street(open_index: Any, house: Any, tokens: list[Any], oracle: Any) -> Street:
    factory = deploy_uniswap("UniswapV3Factory")
    provider, keeper = boa.env.generate_address("provider"), boa.env.generate_address("keeper")
    for token in tokens:
        token.mint(provider, 10**20)
    manager = deploy_uniswap("NonfungiblePositionManager", factory.address, ZERO, ZERO)
    pools = {}
    for one, other, fee in ((WBTC, USDC, OTHER_TIER), (WBTC, USDT, TIER), (USDT, USDC, TIER)):
        amounts = {tokens[place]: 10**6 * 10 ** (_DECIMALS[place] + 8) // PRICES[place] for place in (one, other)}
        pools[one, other] = open_pool_of(factory, amounts, provider, 1, fee, None, manager)
    with boa.env.prank(keeper):
        bidder = deployer("RebalanceBidder").deploy(house.address, factory.address, pool_code_hash())
    # Near its end the auction asks for one percent less than the oracle's price.
    pass_time(DURATION_S - 1)
    for feed, price in enumerate(PRICES):
        oracle.set_price(feed, price)
    return Street(open_index, house, tokens, bidder, keeper, pools)


@pytest.mark.parametrize("middle", [None, USDT], ids=["one-pool", "two-pools"])
def test_bid__auction_below_the_pools__earns_the_difference_out_of_nothing(street, middle):
    sold, owed = street.house.quote(street.index.address, street.tokens[WBTC].address, street.tokens[USDC].address, LOT)
    profit = street.bid(middle=ZERO if middle is None else street.tokens[middle])
    (event,) = [log for log in street.bidder.get_logs() if type(log).__name__ == "BidMade"]
    assert (event.sold, event.bought, event.profit) == (sold, owed, profit)
    assert street.tokens[WBTC].balanceOf(street.keeper) == profit > 0
    # One percent below the oracle's price, less the pools' fees and their slippage.
    assert profit < LOT // 100
    assert street.left_behind() == [0] * 8


def test_bid__min_profit_is_the_profit__bids_and_one_more_reverts(street):
    with boa.env.anchor():
        profit = street.bid()
    with boa.reverts("bidder: profit too small"):
        street.bid(min_profit=profit + 1)
    assert street.bid(min_profit=profit) == profit


def test_bid__pool_below_what_the_index_asks__reverts(open_index, street, oracle):
    """The oracle says more than the pool gives: the swap does not bring what is owed."""
    oracle.set_price(WBTC, PRICES[WBTC] * 103 // 100)
    with boa.reverts():
        street.bid(min_profit=0)
    assert street.left_behind() == [0] * 8


def test_bid__loss_that_a_gift_could_pay__reverts(street, oracle):
    oracle.set_price(WBTC, PRICES[WBTC] * 103 // 100)
    street.tokens[WBTC].mint(street.bidder.address, 10**12)
    with boa.reverts("bidder: loss"):
        street.bid(min_profit=0)


def test_bid__less_for_sale_than_wanted__takes_what_there_is(street):
    street.bid(sold=10**9)
    (event,) = [log for log in street.bidder.get_logs() if type(log).__name__ == "BidMade"]
    assert LOT < event.sold < 10**9


def test_bid__less_for_sale_than_worth_it__reverts(street):
    with boa.reverts():
        street.bid(sold=10**9, least=10**9)


def test_bid__after_the_deadline__reverts(street):
    with boa.reverts("bidder: expired"):
        street.bid(deadline=boa.env.evm.patch.timestamp - 1)


@pytest.mark.parametrize("middle", [None, USDT], ids=["one-pool", "two-pools"])
@pytest.mark.parametrize("moved", [False, True])
def test_bid__pool_beyond_the_tick_given__reverts_before_anything_is_done(street, middle, moved):
    """Each pool by itself; at its limit the bid is made."""
    route = (WBTC, USDC) if middle is None else (WBTC, middle, USDC)
    ticks = [street.pools[pair].slot0()[1] for pair in pairwise(route)]
    tokens = [int(street.tokens[place].address, 16) for place in route]
    # Down the ticks while token0 goes in: the limit lies on the side the swap goes to.
    aside = [1 if give < get else -1 for give, get in pairwise(tokens)]
    fees = [OTHER_TIER] if middle is None else [TIER, TIER]
    for at in range(len(fees)):
        limits = [tick + side * (moved and i == at) for i, (tick, side) in enumerate(zip(ticks, aside, strict=True))]
        hops = [hop(fee, limit) for fee, limit in zip(fees, limits, strict=True)]
        terms = {"middle": ZERO if middle is None else street.tokens[middle], "hops": (*[0] * (2 - len(hops)), *hops)}
        if moved:
            with boa.reverts("bidder: pool has moved"):
                street.bid(**terms)
            assert street.bidder._computation.get_gas_used() < 30_000
        else:
            with boa.env.anchor():
                assert street.bid(**terms) > 0


def test_bid__lot_that_somebody_else_took__reverts_before_the_swaps(street):
    street.bid(sold=10**9)
    with boa.reverts("auction: nothing to trade"):
        street.bid(least=LOT)
    assert street.bidder._computation.get_gas_used() < 80_000


def test_bid__no_pool_of_that_tier__reverts(street):
    with boa.reverts():
        street.bid(hops=(hop(TIER), hop(100)))


def test_bidder__anybody_else__may_do_nothing(street, attacker):
    tokens = street.tokens
    with boa.reverts("bidder: not the owner"):
        street.bid(sender=attacker)
    with boa.reverts("bidder: not the owner"):
        street.bidder.rescue(tokens[USDC].address, 1, sender=attacker)
    pair = tokens[WBTC].address, LOT, tokens[USDC].address, 1
    for caller in (attacker, street.keeper, street.index.address, street.house.address):
        with boa.reverts("bidder: not the index bid in"):
            street.bidder.on_bid(*pair, b"", sender=caller)
        with boa.reverts("bidder: not the pool called"):
            street.bidder.uniswapV3SwapCallback(1, -1, b"", sender=caller)


@pytest.mark.parametrize(
    ("pair", "refusal"),
    [
        ((WBTC, USDC), "bidder: approval left"),
        ((WBTC, USDT), "bidder: not the pair bid for"),
        ((USDT, USDC), "bidder: not the pair bid for"),
    ],
    ids=["the-pair-bid-for", "another-to-pay", "another-to-sell"],
)
def test_bid__index_that_is_none__gets_no_approval_whatever_pair_it_names(street, pair, refusal):
    """The rest of the bid is in order: what is to be swapped arrives, and the pair named has a pool."""
    sell, buy, bid_for = (street.tokens[place] for place in (*pair, WBTC))
    false = boa.loads(_FALSE_INDEX, sell.address, buy.address)
    with boa.env.prank(street.keeper):
        bidder = deployer("RebalanceBidder").deploy(false.address, street.bidder.FACTORY(), pool_code_hash())
    bid_for.mint(false.address, LOT)
    street = replace(street, index=false, bidder=bidder)
    with boa.reverts(refusal):
        street.bid(min_profit=0, hops=(hop(TIER), hop(OTHER_TIER if pair == (WBTC, USDC) else TIER)))
    assert buy.allowance(bidder.address, false.address) == 0


def test_rescue__tokens_sent_by_mistake__go_to_the_owner(street):
    street.tokens[USDC].mint(street.bidder.address, 777)
    street.bidder.rescue(street.tokens[USDC].address, 777, sender=street.keeper)
    assert street.tokens[USDC].balanceOf(street.keeper) == 777


def test_bid__gas__is_within_its_bound(street):
    """Without the 21,000 of a transaction and its calldata; `make bench-keeper` measures the whole."""
    street.bid(sold=LOT // 2)
    street.bid(sold=LOT // 2)
    assert street.bidder._computation.get_gas_used() < 230_000

# SPDX-License-Identifier: AGPL-3.0-only
"""How much to bid in an index's auction, and through which pools: a part of what the index sells is swapped for what it
wants, and the rest is profit.

A bid for `a` of a surplus costs what the house says, a fixed price in any one block, and what the pools take for that:

    profit(a) = a - paid(a * rate)       rate = price(sell) / price(buy) * factor

`paid` goes through one pool, or through two with a token between; it is convex either way, so profit is greatest where
the next unit swapped brings what the index asks for one. What it brings is the product of the pools' next prices
(`Curve`: fees and ticks are in it); halving finds the crossing. Cut to what is for sale and wanted, amounts and profit
are then worked out with the house's and the pools' own integers. The rest of a lot waits until its price fell or the
pools are back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from plumbline.core.arbitrage import Token
from plumbline.core.curve import Curve, Market, curve, exact_quote
from plumbline.core.uniswap_math import PoolState, swap, tick_limit
from plumbline.core.units import MAX_BPS

_PRECISION_BITS: Final = 40
_Q96: Final = 96


@dataclass(frozen=True, slots=True)
class Lot:
    """A component of the index while it is rebalanced; at most one of the two amounts is not zero."""

    token: Token
    surplus: int
    """{tok} for sale."""
    deficit: int
    """{tok} wanted."""


@dataclass(frozen=True, slots=True)
class BidMarket:
    """An auction and the pools around it at one block. Tokens are known by their place."""

    lots: tuple[Lot, ...]
    factor_bps: int
    """Of the oracle's price, that a bid pays."""
    pools: Mapping[tuple[int, int], tuple[PoolState, ...]]
    """By the places of (token0, token1)."""
    middle: int
    """The quote token, which a route may go through."""

    @property
    def quote(self) -> Token:
        return self.lots[self.middle].token

    def hop(self, give: int, get: int) -> tuple[PoolState, ...]:
        return self.pools.get((give, get), ()) + self.pools.get((get, give), ())

    def is_token0(self, give: int, get: int) -> bool:
        return (give, get) in self.pools

    def rate(self, sell: int, buy: int) -> tuple[int, int]:
        """{buy/sell} What a bid pays, as (over, under)."""
        giving, paying = self.lots[sell].token, self.lots[buy].token
        return giving.price * self.factor_bps * paying.scale, paying.price * MAX_BPS * giving.scale


@dataclass(frozen=True, slots=True)
class Hop:
    """One pool on the way of a bid."""

    pool: PoolState
    end_x96: int
    """Where the bid leaves it."""


@dataclass(frozen=True, slots=True)
class Bid:
    """What the bidder is asked to do, and what comes of it."""

    sell: int
    """Place of what the index sells."""
    buy: int
    """Place of what it is paid in."""
    sold: int
    """{sell}"""
    bought: int
    """{buy}"""
    hops: tuple[Hop, ...]
    """One, or two with the middle token between."""
    profit: int
    """{sell} before gas: what is left of `sold` when `bought` is paid for."""
    edge: Fraction
    """The part of the first unit that is profit: of every other one less is."""

    @property
    def fees_pips(self) -> tuple[int, ...]:
        return tuple(hop.pool.fee_pips for hop in self.hops)

    def least(self, min_profit: int) -> int:
        """{sell} No smaller part of this bid could leave `min_profit`."""
        return min(ceil(min_profit / self.edge), self.sold)

    def tick_limits(self, min_profit: int) -> tuple[int, ...]:
        """For each hop, the last tick of its pool at which the bid may still leave `min_profit`."""
        return tuple(tick_limit(hop.pool, hop.end_x96, self.profit, min_profit) for hop in self.hops)


def fill(market: BidMarket, sell: int, buy: int, max_sold: int) -> tuple[int, int]:
    """({sell} sold, {buy} bought) as AuctionHouse works them out: `bought` rounded up, within what is wanted."""
    over, under = market.rate(sell, buy)
    sold = min(max_sold, market.lots[sell].surplus)
    bought = -(-sold * over // under)
    room = market.lots[buy].deficit
    if bought > room:
        sold = sold * room // bought
        bought = -(-sold * over // under)
    return sold, bought


def best_bid(market: BidMarket, hop_costs: Mapping[int, Fraction]) -> Bid | None:
    """The bid that leaves most after `hop_costs` {USD by the number of its pools}; None when none leaves anything."""
    best, most = None, Fraction()
    for sell, one in enumerate(market.lots):
        for buy, other in enumerate(market.lots):
            if not one.surplus or not other.deficit:
                continue
            for route in _routes(market, sell, buy):
                bid = _best_on(market, sell, buy, route)
                if bid is None:
                    continue
                left = bid.profit * one.token.usd - hop_costs[len(bid.hops)]
                if left > most:
                    best, most = bid, left
    return best


_Route = tuple[Market, ...]
"""One pool in each."""


def _routes(market: BidMarket, sell: int, buy: int) -> Iterator[_Route]:
    for pool in market.hop(sell, buy):
        yield (Market((pool,), market.is_token0(sell, buy)),)
    if market.middle in (sell, buy):
        return
    for first in market.hop(sell, market.middle):
        for second in market.hop(market.middle, buy):
            yield (
                Market((first,), market.is_token0(sell, market.middle)),
                Market((second,), market.is_token0(market.middle, buy)),
            )


def _best_on(market: BidMarket, sell: int, buy: int, route: _Route) -> Bid | None:
    curves = tuple(found for each in route if (found := curve(each, selling=True)) is not None)
    if len(curves) < len(route):
        return None
    over, under = market.rate(sell, buy)
    scaled = over << (2 * _Q96 * len(curves))
    if _root(curves, 0) ** 2 * under <= scaled:
        return None
    whole, _ = fill(market, sell, buy, market.lots[sell].surplus)
    low, high = 0, whole
    while high - low > 1 + (low >> _PRECISION_BITS):
        middle = (low + high) // 2
        low, high = (middle, high) if _root(curves, middle) ** 2 * under > scaled else (low, middle)
    try:
        # All of it when the last unit pays, too: no dust is left of a lot.
        out = _out(route, whole if high == whole else low)
        sold, bought = fill(market, sell, buy, out * under // over)
        paid, hops = _paid(route, bought)
    except ValueError:
        return None
    profit = sold - paid
    if sold == 0 or profit <= 0:
        return None
    brings = _root(curves, 0) ** 2 * under
    return Bid(sell, buy, sold, bought, hops, profit, Fraction(brings - scaled, brings))


def _root(curves: tuple[Curve, ...], amount: int) -> int:
    """The root of what the next unit brings once `amount` went through, Q96 for each pool; 0 beyond the known ticks."""
    root, going = 1, amount
    for each in curves:
        if going >= each.capacity:
            return 0
        root *= each.x_after(going)
        going = each.quote_for(going)
    return root


def _out(route: _Route, amount: int) -> int:
    for each in route:
        amount = exact_quote(each, [(each.pools[0], amount)], selling=True)
    return amount


def _paid(route: _Route, bought: int) -> tuple[int, tuple[Hop, ...]]:
    """What the first pool takes so that the last one gives exactly `bought`, and where each is left.

    Raises:
        ValueError: the known part of a pool cannot give it.
    """
    amount, hops = bought, []
    for each in reversed(route):
        pool, down = each.pools[0], each.is_token0
        moved = swap(pool, zero_for_one=down, amount=amount, exact_in=False)
        if moved.amount_out != amount:
            raise ValueError(f"the known part of the {pool.fee_pips} pool cannot give {amount}")
        hops.append(Hop(pool, moved.sqrt_price_x96))
        amount = moved.amount_in
    return amount, tuple(reversed(hops))

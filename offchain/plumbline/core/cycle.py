# SPDX-License-Identifier: AGPL-3.0-only
"""How much to trade in a circle, and where: quote -> share -> components -> quote, or the other way round.

    premium    sell s shares, buy their components, mint         profit = bring(s) - sum of cost_i(a_i(s))
    discount   buy s shares, redeem, sell the components         profit = sum of bring_i(a_i(s)) - cost(s)

`bring` is concave and `cost` convex in the amount, and the vault's amounts a_i are proportional to s, so profit is
concave and its maximum is where the next share brings what it costs. Each side's price of the next unit is read off
its `Curve`, which has all pools, ticks and fees in it; halving the interval of s finds the crossing to one part in
2**40, and as profit is flat there, to far less than a unit of profit. Amounts and profit are then worked out with the
pools' own integers.

Every swap costs gas whatever its size: a pool that earns less than its gas is left out, smallest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from plumbline.core.arbitrage import Leg, ParityTrade, Side, vault_amounts
from plumbline.core.curve import Q192, Curve, Market, best_x, curve, exact_quote, parts_of, split, worthwhile
from plumbline.core.uniswap_math import PoolState
from plumbline.core.units import MAX_BPS, WAD

_PRECISION_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class Component:
    unit_wad: int
    """D18{tok/share}: smallest units behind one whole share, times 1e18."""
    market: Market | None
    """None: it is the quote token itself."""


@dataclass(frozen=True, slots=True)
class CycleMarket:
    """A vault and every pool of its share and its components against one quote token, at one block."""

    share: Market
    components: tuple[Component, ...]
    mint_fee_bps: int
    redeem_fee_bps: int

    def amounts(self, side: Side, shares: int) -> list[int]:
        """What the vault takes for `shares`, fee included and rounded up, or pays, net of it and rounded down."""
        units = [component.unit_wad for component in self.components]
        return vault_amounts(side, shares, units, self.mint_fee_bps, self.redeem_fee_bps)

    def markets(self) -> tuple[Market, ...]:
        """The share's, then the components' that are traded."""
        return (self.share, *(component.market for component in self.components if component.market is not None))


def best_cycle(market: CycleMarket, swap_cost: int = 0) -> ParityTrade | None:
    """The circle that leaves most after `swap_cost` {quote} of gas for every swap; None when none leaves anything.

    Gas that is the same in every circle is for the caller to weigh.
    """
    # Pools of the share that disagree may pay both ways at once.
    found = (_best_of(market, side, swap_cost) for side in Side)
    nets = {trade: net for trade in found if trade and (net := trade.profit - trade.swaps * swap_cost) > 0}
    return max(nets, key=lambda trade: nets[trade], default=None)


def evaluate(market: CycleMarket, side: Side, share_legs: Sequence[Leg], legs: Sequence[Leg]) -> int:
    """The profit {quote} of a route, to the unit; the last leg of a component takes what its others leave.

    Raises:
        ValueError: a pool is not known, cannot fill its part, or a component is not traded in full.
    """
    selling = side is Side.PREMIUM
    shares = sum(leg.amount for leg in share_legs)
    profit = exact_quote(market.share, parts_of(market.share, share_legs), selling=selling) * (1 if selling else -1)
    for place, (component, amount) in enumerate(zip(market.components, market.amounts(side, shares), strict=True)):
        quote = amount
        if component.market is not None:
            own = [leg for leg in legs if leg.place == place]
            parts = parts_of(component.market, own)
            if own:
                rest = amount - sum(part for _, part in parts[:-1])
                parts[-1] = (parts[-1][0], rest)
            if sum(part for _, part in parts) != amount or any(part <= 0 for _, part in parts):
                raise ValueError(f"component {place}: the legs do not trade {amount}")
            quote = exact_quote(component.market, parts, selling=not selling)
        profit += -quote if selling else quote
    return profit


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction: the curves that a trade of s shares moves along."""

    market: CycleMarket
    side: Side
    share: Curve
    components: tuple[Curve | None, ...]
    weights: tuple[int, ...]
    """D36{tok/share} times MAX_BPS, fee included."""

    @property
    def capacity(self) -> int:
        """Shares within every curve's known liquidity, with a little room for rounding."""
        scale = WAD * WAD * MAX_BPS
        rooms = [
            each.capacity * scale // weight
            for each, weight in zip(self.components, self.weights, strict=True)
            if each is not None and weight
        ]
        return min([self.share.capacity, *rooms]) * 999 // 1_000

    def pays(self, shares: int) -> bool:
        """Whether another share would add profit."""
        scale = WAD * WAD * MAX_BPS
        basket = 0
        for each, weight in zip(self.components, self.weights, strict=True):
            basket += weight * (Q192 if each is None else each.x_after(shares * weight // scale) ** 2)
        share = self.share.x_after(shares) ** 2 * scale
        return share > basket if self.side is Side.PREMIUM else share < basket


def _best_of(market: CycleMarket, side: Side, swap_cost: int) -> ParityTrade | None:
    if not _may_pay(market, side):
        return None
    while True:
        curves = _curves(market, side)
        if curves is None or not curves.pays(0):
            return None
        shares = _optimum(curves)
        pruned = _pruned(market, side, curves, shares, swap_cost)
        if pruned == market:
            return _cycle(market, curves, shares)
        market = pruned


def _may_pay(market: CycleMarket, side: Side) -> bool:
    """Whether the first share could pay, in the best pool of everything: most markets and sides end here."""
    minting = side is Side.PREMIUM
    share = best_x(market.share, selling=minting)
    if share is None:
        return False
    factor = MAX_BPS + market.mint_fee_bps if minting else MAX_BPS - market.redeem_fee_bps
    basket = 0
    for component in market.components:
        x = None if component.market is None else best_x(component.market, selling=not minting)
        basket += component.unit_wad * factor * (Q192 if x is None else x * x)
    scaled = share * share * WAD * WAD * MAX_BPS
    return scaled > basket if minting else scaled < basket


def _curves(market: CycleMarket, side: Side) -> _Side | None:
    """None: something cannot be traded at all."""
    minting = side is Side.PREMIUM
    share = curve(market.share, selling=minting)
    if share is None:
        return None
    components: list[Curve | None] = []
    for component in market.components:
        found = None if component.market is None else curve(component.market, selling=not minting)
        if found is None and component.market is not None and component.unit_wad:
            return None
        components.append(found)
    factor = MAX_BPS + market.mint_fee_bps if minting else MAX_BPS - market.redeem_fee_bps
    weights = tuple(component.unit_wad * factor for component in market.components)
    return _Side(market, side, share, tuple(components), weights)


def _optimum(curves: _Side) -> int:
    low, high = 0, curves.capacity
    while high - low > 1 + (low >> _PRECISION_BITS):
        middle = (low + high) // 2
        if curves.pays(middle):
            low = middle
        else:
            high = middle
    return low


def _pruned(market: CycleMarket, side: Side, curves: _Side, shares: int, swap_cost: int) -> CycleMarket:
    """The market without the pools that do not earn their gas at this size."""
    minting = side is Side.PREMIUM
    share = worthwhile(market.share, curves.share, shares, swap_cost, selling=minting)
    components = []
    for component, own, amount in zip(market.components, curves.components, market.amounts(side, shares), strict=True):
        kept = component.market
        if kept is not None and own is not None and amount <= own.capacity:
            kept = worthwhile(kept, own, amount, swap_cost, selling=not minting)
        components.append(Component(component.unit_wad, kept))
    return CycleMarket(share, tuple(components), market.mint_fee_bps, market.redeem_fee_bps)


def _cycle(market: CycleMarket, curves: _Side, shares: int) -> ParityTrade | None:
    minting = curves.side is Side.PREMIUM
    parts = split(market.share, curves.share.x_after(shares), selling=minting)
    share_legs = tuple(Leg(0, pool.fee_pips, amount) for pool, amount in parts)
    shares = sum(leg.amount for leg in share_legs)
    legs: list[Leg] = []
    for place, (component, own, amount) in enumerate(
        zip(market.components, curves.components, market.amounts(curves.side, shares), strict=True)
    ):
        if component.market is None or own is None or not amount:
            continue
        legs += _filled(place, split(component.market, own.x_after(amount), selling=not minting), amount)
    try:
        profit = evaluate(market, curves.side, share_legs, legs)
    except ValueError:
        return None
    return ParityTrade(curves.side, shares, share_legs, profit, legs=tuple(legs), flash=True)


def _filled(place: int, parts: Sequence[tuple[PoolState, int]], amount: int) -> list[Leg]:
    """Legs that trade exactly `amount`: the largest, last, makes up for what rounding leaves."""
    legs, left = [], amount
    for pool, part in parts[:-1]:
        legs.append(Leg(place, pool.fee_pips, min(part, left)))
        left -= legs[-1].amount
    return [*(leg for leg in legs if leg.amount), Leg(place, parts[-1][0].fee_pips, left)] if parts else []

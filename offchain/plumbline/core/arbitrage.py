# SPDX-License-Identifier: AGPL-3.0-only
"""How much to trade with float between a vault and the Uniswap v3 pools of its share: the exact optimum.

Minting or redeeming costs the same per share at any size, and the pools' price for the next share only gets worse, so
profit is concave in the size and greatest where the two meet, in every pool at once:

    premium:   price after the trade * (1 - pool fee) = NAV * (1 + mint fee)     sell down to that price
    discount:  price after the trade / (1 - pool fee) = NAV * (1 - redeem fee)   buy up to that price

The price is the same whatever the liquidity on the way; the initialised ticks are walked once, to turn it into amounts.
What is there of float and quote only cuts them: then all pools stop at one higher (lower) price, the one at which the
inventory is used up. Prices are exact fractions, amounts the integers the contracts will move: the profit found differs
from the greatest possible by less than one smallest unit of each token.

Everything is in one currency: NAV is in the oracle's (USD), so the quote token counts at its own price. Sizing without
capital, through the components' own pools, is `plumbline.core.cycle`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from math import ceil

from plumbline.core.curve import Curve, Market, curve, exact_quote, parts_of, split, worthwhile
from plumbline.core.uniswap_math import PIPS, PoolState, sqrt_price_of, swap, tick_limit
from plumbline.core.units import MAX_BPS, WAD


class Side(StrEnum):
    PREMIUM = "premium"
    """The share is dear in the pool: mint and sell."""
    DISCOUNT = "discount"
    """The share is cheap in the pool: buy and redeem."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One swap of a route."""

    place: int
    """Of the component in the basket; 0 in legs of the share."""
    fee_pips: int
    amount: int
    """Of the share or the component."""


@dataclass(frozen=True, slots=True)
class ParityTrade:
    """What the arbitrageur is asked to do, and what comes of it."""

    side: Side
    shares: int
    share_legs: tuple[Leg, ...]
    profit: int
    """In the quote token's smallest units, before gas; with float at the oracle's prices, and may be negative."""
    quote_amount: int = 0
    """What the share's pools pay (premium) or take (discount), in the quote token's smallest units."""
    legs: tuple[Leg, ...] = ()
    """Of a flash-funded trade; of each component the largest last: it also takes what rounding and time leave."""
    flash: bool = False

    @property
    def swaps(self) -> int:
        return len(self.share_legs) + len(self.legs)


@dataclass(frozen=True, slots=True)
class Token:
    """A component, or the quote token (with unit 0)."""

    unit_wad: int
    """D18{tok/share}: smallest units behind one whole share, times 1e18."""
    price: int
    """USD, in the decimals of the token's feed."""
    scale: int
    """10**(token decimals + feed decimals): smallest units * price / scale is USD."""
    held: int
    """The keeper's inventory, in smallest units: float of a component, the owner's own quote."""

    @property
    def usd(self) -> Fraction:
        """USD per smallest unit."""
        return Fraction(self.price, self.scale)


@dataclass(frozen=True, slots=True)
class ParityMarket:
    """A vault and the pools of its share at one block, with the keeper's inventory."""

    share: Market
    tokens: tuple[Token, ...]
    """The components in the vault's order, then the quote token, even if it is one of them."""
    mint_fee_bps: int
    redeem_fee_bps: int

    @property
    def quote(self) -> Token:
        return self.tokens[-1]

    @property
    def components(self) -> tuple[Token, ...]:
        return self.tokens[:-1]

    @property
    def pool(self) -> PoolState:
        """The deepest: whose price is called the share's."""
        return max(self.share.pools, key=lambda pool: pool.liquidity)

    @property
    def nav(self) -> Fraction:
        """USD per share wei."""
        return sum((token.unit_wad * token.usd for token in self.components), Fraction()) / WAD / WAD

    @property
    def pool_price(self) -> Fraction:
        """USD per share wei in the deepest pool, fees aside."""
        price = Fraction(self.pool.sqrt_price_x96**2, 1 << 192)
        return (price if self.share.is_token0 else 1 / price) * self.quote.usd

    @property
    def premium(self) -> Fraction:
        """Pool price over NAV, less one: negative is a discount."""
        return self.pool_price / self.nav - 1

    def with_inventory(self, held: int) -> ParityMarket:
        """The same market for a keeper who holds `held` of every token."""
        return replace(self, tokens=tuple(replace(token, held=held) for token in self.tokens))

    def amounts(self, side: Side, shares: int) -> list[int]:
        """What the vault takes for `shares`, fee included and rounded up, or pays, net of it and rounded down."""
        units = [token.unit_wad for token in self.components]
        return vault_amounts(side, shares, units, self.mint_fee_bps, self.redeem_fee_bps)


def vault_amounts(side: Side, shares: int, units: list[int], mint_fee_bps: int, redeem_fee_bps: int) -> list[int]:
    """{tok} of each component for `shares`; `units` are D18{tok/share}."""
    if side is Side.PREMIUM:
        gross = shares - (-shares * mint_fee_bps // MAX_BPS)
        return [-(-gross * unit // (WAD * WAD)) for unit in units]
    net = shares + (-shares * redeem_fee_bps // MAX_BPS)
    return [net * unit // (WAD * WAD) for unit in units]


def band(market: ParityMarket, slack_bps: int = 0) -> tuple[Fraction, Fraction]:
    """The (lowest, highest) premium that pays nobody to trade: pool fee and vault fee, plus `slack_bps`."""
    pool_fee, slack = Fraction(market.pool.fee_pips, PIPS), Fraction(slack_bps, MAX_BPS)
    low = pool_fee + Fraction(market.redeem_fee_bps, MAX_BPS) + slack
    high = pool_fee + Fraction(market.mint_fee_bps, MAX_BPS) + slack
    return -low, high


def gas_cost(quote: Token, gas: int, gas_price_wei: int, gas_token_usd_wad: int) -> int:
    """What gas costs in the quote token's smallest units, rounded up. The gas token has 18 decimals."""
    usd = Fraction(gas * gas_price_wei * gas_token_usd_wad, WAD * WAD)
    return ceil(usd / quote.usd)


def best_trade(market: ParityMarket, swap_cost: int = 0) -> ParityTrade | None:
    """The trade with float that leaves most after `swap_cost` {quote} for every swap; None when none gains anything."""
    # Pools that disagree may pay both ways at once.
    routes = ((side, _best_legs(market, side, swap_cost)) for side in Side)
    trades = (evaluate(market, side, legs) for side, legs in routes if legs)
    nets = {trade: net for trade in trades if (net := trade.profit - trade.swaps * swap_cost) > 0}
    return max(nets, key=lambda trade: nets[trade], default=None)


def evaluate(market: ParityMarket, side: Side, legs: tuple[Leg, ...]) -> ParityTrade:
    """What a trade would move and gain: each component's change is valued against the keeper, then all of them are.

    Raises:
        ValueError: the known part of a pool cannot fill its leg.
    """
    minting, shares = side is Side.PREMIUM, sum(leg.amount for leg in legs)
    quote_amount = exact_quote(market.share, parts_of(market.share, legs), selling=minting)
    # Floor division of a negative number rounds a cost up.
    sign = -1 if minting else 1
    usd_wad = sum(
        sign * amount * token.price * WAD // token.scale
        for amount, token in zip(market.amounts(side, shares), market.components, strict=True)
    )
    vault = usd_wad * market.quote.scale // (market.quote.price * WAD)
    return ParityTrade(side, shares, legs, vault - sign * quote_amount, quote_amount)


def tick_limits(market: Market, trade: ParityTrade, min_profit: int) -> tuple[int, ...]:
    """For each leg of the share, the last tick of its pool at which the trade may still leave `min_profit`."""
    selling = trade.side is Side.PREMIUM
    down = market.is_token0 == selling
    ends = (
        (pool, swap(pool, zero_for_one=down, amount=amount, exact_in=selling))
        for pool, amount in parts_of(market, trade.share_legs)
    )
    return tuple(tick_limit(pool, end.sqrt_price_x96, trade.profit, min_profit) for pool, end in ends)


def _best_legs(market: ParityMarket, side: Side, swap_cost: int) -> tuple[Leg, ...]:
    """Empty when the first share would not pay, or nothing is there to trade it with."""
    minting, share = side is Side.PREMIUM, market.share
    x = _edge(market, side)
    while (whole := curve(share, selling=minting)) is not None:
        parts = split(share, x, selling=minting)
        wanted = sum(part for _, part in parts)
        most = _mintable(market) if minting else _affordable(whole, market.quote.held, wanted)
        size = min(wanted, most)
        if size <= 0:
            return ()
        pruned = worthwhile(share, whole, min(size, whole.capacity), swap_cost, selling=minting)
        if pruned == share:
            if wanted > most:
                parts = _cut(split(share, whole.x_after(most), selling=minting), most)
            return tuple(Leg(0, pool.fee_pips, part) for pool, part in parts)
        share = pruned
    return ()


def _edge(market: ParityMarket, side: Side) -> int:
    """The x (see `plumbline.core.curve`) at which the next share no longer pays."""
    fee = market.mint_fee_bps if side is Side.PREMIUM else -market.redeem_fee_bps
    target = market.nav * Fraction(MAX_BPS + fee, MAX_BPS) / market.quote.usd
    return sqrt_price_of(target.numerator, target.denominator)


def _cut(parts: tuple[tuple[PoolState, int], ...], most: int) -> tuple[tuple[PoolState, int], ...]:
    """Together at most `most`: rounding may have given some units more."""
    excess = max(sum(part for _, part in parts) - most, 0)
    cut = ((pool, part - (excess if i == len(parts) - 1 else 0)) for i, (pool, part) in enumerate(parts))
    return tuple((pool, part) for pool, part in cut if part > 0)


def _affordable(whole: Curve, budget: int, wanted: int) -> int:
    """Shares that a budget of quote buys, or more than `wanted`. Each pool rounds up twice on an exact output."""
    budget -= 4 * len(whole.starts)
    if budget <= 0:
        return 0
    top = min(wanted, whole.capacity)
    if whole.quote_for(top) <= budget:
        return wanted
    low, high = 0, top
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if whole.quote_for(middle) <= budget else (low, middle)
    return low


def _mintable(market: ParityMarket) -> int:
    """Shares whose components, fee included, are in the float; one unit of each is spared, for units round down."""
    gross = min(max(token.held - 1, 0) * WAD * WAD // token.unit_wad for token in market.components if token.unit_wad)
    return gross * MAX_BPS // (MAX_BPS + market.mint_fee_bps)

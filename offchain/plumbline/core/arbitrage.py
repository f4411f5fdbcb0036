# SPDX-License-Identifier: AGPL-3.0-only
"""How much to trade between a vault and a Uniswap v3 pool of its share: the exact optimum, in closed form.

Minting or redeeming costs the same per share at any size, and the pool's price for the next share only gets worse, so
profit is concave in the size and greatest where the two meet:

    premium:   pool price after the trade * (1 - pool fee) = NAV * (1 + mint fee)     sell down to that price
    discount:  pool price after the trade / (1 - pool fee) = NAV * (1 - redeem fee)   buy up to that price

The price is the same whatever the liquidity on the way, so the initialised ticks are walked once, to turn it into an
amount; inventory only cuts that amount. Prices are exact fractions, amounts the integers the contracts will move: the
profit found differs from the greatest possible by less than one smallest unit of each token.

Everything is in one currency: NAV is in the oracle's (USD), so the quote token counts at its own price.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from math import ceil

from plumbline.core.uniswap_math import PIPS, PoolState, sqrt_price_of, swap
from plumbline.core.units import MAX_BPS, WAD


class Side(StrEnum):
    PREMIUM = "premium"
    """The share is dear in the pool: mint and sell."""
    DISCOUNT = "discount"
    """The share is cheap in the pool: buy and redeem."""


@dataclass(frozen=True, slots=True)
class Token:
    """A component, or the quote token (with unit 0 when it is no component)."""

    unit_wad: int
    """D18{tok/share}: smallest units behind one whole share, times 1e18."""
    price: int
    """USD, in the decimals of the token's feed."""
    scale: int
    """10**(token decimals + feed decimals): smallest units * price / scale is USD."""
    held: int
    """The keeper's inventory, in smallest units."""

    @property
    def usd(self) -> Fraction:
        """USD per smallest unit."""
        return Fraction(self.price, self.scale)


@dataclass(frozen=True, slots=True)
class ParityMarket:
    """A vault and a pool of its share at one block, with the keeper's inventory."""

    pool: PoolState
    share_is_token0: bool
    tokens: tuple[Token, ...]
    """The components in the vault's order, then the quote token unless it is one of them."""
    quote: int
    """Which of `tokens` the pool trades the share against."""
    mint_fee_bps: int
    redeem_fee_bps: int

    @property
    def nav(self) -> Fraction:
        """USD per share wei."""
        return sum((token.unit_wad * token.usd for token in self.tokens), Fraction()) / WAD / WAD

    @property
    def pool_price(self) -> Fraction:
        """USD per share wei in the pool, fees aside."""
        price = Fraction(self.pool.sqrt_price_x96**2, 1 << 192)
        return (price if self.share_is_token0 else 1 / price) * self.tokens[self.quote].usd

    @property
    def premium(self) -> Fraction:
        """Pool price over NAV, less one: negative is a discount."""
        return self.pool_price / self.nav - 1

    def with_inventory(self, held: int) -> ParityMarket:
        """The same market for a keeper who holds `held` of every token."""
        return replace(self, tokens=tuple(replace(token, held=held) for token in self.tokens))

    def mint_amounts(self, shares: int) -> list[int]:
        """What the vault takes for `shares`, fee included: rounded up."""
        gross = shares - (-shares * self.mint_fee_bps // MAX_BPS)
        return [-(-gross * token.unit_wad // (WAD * WAD)) for token in self.tokens]

    def redeem_amounts(self, shares: int) -> list[int]:
        """What the vault pays for `shares`, net of the fee: rounded down."""
        net = shares + (-shares * self.redeem_fee_bps // MAX_BPS)
        return [net * token.unit_wad // (WAD * WAD) for token in self.tokens]


@dataclass(frozen=True, slots=True)
class ParityTrade:
    side: Side
    shares: int
    quote_amount: int
    """What the pool pays (premium) or takes (discount), in the quote token's smallest units."""
    profit: int
    """In the quote token's smallest units at the oracle's prices, before gas; may be negative."""


def band(market: ParityMarket, slack_bps: int = 0) -> tuple[Fraction, Fraction]:
    """The (lowest, highest) premium that pays nobody to trade: pool fee and vault fee, plus `slack_bps`."""
    pool_fee, slack = Fraction(market.pool.fee_pips, PIPS), Fraction(slack_bps, MAX_BPS)
    low = pool_fee + Fraction(market.redeem_fee_bps, MAX_BPS) + slack
    high = pool_fee + Fraction(market.mint_fee_bps, MAX_BPS) + slack
    return -low, high


def gas_cost(market: ParityMarket, gas: int, gas_price_wei: int, gas_token_usd_wad: int) -> int:
    """What gas costs in the quote token's smallest units, rounded up. The gas token has 18 decimals."""
    usd = Fraction(gas * gas_price_wei * gas_token_usd_wad, WAD * WAD)
    return ceil(usd / market.tokens[market.quote].usd)


def best_trade(market: ParityMarket) -> ParityTrade | None:
    """The most profitable trade before gas; None when none gains anything."""
    for side in Side:
        shares = optimal_shares(market, side)
        if shares > 0:
            trade = evaluate(market, side, shares)
            return trade if trade.profit > 0 else None
    return None


def optimal_shares(market: ParityMarket, side: Side) -> int:
    """The size at which the next share would no longer pay, cut to the inventory; 0 when the first would not."""
    keep = 1 - Fraction(market.pool.fee_pips, PIPS)
    quote = market.tokens[market.quote]
    if side is Side.PREMIUM:
        target = market.nav * (1 + Fraction(market.mint_fee_bps, MAX_BPS)) / keep / quote.usd
    else:
        target = market.nav * (1 - Fraction(market.redeem_fee_bps, MAX_BPS)) * keep / quote.usd
    if not market.share_is_token0:
        target = 1 / target
    limit_x96 = sqrt_price_of(target.numerator, target.denominator)
    zero_for_one = market.share_is_token0 == (side is Side.PREMIUM)
    if side is Side.PREMIUM:
        sold = swap(market.pool, zero_for_one=zero_for_one, amount=None, limit_x96=limit_x96).amount_in
        return min(sold, _mintable(market))
    # Buying what a budget buys may cost 2 units more than the budget: the pool rounds up twice on an exact output.
    budget = max(quote.held - 2, 0)
    return swap(market.pool, zero_for_one=zero_for_one, amount=budget, limit_x96=limit_x96).amount_out


def evaluate(market: ParityMarket, side: Side, shares: int) -> ParityTrade:
    """What trading exactly `shares` would move and gain: each token's change netted, then valued against the keeper.

    Raises:
        ValueError: the known part of the pool cannot fill it.
    """
    selling = side is Side.PREMIUM
    moved = swap(
        market.pool,
        zero_for_one=market.share_is_token0 == selling,
        amount=shares,
        # Far beyond any price; the pool's own bounds end the walk.
        limit_x96=0 if market.share_is_token0 == selling else 1 << 160,
        exact_in=selling,
    )
    if (moved.amount_in if selling else moved.amount_out) != shares:
        raise ValueError(f"the known part of the pool cannot fill {shares} shares")
    if selling:
        changes = [-amount for amount in market.mint_amounts(shares)]
        quote_amount = moved.amount_out
        changes[market.quote] += quote_amount
    else:
        changes = market.redeem_amounts(shares)
        quote_amount = moved.amount_in
        changes[market.quote] -= quote_amount
    # Floor division of a negative number rounds a cost up.
    usd_wad = sum(
        change * token.price * WAD // token.scale for change, token in zip(changes, market.tokens, strict=True)
    )
    quote = market.tokens[market.quote]
    return ParityTrade(side, shares, quote_amount, usd_wad * quote.scale // (quote.price * WAD))


def _mintable(market: ParityMarket) -> int:
    """Shares whose components, fee included, the keeper holds; one unit of each is spared, for units round down."""
    gross = min(max(token.held - 1, 0) * WAD * WAD // token.unit_wad for token in market.tokens if token.unit_wad)
    return gross * MAX_BPS // (MAX_BPS + market.mint_fee_bps)

# SPDX-License-Identifier: AGPL-3.0-only
"""How a desk makes a market in a share and stays neutral: one range of liquidity around NAV, its inventory hedged.

The range sells shares while the pool's price rises and buys them while it falls. What the desk holds more (or less)
than its owner has sold elsewhere is its net exposure to the index:

    exposure = shares in hand + shares in the range + shares of its fees - target

It is brought back by redeeming shares and selling the components (or buying components and minting). Two things move
it: a push of the pool, which arbitrage takes back within blocks, and NAV, which moves on. So what is hedged is the
exposure there would be with the pool at NAV, beyond `hedge_from`; only what leaves the band is hedged at once.

Amounts are integers of shares (18 decimals) and of the quote's smallest units, rounded against the desk.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Final

from plumbline.core.uniswap_math import (
    MAX_TICK,
    MIN_TICK,
    Q96,
    PoolState,
    amount0_between,
    amount1_between,
    sqrt_price_at_tick,
    sqrt_price_of,
    tick_at_sqrt_price,
)
from plumbline.core.units import MAX_BPS

SLACK_BPS: Final = 50
"""How much less of either token than foreseen a new range may take: more, and somebody moved the pool meanwhile."""


@dataclass(frozen=True, slots=True)
class DeskRules:
    target: int
    """{share} The index exposure that somebody else carries for the desk: sold elsewhere, or owned on purpose."""
    band: int
    """{share} The net exposure may be so far off it, either way."""
    hedge_from: int
    """{share} Exposure at NAV beyond which it is hedged; below the band by what a push moves."""
    position: int
    """{share} in the range while the pool's price is its centre; as much value in quote beside it."""
    reach_bps: int
    """The range is NAV -+ so much. It is made anew around NAV when that has gone half the way to its edge ..."""
    calm_bps: int
    """... and the pool is no further than this from NAV: nobody places liquidity into a push."""


@dataclass(frozen=True, slots=True)
class Range:
    """A position of the desk's, by its id at the position manager."""

    token_id: int
    low: int
    high: int
    """Ticks."""
    liquidity: int
    fee_shares: int
    fee_quote: int
    """Earned and not collected yet."""


@dataclass(frozen=True, slots=True)
class DeskState:
    """What the desk has, and the pool it is in, at one block."""

    pool: PoolState
    share_is_token0: bool
    nav: Fraction
    """{quote} smallest units for one share wei."""
    shares: int
    quote: int
    """In hand."""
    range: Range | None = None

    @property
    def nav_sqrt_x96(self) -> int:
        nav = self.nav if self.share_is_token0 else 1 / self.nav
        return sqrt_price_of(nav.numerator, nav.denominator)

    @property
    def premium(self) -> Fraction:
        price = Fraction(self.pool.sqrt_price_x96**2, 1 << 192)
        return (price if self.share_is_token0 else 1 / price) / self.nav - 1

    def in_range(self, sqrt_price_x96: int | None = None) -> tuple[int, int]:
        """(shares, quote) that taking the range out would give, without its fees; at the pool's price, or another."""
        if self.range is None:
            return 0, 0
        at = self.pool.sqrt_price_x96 if sqrt_price_x96 is None else sqrt_price_x96
        amounts = amounts_of(self.range.liquidity, self.range.low, self.range.high, at, round_up=False)
        return amounts if self.share_is_token0 else amounts[::-1]

    def holdings(self, sqrt_price_x96: int | None = None) -> tuple[int, int]:
        """(shares, quote) of all there is, fees included."""
        shares, quote = self.in_range(sqrt_price_x96)
        fees = (self.range.fee_shares, self.range.fee_quote) if self.range else (0, 0)
        return self.shares + shares + fees[0], self.quote + quote + fees[1]

    def exposure(self, rules: DeskRules) -> int:
        """{share}, net of the target."""
        return self.holdings()[0] - rules.target

    def exposure_at_nav(self, rules: DeskRules) -> int:
        """What stays once arbitrage has brought the pool back to NAV."""
        return self.holdings(self.nav_sqrt_x96)[0] - rules.target


@dataclass(frozen=True, slots=True)
class Hedge:
    shares: int
    """To mint; to redeem when negative."""


@dataclass(frozen=True, slots=True)
class Place:
    """Take the range out, if there is one, and put `liquidity` between two ticks."""

    low: int
    high: int
    liquidity: int
    amounts: tuple[int, int]
    """The most of token0 and token1 it takes at the pool's price."""

    @property
    def least(self) -> tuple[int, int]:
        """What it must take of each, or somebody has moved the pool since."""
        first, second = (amount * (MAX_BPS - SLACK_BPS) // MAX_BPS for amount in self.amounts)
        return first, second


def decide(state: DeskState, rules: DeskRules) -> Hedge | Place | None:
    """The next step; None: all is as it should be, or must wait."""
    hedge = _hedge(state, rules)
    if hedge:
        if hedge > 0 or -hedge <= state.shares:
            return Hedge(hedge)
        # What is to be redeemed is in the range: it comes out with the next one, and is hedged then.
        return _place(state, rules) or (Hedge(-state.shares) if state.shares else None)
    return _place(state, rules) if _is_off_centre(state, rules) else None


def _hedge(state: DeskState, rules: DeskRules) -> int:
    lasting, now = state.exposure_at_nav(rules), state.exposure(rules)
    if abs(lasting) > rules.hedge_from:
        return -lasting
    if abs(now) > rules.band:
        return (rules.band if now > 0 else -rules.band) - now
    return 0


def _is_off_centre(state: DeskState, rules: DeskRules) -> bool:
    """Half the way to the edge, in ticks: a tick is a basis point."""
    if state.range is None:
        return True
    centre = (state.range.low + state.range.high) // 2
    half = (state.range.high - state.range.low) // 4
    return abs(tick_at_sqrt_price(state.nav_sqrt_x96) - centre) > half


def _place(state: DeskState, rules: DeskRules) -> Place | None:
    if abs(state.premium) * MAX_BPS > rules.calm_bps:
        return None
    low, high = bounds(state, rules.reach_bps)
    wanted = liquidity_for(rules.position, low, high, state.nav_sqrt_x96, is_token0=state.share_is_token0)
    # What a burn gives back is foreseen to the unit, what a mint takes is rounded up: some dust is left out of both.
    shares, quote = (max(each - 1_000, 0) for each in state.holdings())
    have = (shares, quote) if state.share_is_token0 else (quote, shares)
    liquidity = wanted
    for need, there in zip(amounts_of(wanted, low, high, state.pool.sqrt_price_x96, round_up=True), have, strict=True):
        if need > there:
            liquidity = min(liquidity, wanted * there // need)
    if not liquidity:
        return None
    return Place(low, high, liquidity, amounts_of(liquidity, low, high, state.pool.sqrt_price_x96, round_up=True))


def bounds(state: DeskState, reach_bps: int) -> tuple[int, int]:
    """Ticks of NAV -+ `reach_bps`, on the pool's spacing, outwards."""
    spacing, at = state.pool.tick_spacing, state.nav_sqrt_x96
    low_root, high_root = (isqrt((MAX_BPS + sign * reach_bps) * MAX_BPS << 64) for sign in (-1, 1))
    low = tick_at_sqrt_price(at * low_root // (MAX_BPS << 32)) // spacing * spacing
    high = -(-tick_at_sqrt_price(at * high_root // (MAX_BPS << 32)) // spacing) * spacing
    return max(low, -(-MIN_TICK // spacing) * spacing), min(high, MAX_TICK // spacing * spacing)


def liquidity_for(shares: int, low: int, high: int, sqrt_price_x96: int, *, is_token0: bool) -> int:
    """The liquidity whose part in shares is at most `shares` at a price between the ticks."""
    below, above = sqrt_price_at_tick(low), sqrt_price_at_tick(high)
    if is_token0:
        return shares * sqrt_price_x96 * above // ((above - sqrt_price_x96) * Q96)
    return shares * Q96 // (sqrt_price_x96 - below)


def amounts_of(liquidity: int, low: int, high: int, sqrt_price_x96: int, *, round_up: bool) -> tuple[int, int]:
    """(token0, token1) in `liquidity` between two ticks at a price."""
    below, above = sqrt_price_at_tick(low), sqrt_price_at_tick(high)
    at = min(max(sqrt_price_x96, below), above)
    return (
        amount0_between(at, above, liquidity, round_up=round_up),
        amount1_between(below, at, liquidity, round_up=round_up),
    )

# SPDX-License-Identifier: AGPL-3.0-only
"""How a demo's trader moves a pool: one push in each interval, a pure function of the seed and the interval."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import isqrt

from plumbline.core.uniswap_math import PoolState, swap
from plumbline.core.units import MAX_BPS


@dataclass(frozen=True, slots=True)
class Push:
    at_ms: int
    bps: int
    """How far the share's price is to move: negative is down."""


@dataclass(frozen=True, slots=True)
class Order:
    """A swap that ends at a price: what is not needed to get there is not taken."""

    buy: bool
    """Of shares, for quote."""
    amount_in: int
    limit_x96: int


def push_in(interval: int, *, seed: int, interval_ms: int, min_bps: int, max_bps: int) -> Push:
    """The push of the interval that begins at interval * interval_ms; the same after a restart."""
    rng = random.Random(f"{seed}:{interval}")
    at_ms = interval * interval_ms + rng.randrange(interval_ms)
    bps = rng.randint(min_bps, max_bps)
    return Push(at_ms, bps if rng.random() < 0.5 else -bps)


@dataclass(frozen=True, slots=True)
class Pocket:
    """A pool of share and quote, and what the trader holds of both."""

    pool: PoolState
    share_is_token0: bool
    shares: int
    quote: int

    def affords(self, order: Order) -> bool:
        return order.amount_in <= (self.quote if order.buy else self.shares)


def aim(pocket: Pocket, bps: int) -> Order:
    """The order that moves the share's price by `bps`, or the other way when the trader lacks what that takes.

    With too little for either way, the pool moves as far as it lasts.
    """
    wanted, other = _order(pocket, bps), _order(pocket, -bps)
    if pocket.affords(wanted):
        return wanted
    if pocket.affords(other):
        return other
    return Order(wanted.buy, pocket.quote if wanted.buy else pocket.shares, wanted.limit_x96)


def _order(pocket: Pocket, bps: int) -> Order:
    pool, factor = pocket.pool, (MAX_BPS + bps, MAX_BPS)
    num, den = factor if pocket.share_is_token0 else factor[::-1]
    limit_x96 = isqrt(pool.sqrt_price_x96**2 * num // den)
    zero_for_one = limit_x96 < pool.sqrt_price_x96
    needed = swap(pool, zero_for_one=zero_for_one, amount=None, limit_x96=limit_x96).amount_in
    return Order(bps > 0, needed, limit_x96)

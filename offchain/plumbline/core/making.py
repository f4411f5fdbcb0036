# SPDX-License-Identifier: AGPL-3.0-only
"""How a market maker keeps a pool at the price a token has elsewhere: with what it holds, and no further than pays.

Buying in the pool pays while its price is below the outside price by more than the pool's fee, selling while it is
above by more. Between is a band in which nobody moves the pool: so it follows the outside price late, as real pools do.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from plumbline.core.curve import limit_of
from plumbline.core.pushes import Order, Pocket
from plumbline.core.uniswap_math import sqrt_price_of, swap
from plumbline.core.units import WAD


def quoted(
    known_wad: Mapping[str, int], market: str, per: str | None, quote_market: str, decimals: tuple[int, int]
) -> Fraction | None:
    """{quote} smallest units for a smallest unit of a token that trades in `market` (per `per`), as the quote does in
    its own; `decimals` are the token's and the quote's. None: one of them has no price."""
    if not {market, per or market, quote_market} <= known_wad.keys():
        return None
    price = Fraction(known_wad[market] if per is None else Fraction(known_wad[market] * WAD, known_wad[per]))
    scale = Fraction(10 ** decimals[1], 10 ** decimals[0])
    return price * scale / known_wad[quote_market]


def toward(pocket: Pocket, price: Fraction) -> Order | None:
    """The swap that takes what the pool leaves on the table; None: nothing, or nothing to take it with.

    price: {quote} smallest units for one smallest unit of the pool's other token, elsewhere. Inventory cuts the swap.
    """
    x = sqrt_price_of(price.numerator, price.denominator)
    for buy in (True, False):
        limit_x96 = limit_of(pocket.pool, x, is_token0=pocket.share_is_token0, selling=not buy)
        down = pocket.share_is_token0 != buy
        here = pocket.pool.sqrt_price_x96
        if here <= limit_x96 if down else here >= limit_x96:
            continue
        needed = swap(pocket.pool, zero_for_one=down, amount=None, limit_x96=limit_x96).amount_in
        amount = min(needed, pocket.quote if buy else pocket.shares)
        return Order(buy, amount, limit_x96) if amount else None
    return None

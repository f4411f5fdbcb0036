# SPDX-License-Identifier: AGPL-3.0-only
"""A book around each print, made of the print alone: the same tape gives the same books on every run.

A tape holds trades. What rests around a trade is made up: twelve levels a side, three basis points apart, with sizes
that depend on the price, so that most levels stay as they are when the price moves by a level.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from zlib import crc32

from plumbline.core.units import MAX_BPS, WAD
from plumbline.replay.tape import Print

LEVELS: Final = 12
STEP_BPS: Final = 3
HALF_SPREAD_BPS: Final = 1
_TICK_DIGITS: Final = 7
"""A price has so many significant digits."""

Level = tuple[int, int]
"""(price, size), both times 1e18."""


class Levels(NamedTuple):
    """Best first on either side."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def book_around(p: Print) -> Levels:
    price_wad = p.trade.price_wad
    tick_wad = 10 ** max(0, len(str(price_wad)) - _TICK_DIGITS)
    step_wad = max(tick_wad, price_wad * STEP_BPS // MAX_BPS // tick_wad * tick_wad)
    half_wad = max(tick_wad, price_wad * HALF_SPREAD_BPS // MAX_BPS // tick_wad * tick_wad)
    # On a grid of steps, so that a level is the same before and after a small move; the best ones hug the print.
    below, above = (price_wad - half_wad) // tick_wad * tick_wad, (price_wad + half_wad) // tick_wad * tick_wad
    grid = price_wad // step_wad * step_wad
    bids = [below] + [level for n in range(LEVELS + 2) if 0 < (level := grid - n * step_wad) < below]
    asks = [above] + [level for n in range(LEVELS + 2) if (level := grid + n * step_wad) > above]
    return Levels(
        tuple((price, _size_wad(price)) for price in bids[:LEVELS]),
        tuple((price, _size_wad(price)) for price in asks[:LEVELS]),
    )


def changed(before: tuple[Level, ...], after: tuple[Level, ...]) -> list[Level]:
    """What turns one side into the other; size 0: nothing rests there any more."""
    old, new = dict(before), dict(after)
    return [(price, 0) for price in old if price not in new] + [level for level in after if level[0] not in old]


def _size_wad(price_wad: int) -> int:
    """0.01 to 10.00, by the price."""
    return (crc32(str(price_wad).encode()) % 1_000 + 1) * WAD // 100

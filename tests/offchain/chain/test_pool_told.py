# SPDX-License-Identifier: AGPL-3.0-only
"""What a node says of a pool and cannot be: it is an answer that makes no sense, and nothing that ends a keeper."""

from __future__ import annotations

import pytest

from plumbline.chain.pool import _BURN, _MINT, _SWAP, PoolLog, apply
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, Q96, PoolState, sqrt_price_at_tick
from plumbline.errors import ChainError

POOL = PoolState(Q96, 0, 10**18, 500, 10, ((-100, 10**18), (100, -(10**18))))
TICK_UP = sqrt_price_at_tick(1)


def said(topics: tuple[bytes, ...], *words: int) -> PoolState:
    data = b"".join((word % (1 << 256)).to_bytes(32) for word in words)
    return apply(POOL, PoolLog(1, 0, "0xpool", topics, data))


def swapped(price: int, tick: int, liquidity: int = 5) -> PoolState:
    return said((_SWAP, bytes(32), bytes(32)), 1, -1, price, liquidity, tick)


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        (Q96, 0),
        # Stopped on a tick's own price on the way down.
        (Q96, -1),
        (TICK_UP - 1, 0),
        (sqrt_price_at_tick(MIN_TICK), MIN_TICK),
        (sqrt_price_at_tick(MAX_TICK) - 1, MAX_TICK - 1),
    ],
)
def test_apply__swap_to_where_a_pool_can_be__moves_there(price, tick):
    moved = swapped(price, tick)
    assert (moved.sqrt_price_x96, moved.tick, moved.liquidity) == (price, tick, 5)


@pytest.mark.parametrize(
    ("price", "tick"),
    [(0, 0), (Q96, 1), (Q96, -2), (TICK_UP + 1, 0), (1 << 255, MAX_TICK), (1, MIN_TICK - 1), (Q96, 1 << 254)],
)
def test_apply__swap_to_where_none_can_be__makes_no_sense(price, tick):
    with pytest.raises(ChainError, match="makes no sense: pool 0xpool at price"):
        swapped(price, tick)


@pytest.mark.parametrize(("topics", "words"), [((_SWAP,) + (b"",) * 2, 4), ((_MINT,), 4), ((_BURN,) + (b"",) * 3, 0)])
def test_apply__event_cut_short__makes_no_sense(topics, words):
    with pytest.raises(ChainError, match="another size"):
        said(topics, *[1] * words)


def test_apply__more_burned_than_there_was__makes_no_sense():
    ticks = ((-100) % (1 << 256)).to_bytes(32), (100).to_bytes(32)
    assert said((_BURN, b"", *ticks), 10**18, 0, 0).liquidity == 0
    with pytest.raises(ChainError, match="liquidity -1"):
        said((_BURN, b"", *ticks), 10**18 + 1, 0, 0)


def test_apply__event_of_no_concern__changes_nothing():
    assert said((bytes(32),), 1, 2) == said(()) == POOL

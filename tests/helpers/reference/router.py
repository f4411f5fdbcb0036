# SPDX-License-Identifier: AGPL-3.0-only
"""Where every token goes in a trade through the router, in plain Python, from docs/periphery.md and Uniswap v3's own
arithmetic (`plumbline.core.uniswap_math`): nobody but caller, receiver, pools and index has more or less afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from plumbline.core.uniswap_math import MAX_SQRT_PRICE, MIN_SQRT_PRICE, PoolState, swap, tick_at_sqrt_price


@dataclass
class PoolModel:
    """A pool whose price stays inside the one range there is."""

    address: str
    token0: str
    token1: str
    state: PoolState

    def trade(self, token_in: str, amount: int, *, exact_in: bool) -> tuple[int, int]:
        """({token in} taken, {token out} given); the price moves."""
        down = token_in == self.token0
        limit = MIN_SQRT_PRICE + 1 if down else MAX_SQRT_PRICE - 1
        moved = swap(self.state, zero_for_one=down, amount=amount, limit_x96=limit, exact_in=exact_in)
        price = moved.sqrt_price_x96
        self.state = replace(self.state, sqrt_price_x96=price, tick=tick_at_sqrt_price(price))
        assert self.state.ticks[0][0] < self.state.tick < self.state.ticks[1][0], "out of the range"
        return moved.amount_in, moved.amount_out


@dataclass
class RouterModel:
    """`holdings` by (who, token); a route is the tokens from the component on, with the pool of each hop."""

    index: str
    tokens: Sequence[str]
    asset: str
    routes: Sequence[Sequence[PoolModel]]
    holdings: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def mint(self, who: str, receiver: str, shares: int, amounts: Sequence[int], in_kind: int) -> int:
        """What the caller paid of the asset; bit i of `in_kind`: component i is brought."""
        before = self.holdings[who, self.asset]
        for i, (token, amount) in enumerate(zip(self.tokens, amounts, strict=True)):
            if not amount:
                continue
            source, pool_of = token, list(self.routes[i])
            if in_kind >> i & 1 or not pool_of:
                self._move(token, who, self.index, amount)
                continue
            # Each pool is paid by the next hop; the last by the caller.
            to, due = self.index, amount
            for pool in pool_of:
                paid_in = pool.token1 if source == pool.token0 else pool.token0
                taken, given = pool.trade(paid_in, due, exact_in=False)
                assert given == due
                self._move(source, pool.address, to, due)
                source, to, due = paid_in, pool.address, taken
            self._move(source, who, to, due)
        self.holdings[receiver, self.index] += shares
        return before - self.holdings[who, self.asset]

    def redeem(self, who: str, receiver: str, shares: int, amounts: Sequence[int], in_kind: int) -> int:
        """What the receiver got of the asset."""
        before = self.holdings[receiver, self.asset]
        self.holdings[who, self.index] -= shares
        for i, (token, amount) in enumerate(zip(self.tokens, amounts, strict=True)):
            pool_of = [] if in_kind >> i & 1 else list(self.routes[i])
            source, owner, left = token, self.index, amount
            for pool in pool_of:
                if not left:
                    break
                taken, given = pool.trade(source, left, exact_in=True)
                assert taken == left
                self._move(source, owner, pool.address, left)
                source, owner, left = pool.token1 if source == pool.token0 else pool.token0, pool.address, given
            self._move(source, owner, receiver, left)
        return self.holdings[receiver, self.asset] - before

    def _move(self, token: str, sender: str, receiver: str, amount: int) -> None:
        self.holdings[sender, token] -= amount
        self.holdings[receiver, token] += amount

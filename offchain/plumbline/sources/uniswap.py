# SPDX-License-Identifier: AGPL-3.0-only
"""A Uniswap v3 pool as a venue beside the exchanges: its mean price over a window, while enough liquidity stood there.

    tick   = (tickCumulative(now) - tickCumulative(now - w)) / w          price = 1.0001 ^ tick
    L      = w * 2^128 / (secondsPerLiquidity(now) - secondsPerLiquidity(now - w))
    depth  = the base token that L sells until it is 1% dearer = base reserve of L at the price * (1 - 1 / sqrt(1.01))

Source: Uniswap v3-periphery, OracleLibrary.consult (the arithmetic mean tick and the harmonic mean liquidity). The
geometric mean over half an hour costs who moves it the arbitrage of half an hour; the harmonic mean of liquidity
falls to nothing when there was nothing for even a moment, so that liquidity brought for a block buys no vote.

Checked against the real pool contracts of Uniswap's own npm packages, on a local chain. What is told is a `Trade` at
the block's time whose size is the depth: no exchange's volume, to be capped or weighted with that in mind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog
from eth_utils.address import to_checksum_address
from web3.contract import AsyncContract

from plumbline.chain.erc20 import ChainToken
from plumbline.chain.rpc import Rpc
from plumbline.core.models import Trade
from plumbline.core.uniswap_math import MAX_TICK, MIN_TICK, sqrt_price_at_tick
from plumbline.core.units import WAD, WAD_DECIMALS
from plumbline.errors import ChainError, SourceError
from plumbline.sources.numbers import MAX_VALUE_WAD
from plumbline.sources.websocket import SourceStats

_WITHIN_1E18: Final = 4_962_809_790_010_864
"""1 - 1 / sqrt(1.01), times 1e18, rounded down."""
_Q96: Final = 1 << 96
_Q128: Final = 1 << 128
_Q160: Final = 1 << 160
_ABI: Final = [
    *(
        {
            "type": "function",
            "name": name,
            "inputs": [],
            "outputs": [{"name": "", "type": "address"}],
            "stateMutability": "view",
        }
        for name in ("token0", "token1")
    ),
    {
        "type": "function",
        "name": "observe",
        "inputs": [{"name": "secondsAgos", "type": "uint32[]"}],
        "outputs": [{"name": "ticks", "type": "int56[]"}, {"name": "liquidities", "type": "uint160[]"}],
        "stateMutability": "view",
    },
]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """What is read of a pool, and how."""

    pool: str
    symbol: str
    """What it is to the index: "BTC/USDC"."""
    base: str
    """Address of the token that is the symbol's base."""
    window_s: int
    min_depth_wad: int
    """Base units, times 1e18: with less depth than this there is no price."""
    venue: str = "uniswap"
    poll_s: float = 5.0
    """Wall time between two looks."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    base_is_token0: bool
    base_decimals: int
    quote_decimals: int


class PoolSource:
    """A `TradeSource` of one pool."""

    def __init__(self, rpc: Rpc, terms: PoolTerms) -> None:
        self.venue = terms.venue
        self.stats = SourceStats()
        self._rpc, self._terms = rpc, terms
        self._contract: AsyncContract = rpc.w3.eth.contract(
            address=to_checksum_address(terms.pool), abi=cast(Any, _ABI)
        )
        self._tokens: _Tokens | None = None
        self._last_ms = 0

    async def trades(self) -> AsyncIterator[Trade]:
        """The mean price once a block that is looked at; ends only when cancelled or closed."""
        while True:
            try:
                trade = await self._look()
            except (ChainError, SourceError) as error:
                if str(error) != self.stats.reason:
                    _log.warning("venue out", venue=self.venue, reason=str(error))
                self.stats.connected, self.stats.reason = False, str(error)
            else:
                if not self.stats.connected:
                    self.stats.connections += 1
                self.stats.connected, self.stats.reason = True, ""
                if trade.at_ms > self._last_ms:
                    self._last_ms = trade.at_ms
                    self.stats.trades += 1
                    yield trade
            await asyncio.sleep(self._terms.poll_s)

    def book(self, symbol: str) -> None:
        """A pool has no order book; its depth is the size of what it tells."""

    async def _look(self) -> Trade:
        terms = self._terms
        if self._tokens is None:
            self._tokens = await self._read_tokens()
        block = await self._rpc.ask(self._rpc.w3.eth.get_block("latest"))
        number, at_s = int(block["number"]), int(block["timestamp"])
        call = self._contract.functions.observe([terms.window_s, 0]).call(block_identifier=number)
        try:
            ticks, inverses = await self._rpc.ask(call)
        except ChainError as error:
            if error.reason == "OLD":
                raise SourceError(
                    f"{self.venue}: the pool remembers less than {terms.window_s} s; "
                    "its observation cardinality has to be increased"
                ) from None
            raise
        seen_ticks, seen_inverses = int(ticks[1]) - int(ticks[0]), (int(inverses[1]) - int(inverses[0])) % _Q160
        price_wad, depth_wad = mean_price(seen_ticks, seen_inverses, terms.window_s, self._tokens)
        if depth_wad < terms.min_depth_wad:
            self.stats.rejected["too little liquidity"] += 1
            raise SourceError(
                f"{self.venue}: {depth_wad / WAD:.6f} {terms.symbol.partition('/')[0]} within 1%, "
                f"expected at least {terms.min_depth_wad / WAD:.6f}"
            )
        if not 0 < price_wad <= MAX_VALUE_WAD:
            self.stats.rejected["price"] += 1
            raise SourceError(f"{self.venue}: a price of {price_wad} (1e18) is none")
        return Trade(self.venue, terms.symbol, price_wad, depth_wad, at_s * 1000)

    async def _read_tokens(self) -> _Tokens:
        functions = self._contract.functions
        token0, token1 = await self._rpc.ask(functions.token0().call()), await self._rpc.ask(functions.token1().call())
        base = to_checksum_address(self._terms.base)
        if base not in (token0, token1):
            raise SourceError(f"{self.venue}: expected base {base} to be one of the pool's tokens {token0}, {token1}")
        quote = token1 if base == token0 else token0
        decimals = [await ChainToken(self._rpc, token).decimals() for token in (base, quote)]
        return _Tokens(base == token0, *decimals)


def mean_price(seen_ticks: int, seen_inverses: int, window_s: int, tokens: _Tokens) -> tuple[int, int]:
    """(price, depth within 1%), both times 1e18, from what the accumulators grew by over the window.

    `seen_ticks`: tick seconds; `seen_inverses`: seconds over liquidity, Q128. Rounded down.
    """
    tick, rest = divmod(seen_ticks, window_s)
    if not MIN_TICK <= tick < MAX_TICK or seen_inverses <= 0:
        raise SourceError(f"the pool's accumulators make no sense: {seen_ticks} tick seconds over {window_s} s")
    low, high = sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1)
    sqrt_price = low + (high - low) * rest // window_s
    # Token1 per token0 in smallest units is (sqrt_price / 2^96)^2.
    above, below = sqrt_price * sqrt_price, _Q96 * _Q96
    if not tokens.base_is_token0:
        above, below = below, above
    shift = 10 ** (WAD_DECIMALS + tokens.base_decimals)
    price_wad = above * shift // (below * 10**tokens.quote_decimals)
    liquidity = window_s * _Q128 // seen_inverses
    reserve = liquidity * _Q96 // sqrt_price if tokens.base_is_token0 else liquidity * sqrt_price // _Q96
    return price_wad, reserve * _WITHIN_1E18 // 10**tokens.base_decimals

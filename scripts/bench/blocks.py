# SPDX-License-Identifier: AGPL-3.0-only
"""The blocks of the replayed market: their times, and what was true in each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from web3 import Web3
from web3.types import RPCEndpoint

from plumbline.chain.rpc import Rpc
from plumbline.core.units import MAX_BPS, WAD
from plumbline.errors import ChainError
from scripts.deployment import cast
from scripts.deployment.chain import Chain

BLOCK_S: Final = 12
BASE_FEE_WEI: Final = 10**8
"""0.1 gwei, a rollup's."""
QUOTE_FEED: Final = cast.feed_index(cast.component(cast.QUOTE).feed)
QUOTE_SCALE: Final = 10 ** (cast.component(cast.QUOTE).decimals + cast.FEEDS[QUOTE_FEED].decimals)


@dataclass
class Premiums:
    """Every block, and whether the premium was inside the band."""

    low: Fraction
    high: Fraction
    answered: list[bool] = field(default_factory=list)
    """The blocks that follow a turn of the keeper's on an event."""
    blocks: int = 0
    inside: int = 0
    distances: float = 0
    """{bps} sum of |premium| over the blocks that have one."""
    unpriced: int = 0
    """Blocks in which the oracle served no price: outside, whatever the pool did."""
    last: Fraction | None = None

    def note(self, premium: Fraction | None, *, answered: bool = False) -> None:
        self._count(premium, 1, self._is_inside(premium))
        if answered:
            self.answered.append(self._is_inside(premium))
        self.last = premium

    def note_quiet(self, blocks: int, premium: Fraction | None) -> None:
        """A stretch in which nothing happened, after the block noted last; `premium` is that of its last block."""
        self._count(premium, blocks, self._is_inside(premium) and self._is_inside(self.last))
        self.last = premium

    def _count(self, premium: Fraction | None, blocks: int, inside: bool) -> None:
        self.blocks += blocks
        self.inside += blocks * inside
        if premium is None:
            self.unpriced += blocks
        else:
            self.distances += blocks * abs(float(premium)) * MAX_BPS

    def _is_inside(self, premium: Fraction | None) -> bool:
        return premium is not None and self.low <= premium <= self.high


@dataclass
class Exposures:
    """Every block, and whether the desk's net exposure to the index was inside its band."""

    blocks: int = 0
    inside: int = 0
    largest: int = 0

    def note(self, exposure: int, band: int, blocks: int = 1) -> None:
        self.blocks += blocks
        self.inside += blocks * (abs(exposure) <= band)
        self.largest = max(self.largest, abs(exposure))


class Outsider:
    """Reads the premium from the chain, as anybody could."""

    def __init__(self, rpc: Rpc, chain: Chain, max_age_s: int) -> None:
        self._rpc = rpc
        self.sqrt_price_x96 = 0
        """Of the pool when it was looked at last."""
        vault, quote = chain.address("vault"), chain.address(f"token {cast.QUOTE}")
        self._share_is_token0 = int(vault, 16) < int(quote, 16)
        self._calls = (
            rpc.contract("IUniswapV3Pool", chain.address("pool")).functions.slot0(),
            rpc.contract("IndexVault", vault).functions.nav(max_age_s),
            rpc.contract("MedianOracle", chain.address("oracle")).functions.price(QUOTE_FEED, max_age_s),
        )

    async def premium(self) -> Fraction | None:
        """None when the oracle serves no price."""
        try:
            slot0, nav_wad, price = await asyncio.gather(*(self._rpc.ask(call.call()) for call in self._calls))
        except ChainError as error:
            if not error.reason:
                raise
            return None
        self.sqrt_price_x96 = slot0[0]
        per_share = Fraction(slot0[0] ** 2, 1 << 192)
        quote_units = (per_share if self._share_is_token0 else 1 / per_share) * WAD
        return quote_units * price * WAD / QUOTE_SCALE / nav_wad - 1


class Blocks:
    """The chain's clock: a block for every twelve seconds, at the bench's base fee."""

    def __init__(self, web3: Web3, start_s: int) -> None:
        self._web3, self.at_s = web3, start_s
        """Time of the last block of the grid."""
        # What is mined between two times of the grid follows by a second, however long it took.
        self._ask("anvil_setBlockTimestampInterval", 1)

    def next(self) -> None:
        """Whatever is mined next is the next block of the grid."""
        self.at_s += BLOCK_S
        self.set(self.at_s)

    def set(self, at_s: int) -> None:
        self._ask("evm_setNextBlockTimestamp", at_s)
        self._ask("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE_WEI))

    def quiet_before(self, at_s: int) -> int:
        """Mines the quiet blocks of the grid before `at_s`; returns how many."""
        count = max((at_s - self.at_s) // BLOCK_S - 1, 0)
        if count:
            self.next()
            self._ask("anvil_mine", hex(count), hex(BLOCK_S))
            self.at_s += (count - 1) * BLOCK_S
        return count

    def mine(self) -> None:
        self._ask("evm_mine")

    def _ask(self, method: str, *parameters: Any) -> None:
        answer = self._web3.provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")

# SPDX-License-Identifier: AGPL-3.0-only
"""Looks at the chain and at one reporter, as any outsider could, and says how the demo stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from plumbline.chain.rpc import Rpc
from plumbline.core.units import WAD
from plumbline.errors import ChainError
from plumbline.overview.attention import PAYS_PPM

PPM: Final = 1_000_000
_ANY_AGE_S: Final = 10**9


@dataclass(frozen=True, slots=True)
class Band:
    """The premium that pays nobody to trade, by the fees alone, in millionths; `low` is negative."""

    low_ppm: int
    high_ppm: int

    def holds(self, premium_ppm: int | None) -> bool:
        """Inside, or so little outside that nobody is expected to bring it back."""
        low, high = self.low_ppm - PAYS_PPM, self.high_ppm + PAYS_PPM
        return premium_ppm is not None and low <= premium_ppm <= high


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look. What could not be seen yet is None."""

    block: int = 0
    at_s: int = 0
    """The block's time."""
    rounds: int = 0
    """The last round's id: how many there were."""
    round_age_s: int | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    """Feed -> price on chain, in the feed's decimals."""
    nav_wad: int | None = None
    """USD per share."""
    pool_wad: int | None = None
    """USD per share, as the pool trades it: its quote at the quote's own price."""
    band: Band | None = None
    trades: int = 0
    """Arbitrages so far."""
    profit: int = 0
    """Their sum in the quote token's base units at oracle prices, before gas."""
    gas_wei: int = 0
    """What the keeper has spent of its ether, on failures too."""
    feeds: tuple[Mapping[str, Any], ...] = ()
    """The `feeds` of a reporter's /status page: index price and venues."""
    venues: tuple[Mapping[str, Any], ...] = ()
    """The `venues` of the same page: which are connected, and why the others are not."""

    @property
    def premium_ppm(self) -> int | None:
        """Pool price over NAV, less one, in millionths."""
        if not self.nav_wad or self.pool_wad is None:
            return None
        return (self.pool_wad - self.nav_wad) * PPM // self.nav_wad

    @property
    def in_band(self) -> bool:
        return self.band is not None and self.band.holds(self.premium_ppm)


class Watch:
    """Asks again at each `look`; keeps only where it stopped reading events."""

    def __init__(self, rpc: Rpc, http: httpx.AsyncClient, contracts: Mapping[str, str], reporter_url: str) -> None:
        self._rpc, self._http, self._reporter_url = rpc, http, reporter_url
        self._oracle = rpc.contract("MedianOracle", contracts["oracle"])
        self._vault = rpc.contract("IndexVault", contracts["vault"])
        self._arbitrageur = rpc.contract("ParityArbitrageur", contracts["arbitrageur"])
        self._quote = contracts["token USDC"]
        self._pool: Any = None
        self._keeper: tuple[Any, int] | None = None
        """Who owns the arbitrageur, and the ether it had at the first look."""
        self._names: tuple[tuple[str, int], ...] = ()
        self._seen_block = 0
        self._trades = self._profit = 0

    def found_pool(self, address: str) -> None:
        """The pool opens after the first round, so it is told later."""
        self._pool = self._rpc.contract("IUniswapV3Pool", address)

    async def look(self) -> Snapshot:
        """All of the chain as of one block: a premium is no mixture of two moments, a profit has its gas beside it.

        Raises ChainError when the chain does not answer; a silent reporter only leaves `feeds` and `venues` empty.
        """
        block = await self._rpc.ask(self._rpc.w3.eth.get_block("latest"))
        at = block["number"]
        round_id, stamp = await self._ask(self._oracle.functions.latest_round(), at)
        feeds, venues = await self._reporter()
        if not round_id:
            return Snapshot(at, block["timestamp"], feeds=feeds, venues=venues)
        answers, nav_wad = await asyncio.gather(self._answers(at), self._nav(at))
        await self._read_trades(at)
        return Snapshot(
            block=at,
            at_s=block["timestamp"],
            rounds=round_id,
            round_age_s=max(0, block["timestamp"] - stamp),
            answers=answers,
            nav_wad=nav_wad,
            pool_wad=await self._pool_price(answers, at) if self._pool is not None else None,
            band=await self._band(at) if self._pool is not None else None,
            trades=self._trades,
            profit=self._profit,
            gas_wei=await self._gas_wei(at),
            feeds=feeds,
            venues=venues,
        )

    async def _ask(self, function: Any, at: int) -> Any:
        return await self._rpc.ask(function.call(block_identifier=at))

    async def _answers(self, at: int) -> dict[str, int]:
        functions = self._oracle.functions
        if not self._names:
            count = await self._ask(functions.feed_count(), at)
            read = await asyncio.gather(*(self._ask(functions.feed(index), at) for index in range(count)))
            self._names = tuple((feed[0], feed[1]) for feed in read)
        latest = await asyncio.gather(*(self._answer(index, at) for index in range(len(self._names))))
        return {name: price for (name, _), price in zip(self._names, latest, strict=True) if price is not None}

    async def _answer(self, index: int, at: int) -> int | None:
        try:
            return int((await self._ask(self._oracle.functions.latest(index), at))[1])
        except ChainError as error:
            if error.reason:
                return None
            raise

    async def _nav(self, at: int) -> int | None:
        try:
            return int(await self._ask(self._vault.functions.nav(_ANY_AGE_S), at))
        except ChainError as error:
            # A feed without an answer yet, or a tripped one: there is no NAV to show.
            if error.reason:
                return None
            raise

    async def _pool_price(self, answers: Mapping[str, int], at: int) -> int | None:
        sqrt_price_x96 = (await self._ask(self._pool.functions.slot0(), at))[0]
        quote_decimals, usd_decimals = 6, dict(self._names)["USDC/USD"]
        if "USDC/USD" not in answers:
            return None
        squared, unit = sqrt_price_x96 * sqrt_price_x96, 1 << 192
        share_is_token0 = int(str(self._vault.address), 16) < int(self._quote, 16)
        quote, share = (squared, unit) if share_is_token0 else (unit, squared)
        return int(quote * WAD * WAD * answers["USDC/USD"] // (share * 10 ** (quote_decimals + usd_decimals)))

    async def _band(self, at: int) -> Band:
        mint_bps, redeem_bps, _ = await self._ask(self._vault.functions.fees(), at)
        pool_ppm = await self._ask(self._pool.functions.fee(), at)
        return Band(-(pool_ppm + redeem_bps * 100), pool_ppm + mint_bps * 100)

    async def _read_trades(self, head: int) -> None:
        """The arbitrageur's own events since the last look."""
        if head <= self._seen_block:
            return
        window = {"from_block": self._seen_block + 1, "to_block": head}
        for event in (self._arbitrageur.events.PremiumTaken(), self._arbitrageur.events.DiscountTaken()):
            for found in await self._rpc.ask(event.get_logs(**window)):
                self._trades += 1
                self._profit += found["args"]["profit"]
        self._seen_block = head

    async def _gas_wei(self, at: int) -> int:
        eth = self._rpc.w3.eth
        if self._keeper is None:
            owner = await self._ask(self._arbitrageur.functions.OWNER(), at)
            self._keeper = owner, await self._rpc.ask(eth.get_balance(owner, at))
        owner, before_wei = self._keeper
        return int(before_wei - await self._rpc.ask(eth.get_balance(owner, at)))

    async def _reporter(self) -> tuple[tuple[Mapping[str, Any], ...], tuple[Mapping[str, Any], ...]]:
        """The feeds and the venues of its /status page."""
        try:
            page = (await self._http.get(f"{self._reporter_url}/status")).raise_for_status().json()
            return tuple(page["feeds"]), tuple(page["venues"])
        except (httpx.HTTPError, ValueError, KeyError):
            return (), ()

# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's `ParityVenue`: a vault, the pools of its share and components, the keeper's arbitrageur.

What is asked at every block is worded and read without web3, and travels together: all of it is one request, as of one
block, known by its hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from plumbline.chain.abi import Function, event_topic
from plumbline.chain.parity_setting import Setting, bound, find_setting
from plumbline.chain.pool import Place
from plumbline.chain.rpc import Header, Rpc, everything
from plumbline.chain.taking import ChainTaking
from plumbline.chain.tx import Sender
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import Leg, ParityMarket, ParityTrade, Side, Token, tick_limits
from plumbline.core.cycle import Component, CycleMarket
from plumbline.core.uniswap_math import TICK_OFFSET
from plumbline.errors import ChainError
from plumbline.ports import ParitySnapshot

_TRADES: Final = {
    (Side.PREMIUM, False): Function("ParityArbitrageur", "mint_and_sell"),
    (Side.DISCOUNT, False): Function("ParityArbitrageur", "buy_and_redeem"),
    (Side.PREMIUM, True): Function("ParityArbitrageur", "take_premium"),
    (Side.DISCOUNT, True): Function("ParityArbitrageur", "take_discount"),
}
_EVENTS: Final = {
    event_topic("ParityArbitrageur", "PremiumTaken"): Side.PREMIUM,
    event_topic("ParityArbitrageur", "DiscountTaken"): Side.DISCOUNT,
}
_PRICES: Final = Function("MedianOracle", "prices")
_COMPONENTS: Final = Function("IndexVault", "components")
_FLOAT_OF: Final = Function("IndexVault", "float_of")
_BALANCE_OF: Final = Function("IndexVault", "balanceOf")
"""As of any ERC-20."""
_REST: Final = (1 << 128) - 1
"""As much as is left: what the last leg of each component takes."""


def _nothing_announced() -> None:
    return None


class ChainParity(ChainTaking[ParityTrade]):
    """Reads and trades for `sender`, who must own the arbitrageur."""

    def __init__(
        self,
        rpc: Rpc,
        sender: Sender,
        config: KeeperConfig,
        announced: Callable[[], Header | None] = _nothing_announced,
    ) -> None:
        """announced: the latest block as somebody says; a guess, that saves asking for it first."""
        profit = _TRADES[Side.PREMIUM, True]
        super().__init__(rpc, sender, config, config.arbitrageur, profit, _EVENTS)
        self._announced = announced
        self._setting: Setting | None = None
        self._guess: Header | None = None
        self._told_last = b""
        """The last block's hash, by whoever said so."""
        self._seen: ParitySnapshot | None = None
        """Deadlines count from its time, and how far the pools may move from its state."""

    async def head(self) -> bytes:
        announced = self._announced()
        if announced is None or announced.hash == self._told_last:
            # What repeats itself tells nothing: who went by it would never look again.
            announced = await self._rpc.header()
        self._guess, self._told_last = announced, announced.hash
        return announced.hash

    async def time_s(self) -> int:
        """Of the latest block."""
        return (await self._rpc.header()).timestamp

    async def vault(self) -> str:
        """The address of the vault that the arbitrageur is bound to."""
        return str(await bound(self._rpc, self._contract, "VAULT"))

    async def snapshot(self) -> ParitySnapshot:
        """Everything that decides the next trade, as of one block; the sender's nonce is pinned to it.

        Raises:
            ChainError: the chain did not answer, its endpoints disagree, or the oracle serves no price (its reason).
        """
        await self._rpc.agree()
        try:
            guess, self._guess = self._guess or await self._rpc.header(), None
            if self._setting is None:
                self._setting = await find_setting(self._rpc, self._config, self._sender.address)
            header, (market, cycle) = await self._latest(self._setting, guess)
        except ChainError as error:
            if not error.reason:
                # No words of a contract of ours: whatever answers now may be another chain.
                self._setting = None
            raise
        price_wei = self._gas_price_wei(header)
        self._seen = ParitySnapshot(header.number, header.timestamp, price_wei, market, cycle)
        return self._seen

    def _told(self, log: Any) -> tuple[str, int, int]:
        data = bytes(log["data"])
        return _EVENTS[bytes(log["topics"][0])], int.from_bytes(data[:32]), int.from_bytes(data[32:64])

    def _call(self, trade: ParityTrade, min_profit: int) -> str:
        seen = self._seen
        if seen is None:
            raise ChainError("the chain was not looked at yet")
        deadline = seen.at_s + self._config.deadline_s
        limits = tick_limits(seen.market.share, trade, min_profit)
        share_legs = [
            tick + TICK_OFFSET << 160 | _word(leg) for tick, leg in zip(limits, trade.share_legs, strict=True)
        ]
        function = _TRADES[trade.side, trade.flash]
        if trade.flash:
            return function.encode(share_legs, words_of(trade.legs), min_profit, deadline)
        return function.encode(share_legs, min_profit, self._config.max_age_s, deadline)

    async def _latest(self, setting: Setting, guess: Header) -> tuple[Header, tuple[ParityMarket, CycleMarket | None]]:
        """As of the latest block, asked for in the same request as all that is to be known if it is the guessed one."""
        before = setting.book.mark()
        header, found = await asyncio.gather(self._rpc.header(), self._markets(setting, guess), return_exceptions=True)
        if isinstance(header, BaseException):
            raise header
        if header != guess:
            # Another one has come, or what was announced is not true: nothing of it is kept.
            setting.book.reset(before)
            return header, await self._markets(setting, header)
        if isinstance(found, BaseException):
            raise found
        return header, found

    async def _markets(self, setting: Setting, header: Header) -> tuple[ParityMarket, CycleMarket | None]:
        at, asked = header.hash, self._rpc.call
        states, basket, priced, floated, held, _ = await everything(
            setting.book.states(Place(header.number, at, header.parent)),
            asked(setting.vault, _COMPONENTS.encode(), at),
            asked(self._config.chain.oracle, _PRICES.encode(setting.feeds, self._config.max_age_s), at),
            asked(setting.vault, _FLOAT_OF.encode(self._contract), at),
            asked(setting.tokens[-1], _BALANCE_OF.encode(self._sender.address), at),
            self._sender.pin(header),
        )
        (tokens, units), (prices,) = _COMPONENTS.decode(basket), _PRICES.decode(priced)
        if len(prices) != len(setting.feeds) or not all(prices) or not any(units):
            raise ChainError(f"the node's answer makes no sense: prices {prices} of {len(setting.feeds)} feeds")
        if tokens != tuple(token.lower() for token in setting.terms.components):
            self._setting = None
            raise ChainError("the basket has changed: it is read anew at the next look")
        (floats,), (quote_held,) = _FLOAT_OF.decode(floated), _BALANCE_OF.decode(held)
        share = setting.market(0, setting.vault, states)
        market = ParityMarket(
            share=share,
            tokens=tuple(map(Token, [*units, 0], prices, setting.scales, [*floats, quote_held])),
            mint_fee_bps=setting.terms.mint_fee_bps,
            redeem_fee_bps=setting.terms.redeem_fee_bps,
        )
        return market, _cycle(setting, market, states, units)


def _cycle(setting: Setting, market: ParityMarket, states: dict[str, Any], units: Sequence[int]) -> CycleMarket | None:
    """None: some component has no pool."""
    quote = setting.tokens[-1]
    components = tuple(
        Component(unit, None if token == quote else setting.market(place, token, states))
        for place, (token, unit) in enumerate(zip(setting.terms.components, units, strict=True), start=1)
    )
    if any(each.market is not None and not each.market.pools for each in components):
        return None
    return CycleMarket(market.share, components, market.mint_fee_bps, market.redeem_fee_bps)


def words_of(legs: tuple[Leg, ...]) -> list[int]:
    """Legs as the contract reads them; the last of each component takes what the others leave."""
    last = {leg.place: i for i, leg in enumerate(legs)}
    return [_word(leg, _REST if last[leg.place] == i else leg.amount) for i, leg in enumerate(legs)]


def _word(leg: Leg, amount: int | None = None) -> int:
    return leg.place << 152 | leg.fee_pips << 128 | (leg.amount if amount is None else amount)

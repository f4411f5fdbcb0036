# SPDX-License-Identifier: AGPL-3.0-only
"""The keeper's `BidVenue`: the auction of an index, the pools between its components, the keeper's bidder.

While there is no auction a look is one question. When there is one, what trades it, and where, is asked once for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from eth_utils.address import to_checksum_address

from plumbline.chain.abi import Function, event_topic
from plumbline.chain.parity_setting import bound
from plumbline.chain.pool import Place, PoolBook, look_for_pool
from plumbline.chain.rpc import Header, Rpc, everything
from plumbline.chain.taking import ChainTaking
from plumbline.chain.tx import Sender
from plumbline.chain.vault import ChainVault, scale
from plumbline.config import KeeperConfig
from plumbline.core.arbitrage import Token
from plumbline.core.bids import Bid, BidMarket, Lot
from plumbline.core.uniswap_math import TICK_OFFSET, PoolState
from plumbline.errors import ChainError
from plumbline.ports import BidSnapshot

_FACTOR: Final = Function("AuctionHouse", "factor_bps")
_LOTS: Final = Function("AuctionHouse", "lots")
_AUCTION: Final = Function("AuctionHouse", "auction")
_PRICE: Final = Function("MedianOracle", "price")
_BID: Final = Function("RebalanceBidder", "bid")
_BID_MADE: Final = event_topic("RebalanceBidder", "BidMade")
_CLOSED: Final = ("auction: not open", "auction: over", "auction: paused")
"""The house's words while it takes no bids."""
_NOBODY: Final = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class _Setting:
    """One auction, and who trades what in it where."""

    target: str
    """What the auction is known by."""
    house: str
    index: str
    max_age_s: int
    tokens: tuple[str, ...]
    """The components in the index's order; then the quote token, unless it is one of them."""
    scales: tuple[int, ...]
    feeds: tuple[int, ...]
    middle: int
    pools: Mapping[tuple[int, int], tuple[str, ...]]
    """By the places of (token0, token1)."""
    book: PoolBook


class ChainBids(ChainTaking[Bid]):
    """Reads and bids for `sender`, who must own the bidder."""

    def __init__(self, rpc: Rpc, sender: Sender, config: KeeperConfig, bidder: str) -> None:
        super().__init__(rpc, sender, config, bidder, _BID, [_BID_MADE])
        self._bound: tuple[str, str, str] | None = None
        """(index, house, factory), once all of it has been found to be sound."""
        self._setting: _Setting | None = None
        self._seen_s = 0

    async def snapshot(self) -> BidSnapshot | None:
        """Everything that decides the next bid, as of one block; the sender's nonce is pinned to it. None: no bidding.

        Raises:
            ChainError: the chain did not answer, its endpoints disagree, or the oracle has no price of the quote token.
        """
        await self._rpc.agree()
        try:
            header = await self._rpc.header()
            index, house, _ = self._bound = self._bound or await self._find()
            (factor,) = _FACTOR.decode(await self._rpc.call(house, _FACTOR.encode(index), header.hash))
        except ChainError as error:
            if error.reason in _CLOSED:
                self._setting = None
                return None
            if not error.reason:
                # No words of a contract of ours: whatever answers now may be another chain.
                self._bound = self._setting = None
            raise
        setting = self._setting = await self._current(header)
        market = await self._market(setting, header, factor)
        self._seen_s = header.timestamp
        return BidSnapshot(header.number, header.timestamp, self._gas_price_wei(header), market, setting.tokens)

    def _told(self, log: Any) -> tuple[str, int, int]:
        data, sell = bytes(log["data"]), str(to_checksum_address(bytes(log["topics"][2])[12:]))
        return sell, int.from_bytes(data[:32]), int.from_bytes(data[64:96])

    def _call(self, bid: Bid, min_profit: int) -> str:
        setting = self._setting
        if setting is None:
            raise ChainError("no auction is open")
        two = len(bid.hops) == 2
        words = [
            tick + TICK_OFFSET << 160 | hop.pool.fee_pips << 128
            for tick, hop in zip(bid.tick_limits(min_profit), bid.hops, strict=True)
        ]
        return _BID.encode(
            setting.index,
            setting.tokens[bid.sell],
            setting.tokens[bid.buy],
            bid.sold,
            bid.least(min_profit),
            setting.tokens[setting.middle] if two else _NOBODY,
            words[0],
            words[-1],
            min_profit,
            self._seen_s + self._config.deadline_s,
        )

    async def _find(self) -> tuple[str, str, str]:
        """Raises ChainError when the bidder is not the sender's, or bids in another house than the index's."""
        contract = self._rpc.contract("RebalanceBidder", self._contract).functions
        index = str(await bound(self._rpc, self._config.arbitrageur, "VAULT"))
        own = self._rpc.contract("IndexVault", index).functions.auction_house()
        owner, house, factory, served = await asyncio.gather(
            *(self._rpc.ask(asked.call()) for asked in (contract.OWNER(), contract.HOUSE(), contract.FACTORY(), own))
        )
        if owner != self._sender.address:
            raise ChainError(f"bidder {self._contract} belongs to {owner}, not to {self._sender.address}")
        if house != served:
            raise ChainError(f"two auction houses: the bidder's {house}, the index's {served}")
        return index, str(house), str(factory)

    async def _current(self, header: Header) -> _Setting:
        """The auction that is open, asked for anew when it is another one than before."""
        assert self._bound is not None
        index, house, factory = self._bound
        (auction,) = _AUCTION.decode(await self._rpc.call(house, _AUCTION.encode(index), header.hash))
        *_, max_age_s, _, target = auction
        if self._setting is not None and self._setting.target == target:
            return self._setting
        terms, (quote, quote_feed) = await asyncio.gather(ChainVault(self._rpc, index).terms(), self._quote())
        oracle = self._config.chain.oracle
        if int(terms.oracle, 16) != int(oracle, 16):
            # The house prices a bid by the index's own: of yield feeds the oracle beneath tells half.
            raise ChainError(f"two oracles: the config's {oracle}, the index's {terms.oracle}")
        tokens, feeds, scales = terms.components, terms.feeds, terms.scales
        if quote not in tokens:
            tokens, feeds = (*tokens, quote), (*feeds, quote_feed)
            scales = (*scales, await scale(self._rpc, quote, oracle, quote_feed))
        middle = tokens.index(quote)
        lots = await self._lots(house, index, header)
        pools = await self._pools(factory, tokens, middle, lots)
        book = PoolBook(self._rpc, [address for each in pools.values() for address in each])
        return _Setting(target, house, index, max_age_s, tokens, scales, feeds, middle, pools, book)

    async def _quote(self) -> tuple[str, int]:
        """The arbitrageur's quote token, which routes may go through, and its feed."""
        asked = (bound(self._rpc, self._config.arbitrageur, name) for name in ("QUOTE", "QUOTE_FEED"))
        quote, feed = await asyncio.gather(*asked)
        return str(quote), int(feed)

    async def _lots(self, house: str, index: str, header: Header) -> tuple[tuple[int, int], ...]:
        above, below = _LOTS.decode(await self._rpc.call(house, _LOTS.encode(index), header.hash))
        return tuple(zip(above, below, strict=True))

    async def _pools(
        self, factory: str, tokens: tuple[str, ...], middle: int, lots: tuple[tuple[int, int], ...]
    ) -> dict[tuple[int, int], tuple[str, ...]]:
        """Of everything for sale with everything wanted, and of both with the token between."""
        traded = [place for place, amounts in enumerate(lots) if any(amounts)]
        pairs = [
            (one, other)
            for one, other in combinations(sorted({*traded, middle}), 2)
            if middle in (one, other) or bool(lots[one][0]) != bool(lots[other][0])
        ]
        asked = (
            look_for_pool(self._rpc, factory, tokens[one], tokens[other], tier)
            for one, other in pairs
            for tier in self._config.tiers
        )
        found, tiers = await asyncio.gather(*asked), len(self._config.tiers)
        pools = {}
        for i, (one, other) in enumerate(pairs):
            key = (one, other) if int(tokens[one], 16) < int(tokens[other], 16) else (other, one)
            pools[key] = tuple(each.lower() for each in found[i * tiers : (i + 1) * tiers] if each is not None)
        return pools

    async def _market(self, setting: _Setting, header: Header, factor: int) -> BidMarket:
        lots, states, prices, _ = await everything(
            self._lots(setting.house, setting.index, header),
            setting.book.states(Place(header.number, header.hash, header.parent)),
            everything(*(self._price(setting, feed, header) for feed in setting.feeds)),
            self._sender.pin(header),
        )
        if prices[setting.middle] is None:
            raise ChainError("the quote token has no price", "oracle: no price of the quote token")
        padded = (*lots, *[(0, 0)] * (len(setting.tokens) - len(lots)))
        return BidMarket(
            lots=tuple(
                Lot(Token(0, price or 0, unit, 0), *(amounts if price else (0, 0)))
                for price, unit, amounts in zip(prices, setting.scales, padded, strict=True)
            ),
            factor_bps=factor,
            pools={pair: _known(addresses, states) for pair, addresses in setting.pools.items()},
            middle=setting.middle,
        )

    async def _price(self, setting: _Setting, feed: int, header: Header) -> int | None:
        """None: the oracle serves none, so nobody can bid for what it is a price of."""
        try:
            asked = _PRICE.encode(feed, setting.max_age_s)
            (price,) = _PRICE.decode(await self._rpc.call(self._config.chain.oracle, asked, header.hash))
        except ChainError as error:
            if not error.reason:
                raise
            return None
        return int(price)


def _known(addresses: Iterable[str], states: Mapping[str, PoolState]) -> tuple[PoolState, ...]:
    return tuple(states[address] for address in addresses)

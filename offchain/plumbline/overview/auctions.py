# SPDX-License-Identifier: AGPL-3.0-only
"""The rebalance of an index for a look: what leaves it for what, at which part of the oracle's price, how much of it is
done, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plumbline.client import Auction, Event, Reverted, Token, format_units
from plumbline.client.auctions import read_auction
from plumbline.client.codec import abi
from plumbline.client.plans import Block, Plan, read
from plumbline.core.units import MAX_BPS

EVENTS: Final = ("AuctionOpened", "Bid")
MAX_PAIRS: Final = 12
"""Shown at once; a rebalance of many components has a pair for each that leaves and each that comes."""

Table = dict[str, Any]


class AuctionLook:
    """One index's; remembers what bids have traded since its auction was opened."""

    def __init__(self, index: str) -> None:
        self._index = index
        self._traded: Counter[str] = Counter()
        self._bids = 0

    def forget(self) -> None:
        """Events are told anew from the beginning."""
        self._traded.clear()
        self._bids = 0

    def take(self, event: Event) -> None:
        """An event of the house, which serves other indices too."""
        if event["index"].lower() != self._index.lower():
            return
        if event.name == "AuctionOpened":
            self.forget()
        else:
            self._bids += 1
            self._traded[event["sell"]] += event["sold"]
            self._traded[event["buy"]] += event["bought"]

    def plan(self, house: str, components: Sequence[Mapping[str, Any]], block: Block) -> Plan[Table | None]:
        """None: nothing is proposed."""
        tokens = [Token(each["address"], each["symbol"], each["decimals"]) for each in components]
        auction = yield from read_auction(house, self._index, tokens, block)
        if auction is None:
            return None
        state = "over" if auction.state == "open" and block.timestamp > auction.ends_at else auction.state
        return {
            "house": house,
            "state": state,
            "starts_at_s": auction.starts_at,
            "ends_at_s": auction.ends_at,
            "left_s": auction.left_s,
            "start_bps": auction.start_bps,
            "floor_bps": auction.floor_bps,
            "factor_bps": auction.factor_bps,
            "paused": auction.paused,
            "bids": self._bids if auction.state == "open" else 0,
            "lots": self._lots(auction),
            "pairs": (yield from self._pairs(auction, block)),
        }

    def _lots(self, auction: Auction) -> list[Table]:
        """Components with something to trade, or traded; `filled_bps` of what there was to trade of each."""
        found = []
        for lot in auction.lots:
            left = max(lot.surplus.amount, lot.deficit.amount)
            traded = self._traded[lot.token.address] if auction.state == "open" else 0
            if not left and not traded:
                continue
            found.append(
                {
                    "symbol": lot.token.symbol,
                    "side": "leaves" if lot.surplus.amount else "comes" if lot.deficit.amount else "done",
                    "left": format_units(left, lot.token.decimals),
                    "traded": format_units(traded, lot.token.decimals),
                    "filled_bps": traded * MAX_BPS // (traded + left),
                }
            )
        return found

    def _pairs(self, auction: Auction, block: Block) -> Plan[list[Table]]:
        """The largest bid of each pair in this block; nothing while there is no bidding."""
        if auction.factor_bps is None:
            return []
        sells = [lot.surplus for lot in auction.lots if lot.surplus.amount]
        buys = [lot.token for lot in auction.lots if lot.deficit.amount]
        found = []
        for sell, buy in [(sell, buy) for sell in sells for buy in buys][:MAX_PAIRS]:
            pair: Table = {"sell": sell.token.symbol, "buy": buy.symbol, "sold": None, "bought": None, "reason": ""}
            asked = self._index, sell.token.address, buy.address, sell.amount
            try:
                sold, bought = yield from read(auction.house, abi("AuctionHouse")["quote"], *asked, at=block.tag)
            except Reverted as error:
                pair["reason"] = error.reason
            else:
                pair["sold"] = format_units(sold, sell.token.decimals)
                pair["bought"] = format_units(bought, buy.decimals)
            found.append(pair)
        return found

# SPDX-License-Identifier: AGPL-3.0-only
"""The words of the trade: what flows from a venue's frame to a signed row.

Every price and size is an integer scaled by WAD (1e18) from the first parse on; every time is an integer, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Trade(NamedTuple):
    """One trade on one venue's market, as the venue told it.

    A tuple and not a dataclass like the rest: some hundred thousand are made a second, and a frozen dataclass takes
    as long to make as the rest of reading a trade.
    """

    venue: str
    """Lower case, no punctuation: "kraken", "coinbase", "binance", "bybit", "cryptocom"."""
    symbol: str
    """Canonical "BASE/QUOTE", whatever the venue calls it: "BTC/USDT"."""
    price_wad: int
    """Quote units per base unit, times 1e18."""
    size_wad: int
    """Base units, times 1e18; never zero."""
    at_ms: int
    """The venue's own time of the trade, milliseconds since the epoch."""


Level = tuple[int, int]
"""(price, size) of resting orders, both times 1e18; size in base units."""


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """One venue's resting orders on one market: all of them that are known, after whatever the venue sent last."""

    venue: str
    symbol: str
    """Canonical "BASE/QUOTE", as a trade's."""
    bids: tuple[Level, ...]
    """Best first, prices strictly falling; a single level where only the top of the book is known."""
    asks: tuple[Level, ...]
    """Best first, prices strictly rising."""
    at_ms: int
    """The venue's own time of the update, milliseconds since the epoch; when it tells none, that of its arrival."""


class Contribution(NamedTuple):
    """What one market had to say about a feed, and why it counted or not. A tuple: a node makes hundreds a round."""

    venue: str
    symbol: str
    price_wad: int | None
    """Raw price in the market's own quote currency; None when the market never spoke."""
    converted_wad: int | None
    """In the feed's quote currency, before the clamp; None when it could not be converted."""
    age_ms: int | None
    included: bool
    reason: str
    """Empty when included; else what kept it out: "stale", "no conversion", "no trade yet", ..."""
    via: tuple[str, ...] = ()
    """The feeds whose previous prices converted it, in their order."""
    weight_bps: int = 0
    """Its venue's share of the votes in the price, rounded down; 0 when out, or made of books."""


@dataclass(frozen=True, slots=True)
class IndexPrice:
    """A feed's index price at one grid time; `price_wad` is None when it cannot be formed, and `reason` says why."""

    feed: str
    at_ms: int
    price_wad: int | None
    contributions: tuple[Contribution, ...]
    reason: str = ""
    confidence_wad: int | None = None
    """How far the venues' votes reach from the price, of methods that say so."""
    dispersion_centibps: int | None = None
    """Mean distance of the venues from their median, outliers too, in 1/100 bps; None of fewer than two venues."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reporter's vector of observations for one round: what gets signed."""

    epoch: int
    timestamp: int
    """Seconds; a multiple of the oracle's period."""
    prices: tuple[int, ...]
    """One per feed in the chain's order and decimals, 1 .. 2**63 - 1; 0 where the reporter has no price."""


@dataclass(frozen=True, slots=True)
class SignedRow:
    """A row with its reporter and an EIP-2098 compact signature."""

    reporter: int
    """1-based index in the oracle's reporter set."""
    row: Row
    r: int
    vs: int
    method: str = field(default="", compare=False)
    """What the reporter says it runs: 16 hex digits, a hash of version and rules. Not signed."""

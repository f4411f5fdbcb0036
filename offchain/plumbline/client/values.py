# SPDX-License-Identifier: Apache-2.0
"""Prices and amounts as the chain has them: whole numbers with their decimals. Never a float.

`value` is exact, a Fraction; `str()` is exact too, with every decimal and the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

SHARE_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as the chain has it. Index, name and decimals never change; the rest may with the epoch."""

    index: int
    name: str
    """ "BTC/USD": base and quote."""
    decimals: int
    quorum: int
    """Observations a round needs."""
    heartbeat_s: int
    """The longest silence a healthy relayer leaves."""
    deviation_bps: int
    """The move that forces a round."""

    @property
    def base(self) -> str:
        return self.name.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Notice:
    """What the oracle's owner said of a feed's end. A word: the feed answers as before until nobody signs it."""

    announced_at: int
    """{s}"""
    ends_at: int
    """{s} may be over."""
    reason: str
    """The owner's words; may be empty where there is a successor."""
    successor: str | None
    """The oracle to read instead: a new one to be checked as any other."""
    successor_feed: int | None
    """Index of the feed there; its name, decimals and quote are its own."""


@dataclass(frozen=True, slots=True)
class Price:
    """An answer of a feed, and the chain's time when it was read."""

    feed: Feed
    amount: int
    """In 10**-decimals quote units for one base unit."""
    round_id: int
    timestamp: int
    """{s} the time the reporters signed it for."""
    read_at: int
    """{s} the time of the block it was read in."""
    notice: Notice | None = None
    """That the feed will end; None: nothing was said, or the oracle was made without `notices`."""

    @property
    def decimals(self) -> int:
        return self.feed.decimals

    @property
    def age_s(self) -> int:
        """How old it was when it was read, as the contract reckons."""
        return max(0, self.read_at - self.timestamp)

    @property
    def unit(self) -> str:
        return f"{self.feed.quote} per {self.feed.base}"

    @property
    def value(self) -> Fraction:
        return Fraction(self.amount, 10**self.decimals)

    @property
    def decimal(self) -> Decimal:
        return exact_decimal(self.amount, self.decimals)

    def __str__(self) -> str:
        return f"{format_units(self.amount, self.decimals)} {self.unit}"


@dataclass(frozen=True, slots=True)
class Average:
    """What a feed answered on average over a window, weighted by time."""

    feed: Feed
    amount: int
    """In 10**-decimals quote units for one base unit, rounded down."""
    start: int
    """{s}"""
    end: int
    """{s}"""

    @property
    def unit(self) -> str:
        return f"{self.feed.quote} per {self.feed.base}"

    @property
    def value(self) -> Fraction:
        return Fraction(self.amount, 10**self.feed.decimals)

    def __str__(self) -> str:
        return f"{format_units(self.amount, self.feed.decimals)} {self.unit}"


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20."""

    address: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a token."""

    token: Token
    amount: int
    """In the token's base units."""

    @property
    def value(self) -> Fraction:
        return Fraction(self.amount, 10**self.token.decimals)

    @property
    def decimal(self) -> Decimal:
        return exact_decimal(self.amount, self.token.decimals)

    def __str__(self) -> str:
        return f"{format_units(self.amount, self.token.decimals)} {self.token.symbol}"


def exact_decimal(amount: int, decimals: int) -> Decimal:
    """`amount` in units of 10**-decimals; exact for any size, whatever the context's precision."""
    digits = tuple(int(digit) for digit in str(abs(amount)))
    return Decimal((int(amount < 0), digits, -decimals))


def format_units(amount: int, decimals: int) -> str:
    """Every decimal: 2_500_000 with 6 is "2.500000"."""
    whole, part = divmod(abs(amount), 10**decimals)
    text = f"{whole}.{part:0{decimals}d}" if decimals else str(whole)
    return f"-{text}" if amount < 0 else text


def parse_units(text: str, decimals: int = SHARE_DECIMALS) -> int:
    """ "1.5" with 18 is 1_500_000_000_000_000_000. Raises ValueError for more digits than there are, or no number."""
    whole, point, part = text.replace("_", "").partition(".")
    if not (whole + part).isdecimal() or not (whole + part).isascii() or (point and not part) or len(part) > decimals:
        raise ValueError(f"expected a plain number with at most {decimals} decimals, got {text!r}")
    scale = int(10**decimals)
    return int(whole or "0") * scale + int(part.ljust(decimals, "0") or "0")

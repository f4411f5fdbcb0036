# SPDX-License-Identifier: AGPL-3.0-only
"""What a feed is made of and how: the rule an operator configures, checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from plumbline.core.methods import METHODS, Needs
from plumbline.core.units import MAX_BPS, WAD

VIA: Final = "BTC"
"""What a cross goes through unless it says otherwise: the deepest book against every currency."""

PRICE_FROM: Final = ("trade", "mid")
MAX_WINDOW_S: Final = 86_400
"""A day of trades is what one market may make a node keep."""

T = TypeVar("T")

MarketId = tuple[str, str]
"""(venue, canonical symbol)."""

_VENUE = re.compile(r"[a-z0-9]+")
_CURRENCY = re.compile(r"[A-Z0-9]+")
_SYMBOL = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+)")


def split_symbol(symbol: str) -> tuple[str, str]:
    """ "BTC/USDT" is base BTC in quote USDT.

    Raises:
        ValueError: not BASE/QUOTE in capitals and digits.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ValueError(f"expected BASE/QUOTE, got {symbol!r}")
    return match[1], match[2]


@dataclass(frozen=True, slots=True)
class Market:
    """One venue's market of the feed's base currency, in whatever quote currency."""

    venue: str
    symbol: str

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    @classmethod
    def parse(cls, text: str) -> Market:
        """ "kraken:BTC/USDT".

        Raises:
            ValueError: not VENUE:BASE/QUOTE.
        """
        venue, _, symbol = text.partition(":")
        if _VENUE.fullmatch(venue) is None or _SYMBOL.fullmatch(symbol) is None:
            raise ValueError(f'expected "venue:BASE/QUOTE", got {text!r}')
        return cls(venue, symbol)

    @property
    def legs(self) -> tuple[MarketId, ...]:
        return ((self.venue, self.symbol),)

    def price_wad(self, last_wad: int) -> int:
        return last_wad


@dataclass(frozen=True, slots=True)
class Cross:
    """BASE/QUOTE of a feed out of two markets of ONE venue: (VIA/QUOTE) / (VIA/BASE)."""

    venue: str
    numerator: str
    """VIA/QUOTE, e.g. BTC/USD."""
    denominator: str
    """VIA/BASE, e.g. BTC/EUR."""

    @classmethod
    def parse(cls, text: str, feed: str) -> Cross:
        """ "kraken" goes through BTC, "kraken:USDC" through USDC.

        >>> Cross.parse("kraken", "EUR/USD")
        Cross(venue='kraken', numerator='BTC/USD', denominator='BTC/EUR')

        Raises:
            ValueError: not VENUE or VENUE:CURRENCY, or through the feed's own base or quote.
        """
        base, quote = split_symbol(feed)
        venue, colon, currency = text.partition(":")
        via = currency if colon else VIA
        if _VENUE.fullmatch(venue) is None or _CURRENCY.fullmatch(via) is None or via in (base, quote):
            raise ValueError(f'expected "venue" or "venue:CURRENCY" other than {base} and {quote}, got {text!r}')
        return cls(venue, f"{via}/{quote}", f"{via}/{base}")

    @property
    def symbol(self) -> str:
        return f"({self.numerator})/({self.denominator})"

    @property
    def quote(self) -> str:
        return self.numerator.partition("/")[2]

    @property
    def legs(self) -> tuple[MarketId, ...]:
        return (self.venue, self.numerator), (self.venue, self.denominator)

    def price_wad(self, numerator_wad: int, denominator_wad: int) -> int:
        """To the nearest 1e-18."""
        return (numerator_wad * WAD + denominator_wad // 2) // denominator_wad


@dataclass(frozen=True, slots=True)
class FeedRule:
    """How one feed's index price is formed. Every threshold has its reason in docs/index.md."""

    name: str
    """BASE/QUOTE; markets in another quote are converted through the feed OTHER/QUOTE."""
    decimals: int
    min_venues: int
    """Fewer venues than this, after all checks, and there is no price."""
    markets: tuple[Market, ...] = ()
    crosses: tuple[Cross, ...] = ()
    method: str = "clamped_median"
    """How the venues' prices become one: a name of `methods.METHODS`."""
    price_from: str = "trade"
    """What a market's price is: its last "trade", or the "mid" of its book."""
    max_age_s: int = 180
    """A market silent for longer is out; a conversion rate older than this is none."""
    clamp_bps: int = 2
    """No venue pulls the price from further away: about the noise between healthy venues, far below their faults."""
    agree_bps: int = 500
    """A venue further than this from the median of all is out until it is back within half of it; and more than half
    of the venues must fit together into this, or there is no price."""
    back_bps: int | None = None
    """How near a venue that was too far must come to be back; None: half of `agree_bps`."""
    frozen_s: int = 600
    """A market that trades at one unchanged price for this long is out once the others have left that price."""
    off_peg_bps: int | None = None
    """For a base that is meant to be worth one quote: beyond this it converts no market ..."""
    on_peg_bps: int | None = None
    """... until it is back within this."""
    weights: tuple[tuple[str, int], ...] = ()
    """(venue, weight) of each venue, for methods that weigh."""
    volume_window_s: int = 0
    """Above 0: venues weigh by the base units traded in the last so many seconds ..."""
    volume_cap_bps: int = 4_000
    """... of which none has more than this share of what counts: volume can be made up."""
    window_s: int = 3_600
    """partitioned_median: the trades it is made of ..."""
    partitions: int = 12
    """... and into how many equal parts of time they are cut."""
    spacing_wad: int = 0
    """depth_weighted_mid: the steps in which books are walked, in base units times 1e18."""

    def __post_init__(self) -> None:
        base, _ = split_symbol(self.name)
        for i, market in enumerate(self.markets):
            if split_symbol(market.symbol)[0] != base:
                raise ValueError(f"markets[{i}]: expected a market of {base}, got {market.venue}:{market.symbol}")
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("markets: expected each market and cross once")
        _expect(0 <= self.decimals <= 18, "decimals", "0 to 18", self.decimals)
        venues = len(self.venues)
        _expect(1 <= self.min_venues <= venues, "min_venues", f"1 to the {venues} venues listed", self.min_venues)
        _expect(self.method in METHODS, "method", f"one of {', '.join(METHODS)}", self.method)
        _expect(self.max_age_s > 0, "max_age_s", "a positive number of seconds", self.max_age_s)
        _expect(self.frozen_s > 0, "frozen_s", "a positive number of seconds", self.frozen_s)
        # A clamped median wider than this would lose its monotonicity before the venues run out.
        widest_bps = 100 if self.method == "clamped_median" else 500
        _expect(1 <= self.clamp_bps <= widest_bps, "clamp_bps", f"1 to {widest_bps}", self.clamp_bps)
        _expect(2 <= self.agree_bps <= 2_500, "agree_bps", "2 to 2500", self.agree_bps)
        if self.off_peg_bps is not None or self.on_peg_bps is not None:
            held = (
                self.off_peg_bps is not None and self.on_peg_bps is not None and 0 < self.on_peg_bps < self.off_peg_bps
            )
            _expect(held, "on_peg_bps", "0 < on_peg_bps < off_peg_bps", (self.on_peg_bps, self.off_peg_bps))
        if self.back_bps is not None:
            _expect(0 < self.back_bps <= self.agree_bps, "back_bps", f"1 to agree_bps, {self.agree_bps}", self.back_bps)
        _expect(self.price_from in PRICE_FROM, "price_from", f"one of {', '.join(PRICE_FROM)}", self.price_from)
        self._check_weights()
        self._check_needs()

    def _check_weights(self) -> None:
        weighs = METHODS[self.method].needs is Needs.WEIGHTS
        given = bool(self.weights) + (self.volume_window_s > 0)
        if weighs:
            _expect(given == 1, "weights", f"exactly one of weights and volume_window_s beside {self.method}", given)
        elif self.method != "clamped_mean":
            _expect(given == 0, "weights", f"neither weights nor volume_window_s beside {self.method}", given)
        _expect(given < 2, "weights", "at most one of weights and volume_window_s", given)
        if self.weights:
            listed = [venue for venue, _ in self.weights]
            _expect(sorted(listed) == sorted(self.venues), "weights", "one for each venue", ", ".join(listed))
            _expect(min(weight for _, weight in self.weights) > 0, "weights", "each at least 1", self.weights)
        if self.volume_window_s:
            # A venue that is fresh has then traded inside the window: it has a weight.
            held = self.max_age_s <= self.volume_window_s <= MAX_WINDOW_S
            span = f"max_age_s, {self.max_age_s}, to {MAX_WINDOW_S}"
            _expect(held, "volume_window_s", span, self.volume_window_s)
        _expect(1 <= self.volume_cap_bps <= MAX_BPS, "volume_cap_bps", f"1 to {MAX_BPS}", self.volume_cap_bps)

    def _check_needs(self) -> None:
        needs = METHODS[self.method].needs
        if needs in (Needs.QUOTES, Needs.BOOKS):
            _expect(self.price_from == "mid", "price_from", f'"mid" beside {self.method}', self.price_from)
        if needs in (Needs.BOOKS, Needs.TRADES):
            # Trades and orders of another time cannot be converted at the rate of now.
            foreign = [source for source in self.sources if isinstance(source, Cross) or source.quote != self.quote]
            _expect(not foreign, "markets", f"only markets in {self.quote} beside {self.method}", [*foreign][:1])
        held = 1 <= self.partitions <= self.window_s <= MAX_WINDOW_S and self.window_s % self.partitions == 0
        _expect(held, "partitions", f"a divisor of window_s, at most {MAX_WINDOW_S}", (self.partitions, self.window_s))
        if needs is Needs.BOOKS:
            _expect(0 < self.spacing_wad <= 10 * WAD, "spacing", "above 0, at most 10 base units", self.spacing_wad)
        else:
            _expect(self.spacing_wad == 0, "spacing", f"nothing beside {self.method}", self.spacing_wad)

    @property
    def kept_s(self) -> int:
        """For how long the trades of its markets must be kept; 0: only the last one matters."""
        if METHODS[self.method].needs is Needs.TRADES:
            return self.window_s
        return self.volume_window_s

    @property
    def quote(self) -> str:
        return self.name.partition("/")[2]

    @property
    def sources(self) -> tuple[Market | Cross, ...]:
        return (*self.markets, *self.crosses)

    @property
    def venues(self) -> frozenset[str]:
        return frozenset(source.venue for source in self.sources)


def parse_markets(texts: Sequence[str]) -> tuple[Market, ...]:
    """The words of a config file as markets.

    Raises:
        ValueError: beginning with the place: "markets[1]: expected ...".
    """
    return tuple(_at(f"markets[{i}]", Market.parse, text) for i, text in enumerate(texts))


def parse_crosses(texts: Sequence[str], feed: str) -> tuple[Cross, ...]:
    """The words of a config file as crosses of `feed`; raises as `parse_markets` does."""
    return tuple(_at(f"crosses[{i}]", lambda word: Cross.parse(word, feed), text) for i, text in enumerate(texts))


def _at(place: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _expect(holds: bool, key: str, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{key}: expected {expected}, got {got!r}")

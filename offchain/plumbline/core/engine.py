# SPDX-License-Identifier: AGPL-3.0-only
"""The index engine: trades and books in, one price per feed out, with every market's say and why it counted or not.

    last trade or middle of the book -> fresh? -> under its true name? -> converted -> selected? -> moving?
        -> one price per venue -> near the others? -> enough venues, and agreeing? -> the feed's method

Pure and deterministic: time is an argument, all numbers are integers, and the order of trades, markets and feeds does
not matter. Nothing bad becomes a price: what fails a check is left out with its reason, and a feed that cannot be
formed has no price rather than a guess. The reasons for the steps are in docs/index.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from plumbline.core import pricing
from plumbline.core.depth import Mid
from plumbline.core.markets import FUTURE_TOLERANCE_MS, Markets, MarketState
from plumbline.core.methods import METHODS, Needs
from plumbline.core.models import BookSnapshot, IndexPrice, Trade
from plumbline.core.pricing import Priced
from plumbline.core.quotes import Path, Quotes, Rate
from plumbline.core.rules import Cross, FeedRule, Market, MarketId
from plumbline.core.votes import (
    VenuePrice,
    Vote,
    dispersion_centibps,
    drop_frozen,
    drop_outliers,
    majority_agrees,
    prefer_direct,
    venue_prices,
)
from plumbline.core.window import TradeWindow

MAX_LEVELS: Final = 1_000
"""Of one side of a book: a bound on the work a venue can cause."""
_SAME: Final = Rate()


class IndexEngine:
    """Holds the markets and the previous prices of a set of feeds."""

    def __init__(self, feeds: Sequence[FeedRule]) -> None:
        names = [rule.name for rule in feeds]
        if len(set(names)) != len(names):
            raise ValueError(f"feeds: expected each feed once, got {', '.join(names)}")
        self._windows = _windows(feeds)
        self._trades = Markets[Trade]({*_legs(feeds, "trade"), *self._windows})
        self._mids = Markets[Mid](_legs(feeds, "mid"))
        self._quotes = Quotes(feeds)
        self._feeds = tuple(
            _Feed(rule, self._trades if rule.price_from == "trade" else self._mids, self._quotes) for rule in feeds
        )
        self._observed_ms = 0
        self._began_ms: int | None = None
        self.settled_books: tuple[BookSnapshot, ...] = ()
        """The books the last observation saw for the first time: with the trades, all that it was made of."""

    @property
    def books(self) -> frozenset[MarketId]:
        """The markets whose books the feeds want."""
        return frozenset(_legs([feed.rule for feed in self._feeds], "mid"))

    def on_trade(self, trade: Trade) -> None:
        """Take a trade; a bad one is counted in `rejected`, never raised."""
        self._trades.add(trade)
        window = self._windows.get((trade.venue, trade.symbol))
        if window is not None and trade.price_wad > 0 and trade.size_wad > 0 and not window.add(trade):
            self._trades.rejected["no room in its window"] += 1

    def on_book(self, told: BookSnapshot) -> None:
        """Take a market's book as it now stands; a bad one is counted in `rejected`, never raised."""
        if (told.venue, told.symbol) not in self._mids:
            self._mids.rejected["unknown market"] += 1
            return
        if max(len(told.bids), len(told.asks)) > MAX_LEVELS:
            self._mids.rejected["book too deep"] += 1
            return
        try:
            self._mids.add(Mid.of(told))
        except ValueError:
            self._mids.rejected["book empty, crossed or unsorted"] += 1

    def select(self, feed: str, venue: str, reason: str) -> None:
        """Leave a venue out of a feed from the next observation on, for `reason`; empty: take it in again.

        Raises:
            ValueError: no such feed, or the feed has no such venue.
        """
        found = next((each for each in self._feeds if each.rule.name == feed), None)
        if found is None or venue not in found.rule.venues:
            raise ValueError(f"select: expected a feed and one of its venues, got {feed!r} and {venue!r}")
        found.left_out[venue] = reason

    @property
    def rejected(self) -> dict[str, int]:
        """Trades and books refused so far, by reason."""
        return dict(Counter(self._trades.rejected) + Counter(self._mids.rejected))

    def observe(self, at_ms: int) -> dict[str, IndexPrice]:
        """The index prices at `at_ms`, by feed; they convert the quotes of the next observation.

        Raises:
            ValueError: time went back.
        """
        if at_ms < self._observed_ms:
            raise ValueError(f"at_ms: expected {self._observed_ms} or later, got {at_ms}")
        self._observed_ms = at_ms
        self._began_ms = at_ms if self._began_ms is None else self._began_ms
        self._trades.settle(at_ms)
        self.settled_books = tuple([_snapshot(mid) for mid in self._mids.settle(at_ms)])
        for window in self._windows.values():
            window.settle(at_ms, at_ms + FUTURE_TOLERANCE_MS)
        prices = {feed.rule.name: self._price(feed, at_ms) for feed in self._feeds}
        self._quotes.update(prices.values())
        return prices

    def _price(self, feed: _Feed, at_ms: int) -> IndexPrice:
        rule = feed.rule
        votes = [self._vote(feed, heard, at_ms) for heard in feed.heard]
        sound = [vote for vote in votes if not vote.reason]
        sound = prefer_direct(drop_frozen(sound, rule.frozen_s))
        live = venue_prices(sound)
        back_bps = rule.agree_bps // 2 if rule.back_bps is None else rule.back_bps
        venues = drop_outliers(live, feed.outliers, rule.agree_bps, back_bps)
        for vote in sound:
            if vote.venue not in venues:
                vote.reason = "too far from the others"
        if len(venues) < rule.min_venues:
            priced = Priced(None, f"{len(venues)} of at least {rule.min_venues} venues")
        elif not majority_agrees(live, rule.agree_bps):
            priced = Priced(None, "venues disagree")
        else:
            priced = self._combine(rule, venues, sound, at_ms)
        shares = priced.shares_bps()
        for vote in sound:
            vote.weight_bps = 0 if vote.reason else shares.get(vote.venue, 0)
        return IndexPrice(
            rule.name,
            at_ms,
            priced.price_wad,
            tuple([vote.contribution() for vote in votes]),
            priced.reason,
            priced.confidence_wad,
            dispersion_centibps(live),
        )

    def _combine(self, rule: FeedRule, venues: Mapping[str, VenuePrice], sound: Sequence[Vote], at_ms: int) -> Priced:
        needs = METHODS[rule.method].needs
        markets = [(vote.venue, vote.symbol) for vote in sound if vote.venue in venues]
        if needs is Needs.TRADES:
            # A short window is cheap to bend: after a start there is no price until a whole one was watched.
            if self._began_ms is None or at_ms - self._began_ms < rule.window_s * 1000:
                return Priced(None, f"watching for less than its window of {rule.window_s} s")
            kept = [trade for market in markets for trade in self._windows[market].trades()]
            return pricing.of_trades(rule, kept, at_ms)
        if needs is Needs.BOOKS:
            books = [state.last.book for state in map(self._mids.__getitem__, markets) if state.last is not None]
            return pricing.of_books(rule, books)
        volumes = dict.fromkeys(venues, 0)
        if rule.volume_window_s:
            for vote in sound:
                if vote.venue in venues:
                    volumes[vote.venue] += self._volume_wad(vote, rule, at_ms)
        return pricing.of_venues(rule, venues, volumes)

    def _volume_wad(self, vote: Vote, rule: FeedRule, at_ms: int) -> int:
        """A cross has no volume of the feed's base: it weighs the least."""
        window = self._windows.get((vote.venue, vote.symbol))
        return 0 if window is None else window.volume_wad(at_ms, rule.volume_window_s * 1000)

    def _vote(self, feed: _Feed, heard: _Heard, at_ms: int) -> Vote:
        vote = Vote(heard.venue, heard.symbol, heard.direct)
        read = heard.read()
        if read is None:
            vote.reason = f"no {'trade' if feed.rule.price_from == 'trade' else 'book'} yet"
            return vote
        vote.price_wad, said_ms, since_ms = read
        vote.age_ms = max(0, at_ms - said_ms)
        vote.unchanged_ms = at_ms - since_ms
        if vote.age_ms > feed.max_age_ms:
            vote.reason = "stale"
        elif alias := self._alias(feed, heard):
            vote.reason = f"alias of {alias}"
        else:
            self._convert(vote, feed, heard, at_ms)
            if feed.left_out and not vote.reason:
                vote.reason = feed.left_out.get(vote.venue, "")
        return vote

    def _convert(self, vote: Vote, feed: _Feed, heard: _Heard, at_ms: int) -> None:
        if heard.path is None:
            vote.reason = f"nothing converts {heard.source.quote} to {feed.rule.quote}"
            return
        rate, vote.reason = self._quotes.rate(heard.path, at_ms) if heard.path else (_SAME, "")
        if rate is None:
            return
        vote.via = heard.via
        vote.converted_wad = rate.of(vote.price_wad) if heard.path else vote.price_wad
        if not vote.converted_wad:
            vote.reason = "rounds to nothing"
        elif feed.needs is Needs.QUOTES:
            vote.confidence_wad = rate.of_up(heard.half_spread_wad(vote.price_wad))
            if vote.confidence_wad >= vote.converted_wad:
                vote.reason = "bid and ask too far apart"

    def _alias(self, feed: _Feed, heard: _Heard) -> str:
        """The market this one is only another name of: its quote currency is then not what its name says.

        Or the venue it repeats: the same market twice is one vote.
        """
        for leg in heard.source.legs if heard.markets.echoing else ():
            venue = heard.markets.echo(leg)
            if (venue, leg[1]) in feed.legs:
                return f"{venue}:{leg[1]}"
        if isinstance(heard.source, Cross):
            return heard.source.numerator if heard.markets.are_twins(*heard.source.legs) else ""
        return "" if heard.direct else heard.markets.twin(heard.source.legs[0])


class _Heard:
    """A feed's market or cross with the states it reads."""

    __slots__ = ("direct", "markets", "path", "source", "states", "symbol", "venue", "via")

    def __init__(
        self, source: Market | Cross, rule: FeedRule, markets: Markets[Trade] | Markets[Mid], path: Path | None
    ) -> None:
        self.source, self.markets, self.path = source, markets, path
        self.venue, self.symbol = source.venue, source.symbol
        self.via = tuple([hop.feed for hop in path or ()])
        self.direct = isinstance(source, Market) and source.quote == rule.quote
        self.states: tuple[MarketState[Trade] | MarketState[Mid], ...] = tuple(markets[leg] for leg in source.legs)

    def read(self) -> tuple[int, int, int] | None:
        """(price, when its older leg spoke, since when a leg's price stands still); None before all legs spoke."""
        if len(self.states) == 1:
            state = self.states[0]
            word = state.last
            return None if word is None else (word.price_wad, word.at_ms, state.unchanged_since_ms)
        words = [state.last for state in self.states if state.last is not None]
        if len(words) < len(self.states):
            return None
        price_wad = self.source.price_wad(*[word.price_wad for word in words])
        said_ms = min([word.at_ms for word in words])
        return price_wad, said_ms, min([state.unchanged_since_ms for state in self.states])

    def half_spread_wad(self, price_wad: int) -> int:
        """Of its books, in its own quote: for a cross, what each leg may be off, added up."""
        mids = [state.last for state in self.states if isinstance(state.last, Mid)]
        if len(mids) == 1:
            return mids[0].half_spread_wad
        return sum(-(-price_wad * mid.half_spread_wad // mid.price_wad) for mid in mids)


class _Feed:
    """A rule with what it reads and remembers."""

    __slots__ = ("heard", "left_out", "legs", "max_age_ms", "needs", "outliers", "rule")

    def __init__(self, rule: FeedRule, markets: Markets[Trade] | Markets[Mid], quotes: Quotes) -> None:
        self.rule, self.needs, self.max_age_ms = rule, METHODS[rule.method].needs, rule.max_age_s * 1000
        self.heard = tuple(
            _Heard(source, rule, markets, quotes.path(rule.name, source.quote)) for source in rule.sources
        )
        self.legs = frozenset(leg for source in rule.sources for leg in source.legs)
        self.outliers: set[str] = set()
        """Venues that are out for being far from the others."""
        self.left_out: dict[str, str] = {}
        """Venue -> why source selection leaves it out; empty: it is in."""


def _legs(feeds: Sequence[FeedRule], price_from: str) -> set[MarketId]:
    return {leg for rule in feeds if rule.price_from == price_from for source in rule.sources for leg in source.legs}


def _windows(feeds: Sequence[FeedRule]) -> dict[MarketId, TradeWindow]:
    lengths: dict[MarketId, int] = {}
    for rule in feeds:
        for market in rule.markets:
            if rule.kept_s:
                leg = market.legs[0]
                lengths[leg] = max(rule.kept_s, lengths.get(leg, 0))
    return {leg: TradeWindow(length_s * 1000) for leg, length_s in lengths.items()}


def _snapshot(mid: Mid) -> BookSnapshot:
    return BookSnapshot(mid.venue, mid.symbol, mid.book.bids, mid.book.asks, mid.at_ms)

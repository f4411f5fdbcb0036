# SPDX-License-Identifier: AGPL-3.0-only
"""The index engine: trades in, one price per feed out, with every market's say and why it counted or not.

    last trade -> fresh? -> under its true name? -> converted -> moving? -> one price per venue -> near the others?
        -> enough venues, and agreeing? -> clamped median

Pure and deterministic: time is an argument, all numbers are integers, and the order of trades, markets and feeds does
not matter. Nothing bad becomes a price: what fails a check is left out with its reason, and a feed that cannot be
formed has no price rather than a guess. The reasons for the steps are in docs/index.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.core.markets import Markets, MarketState
from plumbline.core.models import IndexPrice, Trade
from plumbline.core.quotes import Quotes
from plumbline.core.rules import Cross, FeedRule, Market
from plumbline.core.votes import (
    Vote,
    combine,
    drop_frozen,
    drop_outliers,
    majority_agrees,
    prefer_direct,
    venue_prices,
)


class IndexEngine:
    """Holds the markets and the previous prices of a set of feeds."""

    def __init__(self, feeds: Sequence[FeedRule]) -> None:
        names = [rule.name for rule in feeds]
        if len(set(names)) != len(names):
            raise ValueError(f"feeds: expected each feed once, got {', '.join(names)}")
        self._markets = Markets({leg for rule in feeds for source in rule.sources for leg in source.legs})
        self._feeds = tuple(_Feed(rule, self._markets) for rule in feeds)
        self._quotes = Quotes(feeds)
        self._observed_ms = 0

    def on_trade(self, trade: Trade) -> None:
        """Take a trade; a bad one is counted in `rejected`, never raised."""
        self._markets.add(trade)

    @property
    def rejected(self) -> dict[str, int]:
        """Trades refused so far, by reason."""
        return dict(self._markets.rejected)

    def observe(self, at_ms: int) -> dict[str, IndexPrice]:
        """The index prices at `at_ms`, by feed; they convert the quotes of the next observation.

        Raises:
            ValueError: time went back.
        """
        if at_ms < self._observed_ms:
            raise ValueError(f"at_ms: expected {self._observed_ms} or later, got {at_ms}")
        self._observed_ms = at_ms
        self._markets.settle(at_ms)
        prices = {feed.rule.name: self._price(feed, at_ms) for feed in self._feeds}
        self._quotes.update(prices.values())
        return prices

    def _price(self, feed: _Feed, at_ms: int) -> IndexPrice:
        rule = feed.rule
        votes = [self._vote(rule, heard, at_ms) for heard in feed.heard]
        sound = [vote for vote in votes if not vote.reason]
        sound = prefer_direct(drop_frozen(sound, rule.frozen_s))
        live = venue_prices(sound)
        venues = drop_outliers(live, feed.outliers, rule.agree_bps)
        for vote in sound:
            if vote.venue not in venues:
                vote.reason = "too far from the others"
        reason = ""
        if len(venues) < rule.min_venues:
            reason = f"{len(venues)} of at least {rule.min_venues} venues"
        elif not majority_agrees(live, rule.agree_bps):
            reason = "venues disagree"
        price_wad = None if reason else combine(venues, rule.method, rule.clamp_bps)
        return IndexPrice(rule.name, at_ms, price_wad, tuple([vote.contribution() for vote in votes]), reason)

    def _vote(self, rule: FeedRule, heard: _Heard, at_ms: int) -> Vote:
        vote = Vote(heard.source.venue, heard.source.symbol, heard.direct)
        trades = [state.last for state in heard.states if state.last is not None]
        if len(trades) < len(heard.states):
            vote.reason = "no trade yet"
            return vote
        vote.age_ms = max(0, at_ms - min([trade.at_ms for trade in trades]))
        vote.unchanged_ms = at_ms - min([state.unchanged_since_ms for state in heard.states])
        vote.price_wad = heard.source.price_wad(*[trade.price_wad for trade in trades])
        if vote.age_ms > rule.max_age_s * 1000:
            vote.reason = "stale"
        elif alias := self._alias(heard):
            vote.reason = f"alias of {alias}"
        else:
            vote.converted_wad, vote.reason = self._quotes.convert(vote.price_wad, heard.quote, heard.into, at_ms)
        return vote

    def _alias(self, heard: _Heard) -> str:
        """The market this one is only another name of: its quote currency is then not what its name says."""
        if isinstance(heard.source, Cross):
            return heard.source.numerator if self._markets.are_twins(*heard.source.legs) else ""
        return "" if heard.direct else self._markets.twin(heard.source.legs[0])


class _Heard:
    """A feed's market or cross with the states it reads."""

    __slots__ = ("direct", "into", "quote", "source", "states")

    def __init__(self, source: Market | Cross, rule: FeedRule, markets: Markets) -> None:
        self.source, self.quote, self.into = source, source.quote, rule.quote
        self.direct = isinstance(source, Market) and self.quote == self.into
        self.states: tuple[MarketState, ...] = tuple(markets[leg] for leg in source.legs)


class _Feed:
    """A rule with what it reads and remembers."""

    __slots__ = ("heard", "outliers", "rule")

    def __init__(self, rule: FeedRule, markets: Markets) -> None:
        self.rule = rule
        self.heard = tuple(_Heard(source, rule, markets) for source in rule.sources)
        self.outliers: set[str] = set()
        """Venues that are out for being far from the others."""

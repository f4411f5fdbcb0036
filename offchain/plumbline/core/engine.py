# SPDX-License-Identifier: AGPL-3.0-only
"""The index engine: trades in, one price per feed out, with every market's say and why it counted or not.

    last trade -> fresh? -> under its true name? -> converted -> moving? -> one price per venue -> near the others?
        -> enough venues, and agreeing? -> clamped median

Pure and deterministic: time is an argument, all numbers are integers, and the order of trades, markets and feeds does
not matter. Nothing bad becomes a price: what fails a check is left out with its reason, and a feed that cannot be
formed has no price rather than a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.core.markets import Markets
from plumbline.core.models import IndexPrice, Trade
from plumbline.core.quotes import Quotes
from plumbline.core.rules import Cross, FeedRule, Market
from plumbline.core.votes import (
    Vote,
    drop_frozen,
    drop_outliers,
    majority_agrees,
    prefer_direct,
    venue_median,
    venue_prices,
)


class IndexEngine:
    """Holds the markets and the previous prices of a set of feeds."""

    def __init__(self, feeds: Sequence[FeedRule]) -> None:
        names = [rule.name for rule in feeds]
        if len(set(names)) != len(names):
            raise ValueError(f"feeds: expected each feed once, got {', '.join(names)}")
        self._rules = tuple(feeds)
        self._markets = Markets({leg for rule in feeds for source in rule.sources for leg in source.legs})
        self._quotes = Quotes(feeds)
        self._outliers: dict[str, set[str]] = {name: set() for name in names}
        """Per feed, the venues that are out for being far from the others."""
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
        prices = {rule.name: self._price(rule, at_ms) for rule in self._rules}
        self._quotes.update(prices.values())
        return prices

    def _price(self, rule: FeedRule, at_ms: int) -> IndexPrice:
        votes = [self._vote(rule, source, at_ms) for source in rule.sources]
        drop_frozen(votes, rule.frozen_s)
        prefer_direct(votes, rule.quote)
        live = venue_prices(votes, rule.quote)
        venues = drop_outliers(live, self._outliers[rule.name], rule.agree_bps)
        for vote in votes:
            if not vote.reason and vote.venue not in venues:
                vote.reason = "too far from the others"
        contributions = tuple(vote.contribution() for vote in votes)
        reason = ""
        if len(venues) < rule.min_venues:
            reason = f"{len(venues)} of at least {rule.min_venues} venues"
        elif not majority_agrees(live, rule.agree_bps):
            reason = "venues disagree"
        price_wad = None if reason else venue_median(venues, rule.clamp_bps)
        return IndexPrice(rule.name, at_ms, price_wad, contributions, reason)

    def _vote(self, rule: FeedRule, source: Market | Cross, at_ms: int) -> Vote:
        vote = Vote(source)
        states = [self._markets[leg] for leg in source.legs]
        trades = [state.last for state in states if state.last is not None]
        if len(trades) < len(states):
            vote.reason = "no trade yet"
            return vote
        vote.age_ms = max(0, *(at_ms - trade.at_ms for trade in trades))
        vote.unchanged_ms = at_ms - min(state.unchanged_since_ms for state in states)
        vote.price_wad = source.price_wad(*(trade.price_wad for trade in trades))
        alias = self._alias(rule, source)
        if vote.age_ms > rule.max_age_s * 1000:
            vote.reason = "stale"
        elif alias is not None:
            vote.reason = f"alias of {alias}"
        elif isinstance(source, Cross):
            vote.converted_wad = vote.price_wad
        else:
            vote.converted_wad, vote.reason = self._quotes.convert(vote.price_wad, source.quote, rule.quote, at_ms)
        return vote

    def _alias(self, rule: FeedRule, source: Market | Cross) -> str | None:
        """The market this one is only another name of: its quote currency is then not what its name says."""
        if isinstance(source, Cross):
            return source.numerator if self._markets.are_twins(*source.legs) else None
        return None if source.quote == rule.quote else self._markets.twin(source.legs[0])

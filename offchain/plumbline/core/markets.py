# SPDX-License-Identifier: AGPL-3.0-only
"""What is known of every market: its last sane word, since when its price stands still, whose other name or copy it is.

A word is a trade, or the middle of a book. Words may come in any order: between two observations only the latest of
each market counts, so that what an observation sees depends on the set of words and not on the order of their arrival.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Generic, Protocol, TypeVar

from plumbline.core.rules import MarketId, split_symbol

FUTURE_TOLERANCE_MS: Final = 1_000
"""How far a venue's clock may run ahead of an observation."""
TWIN_WORDS: Final = 3
"""Two markets seen at the same word (price, size and millisecond) so often are one book under two names."""
COPIED_PRICES: Final = 3
"""A venue seen at another's very word at so many prices in a row tells the other's market over again."""


class Word(Protocol):
    """What a market said at some time: `Trade` or `Mid`."""

    @property
    def venue(self) -> str: ...

    @property
    def symbol(self) -> str: ...

    @property
    def price_wad(self) -> int: ...

    @property
    def size_wad(self) -> int: ...

    @property
    def at_ms(self) -> int: ...


W = TypeVar("W", bound=Word)


@dataclass(slots=True)
class MarketState(Generic[W]):
    """One venue's market."""

    last: W | None = None
    """What an observation looks at."""
    newest: W | None = None
    """The latest word that came in since."""
    unchanged_since_ms: int = 0
    """Time of the first word of the run of observations that all saw the price of `last`."""


class Markets(Generic[W]):
    """The state of the markets a node listens to; words of any other market are refused."""

    def __init__(self, known: Iterable[MarketId]) -> None:
        self._states: dict[MarketId, MarketState[W]] = {market: MarketState() for market in sorted(known)}
        self._equal_words: Counter[tuple[MarketId, MarketId]] = Counter()
        self.rejected: Counter[str] = Counter()
        """How many words were refused, by reason."""
        books = defaultdict(list)
        for venue, symbol in self._states:
            books[venue, split_symbol(symbol)[0]].append((venue, symbol))
        self._pairs = [pair for book in books.values() for pair in combinations(book, 2)]
        self._siblings = {
            market: [other for other in book if other != market] for book in books.values() for market in book
        }
        self._echoes: dict[tuple[MarketId, MarketId], tuple[int, int]] = {}
        """Two venues' markets that are at one word: at how many prices in a row, and the last of these."""

    def __getitem__(self, market: MarketId) -> MarketState[W]:
        return self._states[market]

    def __contains__(self, market: MarketId) -> bool:
        return market in self._states

    def add(self, word: W) -> None:
        """Take a word, or count why not. Never raises for what a venue sends."""
        state = self._states.get((word.venue, word.symbol))
        if state is None:
            self.rejected["unknown market"] += 1
        elif word.price_wad <= 0 or word.size_wad <= 0:
            self.rejected["no price or no size"] += 1
        elif _order(word) <= _order(state.newest) or _order(word) <= _order(state.last):
            self.rejected["out of order"] += 1
        else:
            state.newest = word

    def settle(self, at_ms: int) -> list[W]:
        """Let the observation at `at_ms` see what came in; what claims to be later than that never happened.

        Returns what it sees for the first time.
        """
        spoke = {market: state for market, state in self._states.items() if self._settle(state, at_ms)}
        for one, other in self._pairs:
            if (one in spoke or other in spoke) and self._at_one_word(one, other):
                self._equal_words[one, other] += 1
        self._listen_for_echoes()
        return [state.last for state in spoke.values() if state.last is not None]

    def _listen_for_echoes(self) -> None:
        """Of venues at one word the first by name is heard; one that says anything else is nobody's echo at once.

        So a venue that repeats another's tape counts once with it, and cannot silence it to go its own way later.
        """
        said: dict[tuple[str, int, int, int], MarketId] = {}
        echoes: dict[tuple[MarketId, MarketId], tuple[int, int]] = {}
        for market, state in self._states.items():
            word = state.last
            if word is not None:
                first = said.setdefault((market[1], word.at_ms, word.price_wad, word.size_wad), market)
                if first is not market:
                    count, price_wad = self._echoes.get((first, market), (0, 0))
                    echoes[first, market] = count + (price_wad != word.price_wad), word.price_wad
        self._echoes = echoes

    def _settle(self, state: MarketState[W], at_ms: int) -> bool:
        word, state.newest = state.newest, None
        if word is None:
            return False
        if word.at_ms > at_ms + FUTURE_TOLERANCE_MS:
            self.rejected["from the future"] += 1
            return False
        if state.last is None or word.price_wad != state.last.price_wad:
            state.unchanged_since_ms = word.at_ms
        state.last = word
        return True

    @property
    def echoing(self) -> bool:
        """Whether any two venues are at one word: hardly ever."""
        return bool(self._echoes)

    def echo(self, market: MarketId) -> str:
        """The venue whose market this one is telling over again; empty: it speaks for itself."""
        for (first, other), (count, _) in self._echoes.items():
            if other == market and count >= COPIED_PRICES:
                return first[0]
        return ""

    def twin(self, market: MarketId) -> str:
        """The symbol of another market that is the same book under another name; empty: it stands for itself."""
        for other in self._siblings[market]:
            if self.are_twins(market, other):
                return other[1]
        return ""

    def are_twins(self, one: MarketId, other: MarketId) -> bool:
        """Whether two markets are one book under two names (a "BTC/USDC" that is really BTC/USD)."""
        pair = (one, other) if one < other else (other, one)
        return self._equal_words[pair] >= TWIN_WORDS or self._at_one_word(one, other)

    def _at_one_word(self, one: MarketId, other: MarketId) -> bool:
        a, b = self._states[one].last, self._states[other].last
        return a is not None and b is not None and _order(a) == _order(b)


def _order(word: Word | None) -> tuple[int, int, int]:
    """Total order by time; among words of one millisecond any fixed order does, so it is the numbers'."""
    return (0, 0, 0) if word is None else (word.at_ms, word.price_wad, word.size_wad)

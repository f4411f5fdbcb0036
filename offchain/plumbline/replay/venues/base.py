# SPDX-License-Identifier: AGPL-3.0-only
"""The exchange's side of a conversation: what every venue's session has in common. No I/O, no clock.

Written from the exchanges' documentation and apart from the codecs, so that one wrong reading is not made twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import msgspec

from plumbline.core.units import WAD
from plumbline.replay.books import Levels, book_around
from plumbline.replay.tape import Print

T = TypeVar("T")
Recent = Callable[[str], Sequence[Print]]
"""The latest prints of a symbol, oldest first."""


class Session(ABC):
    """One client's connection to one exchange."""

    venue: ClassVar[str]
    path: ClassVar[str]
    """The path of the exchange's own endpoint, served below "/<venue>"."""
    heartbeat_s: ClassVar[float | None] = None
    """Wall time between two heartbeats; None: the exchange has none."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._symbols = {self.name(symbol): symbol for symbol in symbols}
        """The exchange's markets, by its own names."""
        self.subscribed: set[str] = set()
        """Canonical symbols this client gets."""
        self.books: dict[str, Levels | None] = {}
        """Canonical symbols whose book this client gets, as it was told last; None: not yet."""
        self.held: list[bytes] = []
        """Frames that were overtaken by others on the way, when that fault was ordered."""
        self.must_speak_s: float | None = None
        """Within how many seconds the exchange hangs up unless the client speaks; None: it has the time it wants."""

    @staticmethod
    @abstractmethod
    def name(symbol: str) -> str:
        """The exchange's name of "BASE/QUOTE"."""

    @abstractmethod
    def receive(self, frame: bytes, now_ms: int, recent: Recent) -> list[bytes]:
        """Answers to what the client sent, with the snapshots of new subscriptions."""

    @abstractmethod
    def encode(self, prints: Sequence[Print], now_ms: int) -> list[bytes]:
        """Trades as this exchange frames them."""

    @abstractmethod
    def encode_book(self, symbol: str, book: Levels, before: Levels | None, at_ms: int, now_ms: int) -> list[bytes]:
        """A book as this exchange frames it; `before`: what the client was told last, None for nothing."""

    @abstractmethod
    def answer(self, path: str, query: Mapping[str, str], recent: Recent, now_ms: int) -> tuple[int, bytes]:
        """(status, body) of a REST request."""

    def maintenance(self) -> list[bytes]:
        """What the exchange says before it goes down for maintenance; most say nothing."""
        return []

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def heartbeat(self, now_ms: int) -> list[bytes]:
        return []

    def updates(self, prints: Iterable[Print], now_ms: int) -> list[bytes]:
        """The frames this client gets of all the venue's new prints."""
        prints = list(prints)
        wanted = [p for p in prints if p.trade.symbol in self.subscribed]
        frames = self.encode(wanted, now_ms) if wanted else []
        for symbol, group in by_symbol(prints).items():
            if symbol in self.books:
                frames += self._tell_book(symbol, group[-1], now_ms)
        return frames

    def open_book(self, symbol: str, recent: Recent, now_ms: int) -> list[bytes]:
        """Begin to tell a book: with what rests there now, or with the first print there is."""
        self.books[symbol] = None
        prints = recent(symbol)
        return self._tell_book(symbol, prints[-1], now_ms) if prints else []

    def _tell_book(self, symbol: str, p: Print, now_ms: int) -> list[bytes]:
        book, before = book_around(p), self.books[symbol]
        self.books[symbol] = book
        return self.encode_book(symbol, book, before, p.trade.at_ms, now_ms)


def by_symbol(prints: Iterable[Print]) -> dict[str, list[Print]]:
    groups: dict[str, list[Print]] = {}
    for p in prints:
        groups.setdefault(p.trade.symbol, []).append(p)
    return groups


def decimal(value_wad: int) -> str:
    """A WAD integer as the shortest plain decimal: exact."""
    whole, fraction = divmod(value_wad, WAD)
    return f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")


def rows(side: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Levels as [price, size] of text."""
    return [[decimal(price), decimal(size)] for price, size in side]


def book_now(prints: Sequence[Print]) -> Levels:
    """The book of a REST answer; empty while nothing was traded."""
    return book_around(prints[-1]) if prints else Levels((), ())


def number(value_wad: int) -> msgspec.Raw:
    """The same as a JSON number."""
    return msgspec.Raw(decimal(value_wad).encode())


def rfc3339(at_ms: int) -> str:
    """ "2023-03-11T07:12:59.999000Z"."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}000Z"


def read(frame: bytes, kind: type[T]) -> T | None:
    """What a client sent, as this kind of request; None when it is none."""
    try:
        return msgspec.json.decode(frame, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


encode = msgspec.json.encode

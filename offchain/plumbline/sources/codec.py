# SPDX-License-Identifier: AGPL-3.0-only
"""What every venue's codec has in common: bytes in, trades and books or a counted rejection out. No I/O, no clock.

SourceError
|-- FrameError      one frame could not be understood: it is counted by `reason` and gives no trade
`-- VenueRefused    the venue said no (maintenance, a refused subscription): the connection is over, with its reason

A frame is all or nothing: when one trade or level in it is malformed, nothing else in it is believed either. Prices
and sizes go from the frame's own characters to integers; no float is ever made of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Literal, TypeVar

import msgspec

from plumbline.core.models import BookSnapshot, Trade
from plumbline.errors import SourceError
from plumbline.sources.book import LiveBook, Told
from plumbline.sources.numbers import FrameError as FrameError
from plumbline.sources.numbers import both_positive, not_negative, positive

MAX_FRAME_BYTES: Final = 1 << 20
"""The largest honest frame, a snapshot of 1,000 trades, is a quarter of this."""
MAX_SKEW_MS: Final = 5_000
"""How far a venue's clock may run ahead of ours before its trades are not believed."""
MAX_ID_LENGTH: Final = 64
"""An id is told by its first characters; none in use is longer than a UUID's 36."""
REMEMBERED_IDS: Final = 4_096
"""How many ids of a market are remembered where the venue's ids have no order."""
MAX_RESYNCS: Final = 5
"""A book that went out of step more often on one connection is left alone for a while."""
RETRY_BOOK_MS: Final = 60_000

_NOT_JSON: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
_SYMBOL: Final = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{1,15}")

trade_of: Final = tuple.__new__
"""Makes a Trade in half the time its own constructor takes."""

Id = TypeVar("Id", int, str)
Books = Literal["none", "top", "depth"]
Print = tuple[str, Id, str, str, int]
"""(the venue's name of the market, trade id, price, size, at_ms)."""
TextLevel = Sequence[str]
"""(price, size, anything more)."""


class VenueRefused(SourceError):
    pass


class RecentIds:
    """The last ids of a market without an order among them: `REMEMBERED_IDS` at least, less than twice as many."""

    __slots__ = ("_before", "_latest")

    def __init__(self) -> None:
        self._latest: set[str] = set()
        self._before: set[str] = set()
        """Forgotten all at once: to forget them one by one would cost more than to remember them."""

    def __len__(self) -> int:
        return len(self._latest) + len(self._before)

    def again(self, trade_id: str) -> bool:
        """Whether it was told before; from now on it was."""
        latest = self._latest
        known = trade_id if len(trade_id) <= MAX_ID_LENGTH else trade_id[:MAX_ID_LENGTH]
        if known in latest or known in self._before:
            return True
        if len(latest) == REMEMBERED_IDS:
            self._latest, self._before = {known}, latest
        else:
            latest.add(known)
        return False


@dataclass(slots=True)
class Market:
    """One market of a venue, and how far its trades have been seen."""

    venue: str
    symbol: str
    gapless: bool = False
    """Whether its ids grow by one."""
    last_id: int = -1
    last_ms: int = 0
    seen: RecentIds = field(default_factory=RecentIds)
    """Where ids have no order."""
    book: LiveBook | None = None
    """None: not asked for."""


class Codec(ABC, Generic[Id]):
    """One venue's public trades and books, over WebSocket and over REST.

    The owner of a connection calls `subscribe_frames` and sends what it returns, then `decode` for each frame, and
    sends (and clears) `replies` after each. What was seen of each market survives a reconnection, so the snapshot
    that follows one gives only trades that were missed. Books begin anew.
    """

    venue: ClassVar[str]
    url: ClassVar[str]
    """The exchange's public endpoint."""
    silence_s: ClassVar[float]
    """Wall time without any frame after which the connection is dead, from the venue's own heartbeat."""
    ping: ClassVar[tuple[float, bytes] | None] = None
    """(how often the venue wants it, the frame), where it wants one from us."""
    settle_s: ClassVar[float] = 0.0
    """How long the venue wants to be left alone after the handshake."""
    pause_s: ClassVar[float] = 0.0
    """Time between two frames sent, from the venue's rate limit."""
    gapless: ClassVar[bool] = False
    """Its trade ids grow by one in each market, so a hole is a trade we never got."""
    depth: ClassVar[int] = 1
    """Levels a side of the book it can be asked for; 1: the top only."""

    rest_url: ClassVar[str]
    rest_pause_s: ClassVar[float] = 0.3
    """Between two requests: well within what the venue allows one address."""
    rest_used: ClassVar[tuple[str, int] | None] = None
    """(header that tells the weight used up, how much may be), where the venue has one."""
    rest_left: ClassVar[str | None] = None
    """Header that tells how many requests are left, where the venue has one."""

    def __init__(self, symbols: Sequence[str], books: Books = "none") -> None:
        """`books`: what to subscribe to beside trades.

        Raises:
            SourceError: a symbol that is not canonical or not a market of this venue; depth where there is none.
        """
        for symbol in symbols:
            if _SYMBOL.fullmatch(symbol) is None:
                raise SourceError(f'{self.venue}: expected a symbol like "BTC/USD", got {symbol!r}')
        if books == "depth" and self.depth == 1:
            raise SourceError(
                f"{self.venue}: expected books none or top, got depth; only its best bid and ask are read"
            )
        self.books: Books = books
        self.markets = {self.native(symbol): Market(self.venue, symbol, self.gapless) for symbol in symbols}
        """By the venue's own name of the market."""
        if not self.markets:
            raise SourceError(f"{self.venue}: expected at least one market to subscribe to")
        if books != "none":
            for market in self.markets.values():
                market.book = LiveBook(market.symbol, self.depth if books == "depth" else 1)
        self.by_symbol = {market.symbol: market for market in self.markets.values()}
        self.max_frame_bytes = MAX_FRAME_BYTES
        self.replies: list[bytes] = []
        """What the venue expects to be answered."""
        self.confirmed: set[str] = set()
        """Subscriptions confirmed on this connection: "BTC/USD" for its trades, "BTC/USD book" for its book."""
        self.refused: dict[str, str] = {}
        """Those it refused on this connection, with its words."""
        self.dropped: Counter[str] = Counter()
        """Trades not passed on, by reason: "duplicate", "out of order", "future"; "snapshot" when told again in one;
        and books that went out of step: "book gap", "book checksum".
        """
        self.missed = 0
        """Trades (or frames, where only those are numbered) the venue's own numbers say we never got."""

    @abstractmethod
    def native(self, symbol: str) -> str:
        """The venue's name of "BASE/QUOTE". Raises SourceError when the venue has no such market of its own."""

    @abstractmethod
    def _subscribe(self, natives: list[str]) -> list[bytes]: ...

    @abstractmethod
    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]: ...

    @abstractmethod
    def trades_path(self, native: str) -> str:
        """Where below `rest_url` the latest trades of a market are."""

    @abstractmethod
    def _trades_told(self, native: str, body: bytes) -> list[Print[Id]]: ...

    @abstractmethod
    def book_path(self, native: str) -> str:
        """Where below `rest_url` the book of a market is."""

    @abstractmethod
    def _book_told(self, native: str, body: bytes) -> tuple[Iterable[TextLevel], Iterable[TextLevel], int | None]:
        """(bids, asks, the venue's time of them)."""

    def _resubscribe(self, native: str) -> list[bytes]:
        """What makes the venue send a book's snapshot again; nothing where each message tells the whole book."""
        return []

    def wanted(self) -> list[str]:
        """All subscriptions, as `confirmed` and `refused` name them."""
        return [*self.by_symbol, *(f"{symbol} book" for symbol in self.by_symbol if self.books != "none")]

    def subscribe_frames(self) -> list[bytes]:
        """What to send on a new connection; what belonged to the last one is forgotten."""
        self.replies.clear()
        self.confirmed.clear()
        self.refused.clear()
        self.clear_books()
        return self._subscribe(list(self.markets))

    def clear_books(self) -> None:
        """Of a connection that is over, nothing is known any more."""
        for market in self.markets.values():
            if market.book is not None:
                market.book.clear()
                market.book.failures = 0

    def decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        """The new trades in a frame, oldest first; empty for books, acknowledgements, heartbeats and repeats.

        Raises:
            FrameError: not a frame of this venue's format, or one no honest venue sends.
            VenueRefused: the venue says it will send no trades.
        """
        if len(frame) > self.max_frame_bytes:
            raise FrameError("too big", f"{len(frame)} bytes, expected at most {self.max_frame_bytes}")
        try:
            return self._decode(frame, now_ms)
        except _NOT_JSON as error:
            raise FrameError("malformed", f"{error}: {frame[:80]!r}") from None

    def decode_trades(self, native: str, body: bytes, now_ms: int) -> list[Trade]:
        """The new trades in a REST answer, oldest first; raises as `decode`."""
        try:
            prints = self._trades_told(native, body)
        except _NOT_JSON as error:
            raise FrameError("malformed", f"{error}: {body[:80]!r}") from None
        return self.taken(prints, now_ms, snapshot=True)

    def decode_book(self, native: str, body: bytes, now_ms: int) -> None:
        """Take the book of a REST answer; raises as `decode`."""
        try:
            bids, asks, at_ms = self._book_told(native, body)
        except _NOT_JSON as error:
            raise FrameError("malformed", f"{error}: {body[:80]!r}") from None
        self.put_book(native, bids, asks, now_ms if at_ms is None else at_ms, now_ms)

    def book(self, symbol: str) -> BookSnapshot | None:
        """The book as the last frame left it; None while it is not sure."""
        market = self.by_symbol.get(symbol)
        return None if market is None or market.book is None else market.book.snapshot(self.venue)

    def market(self, native: str) -> Market:
        market = self.markets.get(native)
        if market is None:
            raise FrameError("unknown market", f"{native[:40]!r} was not subscribed to")
        return market

    def confirm(self, native: str, *, book: bool = False) -> None:
        symbol = self.market(native).symbol
        self.confirmed.add(f"{symbol} book" if book else symbol)

    def refuse(self, native: str, why: str, *, book: bool = False) -> None:
        symbol = self.market(native).symbol
        self.refused[f"{symbol} book" if book else symbol] = why[:200]

    def taken(self, prints: Sequence[Print[Id]], now_ms: int, *, snapshot: bool = False) -> list[Trade]:
        """The new ones of what was told, oldest first.

        All of them are parsed before any is taken: a frame with one bad trade leaves no trace.
        `snapshot`: the venue tells the past again, so what we know of it is no fault of the venue's.
        """
        if len(prints) == 1:
            native, trade_id, price, size, at_ms = prints[0]
            return self.taken_one(native, trade_id, price.encode(), size.encode(), at_ms, now_ms, snapshot)
        parsed = []
        for native, trade_id, price, size, at_ms in prints:
            market = self.markets.get(native) or self.market(native)
            if at_ms <= 0:
                raise FrameError("time", f"{at_ms} ms")
            parsed.append((market, trade_id, at_ms, positive(price, "price"), positive(size, "size")))
        return [
            Trade(market.venue, market.symbol, price_wad, size_wad, at_ms)
            for market, trade_id, at_ms, price_wad, size_wad in parsed
            if self._is_new(market, trade_id, at_ms, now_ms, snapshot)
        ]

    def taken_one(
        self, native: str, trade_id: Id, price: bytes, size: bytes, at_ms: int, now_ms: int, snapshot: bool = False
    ) -> list[Trade]:
        """The same of one trade, without the lists: most frames tell one. Price and size are its bytes in the frame."""
        market = self.markets.get(native) or self.market(native)
        if at_ms <= 0:
            raise FrameError("time", f"{at_ms} ms")
        price_wad, size_wad = both_positive(price, size)
        if self._is_new(market, trade_id, at_ms, now_ms, snapshot):
            return [trade_of(Trade, (market.venue, market.symbol, price_wad, size_wad, at_ms))]
        return []

    @abstractmethod
    def _is_new(self, market: Market, trade_id: Id, at_ms: int, now_ms: int, snapshot: bool) -> bool:
        """Whether to pass it on: then it is known from now on; else it is counted among the dropped."""

    def put_book(
        self,
        native: str,
        bids: Iterable[TextLevel],
        asks: Iterable[TextLevel],
        at_ms: int,
        now_ms: int,
        *,
        changes: bool = False,
        text: Callable[[TextLevel], str] | None = None,
        checksum: Callable[[LiveBook], bool] | None = None,
    ) -> LiveBook | None:
        """Take a whole book, or `changes` to one; returns it unless they were not taken.

        `text` makes of a level what the venue's checksum is made of; `checksum` compares it.
        """
        book = self.market(native).book
        told_bids, told_asks = [[_told(level, text) for level in side] for side in (bids, asks)]
        if at_ms <= 0:
            raise FrameError("time", f"{at_ms} ms")
        if book is None or (changes and not book.synced):
            return None
        if at_ms > now_ms + MAX_SKEW_MS:
            self.dropped["future"] += 1
            if changes:
                self.out_of_step(native, "future", now_ms)
            return None
        (book.change if changes else book.replace)(told_bids, told_asks, at_ms)
        if checksum is not None and not checksum(book):
            self.out_of_step(native, "checksum", now_ms)
            return None
        return book

    def out_of_step(self, native: str, why: str, now_ms: int) -> None:
        """A book missed something: it is unknown until the next snapshot, which is asked for; in the end, later."""
        market = self.market(native)
        if market.book is None or not market.book.synced:
            return
        market.book.clear()
        market.book.failures += 1
        self.dropped[f"book {why}"] += 1
        if market.book.failures > MAX_RESYNCS:
            market.book.given_up_ms = now_ms
            self.refuse(native, f"out of step {market.book.failures} times, last: {why}", book=True)
        else:
            self.replies += self._resubscribe(native)

    def retry_books(self, now_ms: int) -> list[bytes]:
        """What asks again for the books that were given up a while ago."""
        frames = []
        for native, market in self.markets.items():
            if market.book is not None and market.book.failures > MAX_RESYNCS:
                if now_ms - market.book.given_up_ms < RETRY_BOOK_MS:
                    continue
                market.book.failures = 0
                self.refused.pop(f"{market.symbol} book", None)
                frames += self._resubscribe(native)
        return frames


def _told(level: TextLevel, text: Callable[[TextLevel], str] | None) -> Told:
    if len(level) < 2:
        raise FrameError("malformed", f"level {level!r}, expected a price and a size")
    return Told(positive(level[0], "price"), not_negative(level[1], "size"), text(level) if text else "")


def one_level(price: str, size: str) -> list[TextLevel]:
    """A side of which only the best is told; empty when the venue says that nothing is there."""
    return [(price, size)] if price and size else []

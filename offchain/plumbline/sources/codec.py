# SPDX-License-Identifier: AGPL-3.0-only
"""What every venue's codec has in common: bytes in, trades or a counted rejection out. No I/O, no clock.

SourceError
|-- FrameError      one frame could not be understood: it is counted by `reason` and gives no trade
`-- VenueRefused    the venue said no (maintenance, a refused subscription): the connection is over, with its reason

A frame is all or nothing: when one trade in it is malformed, nothing else in it is believed either. Prices and sizes
go from the frame's own characters to integers; no float is ever made of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec

from plumbline.core.models import Trade
from plumbline.core.units import WAD, parse_wad
from plumbline.errors import SourceError

MAX_FRAME_BYTES: Final = 1 << 20
"""The largest honest frame, a snapshot of 1,000 trades, is a quarter of this."""
MAX_VALUE_WAD: Final = 10**15 * WAD
"""No price and no size is larger; what is, is an exponent or unit gone wrong."""
MAX_SKEW_MS: Final = 5_000
"""How far a venue's clock may run ahead of ours before its trades are not believed."""
MAX_ID_LENGTH: Final = 64
"""An id is told by its first characters; none in use is longer than a UUID's 36."""
REMEMBERED_IDS: Final = 4_096
"""How many ids of a market are remembered where the venue's ids have no order."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SYMBOL: Final = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{1,15}")

Id = TypeVar("Id", int, str)
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An RFC 3339 time; one without a zone is refused."""


class FrameError(SourceError):
    """`reason` is one of a few words, fit for a metric's label; the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class VenueRefused(SourceError):
    pass


@dataclass(slots=True)
class Market:
    """One market of a venue, and how far its trades have been seen."""

    symbol: str
    last_id: int = -1
    last_ms: int = 0
    seen: dict[str, None] = field(default_factory=dict)
    """The latest ids where ids have no order, oldest first."""


class Codec(ABC):
    """One venue's public trade stream.

    The owner of a connection calls `subscribe_frames` and sends what it returns, then `decode` for each frame, and
    sends (and clears) `replies` after each. What was seen of each market survives a reconnection, so the snapshot
    that follows one gives only trades that were missed.
    """

    venue: ClassVar[str]
    url: ClassVar[str]
    """The exchange's public endpoint."""
    silence_s: ClassVar[float]
    """Wall time without any frame after which the connection is dead, from the venue's own heartbeat."""
    ping_s: ClassVar[float | None] = None
    """How often the venue wants `ping_frame`; None: never."""
    settle_s: ClassVar[float] = 0.0
    """How long the venue wants to be left alone after the handshake."""
    pause_s: ClassVar[float] = 0.0
    """Time between two frames sent, from the venue's rate limit."""

    def __init__(self, symbols: Sequence[str]) -> None:
        """Raises SourceError when a symbol is not canonical or not a market of this venue."""
        for symbol in symbols:
            if _SYMBOL.fullmatch(symbol) is None:
                raise SourceError(f'{self.venue}: expected a symbol like "BTC/USD", got {symbol!r}')
        self.markets = {self.native(symbol): Market(symbol) for symbol in symbols}
        """By the venue's own name of the market."""
        if not self.markets:
            raise SourceError(f"{self.venue}: expected at least one market to subscribe to")
        self.replies: list[bytes] = []
        """What the venue expects to be answered."""
        self.confirmed: set[str] = set()
        """Symbols whose subscription the venue confirmed on this connection."""
        self.refused: dict[str, str] = {}
        """Symbols it refused on this connection, with its words."""
        self.dropped: Counter[str] = Counter()
        """Trades not passed on, by reason: "duplicate", "out of order", "future"; "snapshot" when told again in one."""
        self.missed = 0
        """Trades (or frames, where only those are numbered) the venue's own numbers say we never got."""

    @abstractmethod
    def native(self, symbol: str) -> str:
        """The venue's name of "BASE/QUOTE". Raises SourceError when the venue has no such market of its own."""

    @abstractmethod
    def _subscribe(self, natives: list[str]) -> list[bytes]: ...

    @abstractmethod
    def _decode(self, frame: bytes, now_ms: int) -> list[Trade]: ...

    def ping_frame(self) -> bytes:
        raise NotImplementedError(f"{self.venue} has no ping of its own")

    def subscribe_frames(self) -> list[bytes]:
        """What to send on a new connection; what belonged to the last one is forgotten."""
        self.replies.clear()
        self.confirmed.clear()
        self.refused.clear()
        return self._subscribe(list(self.markets))

    def decode(self, frame: bytes, now_ms: int) -> list[Trade]:
        """The new trades in a frame, oldest first; empty for acknowledgements, heartbeats and repeats.

        Raises:
            FrameError: not a frame of this venue's format, or one no honest venue sends.
            VenueRefused: the venue says it will send no trades.
        """
        if len(frame) > MAX_FRAME_BYTES:
            raise FrameError("too big", f"{len(frame)} bytes, expected at most {MAX_FRAME_BYTES}")
        try:
            return self._decode(frame, now_ms)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise FrameError("malformed", f"{error}: {frame[:80]!r}") from None

    def market(self, native: str) -> Market:
        market = self.markets.get(native)
        if market is None:
            raise FrameError("unknown market", f"{native[:40]!r} was not subscribed to")
        return market

    def numbered(
        self,
        prints: Iterable[tuple[str, int, str, str, int]],
        now_ms: int,
        *,
        gapless: bool = True,
        snapshot: bool = False,
    ) -> list[Trade]:
        """The new ones of (market, id, price, size, at_ms), where ids grow with every trade of a market.

        `gapless`: they grow by one, so a hole is a trade we never got. `snapshot`: the venue tells the past again, so
        what we know of it is no fault of the venue's.
        """
        out: list[Trade] = []
        # All of them are parsed before any is taken: a frame with one bad trade leaves no trace.
        for market, trade_id, trade in [self._parsed(p) for p in prints]:
            if trade.at_ms > now_ms + MAX_SKEW_MS:
                self.dropped["future"] += 1
                continue
            last = market.last_id
            if trade_id > last:
                if gapless and last >= 0:
                    self.missed += trade_id - last - 1
            elif trade.at_ms <= market.last_ms:
                known = "duplicate" if trade_id == last else "out of order"
                self.dropped["snapshot" if snapshot else known] += 1
                continue
            # A lower id at a later time: the venue numbers anew. Refusing it would silence the market for good.
            market.last_id, market.last_ms = trade_id, trade.at_ms
            out.append(trade)
        return out

    def unordered(self, prints: Iterable[tuple[str, str, str, str, int]], now_ms: int) -> list[Trade]:
        """The same where an id only tells a trade from others; order is by time."""
        out: list[Trade] = []
        for market, trade_id, trade in [self._parsed(p) for p in prints]:
            if trade.at_ms > now_ms + MAX_SKEW_MS:
                self.dropped["future"] += 1
            elif trade_id[:MAX_ID_LENGTH] in market.seen:
                self.dropped["duplicate"] += 1
            elif trade.at_ms < market.last_ms:
                self.dropped["out of order"] += 1
            else:
                market.last_ms = trade.at_ms
                market.seen[trade_id[:MAX_ID_LENGTH]] = None
                if len(market.seen) > REMEMBERED_IDS:
                    del market.seen[next(iter(market.seen))]
                out.append(trade)
        return out

    def _parsed(self, print_: tuple[str, Id, str, str, int]) -> tuple[Market, Id, Trade]:
        native, trade_id, price, size, at_ms = print_
        market = self.market(native)
        if at_ms <= 0:
            raise FrameError("time", f"{at_ms} ms")
        price_wad, size_wad = _positive(price, "price"), _positive(size, "size")
        return market, trade_id, Trade(self.venue, market.symbol, price_wad, size_wad, at_ms)


def _positive(text: str, what: str) -> int:
    try:
        value_wad = parse_wad(text)
    except ValueError as error:
        raise FrameError(what, str(error)) from None
    if not 0 < value_wad <= MAX_VALUE_WAD:
        raise FrameError(what, f"expected more than 0 and at most {MAX_VALUE_WAD // WAD}, got {text[:40]!r}")
    return value_wad


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch, rounded down."""
    return (at - _EPOCH) // _MILLISECOND


def whole(text: str, what: str) -> int:
    """A count, an id or a time that a venue sends as text. Raises FrameError unless it is a plain number."""
    if len(text) > 20 or not (text.isascii() and text.isdigit()):
        raise FrameError("malformed", f"{what} {text[:40]!r}, expected a number")
    return int(text)


def number_text(raw: msgspec.Raw) -> str:
    """The characters of a JSON number as the venue wrote them: exact, where a float would not be."""
    return bytes(raw).decode("ascii", "replace")

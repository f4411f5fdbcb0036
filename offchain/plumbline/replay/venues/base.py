# SPDX-License-Identifier: AGPL-3.0-only
"""The exchange's side of a conversation: what every venue's session has in common. No I/O, no clock.

Written from the exchanges' documentation and apart from the codecs, so that one wrong reading is not made twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import msgspec

from plumbline.core.units import WAD
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

    def greeting(self, now_ms: int) -> list[bytes]:
        return []

    def heartbeat(self, now_ms: int) -> list[bytes]:
        return []

    def updates(self, prints: Iterable[Print], now_ms: int) -> list[bytes]:
        """The frames this client gets of all the venue's new prints."""
        wanted = [p for p in prints if p.trade.symbol in self.subscribed]
        return self.encode(wanted, now_ms) if wanted else []


def by_symbol(prints: Iterable[Print]) -> dict[str, list[Print]]:
    groups: dict[str, list[Print]] = {}
    for p in prints:
        groups.setdefault(p.trade.symbol, []).append(p)
    return groups


def decimal(value_wad: int) -> str:
    """A WAD integer as the shortest plain decimal: exact."""
    whole, fraction = divmod(value_wad, WAD)
    return f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")


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

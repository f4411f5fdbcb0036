# SPDX-License-Identifier: AGPL-3.0-only
"""Faults to order: what exchanges really do on bad days, at a given market time.

freeze      trades go on at the last price before it: a dead feed that looks alive
scale       prices are off by `bps`: a unit, a fat finger, a lie
latency     trades are delivered `delay_ms` late, with their true times
outage      connections are closed and refused; what traded meanwhile is seen only in a later snapshot
silence     connections stay open and nothing comes, not even a heartbeat: a half-open socket
garbage     frames that no honest venue sends, between the honest ones
duplicates  frames are sent twice
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from plumbline.core.models import Trade
from plumbline.core.units import MAX_BPS

FaultKind = Literal["freeze", "scale", "latency", "outage", "silence", "garbage", "duplicates"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one venue in [start_ms, end_ms) of market time."""

    kind: FaultKind
    venue: str
    start_ms: int
    end_ms: int
    bps: int = 0
    """scale: how far prices are off; -10,000 < bps."""
    delay_ms: int = 0
    """latency: how late trades come."""

    def covers(self, at_ms: int) -> bool:
        return self.start_ms <= at_ms < self.end_ms


class Faults:
    """All that was ordered, asked by venue and time."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 0) -> None:
        self._by_venue: dict[str, list[Fault]] = {}
        for fault in faults:
            self._by_venue.setdefault(fault.venue, []).append(fault)
        self._frozen_wad: dict[tuple[str, str], int] = {}
        """The last price of each market outside of a freeze."""
        self._rng = random.Random(seed)

    def active(self, venue: str, kind: FaultKind, at_ms: int) -> bool:
        return any(fault.kind == kind and fault.covers(at_ms) for fault in self._by_venue.get(venue, ()))

    def trade(self, trade: Trade) -> Trade:
        """The trade as the faulty venue tells it. To be called for every trade, in order: a freeze needs the last."""
        faults = self._by_venue.get(trade.venue)
        if faults is None:
            return trade
        market, price_wad = (trade.venue, trade.symbol), trade.price_wad
        if self.active(trade.venue, "freeze", trade.at_ms):
            price_wad = self._frozen_wad.setdefault(market, price_wad)
        else:
            self._frozen_wad[market] = price_wad
        for fault in faults:
            if fault.kind == "scale" and fault.covers(trade.at_ms):
                price_wad = price_wad * (MAX_BPS + fault.bps) // MAX_BPS
        return trade._replace(price_wad=price_wad)

    def delay_ms(self, venue: str, at_ms: int) -> int:
        return sum(f.delay_ms for f in self._by_venue.get(venue, ()) if f.kind == "latency" and f.covers(at_ms))

    def frames(self, venue: str, frames: list[bytes], now_ms: int) -> list[bytes]:
        """The frames as they go out: with garbage between them or sent twice, while that was ordered."""
        if venue not in self._by_venue:
            return frames
        if self.active(venue, "duplicates", now_ms):
            frames = [frame for frame in frames for _ in range(2)]
        if self.active(venue, "garbage", now_ms):
            frames = [out for frame in frames for out in (self._rng.choice(_GARBAGE)(frame, self._rng), frame)]
        return frames


_GARBAGE: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    lambda frame, rng: frame[: rng.randrange(len(frame))],
    lambda frame, rng: rng.randbytes(64),
    lambda frame, rng: b"[" * 5_000 + b"]" * 5_000,
    lambda frame, rng: b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","price":NaN}]}',
    # Prices below zero, as text and as number; every price a thousand digits long; every price zero.
    lambda frame, rng: frame.replace(b'":"', b'":"-').replace(b'"price":', b'"price":-'),
    lambda frame, rng: frame.replace(b".", b"0" * 1_000 + b"."),
    lambda frame, rng: frame.replace(b'"p":"', b'"p":"0","x":"').replace(b'"price":', b'"price":0,"x":'),
    lambda frame, rng: b"",
)

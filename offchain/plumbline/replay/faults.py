# SPDX-License-Identifier: AGPL-3.0-only
"""Faults to order: what exchanges really do on bad days, at a given market time.

freeze      trades go on at the last price before it: a dead feed that looks alive
scale       prices are off by `bps`: a unit, a fat finger, a lie
fat_finger  one trade in twenty is off by `bps`
skew        the venue's clock is off by `delay_ms`: its trades carry wrong times
latency     trades are delivered `delay_ms` late, with their true times
maintenance the venue says so in its own words, where it has any; then as an outage
outage      connections are closed and refused; what traded meanwhile is seen only in a later snapshot
silence     connections stay open and nothing comes, not even a heartbeat: a half-open socket
garbage     frames that no honest venue sends, between the honest ones
duplicates  frames are sent twice
loss        of all frames, `bps` never come
reorder     frames overtake each other
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from plumbline.core.models import Trade
from plumbline.core.units import MAX_BPS

FaultKind = Literal[
    "freeze",
    "scale",
    "fat_finger",
    "skew",
    "latency",
    "maintenance",
    "outage",
    "silence",
    "garbage",
    "duplicates",
    "loss",
    "reorder",
]
FAT_FINGERS_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one venue in [start_ms, end_ms) of market time."""

    kind: FaultKind
    venue: str
    start_ms: int
    end_ms: int
    bps: int = 0
    """scale, fat_finger: how far prices are off; -10,000 < bps. loss: the share of frames lost."""
    delay_ms: int = 0
    """latency: how late trades come. skew: how far the venue's clock is ahead; below 0: behind."""

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
        at_ms = trade.at_ms
        for fault in faults:
            if not fault.covers(trade.at_ms):
                continue
            if fault.kind == "scale" or (fault.kind == "fat_finger" and self._rng.random() < FAT_FINGERS_SHARE):
                price_wad = price_wad * (MAX_BPS + fault.bps) // MAX_BPS
            elif fault.kind == "skew":
                at_ms += fault.delay_ms
        return trade._replace(price_wad=price_wad, at_ms=at_ms)

    def delay_ms(self, venue: str, at_ms: int) -> int:
        return sum(f.delay_ms for f in self._by_venue.get(venue, ()) if f.kind == "latency" and f.covers(at_ms))

    def down(self, venue: str, at_ms: int) -> bool:
        """Whether the venue refuses connections."""
        return self.active(venue, "outage", at_ms) or self.active(venue, "maintenance", at_ms)

    def frames(self, venue: str, frames: list[bytes], now_ms: int, held: list[bytes]) -> list[bytes]:
        """The frames as they go out to one client: some lost, held, sent twice or with garbage between them.

        `held`: that client's frames that others have overtaken; kept by the caller between two calls.
        """
        if venue not in self._by_venue:
            return frames
        lost_bps = sum(f.bps for f in self._by_venue[venue] if f.kind == "loss" and f.covers(now_ms))
        frames = [frame for frame in frames if self._rng.random() * MAX_BPS >= lost_bps]
        frames = self._overtaken(frames, held, ordered=not self.active(venue, "reorder", now_ms))
        if self.active(venue, "duplicates", now_ms):
            frames = [frame for frame in frames for _ in range(2)]
        if self.active(venue, "garbage", now_ms):
            frames = [out for frame in frames for out in (self._rng.choice(_GARBAGE)(frame, self._rng), frame)]
        return frames

    def _overtaken(self, frames: list[bytes], held: list[bytes], *, ordered: bool) -> list[bytes]:
        """Half of the frames wait for the next one that does not."""
        out: list[bytes] = []
        if ordered:
            out, held[:] = [*held], []
        for frame in frames:
            if not ordered and self._rng.random() < 0.5:
                held.append(frame)
                continue
            out += [frame, *held]
            held.clear()
        return out


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

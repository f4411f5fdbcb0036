# SPDX-License-Identifier: AGPL-3.0-only
"""The way of a price without sockets: tape -> the exchange's frame bytes -> codec -> trades, one step at a time.

For benches and tests of whole days: the formats and the parsers are the real ones, time is an argument, and the same
tape gives the same trades on every run.

    market = Lockstep(Tape(recorded_trades(path, start_s, end_s), faults), {"kraken": ["BTC/USD"], ...})
    for trade in market.until(now_ms): ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from plumbline.core.models import Trade
from plumbline.replay.tape import Print, Tape
from plumbline.replay.venues import SESSIONS
from plumbline.replay.venues.base import Session
from plumbline.sources import codec_of
from plumbline.sources.codec import Codec, FrameError


class Lockstep:
    def __init__(self, tape: Tape, symbols: Mapping[str, Sequence[str]]) -> None:
        """`symbols`: by venue, what a node subscribes to.

        Raises:
            SourceError: a venue without an adapter, or a symbol the venue has no market for.
        """
        self._tape = tape
        self.rejected: Counter[str] = Counter()
        """Frames the codecs did not believe, by reason."""
        self._lines: dict[str, tuple[Session, Codec[Any]]] = {}
        for venue, wanted in symbols.items():
            session, codec = SESSIONS[venue](wanted), codec_of(venue, wanted)
            for frame in codec.subscribe_frames():
                for answer in session.receive(frame, 0, lambda symbol: ()):
                    codec.decode(answer, 0)
            self._lines[venue] = (session, codec)

    def until(self, now_ms: int) -> list[Trade]:
        """What the node learns up to and including now, venue by venue in the order of the tape."""
        by_venue: dict[str, list[Print]] = {}
        for p in self._tape.until(now_ms):
            by_venue.setdefault(p.trade.venue, []).append(p)
        return [trade for venue, prints in by_venue.items() for trade in self._carry(venue, prints, now_ms)]

    def _carry(self, venue: str, prints: list[Print], now_ms: int) -> list[Trade]:
        line, faults = self._lines.get(venue), self._tape.faults
        if line is None or faults.down(venue, now_ms) or faults.active(venue, "silence", now_ms):
            return []
        session, codec = line
        trades: list[Trade] = []
        for frame in faults.frames(venue, session.updates(prints, now_ms), now_ms, session.held):
            try:
                trades += codec.decode(frame, now_ms)
            except FrameError as error:
                self.rejected[error.reason] += 1
        return trades

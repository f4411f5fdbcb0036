# SPDX-License-Identifier: AGPL-3.0-only
"""One venue over one WebSocket, for as long as the process lives.

Nothing the venue does ends the stream: what cannot be understood is counted, what breaks is connected again with
growing, jittered pauses, what falls silent is hung up on. `stats` tells how it stands and why.

The health of a connection is measured in wall time, the time of a trade against the given clock: in a replay a day
of trades may pass in minutes while the connection under it lives in ours.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from plumbline.core.models import Trade
from plumbline.errors import SourceError
from plumbline.log import redacted
from plumbline.ports import Clock
from plumbline.sources.codec import MAX_FRAME_BYTES, Codec, FrameError, VenueRefused

MIN_PAUSE_S: Final = 0.25
MAX_PAUSE_S: Final = 30.0
SETTLED_S: Final = 10.0
"""A connection that lived so long was a good one: its loss starts the pauses anew. One that keeps breaking sooner is
left alone for longer and longer, or the venue would ban us.
"""
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SourceStats:
    """What a source has seen since it was made; read by metrics and by the demo's view."""

    connected: bool = False
    reason: str = "not connected yet"
    """Why there is no connection; empty while there is one."""
    connections: int = 0
    """How often one was made: all but the first are reconnections."""
    frames: int = 0
    trades: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Frames that gave nothing, by reason (`FrameError.reason`)."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Trades that were not passed on, by reason (`Codec.dropped`)."""
    refused: dict[str, str] = field(default_factory=dict)
    """Symbols the venue refused on the present connection, with its words."""
    last_frame_s: float | None = None
    """The event loop's time of the last frame."""


class _Connect(connect):
    """A venue never sends us elsewhere: a redirect, however malformed its target, is a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketSource:
    """A `TradeSource` of one venue. `trades` may be iterated once at a time."""

    def __init__(
        self,
        codec: Codec[Any],
        clock: Clock,
        url: str | None = None,
        *,
        patience_s: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        """`url`: None for the exchange's public endpoint. `patience_s`: how long a handshake, and then the answer to
        a subscription, may take. `rng`: for the jitter of the pauses.
        """
        self.venue = codec.venue
        self.stats = SourceStats(dropped=codec.dropped, refused=codec.refused)
        self._codec = codec
        self._clock = clock
        self._url = url or codec.url
        self._patience_s = patience_s
        self._rng = rng or random.Random()

    async def trades(self) -> AsyncIterator[Trade]:
        """Every trade of the venue's markets from now on; ends only when cancelled or closed."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            connected_s: float | None = None
            try:
                async with _Connect(
                    self._url,
                    open_timeout=self._patience_s,
                    close_timeout=1.0,
                    max_size=MAX_FRAME_BYTES,
                    compression=None,
                    proxy=None,
                ) as socket:
                    connected_s = loop.time()
                    # Closed by hand: a reader that stops must not leave the upkeep to the garbage collector.
                    async with aclosing(self._connection(socket)) as trades:
                        async for trade in trades:
                            yield trade
            except (OSError, WebSocketException, SourceError) as error:
                # TimeoutError is an OSError.
                self._out(error)
            settled = connected_s is not None and loop.time() - connected_s > SETTLED_S
            failures = 0 if settled else failures + 1
            await asyncio.sleep(self._pause_s(failures))

    async def _connection(self, socket: ClientConnection) -> AsyncGenerator[Trade, None]:
        loop = asyncio.get_running_loop()
        stats, codec = self.stats, self._codec
        stats.connections += 1
        stats.connected, stats.reason, stats.last_frame_s = True, "", loop.time()
        upkeep = asyncio.create_task(self._upkeep(socket))
        try:
            while True:
                frame = await socket.recv(decode=False)
                stats.frames += 1
                stats.last_frame_s = loop.time()
                for trade in self._decode(frame):
                    stats.trades += 1
                    yield trade
                if codec.replies:
                    await self._reply(socket)
                if len(codec.refused) == len(codec.markets):
                    raise VenueRefused("; ".join(f"{symbol}: {why}" for symbol, why in codec.refused.items()))
        except ConnectionClosed:
            # When the upkeep hung up, its reason is the true one.
            if upkeep.done() and not upkeep.cancelled() and (error := upkeep.exception()) is not None:
                raise error from None
            raise
        finally:
            stats.connected = False
            upkeep.cancel()
            # Waited for, not awaited: our own cancellation must not be taken for the upkeep's.
            await asyncio.wait((upkeep,))
            broken = None if upkeep.cancelled() else upkeep.exception()
            if broken is not None and not isinstance(broken, (SourceError, WebSocketException)):
                raise broken

    def _decode(self, frame: bytes) -> list[Trade]:
        try:
            return self._codec.decode(frame, self._clock.now_ms())
        except FrameError as error:
            if error.reason not in self.stats.rejected:
                # Once per reason and life: a venue must not be able to fill our disk.
                _log.warning("frame rejected", venue=self.venue, reason=str(error))
            self.stats.rejected[error.reason] += 1
            return []

    async def _reply(self, socket: ClientConnection) -> None:
        replies = list(self._codec.replies)
        self._codec.replies.clear()
        for reply in replies:
            await socket.send(reply, text=True)

    async def _upkeep(self, socket: ClientConnection) -> None:
        """Subscribe, then ping and watch until the connection ends; hang up with a SourceError when it is no good."""
        try:
            await asyncio.sleep(self._codec.settle_s)
            for frame in self._codec.subscribe_frames():
                await socket.send(frame, text=True)
                await asyncio.sleep(self._codec.pause_s)
            await self._watch(socket)
        except SourceError:
            socket.transport.abort()
            raise

    async def _watch(self, socket: ClientConnection) -> None:
        codec, loop = self._codec, asyncio.get_running_loop()
        began = pinged = loop.time()
        while True:
            await asyncio.sleep(min(1.0, codec.silence_s / 4, self._patience_s / 4))
            now = loop.time()
            silent_s = now - (self.stats.last_frame_s or began)
            if silent_s > codec.silence_s:
                raise SourceError(f"{self.venue}: silent for {silent_s:.1f} s")
            unanswered = [
                m.symbol for m in codec.markets.values() if m.symbol not in codec.confirmed | set(codec.refused)
            ]
            if unanswered and now - began > self._patience_s:
                raise SourceError(f"{self.venue}: no answer to the subscription of {', '.join(unanswered)}")
            if codec.ping_s is not None and now - pinged >= codec.ping_s:
                pinged = now
                await socket.send(codec.ping_frame(), text=True)

    def _out(self, error: Exception) -> None:
        if isinstance(error, ConnectionClosed) and error.sent is not None and error.sent.code == 1009:
            self.stats.rejected["too big"] += 1
        self.stats.reason = str(error) or type(error).__name__
        _log.warning("venue out", venue=self.venue, url=redacted(self._url), reason=self.stats.reason)

    def _pause_s(self, failures: int) -> float:
        """Doubles with each failure in a row, between half and all of it: a crowd must not come back as one."""
        longest_s = min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0 ** min(failures, 10))
        return longest_s * self._rng.uniform(0.5, 1.0)

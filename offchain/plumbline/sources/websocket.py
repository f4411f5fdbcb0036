# SPDX-License-Identifier: AGPL-3.0-only
"""One venue over one WebSocket, for as long as the process lives; over REST while there is none.

Nothing the venue does ends the stream: what cannot be understood is counted, what breaks is connected again with
growing, jittered pauses, what falls silent is hung up on. `stats` tells how it stands and why.

What traded before a connection, and while it is broken, is asked of the venue's REST API where one is given: the
same codec reads both, so nothing is told twice.

The health of a connection is measured in wall time, the time of a trade against the given clock: in a replay a day
of trades may pass in minutes while the connection under it lives in ours.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from plumbline.core.models import BookSnapshot, Trade
from plumbline.errors import SourceError
from plumbline.log import redacted
from plumbline.ports import Clock
from plumbline.sources.codec import Codec, FrameError, VenueRefused
from plumbline.sources.rest import RestClient

MIN_PAUSE_S: Final = 0.25
MAX_PAUSE_S: Final = 30.0
SETTLED_S: Final = 10.0
"""A connection that lived so long was a good one: its loss starts the pauses anew. One that keeps breaking sooner is
left alone for longer and longer, or the venue would ban us.
"""
POLL_S: Final = 2.0
"""How long the first frames of a connection wait for what REST tells of the time before it."""
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SourceStats:
    """What a source has seen since it was made; read by metrics and by the demo's view."""

    connected: bool = False
    reason: str = "not connected yet"
    """Why there is no connection, or what the venue refused on it; empty while all is well."""
    connections: int = 0
    """How often one was made: all but the first are reconnections."""
    frames: int = 0
    trades: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Frames that gave nothing, by reason (`FrameError.reason`)."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Trades that were not passed on, by reason (`Codec.dropped`)."""
    refused: dict[str, str] = field(default_factory=dict)
    """Subscriptions ("BTC/USD", "BTC/USD book") the venue refused on the present connection, with its words."""
    polled: int = 0
    """Trades that came over REST."""
    last_frame_s: float | None = None
    """The event loop's time of the last frame."""


class _Connect(connect):
    """A venue never sends us elsewhere: a redirect, however malformed its target, is a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketSource:
    """A `TradeSource` and `BookSource` of one venue. `trades` may be iterated once at a time."""

    def __init__(
        self,
        codec: Codec[Any],
        clock: Clock,
        url: str | None = None,
        *,
        rest: RestClient | None = None,
        patience_s: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        """`url`: None for the exchange's public endpoint. `rest`: of the same codec; None: nothing is asked over REST.
        `patience_s`: how long a handshake, and then the answer to a subscription, may take. `rng`: for the jitter of
        the pauses.
        """
        self.venue = codec.venue
        self.stats = SourceStats(dropped=codec.dropped, refused=codec.refused)
        self._codec = codec
        self._clock = clock
        self._url = url or codec.url
        self._rest = rest
        self._turns = deque(codec.by_symbol)
        """The markets in the order in which REST is asked of them next."""
        self._said: set[str] = set()
        """Refusals that were logged on this connection."""
        self._patience_s = patience_s
        self._rng = rng or random.Random()

    async def trades(self) -> AsyncIterator[Trade]:
        """Every trade of the venue's markets from now on; ends only when cancelled or closed."""
        try:
            # Closed by hand: a reader that stops must not leave anything to the garbage collector.
            async with aclosing(self._forever()) as trades:
                async for trade in trades:
                    yield trade
        finally:
            if self._rest is not None:
                await self._rest.aclose()

    def book(self, symbol: str) -> BookSnapshot | None:
        return self._codec.book(symbol)

    async def _forever(self) -> AsyncGenerator[Trade, None]:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            connected_s: float | None = None
            try:
                async with _Connect(
                    self._url,
                    open_timeout=self._patience_s,
                    close_timeout=1.0,
                    max_size=self._codec.max_frame_bytes,
                    compression=None,
                    proxy=None,
                ) as socket:
                    connected_s = loop.time()
                    async with aclosing(self._connection(socket)) as trades:
                        async for trade in trades:
                            yield trade
            except (OSError, WebSocketException, SourceError) as error:
                # TimeoutError is an OSError.
                self._out(error)
            settled = connected_s is not None and loop.time() - connected_s > SETTLED_S
            failures = 0 if settled else failures + 1
            async with aclosing(self._meanwhile(self._pause_s(failures))) as polled:
                async for trade in polled:
                    yield trade

    async def _meanwhile(self, pause_s: float) -> AsyncGenerator[Trade, None]:
        """Let a pause between two connections pass, with what REST tells in it."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + pause_s
        # A connection that is tried again at once is worth more than an answer.
        if pause_s >= POLL_S:
            async with aclosing(self._polled(pause_s)) as trades:
                async for trade in trades:
                    yield trade
        await asyncio.sleep(max(0.0, until_s - loop.time()))

    async def _polled(self, for_s: float) -> AsyncGenerator[Trade, None]:
        """What REST tells of the markets, in turn, for so long; nothing when it cannot be asked."""
        if self._rest is None:
            return
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        for _ in range(len(self._turns)):
            if loop.time() >= until_s:
                return
            self._turns.rotate(-1)
            symbol = self._turns[-1]
            for trade in await self._rest_answer(self._rest.trades(symbol), until_s) or ():
                self.stats.polled += 1
                self.stats.trades += 1
                yield trade
            if self._codec.books != "none" and not self.stats.connected:
                await self._rest_answer(self._rest.book(symbol), until_s)

    async def _rest_answer(self, question: Coroutine[Any, Any, T], until_s: float) -> T | None:
        """None for an answer that is late or none; a venue that cannot be asked says why in `stats.reason`."""
        try:
            async with asyncio.timeout_at(until_s):
                return await question
        except FrameError as error:
            self._rejected(error)
        except TimeoutError:
            pass
        except SourceError as error:
            if not self.stats.connected:
                self.stats.reason = f"{self.stats.reason.partition('; ')[0]}; {error}"
        return None

    async def _connection(self, socket: ClientConnection) -> AsyncGenerator[Trade, None]:
        loop = asyncio.get_running_loop()
        stats, codec = self.stats, self._codec
        stats.connections += 1
        stats.connected, stats.reason, stats.last_frame_s = True, "", loop.time()
        self._said.clear()
        upkeep = asyncio.create_task(self._upkeep(socket, codec.subscribe_frames()))
        try:
            # The first frames wait in the socket: what was missed comes before them, in order.
            async with aclosing(self._polled(POLL_S)) as missed:
                async for trade in missed:
                    yield trade
            while True:
                frame = await socket.recv(decode=False)
                stats.frames += 1
                stats.last_frame_s = loop.time()
                for trade in self._decode(frame):
                    stats.trades += 1
                    yield trade
                if codec.replies:
                    await self._reply(socket)
                if codec.refused.keys() != self._said:
                    self._say_refused()
        except ConnectionClosed:
            # When the upkeep hung up, its reason is the true one.
            if upkeep.done() and not upkeep.cancelled() and (error := upkeep.exception()) is not None:
                raise error from None
            raise
        finally:
            stats.connected = False
            codec.clear_books()
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
            self._rejected(error)
            return []

    def _rejected(self, error: FrameError) -> None:
        if error.reason not in self.stats.rejected:
            # Once per reason and life: a venue must not be able to fill our disk.
            _log.warning("frame rejected", venue=self.venue, reason=str(error))
        self.stats.rejected[error.reason] += 1

    def _say_refused(self) -> None:
        """Log and count each refused subscription once a connection; raise when no market is left."""
        refused = self._codec.refused
        self._said &= refused.keys()
        for name in [name for name in refused if name not in self._said]:
            self._said.add(name)
            self.stats.rejected["subscription refused"] += 1
            _log.warning("subscription refused", venue=self.venue, subscription=name, reason=refused[name])
        self.stats.reason = "; ".join(f"refused {name}: {why}" for name, why in refused.items())
        if all(symbol in refused for symbol in self._codec.by_symbol):
            raise VenueRefused(self.stats.reason)

    async def _reply(self, socket: ClientConnection) -> None:
        replies = list(self._codec.replies)
        self._codec.replies.clear()
        for reply in replies:
            await socket.send(reply, text=True)

    async def _upkeep(self, socket: ClientConnection, subscriptions: list[bytes]) -> None:
        """Subscribe, then ping and watch until the connection ends; hang up with a SourceError when it is no good."""
        try:
            await asyncio.sleep(self._codec.settle_s)
            for frame in subscriptions:
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
            if now - began > self._patience_s:
                self._expect_answers()
            for frame in codec.retry_books(self._clock.now_ms()):
                await socket.send(frame, text=True)
            if codec.ping is not None and now - pinged >= codec.ping[0]:
                pinged = now
                await socket.send(codec.ping[1], text=True)

    def _expect_answers(self) -> None:
        """Without trades the venue is out; a book that is not confirmed is only said."""
        codec = self._codec
        unanswered = [name for name in codec.wanted() if name not in codec.confirmed and name not in codec.refused]
        if trades := [name for name in unanswered if name in codec.by_symbol]:
            raise SourceError(f"{self.venue}: no answer to the subscription of {', '.join(trades)}")
        for name in unanswered:
            codec.refused[name] = "no answer to the subscription"

    def _out(self, error: Exception) -> None:
        if isinstance(error, ConnectionClosed) and error.sent is not None and error.sent.code == 1009:
            self.stats.rejected["too big"] += 1
        self.stats.reason = str(error) or type(error).__name__
        _log.warning("venue out", venue=self.venue, url=redacted(self._url), reason=self.stats.reason)

    def _pause_s(self, failures: int) -> float:
        """Doubles with each failure in a row, between half and all of it: a crowd must not come back as one."""
        longest_s = min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0 ** min(failures, 10))
        return longest_s * self._rng.uniform(0.5, 1.0)

# SPDX-License-Identifier: AGPL-3.0-only
"""All the exchanges of a tape on one loopback port: ws://127.0.0.1:<port>/<venue>, and their REST below http://...

Each speaks its own format (`replay.venues`) and the tape runs on the given clock: a trade goes out when its time has
come. Heartbeats and time limits of a connection run in wall time, as everywhere. A client too slow to read is hung up
on, as the exchanges do, rather than buffered for without end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl

import structlog
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from plumbline.ports import Clock
from plumbline.replay.tape import Print, Tape
from plumbline.replay.venues import SESSIONS
from plumbline.replay.venues.base import Session

SNAPSHOT_TRADES: Final = 50
"""How many trades of a market a new subscriber is told of."""
MAX_BUFFERED_BYTES: Final = 4 << 20
_STEP_S: Final = 0.002
"""The pump looks at the tape at most this often, in wall time: a fast clock must not make it spin."""
_SERVICE_RESTART: Final = 1012
_POLICY: Final = 1008
_log = structlog.get_logger(__name__)


class ReplayServer:
    """`async with ReplayServer(...) as server:` serves until the block is left."""

    def __init__(
        self,
        tape: Tape,
        clock: Clock,
        markets: Mapping[str, Sequence[str]],
        port: int,
        host: str = "127.0.0.1",
        sessions: Mapping[str, type[Session]] = SESSIONS,
    ) -> None:
        """`markets`: the canonical symbols each venue lists. `port` 0 takes a free one, told by `self.port`."""
        self._sessions = sessions
        self._tape = tape
        self._clock = clock
        self._markets = markets
        self._host = host
        self.port = port
        self._clients: dict[str, dict[ServerConnection, Session]] = {venue: {} for venue in markets}
        self._recent: dict[tuple[str, str], deque[Print]] = {}
        self._server: Server | None = None
        self._pump_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ReplayServer:
        # What happened before now is the past: it is in the snapshots, and nobody gets it as news.
        self._remember(self._tape.until(self._clock.now_ms()))
        self._server = await serve(
            self._serve,
            self._host,
            self.port,
            process_request=self._admit,
            compression=None,
            max_size=1 << 16,
            ping_interval=20,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._pump_task = asyncio.create_task(self._pump())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._pump_task is not None
        self._pump_task.cancel()
        self._server.close()
        await asyncio.gather(self._pump_task, self._server.wait_closed(), return_exceptions=True)

    async def run(self) -> None:
        """Until cancelled; raises what broke the pump, should it break."""
        assert self._pump_task is not None
        await self._pump_task

    @property
    def urls(self) -> list[str]:
        return [self.url(venue) for venue in self._markets]

    def url(self, venue: str) -> str:
        return f"ws://{self._host}:{self.port}/{venue}"

    def rest_url(self, venue: str) -> str:
        return f"http://{self._host}:{self.port}/{venue}"

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        venue, path = _route(request.path)
        if venue in self._clients and "upgrade" not in request.headers:
            return self._answer(connection, venue, path, request.path.partition("?")[2])
        if venue not in self._clients or path not in ("", self._sessions[venue].path):
            known = ", ".join(f"/{name}{self._sessions[name].path}" for name in self._clients)
            return connection.respond(HTTPStatus.NOT_FOUND, f"no exchange at {request.path}; there are: {known}\n")
        if self._tape.faults.down(venue, self._clock.now_ms()):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{venue} is down\n")
        return None

    def _answer(self, connection: ServerConnection, venue: str, path: str, query: str) -> Response:
        now_ms, faults = self._clock.now_ms(), self._tape.faults
        if faults.down(venue, now_ms) or faults.active(venue, "silence", now_ms):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{venue} is down\n")
        session = self._sessions[venue](self._markets[venue])
        status, body = session.answer(path, dict(parse_qsl(query)), self._of(venue), now_ms)
        return connection.respond(HTTPStatus(status), body.decode())

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        venue, _ = _route(connection.request.path)
        session = self._sessions[venue](self._markets[venue])
        self._clients[venue][connection] = session
        beats = asyncio.create_task(self._beat(connection, session))
        try:
            self._send(connection, session, session.greeting(self._clock.now_ms()))
            async for message in connection:
                frame = message.encode() if isinstance(message, str) else message
                self._send(connection, session, session.receive(frame, self._clock.now_ms(), self._of(venue)))
        except ConnectionClosed:
            pass
        finally:
            del self._clients[venue][connection]
            beats.cancel()

    async def _beat(self, connection: ServerConnection, session: Session) -> None:
        """Send heartbeats, and hang up on a client that owes the exchange a word."""
        if session.heartbeat_s is None:
            return
        next_beat_s = owed_s = 0.0
        step_s = min(1.0, session.heartbeat_s)
        while True:
            await asyncio.sleep(step_s)
            owed_s = owed_s + step_s if session.must_speak_s is not None else 0.0
            if session.must_speak_s is not None and owed_s >= session.must_speak_s:
                await connection.close(_POLICY, "nothing heard from you")
                return
            next_beat_s += step_s
            if next_beat_s >= session.heartbeat_s:
                next_beat_s = 0.0
                self._send(connection, session, session.heartbeat(self._clock.now_ms()))

    async def _pump(self) -> None:
        while True:
            now_ms = self._clock.now_ms()
            prints = self._tape.until(now_ms)
            self._remember(prints)
            for venue, clients in self._clients.items():
                if self._tape.faults.down(venue, now_ms):
                    await self._close_all(venue, now_ms)
                    continue
                news = [p for p in prints if p.trade.venue == venue]
                for connection, session in list(clients.items()) if news else ():
                    frames = session.updates(news, now_ms)
                    self._send(connection, session, self._tape.faults.frames(venue, frames, now_ms, session.held))
            await asyncio.sleep(_STEP_S)
            # Looks up at least once a second of market time: outages begin without a trade.
            next_ms = self._tape.next_ms() or now_ms + 1000
            await self._clock.sleep_until_ms(min(next_ms, now_ms + 1000))

    async def _close_all(self, venue: str, now_ms: int) -> None:
        announced = self._tape.faults.active(venue, "maintenance", now_ms)
        for connection, session in list(self._clients[venue].items()):
            if announced:
                self._send(connection, session, session.maintenance())
            await connection.close(_SERVICE_RESTART, "maintenance")

    def _send(self, connection: ServerConnection, session: Session, frames: Sequence[bytes]) -> None:
        if self._tape.faults.active(session.venue, "silence", self._clock.now_ms()):
            return
        for frame in frames:
            # Exchanges send text; what is no text at all (ordered garbage) can only go out as binary.
            try:
                broadcast([connection], frame.decode())
            except UnicodeDecodeError:
                broadcast([connection], frame)
        if connection.transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            _log.warning("client too slow, hung up", venue=session.venue)
            connection.transport.abort()

    def _remember(self, prints: Sequence[Print]) -> None:
        for p in prints:
            market = (p.trade.venue, p.trade.symbol)
            self._recent.setdefault(market, deque(maxlen=SNAPSHOT_TRADES)).append(p)

    def _of(self, venue: str) -> _Recent:
        return _Recent(self._recent, venue)


class _Recent:
    """The latest prints of one venue's markets, as its sessions ask for them."""

    def __init__(self, recent: Mapping[tuple[str, str], deque[Print]], venue: str) -> None:
        self._recent = recent
        self._venue = venue

    def __call__(self, symbol: str) -> list[Print]:
        return list(self._recent.get((self._venue, symbol), ()))


def _route(path: str) -> tuple[str, str]:
    """ "/kraken/v2" -> ("kraken", "/v2"); the query is ignored."""
    venue, slash, rest = path.partition("?")[0].removeprefix("/").partition("/")
    return venue, slash + rest

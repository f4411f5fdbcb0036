# SPDX-License-Identifier: AGPL-3.0-only
"""Connections of a node's pages: bounded, and whoever is idle gives way to whoever comes.

Refusing the newest at the bound would let 256 silent connections of one stranger keep every relayer out; so the one
that has been silent longest is hung up on instead. And silence is not for ever: a connection that has not brought a
whole request within `Bounds.request_s` is closed, before its first one and between two. Nor may anybody ask and not
read: an answer that waits for its reader is as good as silence, or 256 of them would be answered for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Bounds:
    connections: int = 256
    """How many are kept at once."""
    request_s: float = 10.0
    """How long one may be silent."""


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, that looks at the others of its server when it is connected."""

    def __init__(self, *given: Any, bounds: Bounds, **named: Any) -> None:
        super().__init__(*given, **named)
        self._bounds = bounds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.heard_s = self.loop.time()
        self._deadline = self.loop.call_later(self._bounds.request_s, self._hang_up_if_silent)
        self._make_room()

    def data_received(self, data: bytes) -> None:
        answered = self.cycle
        super().data_received(data)
        if self.cycle is not answered:
            # A whole request head; bytes that make none are as good as silence.
            self.heard_s = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Waits for its other side, for a request or to be read, rather than for an answer of ours."""
        return self.cycle is None or self.cycle.response_complete or self.flow.write_paused

    def _make_room(self) -> None:
        others: list[Any] = [each for each in self.connections if each is not self]
        if len(others) < self._bounds.connections:
            return
        silent = [each for each in others if each.idle]
        # All are being answered: then it is the new one that has to wait for its turn.
        min(silent, key=lambda each: each.heard_s, default=self).transport.abort()

    def _hang_up_if_silent(self) -> None:
        left_s = self.heard_s + self._bounds.request_s - self.loop.time()
        if left_s <= 0 and self.idle:
            # Closing would wait until all is read.
            self.transport.abort() if self.flow.write_paused else self.transport.close()
            return
        self._deadline = self.loop.call_later(max(left_s, 0.1), self._hang_up_if_silent)

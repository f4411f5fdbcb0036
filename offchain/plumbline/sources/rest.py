# SPDX-License-Identifier: AGPL-3.0-only
"""A venue's REST API: what was missed before a connection, and what trades while there is none.

It feeds the same codec as the WebSocket does, so a trade that both tell is passed on once. An exchange bans who asks
too often: requests are paced, told limits are believed, and a refusal (429, 418, 403, 503) is obeyed for as long as it
says. Time and size of an answer are bounded; redirects, cookies and proxies are not followed.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from plumbline.core.models import Trade
from plumbline.errors import SourceError
from plumbline.http_client import FAILURES, OversizedError, no_cookies, read_bounded
from plumbline.ports import Clock
from plumbline.sources.codec import Codec

MAX_BODY_BYTES: Final = 4 << 20
REFUSED_S: Final = 60.0
"""How long a refusal is obeyed that does not say how long."""
LONGEST_REST_S: Final = 3_600.0
FEW_LEFT: Final = 2
"""With no more requests left, as the venue counts them, the next has to wait."""
_REFUSALS: Final = (403, 418, 429, 503)


class RestClient:
    """One venue's REST API, to be closed. Every method raises SourceError, and asks nothing while it has to rest."""

    def __init__(
        self,
        codec: Codec[Any],
        clock: Clock,
        url: str | None = None,
        *,
        timeout_s: float = 5.0,
        pause_s: float | None = None,
    ) -> None:
        """`url`: None for the exchange's public one. `pause_s`: between two requests; None for the venue's."""
        self._codec, self._clock = codec, clock
        self._url = (url or codec.rest_url).rstrip("/")
        self._timeout_s = timeout_s
        self._pause_s = codec.rest_pause_s if pause_s is None else pause_s
        self._client: httpx.AsyncClient | None = None
        self._next_s = 0.0
        """Loop time before which nothing is asked."""
        self._why = ""
        """Why it rests for longer than the usual pause; empty when it does not."""

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def trades(self, symbol: str) -> list[Trade]:
        """What traded lately and was not passed on before, oldest first."""
        native = self._codec.native(symbol)
        body = await self._get(self._codec.trades_path(native))
        return self._codec.decode_trades(native, body, self._clock.now_ms())

    async def book(self, symbol: str) -> None:
        """Give the codec the book as it is now."""
        native = self._codec.native(symbol)
        body = await self._get(self._codec.book_path(native))
        self._codec.decode_book(native, body, self._clock.now_ms())

    async def _get(self, path: str) -> bytes:
        loop = asyncio.get_running_loop()
        venue, wait_s = self._codec.venue, self._next_s - loop.time()
        if self._why and wait_s > 0:
            raise SourceError(f"{venue}: no REST for {wait_s:.0f} s more: {self._why}")
        await asyncio.sleep(max(0.0, wait_s))
        self._why, self._next_s = "", loop.time() + self._pause_s
        if self._client is None:
            self._client = _client()
        try:
            # httpx bounds each read; only a bound on the whole stops a server that sends a byte a second.
            async with asyncio.timeout(self._timeout_s), AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._client.stream("GET", self._url + path))
                self._heed(response)
                if response.status_code != 200:
                    raise SourceError(f"{venue}: HTTP {response.status_code} from {path.partition('?')[0]}")
                return await read_bounded(response, MAX_BODY_BYTES)
        except TimeoutError:
            raise SourceError(f"{venue}: no REST answer within {self._timeout_s} s") from None
        except OversizedError as error:
            raise SourceError(f"{venue}: REST answer of {error}") from None
        except FAILURES as error:
            raise SourceError(f"{venue}: REST unreachable: {type(error).__name__}") from None

    def _heed(self, response: httpx.Response) -> None:
        """Rest for as long as the venue wants it, or until the minute's weight is given back."""
        headers, codec = response.headers, self._codec
        if response.status_code in _REFUSALS:
            self._rest(_retry_after_s(headers.get("retry-after")), f"HTTP {response.status_code}")
        elif codec.rest_used is not None and _number(headers.get(codec.rest_used[0]), 0) > codec.rest_used[1]:
            self._rest(REFUSED_S, "its weight is nearly used up")
        elif codec.rest_left is not None and _number(headers.get(codec.rest_left), FEW_LEFT) < FEW_LEFT:
            self._rest(max(1.0, self._pause_s), "no requests left")

    def _rest(self, seconds: float, why: str) -> None:
        self._next_s, self._why = asyncio.get_running_loop().time() + seconds, why


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        cookies=no_cookies(),
        headers={"accept-encoding": "identity", "user-agent": "plumbline"},
        limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
    )


def _retry_after_s(text: str | None) -> float:
    """Seconds, or a date: both are allowed. What is neither is a minute."""
    seconds = _number(text, -1)
    if seconds < 0 and text is not None:
        try:
            seconds = round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            seconds = -1
    return REFUSED_S if seconds < 0 else min(max(float(seconds), 1.0), LONGEST_REST_S)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else otherwise

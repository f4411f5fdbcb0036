# SPDX-License-Identifier: AGPL-3.0-only
"""Fetching rows over HTTP from a peer that may be slow, huge, broken or hostile."""

from __future__ import annotations

import asyncio

import httpx

from plumbline.core.models import SignedRow
from plumbline.errors import PeerError
from plumbline.http_client import FAILURES, OversizedError, no_cookies, read_bounded
from plumbline.transport.rows import MAX_ROW_BYTES, MAX_ROWS_BYTES, decode_row, decode_rows


class HttpRowPeer:
    """A `RowPeer`: `GET {url}/rows/{timestamp}`, no redirects, a bound on time and size."""

    def __init__(self, name: str, url: str, client: httpx.AsyncClient, *, timeout_s: float) -> None:
        self.name = name
        self._url, self._client, self._timeout_s = url.rstrip("/"), client, timeout_s

    async def row(self, timestamp: int) -> SignedRow | None:
        """None while the peer does not have it (404).

        Raises:
            PeerError: no answer in time, too large, or a status that is neither 200 nor 404.
            RowError: the answer is no row.
        """
        body = await _get(self._client, f"{self._url}/rows/{timestamp}", MAX_ROW_BYTES, self._timeout_s)
        return None if body is None else decode_row(body)


class HttpWitness:
    """A `RowWitness`: `GET {url}/seen/{timestamp}` of another relayer, with the same bounds."""

    def __init__(self, name: str, url: str, client: httpx.AsyncClient, *, timeout_s: float) -> None:
        self.name = name
        self._url, self._client, self._timeout_s = url.rstrip("/"), client, timeout_s

    async def seen(self, timestamp: int) -> list[SignedRow]:
        """Raises PeerError, or RowError for an answer that is no list of rows."""
        body = await _get(self._client, f"{self._url}/seen/{timestamp}", MAX_ROWS_BYTES, self._timeout_s)
        return [] if body is None else decode_rows(body)


async def _get(client: httpx.AsyncClient, url: str, limit: int, timeout_s: float) -> bytes | None:
    """The body; None: 404. Raises PeerError."""
    try:
        # httpx bounds each read; only a bound on the whole stops a peer that sends a byte a second.
        async with asyncio.timeout(timeout_s), client.stream("GET", url) as response:
            if response.status_code == 404:
                return None
            if response.status_code != 200:
                raise PeerError("status", f"HTTP {response.status_code}")
            return await read_bounded(response, limit)
    except TimeoutError:
        raise PeerError("timeout", f"no row within {timeout_s} s") from None
    except OversizedError as error:
        raise PeerError("oversized", str(error)) from None
    except FAILURES as error:
        raise PeerError("unreachable", type(error).__name__) from None


def peer_client() -> httpx.AsyncClient:
    """One pool for all peers. No proxy of the environment: a peer's address is what the config says."""
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        cookies=no_cookies(),
        headers={"accept-encoding": "identity"},
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=40),
    )

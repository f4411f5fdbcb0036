# SPDX-License-Identifier: AGPL-3.0-only
"""Fetching a reporter's rows over HTTP from a peer that may be slow, huge, broken or hostile."""

from __future__ import annotations

import asyncio

import httpx

from plumbline.core.models import SignedRow
from plumbline.errors import PeerError
from plumbline.http_client import FAILURES, OversizedError, no_cookies, read_bounded
from plumbline.transport.rows import MAX_ROW_BYTES, decode_row


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
        try:
            # httpx bounds each read; only a bound on the whole stops a peer that sends a byte a second.
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("GET", f"{self._url}/rows/{timestamp}") as response,
            ):
                if response.status_code == 404:
                    return None
                if response.status_code != 200:
                    raise PeerError("status", f"HTTP {response.status_code}")
                return decode_row(await read_bounded(response, MAX_ROW_BYTES))
        except TimeoutError:
            raise PeerError("timeout", f"no row within {self._timeout_s} s") from None
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

# SPDX-License-Identifier: AGPL-3.0-only
"""What every HTTP client here must do with a server it does not trust: no cookies, bounded bodies, no odd errors."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""All that a request can end with. InvalidURL: httpx parses a redirect's target even when it follows none."""


class OversizedError(Exception):
    """A body is larger than its reader wants."""


def no_cookies() -> CookieJar:
    """A jar that stays empty: one server could else fill the requests to all others on its host."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


async def read_bounded(response: httpx.Response, limit: int) -> bytes:
    """The body of a streamed response. Raises OversizedError as soon as it is longer than `limit` bytes."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise OversizedError(f"more than {limit} bytes")
    return bytes(body)

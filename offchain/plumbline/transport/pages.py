# SPDX-License-Identifier: AGPL-3.0-only
"""The pages every node has: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from plumbline.metrics import CONTENT_TYPE, Metrics

_MAX_DIGITS: Final = 12


def json_response(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def asked_time(request: Request) -> int | None:
    """The {timestamp} of a path; None when it is not a number of seconds."""
    asked = str(request.path_params["timestamp"])
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= _MAX_DIGITS else None


def node_routes(metrics: Metrics, unready: Callable[[], str], status: Callable[[], Mapping[str, Any]]) -> list[Route]:
    """`/healthz`: the loop runs. `/readyz`: 503 with the reason `unready` gives. `/metrics`. `/status`."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        reason = unready()
        return PlainTextResponse(f"{reason or 'ready'}\n", 503 if reason else 200)

    async def show_metrics(request: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    async def show_status(request: Request) -> Response:
        return json_response(status())

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
        Route("/status", show_status),
    ]

# SPDX-License-Identifier: AGPL-3.0-only
"""The page and what it asks for: `/`, `/api/look`, `/api/history`, `/events` (server-sent). Only GET exists.

Everything is served from here: the browser is told (CSP) to take nothing from anywhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plumbline.transport.pages import json_response
from plumbline.web.history import MAX_POINTS
from plumbline.web.watcher import Watcher

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_MAX_SERIES: Final = 40
_MAX_DIGITS: Final = 12
_STATIC: Final = ("style.css", "app.js", "charts.js", "render.js", "format.js", "icon.svg")
_VENDOR: Final = ("uPlot.iife.min.js", "uPlot.min.css")


def web_app(watcher: Watcher) -> Starlette:
    async def page(request: Request) -> Response:
        return _file("index.html")

    async def look(request: Request) -> Response:
        if watcher.last is None:
            return PlainTextResponse("not looked yet\n", 503)
        return Response(watcher.last, media_type="application/json", headers={"cache-control": "no-store"})

    async def history(request: Request) -> Response:
        return _history(watcher, request)

    async def events(request: Request) -> Response:
        if watcher.full:
            return PlainTextResponse("too many listeners\n", 503)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_stream(watcher), media_type="text/event-stream", headers=headers)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def static(path: str) -> Route:
        async def serve(request: Request) -> Response:
            return _file(path)

        return Route(f"/static/{path}", serve, methods=["GET"])

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/api/look", look, methods=["GET"]),
            Route("/api/history", history, methods=["GET"]),
            Route("/events", events, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            *(static(name) for name in _STATIC),
            *(static(f"vendor/{name}") for name in _VENDOR),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(GZipMiddleware, minimum_size=1_000)],
    )


def _history(watcher: Watcher, request: Request) -> Response:
    """?series=a&series=b&from=S&to=S&points=N -> {"at_s": [...], "values": {"a": [...]}, "first_s", "last_s"}"""
    series = request.query_params.getlist("series")
    span = watcher.history.span()
    if not 1 <= len(series) <= _MAX_SERIES:
        return PlainTextResponse(f"series: expected 1 to {_MAX_SERIES} of them\n", 400)
    numbers = {}
    for key, default in (("from", span[0] if span else 0), ("to", span[1] if span else 0), ("points", MAX_POINTS)):
        text = request.query_params.get(key, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            return PlainTextResponse(f"{key}: expected a whole number\n", 400)
        numbers[key] = int(text)
    if numbers["from"] > numbers["to"]:
        return PlainTextResponse("from: expected a time not after to\n", 400)
    found = watcher.history.slice(series, numbers["from"], numbers["to"], numbers["points"])
    first_s, last_s = span or (None, None)
    return json_response({"at_s": found.at_s, "values": found.values, "first_s": first_s, "last_s": last_s})


async def _stream(watcher: Watcher) -> AsyncIterator[bytes]:
    # After a lost connection the browser asks again by itself, so soon.
    yield b"retry: 2000\n\n"
    async for look in watcher.listen():
        yield b"data: " + look + b"\n\n"


def _file(path: str) -> Response:
    return Response(_content(path), media_type=_TYPES[path.rpartition(".")[2]], headers={"cache-control": "no-cache"})


@cache
def _content(path: str) -> bytes:
    return (files(__package__) / "static" / path).read_bytes()


class SecurityHeaders:
    """On every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        await self._app(scope, receive, with_headers)

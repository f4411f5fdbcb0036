# SPDX-License-Identifier: AGPL-3.0-only
"""A real, headless Chromium, and the page's server in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from plumbline.config import HttpConfig
from plumbline.transport.server import HttpServer
from plumbline.web.app import web_app
from plumbline.web.history import History
from plumbline.web.watcher import Watcher

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"
expect.set_options(timeout=15_000)
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str:
    """Of an installed Chromium; absent: skipped with the reason, but never where CI=true."""
    found = os.environ.get("PLUMBLINE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "no Chromium on PATH: install Debian's `chromium`, or set PLUMBLINE_CHROMIUM to one"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Gone with its module: while it lives, its event loop occupies this thread, and no other test could run one."""
    path = chromium_path()
    with sync_playwright() as playwright:
        # Without its sandbox where everything runs as root (a container): it sees only pages of this test.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Served:
    """The page of a watcher that looks at nothing by itself: `show(look)` is its next look."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._started, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.watcher: Watcher
        self.port = 0

    async def _serve(self) -> None:
        with History(None, 30 * 86_400) as history:
            self.watcher = Watcher(None, history)  # type: ignore[arg-type]
            async with HttpServer(web_app(self.watcher), HttpConfig(port=self.port)) as server:
                self.port = server.port
                self._started.set()
                await self._stop.wait()

    def start(self) -> Served:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._loop.close()

    def call(self, work: Callable[[], Any]) -> None:
        """In the server's own thread, where its history may be used."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (work(), done.set()))
        assert done.wait(60)

    def show(self, look: dict[str, Any]) -> None:
        self.call(lambda: self.watcher.take(look))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served().start()
    yield server
    server.stop()


class Visit:
    """A page with everything it complained of and asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    contexts: list[BrowserContext] = []

    def open_page(url: str, width: int = 1280, height: int = 900, scheme: str = "light", **more: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more)
        contexts.append(context)
        visit = Visit(context)
        visit.page.set_default_timeout(15_000)
        visit.page.goto(url)
        return visit

    yield open_page
    for context in contexts:
        context.close()

# SPDX-License-Identifier: AGPL-3.0-only
"""`make bench-web`: the page in a real headless Chromium, over loopback, with eight hours of history behind it.

First paint of live data: from the navigation's start to the first price in the page. Transferred: every byte of every
answer up to the drawn charts. Drawn: the slowest chart, from having its data to its pixels. The terminal's figures are
processor time, the best of some runs: other work on the machine only ever adds.
"""

from __future__ import annotations

import asyncio
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from tests.helpers.anvil import Anvil
from tests.helpers.looks import auction, healthy, venue
from web3 import HTTPProvider, Web3

from plumbline.config import HttpConfig
from plumbline.overview.chain import KEPT_ROUNDS, KEPT_TRADES
from plumbline.transport.server import HttpServer
from plumbline.web.app import web_app
from plumbline.web.history import History
from plumbline.web.watcher import Watcher
from scripts.bench.report import Bench
from scripts.deployment import steps
from scripts.deployment.cast import Parameters
from scripts.deployment.chain import Chain

HOURS = 8
ROUNDS = 5
NOW_S = int(time.time())
FEEDS = ("BTC/USD", "USDC/USD", "USDT/USD", "EUR/USD")
VENUES = ("binance", "bybit", "coinbase", "cryptocom", "kraken")
COMPONENTS = ("WBTC", "USDC", "USDT", "EURC")
CHARTS = 5
_NAMED = ("oracle", "vault", "pool", "arbitrageur")
_READY = "() => document.querySelector('#hero .value')"
_DRAWN = f"() => Object.values(plumblineCharts() ?? {{}}).filter((chart) => chart.drawn_ms !== null).length >= {CHARTS}"
_SLOWEST = "() => Math.max(...Object.values(plumblineCharts()).map((chart) => chart.drawn_ms))"


def look(at_s: int) -> dict[str, Any]:
    """One second of a market that swings, as large as a look at a busy demo: every list is as long as it gets."""
    price, premium = f"{64_000 + 300 * math.sin(at_s / 500):.8f}", round(1_500 * math.sin(at_s / 50))
    seen = healthy(at_s, btc=price)
    served, observed, reporter = seen["oracle"]["feeds"][0], seen["observed"][0], seen["reporters"][0]
    market, component = observed["contributions"][0], seen["vault"]["components"][0]
    markets = [
        market | {"venue": name, "symbol": f"BTC/{quote}"} for name in VENUES for quote in ("USD", "USDC", "EUR")
    ]
    seen["oracle"]["feeds"] = [served | {"name": feed} for feed in FEEDS]
    seen["oracle"]["rounds"] *= KEPT_ROUNDS
    seen["trades"]["recent"] *= KEPT_TRADES
    seen["trades"]["profit"] = str(at_s % 10_000)
    seen["observed"] = [observed | {"name": feed, "contributions": markets} for feed in FEEDS]
    seen["venues"] = [venue(name) for name in VENUES]
    off = {feed: math.sin(at_s / 30) for feed in FEEDS}
    seen["reporters"] = [reporter | {"name": f"reporter-{index}", "off_bps": off} for index in range(1, 6)]
    seen["vault"]["components"] = [component | {"symbol": symbol, "claims": "0.25"} for symbol in COMPONENTS]
    seen["vault"]["auction"] = auction()
    seen["pool"] |= {"price": f"{136.63 * (1 + premium / 1e6):.8f}", "premium_ppm": premium}
    return seen


class Server(threading.Thread):
    """The page's server, with history, in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.loop, self.ready, self.end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        self.port = 0

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        with History(None, 86_400) as history:
            watcher = Watcher(None, history)  # type: ignore[arg-type]
            for at_s in range(NOW_S - HOURS * 3_600, NOW_S):
                watcher.take(look(at_s))
            async with HttpServer(web_app(watcher), HttpConfig(port=0)) as server:
                self.port = server.port
                self.ready.set()
                await self.end.wait()


def visit(page: Page, url: str) -> tuple[float, int, float]:
    """(ms to live data, bytes transferred, ms of the slowest chart)"""
    transferred = 0
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def count(event: dict[str, Any]) -> None:
        nonlocal transferred
        transferred += event["encodedDataLength"]

    session.on("Network.dataReceived", count)
    session.on("Network.responseReceived", lambda event: count(event["response"]))
    page.goto("about:blank")
    page.goto(url, wait_until="commit")
    page.wait_for_function(_READY, polling="raf")
    painted_ms = page.evaluate("() => performance.now()")
    page.wait_for_function(_DRAWN, polling="raf")
    return painted_ms, transferred, page.evaluate(_SLOWEST)


def processor_s(*arguments: str) -> float:
    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "plumbline.cli", *arguments], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(ROUNDS))


def network(anvil: Anvil, folder: Path) -> Path:
    """A whole deployment with its first round, and the file that names it."""
    chain, parameters = Chain(Web3(HTTPProvider(anvil.url))), Parameters(heartbeat_s=600)
    steps.deploy(chain, parameters)
    steps.opening_round(chain, parameters)
    steps.open_market(chain, parameters)
    given = {"rpc_url": anvil.url} | {name: chain.address(name) for name in _NAMED}
    path = folder / "network.toml"
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in given.items()))
    return path


def main() -> int:
    chromium = os.environ.get("PLUMBLINE_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("bench-web: no Chromium on PATH: install Debian's `chromium`, or set PLUMBLINE_CHROMIUM", file=sys.stderr)
        return 1
    server = Server()
    server.start()
    server.ready.wait()
    url = f"http://127.0.0.1:{server.port}/#BTC/USD,28800"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        visits = []
        for _ in range(ROUNDS):
            # A new context each time: nothing is cached.
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            visits.append(visit(context.new_page(), url))
            context.close()
        browser.close()
    server.loop.call_soon_threadsafe(server.end.set)
    server.join()
    painted_ms, transferred, drawn_ms = (min(column) for column in zip(*visits, strict=True))
    bench = Bench("web")
    bench.add("page: first paint of live data", painted_ms, "ms", "<= 1000")
    bench.add("page: transferred", transferred / 1_000, "kB", "<= 200")
    bench.add("page: 8 h of history drawn", drawn_ms, "ms", "<= 100")
    bench.add("plumbline --help", processor_s("--help") * 1_000, "ms", "<= 300")
    with Anvil() as anvil, tempfile.TemporaryDirectory() as folder:
        config = network(anvil, Path(folder))
        bench.add("plumbline status", processor_s("status", "--config", str(config)), "s", "<= 1.0")
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())

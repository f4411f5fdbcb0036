# SPDX-License-Identifier: AGPL-3.0-only
"""The page's server over real HTTP: read only, guarded by headers, bounded, honest when it knows nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import httpx
import pytest
from tests.helpers.looks import AT_S, healthy

from plumbline.config import HttpConfig
from plumbline.transport.server import HttpServer
from plumbline.web import watcher as watcher_module
from plumbline.web.app import web_app
from plumbline.web.history import History
from plumbline.web.samples import samples
from plumbline.web.watcher import Watcher

WRITES = ("POST", "PUT", "PATCH", "DELETE")
UPLOT_SHA256 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""Of uPlot 1.6.32 as published on npm, MIT; its licence lies beside it."""


def serve(play: Callable[[Watcher, httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """`play` with a watcher that looks at nothing by itself, and a client of its server."""

    async def main() -> Any:
        with History(None, 86_400) as history:
            watcher = Watcher(None, history)  # type: ignore[arg-type]
            async with (
                HttpServer(web_app(watcher), HttpConfig(port=0)) as server,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client,
            ):
                return await play(watcher, client)

    return asyncio.run(main())


async def routes(watcher: Watcher) -> list[str]:
    return [route.path for route in web_app(watcher).routes]  # type: ignore[attr-defined]


def test_every_route__refuses_to_write_and_carries_the_headers() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> None:
        watcher.take(healthy())
        for path in await routes(watcher):
            for method in WRITES:
                refused = await client.request(method, path)
                assert refused.status_code == 405, (method, path)
            if path == "/events":
                continue
            for where in (path, path + "?x=1"):
                answer = await client.get(where)
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["x-frame-options"] == "DENY"
                assert "server" not in answer.headers

    serve(play)


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/../app.py", "/static/%2e%2e/app.py", "/static/vendor/uPlot.LICENSE"]
)
def test_what_is_not_named__is_not_found__with_the_headers(path: str) -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(path)

    answer = serve(play)
    assert answer.status_code == 404
    assert "content-security-policy" in answer.headers


def test_page__names_nothing_outside_of_this_server() -> None:
    static = files("plumbline.web") / "static"
    ours = [path for path in static.iterdir() if path.name.endswith((".html", ".css", ".js"))]
    assert len(ours) == 6
    for path in ours:
        text = path.read_text()
        assert "http://" not in text.replace('keeper = \\"http://...\\"', ""), path.name
        assert "https://" not in text, path.name
        assert "innerHTML" not in text, f"{path.name}: what a node says must stay text"
        assert "style=" not in text, f"{path.name}: the policy refuses it"


@pytest.mark.parametrize("name", UPLOT_SHA256)
def test_uplot__is_the_published_file(name: str) -> None:
    content = (files("plumbline.web") / "static" / "vendor" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == UPLOT_SHA256[name]


def test_first_load__is_small() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> int:
        watcher.take(healthy())
        paths = [path for path in await routes(watcher) if path == "/" or path.startswith(("/static", "/api/look"))]
        total = 0
        for path in paths:
            async with client.stream("GET", path) as answer:
                total += sum([len(chunk) async for chunk in answer.aiter_raw()])
        return total

    assert serve(play) <= 100_000


def test_look__before_the_first__is_unavailable__then_what_was_seen() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> tuple[int, Any]:
        before = (await client.get("/api/look")).status_code
        watcher.take(healthy())
        return before, (await client.get("/api/look")).json()

    before, look = serve(play)
    assert before == 503
    assert look["oracle"]["feeds"][0]["price"] == "64938.22195023"
    assert look["samples"] == samples(healthy())


def test_events__tell_the_last_look_at_once_and_each_new_one() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> list[int]:
        watcher.take(healthy())
        seen: list[int] = []
        async with client.stream("GET", "/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:])["at_s"])
                    if len(seen) == 3:
                        return seen
                    watcher.take(healthy(at_s=AT_S + len(seen)))
        return seen

    assert serve(play) == [AT_S, AT_S + 1, AT_S + 2]


def test_events__a_slow_listener__misses_looks_but_not_the_last() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> list[int]:
        stream = watcher.listen()
        watcher.take(healthy())
        seen = [json.loads(await anext(stream))["at_s"]]
        for later in range(1, 6):
            watcher.take(healthy(at_s=AT_S + later))
        seen.append(json.loads(await anext(stream))["at_s"])
        await stream.aclose()  # type: ignore[attr-defined]
        return seen

    first, last = serve(play)
    assert (first, last) == (AT_S, AT_S + 5)


def test_events__more_listeners_than_places__are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "MAX_LISTENERS", 1)

    async def play(watcher: Watcher, client: httpx.AsyncClient) -> list[int]:
        watcher.take(healthy())
        async with client.stream("GET", "/events") as first:
            async for line in first.aiter_lines():
                if line.startswith("data: "):
                    break
            refused = (await client.get("/events")).status_code
        for _ in range(100):
            if not watcher.full:
                break
            await asyncio.sleep(0.05)
        return [refused, int(watcher.full)]

    assert serve(play) == [503, 0]


def test_history__gives_what_was_seen_aligned() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> Any:
        for second in range(3):
            watcher.take(healthy(at_s=AT_S + second, btc=f"{64_000 + second}.500012345"))
        return (await client.get("/api/history", params={"series": ["chain:BTC/USD", "nav"]})).json()

    found = serve(play)
    assert found["at_s"] == [AT_S, AT_S + 1, AT_S + 2]
    assert found["values"]["chain:BTC/USD"] == [64_000.5, 64_001.5, 64_002.5]
    # Nine digits, in the history as in the stream.
    assert found["values"]["nav"] == [136.63083] * 3
    assert (found["first_s"], found["last_s"]) == (AT_S, AT_S + 2)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "series: expected 1 to 40"),
        ("&".join(["series=a"] * 41), "series: expected 1 to 40"),
        ("series=a&from=x", "from: expected a whole number"),
        ("series=a&to=-1", "to: expected a whole number"),
        ("series=a&from=1000000000000000", "from: expected a whole number"),
        ("series=a&from=5&to=4", "from: expected a time not after to"),
        ("series=a&points=1e9", "points: expected a whole number"),
    ],
)
def test_history__a_wrong_question__is_told_what_is_expected(query: str, said: str) -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(f"/api/history?{query}")

    answer = serve(play)
    assert answer.status_code == 400
    assert answer.text.startswith(said)


def test_history__a_hostile_series_name__is_only_a_name_nobody_has() -> None:
    async def play(watcher: Watcher, client: httpx.AsyncClient) -> Any:
        watcher.take(healthy())
        name = "nav'; DROP TABLE samples; --"
        await client.get("/api/history", params={"series": name})
        return (await client.get("/api/history", params={"series": "nav"})).json()["values"]["nav"]

    assert serve(play) == [136.63083]


def test_samples__of_a_rate__keep_every_digit() -> None:
    look = healthy()
    look["vault"]["components"][0]["rate"] = "1.050001050001050001"
    assert samples(look)["rate:WBTC"] == 1.050001050001050001
    assert samples(look)["nav"] == 136.63083


def test_samples__what_nobody_could_tell_is_left_out() -> None:
    look = healthy() | {"oracle": None, "vault": None, "pool": None, "trades": None, "observed": [], "reporters": []}
    assert samples(look) == {}
    without_premium = healthy()
    without_premium["pool"]["premium_ppm"] = None
    assert "premium_bps" not in samples(without_premium)
    assert samples(without_premium)["pool"] == pytest.approx(136.532087)


def test_samples__of_reporters__are_their_distance__and_a_silent_one_has_none() -> None:
    look = healthy() | {"observed": []}
    look["reporters"][1] |= {"trouble": "does not answer"}
    look["reporters"][2]["off_bps"]["BTC/USD"] = None
    found = {name: value for name, value in samples(look).items() if name.startswith("off:BTC/USD:")}
    assert found == {"off:BTC/USD:reporter-1": -0.25, "off:BTC/USD:reporter-4": 0.5}


def test_samples__of_a_venue_with_several_markets__the_first_that_counts() -> None:
    look = healthy()
    extra = look["observed"][0]["contributions"]
    extra.append(extra[0] | {"symbol": "BTC/EUR", "converted": "1.0"})
    extra.append(extra[1] | {"symbol": "BTC/EUR", "converted": "1.0"})
    extra[1] = extra[1] | {"included": False}
    found = samples(look)
    assert found["venue:BTC/USD:kraken"] == pytest.approx(64_938.22195023)
    assert found["venue:BTC/USD:binance"] == 1.0

# SPDX-License-Identifier: AGPL-3.0-only
"""From exchange data to a market a keeper holds, through real processes: the whole path, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.helpers.processes import living
from tests.helpers.reader import blocks

from plumbline.replay.bars import read_bars
from plumbline.supervisor import scenario
from plumbline.supervisor.demo import Demo, Outcome
from plumbline.supervisor.scenario import Scenario
from plumbline.supervisor.watch import Snapshot

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 150
"""Long enough for a busy machine; each run ends as soon as it has shown what is asked of it."""


def processes_of(folder: Path) -> dict[str, int]:
    """Every living process that was started with a config of this run, by the config's name, and its pid."""
    return {Path(words[-1]).stem: pid for pid, words in living().items() if words[-1].startswith(str(folder))}


def assert_nothing_left(folder: Path, words: list[str]) -> None:
    assert processes_of(folder) == {}
    (url,) = (word for line in words for word in line.replace(";", " ").split() if word.startswith("http://127"))
    with pytest.raises(httpx.ConnectError):
        httpx.post(url, json={})


class Watcher:
    """Plays a demo in this process (its parts are processes of their own), keeps what it shows, ends it when told."""

    def __init__(self, played: Scenario, folder: Path, enough: Callable[[Snapshot], bool]) -> None:
        self.snapshots: list[Snapshot] = []
        self.words: list[str] = []
        self._played, self._folder, self._enough = played, folder, enough

    def run(self) -> Outcome:
        async def play() -> Outcome:
            def show(snapshot: Snapshot, processes: dict[str, str]) -> None:
                self.snapshots.append(snapshot)
                if self._enough(snapshot):
                    demo.stop.set()

            demo = Demo(self._played, self._folder, port=None, say=self.words.append, show=show)
            return await demo.run(PATIENCE_S)

        return asyncio.run(play())


@pytest.mark.data
def test_demo__the_morning_of_2023_03_11__publishes_near_coinbase_and_the_keeper_holds_the_pool(
    market_data: Path, tmp_path: Path
) -> None:
    minutes = set()

    def enough(now: Snapshot) -> bool:
        if "BTC/USD" in now.answers:
            minutes.add(now.at_s // 60)
        # A busy machine does not look at every minute of a market that runs thirty times faster than life.
        return now.rounds >= 12 and now.trades >= 4 and len(minutes) >= 10

    watcher = Watcher(scenario.recorded(market_data), tmp_path, enough)
    outcome = watcher.run()

    assert outcome.failures() == [], outcome
    assert outcome.rounds >= 12
    assert outcome.trades >= 4
    assert outcome.profit > 0
    assert_nothing_left(tmp_path, watcher.words[:1])

    published = {each.at_s // 60 * 60: each.answers for each in watcher.snapshots if "BTC/USD" in each.answers}
    errors_bps = distance_from_coinbase_bps(market_data, {at: each["BTC/USD"] for at, each in published.items()})
    assert len(errors_bps) >= 10
    # A whole day of it has a mean of at most 14 (make bench-index); a quarter of an hour may be a worse one.
    assert sum(errors_bps) / len(errors_bps) <= 25
    assert max(errors_bps) <= 100
    # A dollar coin is told from a dollar: it was worth about 90 cents, and the band holds all the same.
    assert all(each["USDC/USD"] < 96_000_000 for each in published.values() if "USDC/USD" in each)


def distance_from_coinbase_bps(data: Path, prices: dict[int, int]) -> list[float]:
    """prices: by the end of a minute, with 8 decimals; against Coinbase's close of that minute."""
    day = data / "usdc-depeg-2023-03" / "bars_1m_2023-03-01_2023-03-13.parquet"
    bars = read_bars(day, min(prices) - 60, max(prices) + 60)
    closes = {bar.end_s: bar.close_wad for bar in bars if (bar.venue, bar.symbol) == ("coinbase", "BTC/USD")}
    return [
        abs(price * 10**10 - closes[minute]) * 10_000 / closes[minute]
        for minute, price in prices.items()
        if minute in closes
    ]


def look_of_the_page(said: str) -> dict:
    """What the page shows, once it has seen a trade: a web process that has just started asks first."""
    url = re.search(r"the page: (http://\S+/);", said)
    assert url is not None, said
    deadline = time.monotonic() + 30
    while True:
        answer = httpx.get(f"{url[1]}api/look", timeout=10)
        look = answer.json() if answer.is_success else {}
        if (look.get("trades") or {}).get("count") or time.monotonic() > deadline:
            return look
        time.sleep(1)


def told_as_the_tutorial_asks(folder: Path) -> str:
    """The second block of docs/tutorials/run-it.md, for this run's folder; the first one starts the demo."""
    started, asked = blocks(ROOT / "docs" / "tutorials" / "run-it.md")
    assert re.fullmatch(r"DEMO_SECONDS=\d+ make demo\n", started.text)
    script = asked.text.replace("build/demo", str(folder))
    done = subprocess.run(["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    # 3: it answers, and something is bad: a feed may be without a quorum of venues for a moment.
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.stdout


def test_demo__simulated__ctrl_c_after_an_arbitrage__ends_well_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plumbline.cli", "demo", "--folder", str(tmp_path), "--seed", "7"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        lines, deadline = [], time.monotonic() + PATIENCE_S
        for line in demo.stdout:
            lines.append(line)
            if re.search(r" [1-9][0-9]* arbitrages", line) or time.monotonic() > deadline:
                break
        look = look_of_the_page("".join(lines))
        told = told_as_the_tutorial_asks(tmp_path)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    said = "".join(lines) + rest
    assert demo.returncode == 0, said
    assert rest.rstrip().endswith("- all well"), said
    assert re.search(r"^NAV +[0-9.]+ USD a PLUMB", told, re.MULTILINE), told
    assert look["oracle"]["round_id"] > 0
    assert look["trades"]["count"] > 0
    assert len(look["venues"]) == 5
    assert [each["trouble"] for each in look["reporters"]] == [""] * 5
    assert look["pool"]["premium_ppm"] is not None
    assert_nothing_left(tmp_path, lines[:1])


def test_demo__a_reporter_is_killed__the_run_fails_and_names_it(tmp_path: Path) -> None:
    killed = []

    def kill_once(snapshot: Snapshot) -> bool:
        if snapshot.rounds and not killed:
            killed.append(processes_of(tmp_path)["reporter-3"])
            os.kill(killed[0], signal.SIGKILL)
        return False

    watcher = Watcher(scenario.simulated(seed=3), tmp_path, kill_once)
    outcome = watcher.run()
    assert outcome.failures()[0].startswith("reporter-3: killed by SIGKILL")
    assert_nothing_left(tmp_path, watcher.words[:1])


def test_demo__a_recording_that_is_not_there__is_one_clear_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plumbline.cli", "demo", "--market", "recorded", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"plumbline: DEMO_DATA={tmp_path}: expected a folder that holds a recording named bars_1m_*.parquet\n"
    )


def test_demo__a_port_that_is_taken__is_one_clear_sentence(tmp_path: Path, anvil) -> None:
    command = [sys.executable, "-m", "plumbline.cli", "demo", "--port", str(anvil.port), "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"plumbline: Anvil did not start on port {anvil.port}: ")
    assert "in use" in done.stderr

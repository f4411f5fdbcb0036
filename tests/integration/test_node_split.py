# SPDX-License-Identifier: AGPL-3.0-only
"""One reporter as five processes over the real nats-server: killed and paused, it never says two things of one time."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.helpers.anvil import Anvil
from tests.helpers.nats import Nats
from tests.helpers.ports import free_port
from tests.integration.node import deploy_oracle
from tests.offchain.fakes import KEYS

from plumbline.chain.keystore import write_keystore
from plumbline.config import BusConfig
from plumbline.supervisor import feeds, toml
from plumbline.transport.bus import Bus

pytestmark = pytest.mark.anvil
LEASE_S = 2.0
TAKEOVER_S = 5.0
NAMES = tuple(str(feed["name"]) for feed in feeds.feeds(feeds.LIVE, max_age_s=180, peg_venues=2))


class Process:
    """One role of the reporter, with its own config, journal and port."""

    def __init__(self, folder: Path, name: str, document: dict[str, object]) -> None:
        self.role, self.port = name.partition("-")[0], free_port()
        self.journal = folder / f"{name}.sqlite"
        config = folder / f"{name}.toml"
        config.write_text(toml.dumps(document | {"journal": self.journal, "http": {"port": self.port}}))
        command = [
            sys.executable,
            "-m",
            "plumbline.cli",
            "reporter",
            "run",
            "--role",
            self.role,
            "--config",
            str(config),
        ]
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def status(self) -> dict:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/status", timeout=2).json()
        except httpx.HTTPError:
            return {}

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


@contextmanager
def reporter(folder: Path, rpc_url: str, nats_url: str, market: int) -> Iterator[dict[str, Process]]:
    folder.mkdir()
    write_keystore(folder / "key.json", b"\x02" * 32, "test", scrypt_n=2)
    (folder / "password").write_text("test\n")
    oracle = deploy_oracle(rpc_url, reporters=[key.address for key in KEYS[:5]], names=NAMES)
    document: dict[str, object] = {
        "chain": {"rpc_url": rpc_url, "oracle": oracle},
        "key": {"keystore": "key.json", "password_file": "password"},
        "bus": {"url": nats_url, "lease_s": LEASE_S},
        "venues": [{"name": venue, "url": f"ws://127.0.0.1:{market}/{venue}"} for venue in feeds.LIVE],
        "feeds": feeds.feeds(feeds.LIVE, max_age_s=180, peg_venues=2),
    }
    names = ["ingest-1", "aggregate-1", "aggregate-2", "sign-1", "sign-2"]
    running = {name: Process(folder, name, document) for name in names}
    try:
        yield running
    finally:
        for each in running.values():
            each.signal(signal.SIGKILL)
            each.process.wait()


def until(condition: Callable[[], object], what: str, timeout_s: float) -> float:
    """Seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


def signed(*signers: Process) -> dict[int, set[str]]:
    """By round: the different rows that were signed, out of the journals of all signers."""
    found: dict[int, set[str]] = {}
    for each in signers:
        with closing(sqlite3.connect(f"file:{each.journal}?mode=ro", uri=True)) as connection:
            for timestamp, prices in connection.execute("SELECT timestamp, prices FROM rows WHERE r IS NOT NULL"):
                found.setdefault(timestamp, set()).add(prices)
    return found


async def told(url: str) -> list[tuple[str, int]]:
    """(feed, grid time) of every price in the stream."""
    async with Bus(BusConfig(url=url, lease_s=LEASE_S), memory_s=600) as bus:
        pulled = await bus._js.pull_subscribe("plumbline.prices.*", stream="plumbline-prices")
        found = []
        while batch := await _fetched(pulled):
            for message in batch:
                feed, timestamp, _ = _observed(message.data)
                found.append((feed, timestamp))
        return found


async def _fetched(pulled) -> list:
    try:
        return await pulled.fetch(256, timeout=1)
    except TimeoutError:
        return []


def _observed(body: bytes) -> tuple[str, int, str | None]:
    return msgspec.msgpack.decode(body, type=tuple[str, int, str | None])


def test_processes__worker_killed_and_signer_paused__work_moves_within_5_s_and_no_round_has_two_rows(
    anvil: Anvil, tmp_path: Path
):
    market = free_port()
    replay = tmp_path / "replay.toml"
    replay.write_text(f'[listen]\nport = {market}\n[tape]\nkind = "simulated"\nseed = 7\n')
    with ExitStack() as stack:
        server = stack.enter_context(Nats(tmp_path / "jetstream"))
        exchanges = subprocess.Popen(
            [sys.executable, "-m", "plumbline.cli", "replay", "run", "--config", str(replay)], stderr=subprocess.DEVNULL
        )
        stack.callback(exchanges.wait)
        stack.callback(exchanges.kill)
        nodes = stack.enter_context(reporter(tmp_path / "node", anvil.url, server.url, market))
        signers = [nodes["sign-1"], nodes["sign-2"]]

        def whole_row() -> bool:
            rows = [each.status().get("row") for each in signers]
            return any(row and all(int(price) for price in row["prices"]) for row in rows)

        until(whole_row, "a row with every feed", 90)
        workers = [nodes["aggregate-1"], nodes["aggregate-2"]]
        until(lambda: sorted(len(each.status().get("holds", ())) for each in workers) == [2, 2], "an even share", 20)

        # Told to read its config anew, no role takes it for the end.
        for each in nodes.values():
            each.signal(signal.SIGHUP)
        until(lambda: all("config reloaded" in each.log.read_text() for each in nodes.values()), "five reloads", 20)

        # A worker dies: the other prices its feeds, too.
        nodes["aggregate-1"].signal(signal.SIGKILL)
        moved_s = until(lambda: len(nodes["aggregate-2"].status().get("holds", ())) == 4, "the feeds to move", 20)
        assert moved_s < TAKEOVER_S

        # A signer dies, or rather is paused past its lease: the other signs on. Then the first one wakes up.
        def signing() -> Process | None:
            return next((each for each in signers if each.status().get("signs")), None)

        leader = signing()
        assert leader is not None
        other = next(each for each in signers if each is not leader)
        leader.signal(signal.SIGSTOP)
        try:
            took_s = until(lambda: other.status().get("signs"), "the signer's work to move", 20)
            assert took_s < TAKEOVER_S
            before = last_of(other)
            until(lambda: last_of(other) > before + 2, "rows of the other signer", 30)
        finally:
            leader.signal(signal.SIGCONT)
        time.sleep(2)
        os.kill(other.process.pid, signal.SIGKILL)
        until(lambda: leader.status().get("signs"), "the first signer to be back", 30)
        before = last_of(leader)
        until(lambda: last_of(leader) > before + 2, "its rows", 30)
        prices = asyncio.run(told(server.url))
        rows = signed(*signers)
    assert len(prices) == len(set(prices)), "a feed's price of one time is in the stream twice"
    assert len(rows) > 10
    assert {len(each) for each in rows.values()} == {1}


def last_of(process: Process) -> int:
    return (process.status().get("row") or {}).get("timestamp", 0)

# SPDX-License-Identifier: AGPL-3.0-only
"""The nodes as an operator runs them: `init`, `check`, processes with a replayed market, kill -9, `journal verify`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.helpers.anvil import Anvil
from tests.helpers.ports import free_port
from tests.integration.node import deploy_oracle

from plumbline.transport.rows import decode_row

pytestmark = pytest.mark.anvil
PLUMBLINE = [sys.executable, "-m", "plumbline.cli"]
FEEDS = ("BTC/USD", "USDC/USD", "USDT/USD", "EUR/USD")
VENUES = ("kraken", "coinbase", "binance", "bybit", "cryptocom")
NOWHERE = "0x" + "11" * 20


def plumbline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PLUMBLINE, *arguments], capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def running(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the program until the block ends; stopped as an operator would."""
    with log.open("ab") as sink, subprocess.Popen([*PLUMBLINE, *arguments], stderr=sink) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)


def init(service: str, folder: Path, rpc_url: str) -> str:
    """`plumbline <service> init`; returns the new key's address."""
    done = plumbline(service, "init", "--dir", str(folder), "--oracle", NOWHERE, "--rpc-url", rpc_url)
    assert done.returncode == 0, done.stderr
    return re.search(r"address is (0x[0-9a-fA-F]{40})", done.stdout)[1]


def test_processes__initialised_checked_killed_and_verified(anvil: Anvil, tmp_path: Path):
    nodes = [tmp_path / f"reporter-{n}" for n in (1, 2, 3)]
    addresses = [init("reporter", folder, anvil.url) for folder in nodes]
    relayer, payer = tmp_path / "relayer", init("relayer", tmp_path / "relayer", anvil.url)
    oracle = deploy_oracle(anvil.url, reporters=addresses, names=FEEDS, relayer=payer)
    market, ports, relayer_port = free_port(), [free_port() for _ in nodes], free_port()
    for folder, port in zip(nodes, ports, strict=True):
        config = folder / "reporter.toml"
        text = config.read_text().replace(NOWHERE, oracle).replace("port = 9101", f"port = {port}")
        for venue in VENUES:
            text = text.replace(f'name = "{venue}"', f'name = "{venue}"\nurl = "ws://127.0.0.1:{market}/{venue}"')
        config.write_text(text)
    config = relayer / "relayer.toml"
    text = config.read_text().replace(NOWHERE, oracle).replace("port = 9100", f"port = {relayer_port}")
    peers = [f'[[peers]]\nname = "r{port}"\nurl = "http://127.0.0.1:{port}"\n' for port in ports]
    config.write_text(text.partition("[[peers]]")[0] + "\n".join(peers))
    replay = tmp_path / "replay.toml"
    replay.write_text(f'[listen]\nport = {market}\n[tape]\nkind = "simulated"\nseed = 7\n')

    def reporter(n: int) -> tuple[str, ...]:
        return "reporter", "run", "--config", str(nodes[n] / "reporter.toml")

    def rounds() -> int:
        chain = httpx.get(f"http://127.0.0.1:{relayer_port}/status", timeout=2).json()["chain"]
        return chain["round_id"] if chain else 0

    with ExitStack() as stack:
        stack.enter_context(running(tmp_path / "replay.log", "replay", "run", "--config", str(replay)))
        first, *_ = [stack.enter_context(running(tmp_path / f"{n}.log", *reporter(n))) for n in range(3)]
        stack.enter_context(running(tmp_path / "relayer.log", "relayer", "run", "--config", str(config)))
        until(lambda: rounds() >= 2, "two rounds")

        checked = plumbline("reporter", "check", "--config", str(nodes[1] / "reporter.toml"))
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert f"ok    agreement: {addresses[1]} is reporter 2 of epoch 1" in checked.stdout
        assert all(f"ok    venue {venue}: " in checked.stdout for venue in VENUES)
        checked = plumbline("relayer", "check", "--config", str(config))
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert checked.stdout.count("ok    peer r") == 3

        # Of three reporters with a quorum of three, one is killed at any moment and comes back on its journal.
        served = last_row(ports[0])
        first.send_signal(signal.SIGKILL)
        first.wait()
        stack.enter_context(running(tmp_path / "again.log", *reporter(0)))
        before = rounds()
        until(lambda: rounds() > before + 1, "rounds after the kill")
        again = httpx.get(f"http://127.0.0.1:{ports[0]}/rows/{served['timestamp']}", timeout=2)
        assert decode_row(again.content).row.prices == tuple(map(int, served["prices"]))

    for folder in nodes:
        verified = plumbline("journal", "verify", str(folder / "reporter.sqlite"))
        assert (verified.returncode, verified.stderr) == (0, "")
        assert re.fullmatch(r"\d+ observations and [1-9]\d* rows computed again, 0 differences\n", verified.stdout)
    lines = [json.loads(line) for path in tmp_path.glob("*.log") for line in path.read_text().splitlines()]
    assert not [line for line in lines if "equivocates" in line["event"] or line["level"] == "error"]
    secrets = [path.read_text().strip() for path in tmp_path.glob("*/*.password")]
    assert len(secrets) == 4
    assert not any(secret in path.read_text() for path in tmp_path.glob("*.log") for secret in secrets)
    assert not [path for path in tmp_path.glob("*/*.key.json") if path.stat().st_mode & 0o077]


def last_row(port: int) -> dict:
    return httpx.get(f"http://127.0.0.1:{port}/status", timeout=2).json()["row"]


def test_init__exists_already_or_wrong_address__nothing_is_overwritten_and_nothing_left(tmp_path: Path):
    init("relayer", tmp_path / "a", "http://127.0.0.1:1")
    before = {path: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    again = plumbline("relayer", "init", "--dir", str(tmp_path / "a"), "--oracle", NOWHERE)
    assert again.returncode == 2
    assert "relayer.toml: exists already" in again.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before
    wrong = plumbline("reporter", "init", "--dir", str(tmp_path / "b"), "--oracle", "0x12")
    assert wrong.returncode == 2
    assert "chain.oracle: expected an address" in wrong.stderr
    assert not list((tmp_path / "b").iterdir())

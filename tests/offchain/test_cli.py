# SPDX-License-Identifier: AGPL-3.0-only
"""The program as a user meets it: quick, clear when something is wrong, stopped cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from tests.offchain.fakes import ORACLE

from plumbline.chain.keystore import write_keystore

PLUMBLINE = [sys.executable, "-m", "plumbline.cli"]


def plumbline(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PLUMBLINE, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"NO_COLOR": "1"} | environment,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def reporter(tmp_path: Path) -> Path:
    """A reporter's config with its keystore; its chain and its venue are not there."""
    write_keystore(tmp_path / "key.json", b"\x01" * 32, "hunter2", scrypt_n=2)
    (tmp_path / "password").write_text("hunter2\n")
    path = tmp_path / "reporter.toml"
    path.write_text(f"""
journal = "journal.sqlite"
[chain]
rpc_url = "http://127.0.0.1:1/v3/secret-token"
oracle = "{ORACLE}"
timeout_s = 0.5
[key]
keystore = "key.json"
password_file = "password"
[http]
port = {free_port()}
[[venues]]
name = "kraken"
url = "ws://127.0.0.1:1/kraken"
[[feeds]]
name = "BTC/USD"
decimals = 8
min_venues = 1
markets = ["kraken:BTC/USD"]
""")
    return path


def relayer_of(reporter: Path) -> Path:
    head = reporter.read_text().partition("[[venues]]")[0]
    path = reporter.with_name("relayer.toml")
    path.write_text(
        head.replace("journal.sqlite", "relayer.sqlite") + '[[peers]]\nname = "r1"\nurl = "http://127.0.0.1:1"\n'
    )
    return path


def test_help__any_group__is_shown_without_importing_what_is_slow():
    heavy = "'web3', 'httpx', 'starlette', 'uvicorn', 'websockets', 'eth_account', 'rich', 'pyarrow'"
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom plumbline.cli import app\n"
        "shown = CliRunner().invoke(app, ['--help'])\nassert shown.exit_code == 0, shown.output\n"
        f"loaded = sorted(set(sys.modules) & {{{heavy}}} - before)\nprint(loaded)"
    )
    done = subprocess.run(
        # typer's test runner may bring what the program itself does not.
        [sys.executable, "-c", f"import sys\nimport typer.testing\nbefore = set(sys.modules)\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    for group in ("reporter", "relayer"):
        shown = plumbline(group, "--help")
        assert shown.returncode == 0
        assert "run" in shown.stdout


def test_version__is_the_installed_one():
    done = plumbline("--version")
    assert (done.returncode, done.stdout) == (0, f"plumbline {metadata.version('plumbline')}\n")


@pytest.mark.parametrize(
    ("port", "limit"), [("-1", "greater than or equal to 0"), ("65536", "less than or equal to 65535")]
)
def test_demo__a_port_there_is_not__is_wrong_usage(port, limit):
    done = plumbline("demo", DEMO_PORT=port)
    assert done.returncode == 2
    assert f"(env var: 'DEMO_PORT'): Input should be {limit}" in done.stderr


@pytest.mark.parametrize("group", ["reporter", "relayer"])
def test_run__config_missing_or_wrong__one_sentence_and_status_2(tmp_path, group):
    absent = plumbline(group, "run", "--config", str(tmp_path / "none.toml"))
    assert (absent.returncode, absent.stderr) == (2, f"plumbline: {tmp_path / 'none.toml'}: no such file\n")
    (tmp_path / "bad.toml").write_text("journal = 1")
    wrong = plumbline(group, "run", "--config", str(tmp_path / "bad.toml"))
    assert wrong.returncode == 2
    assert wrong.stderr == f"plumbline: {tmp_path / 'bad.toml'}: journal: expected str, got int\n"


def test_run__wrong_password__one_sentence_without_it(reporter):
    reporter.with_name("password").write_text("letmein")
    done = plumbline("reporter", "run", "--config", str(reporter))
    assert done.returncode == 2
    assert done.stderr == f"plumbline: {reporter.with_name('key.json')}: cannot be opened: wrong password\n"


def test_run__venue_without_adapter__names_it_and_those_there_are(reporter):
    reporter.write_text(reporter.read_text().replace("kraken", "krakn"))
    done = plumbline("reporter", "run", "--config", str(reporter))
    assert done.returncode == 2
    assert done.stderr.startswith(f"plumbline: {reporter}: venues[0]: no adapter for venue 'krakn'; there are: binance")


def test_run__port_taken__one_sentence(reporter):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = reporter.read_text()
        reporter.write_text(
            "\n".join(f"port = {port}" if line.startswith("port") else line for line in text.splitlines())
        )
        done = plumbline("reporter", "run", "--config", str(reporter))
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_check__chain_and_venue_not_there__says_what_failed_and_no_token_of_an_address(reporter):
    done = plumbline("reporter", "check", "--config", str(reporter))
    assert done.returncode == 1
    assert done.stderr == "plumbline: 5 of the checks failed\n"
    *passed, rpc, oracle, agreement, clock, venue = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in passed] == ["ok    config", "ok    key", "ok    journal"]
    assert rpc == "FAIL  rpc http://127.0.0.1:1: eth_chainId: http://127.0.0.1:1: ClientConnectorError"
    assert all(line.endswith("http://127.0.0.1:1: ClientConnectorError") for line in (oracle, agreement, clock))
    assert venue.startswith("FAIL  venue kraken: ")
    assert "secret-token" not in done.stderr + done.stdout


def test_check__as_json__is_an_object_a_line(reporter):
    done = plumbline("reporter", "check", "--config", str(reporter), "--json")
    assert done.returncode == 1
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["what"] for each in told if each["ok"]] == ["config", "key", "journal"]
    assert sum(not each["ok"] for each in told) == 5


def test_keeper_check__chain_not_there__says_so_as_json_too(reporter):
    path = reporter.with_name("keeper.toml")
    path.write_text(
        f'arbitrageur = "{ORACLE}"\ngas_token_usd = "3000"\n' + reporter.read_text().partition("[[venues]]")[0]
    )
    done = plumbline("keeper", "check", "--config", str(path), "--json")
    assert done.returncode == 1
    assert done.stderr == "plumbline: 2 of the checks failed\n"
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["what"], each["ok"]) for each in told] == [
        ("config", True),
        ("key", True),
        ("rpc http://127.0.0.1:1", False),
        ("market", False),
    ]
    assert "secret-token" not in done.stderr + done.stdout


def test_help__fits_a_line_for_each_command():
    done = plumbline("--help", COLUMNS="80")
    assert "..." not in done.stdout.partition("Commands:")[2]


HANGUP_AT_START = """
import asyncio, os, signal, sys
from pathlib import Path
from plumbline.commands.service import on_hangup, run_node
from plumbline.config import ReporterConfig

path = Path(sys.argv[1])

async def main(config):
    os.kill(os.getpid(), signal.SIGHUP)
    reloaded = asyncio.Event()
    on_hangup(path, config, (), lambda fresh: reloaded.set())
    await asyncio.wait_for(reloaded.wait(), 20)
    print("reloaded")

run_node("reporter", path, ReporterConfig, main, reloads=True)
"""


def test_run__hangup_before_anybody_listens__waits_and_is_heard(reporter):
    done = subprocess.run([sys.executable, "-c", HANGUP_AT_START, str(reporter)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "reloaded\n"), done.stderr


@pytest.mark.parametrize("group", ["reporter", "relayer"])
def test_run__nothing_it_needs_is_there__lives_says_why_and_stops_on_sigterm_within_two_seconds(reporter, group):
    config = reporter if group == "reporter" else relayer_of(reporter)
    port = next(line.split()[-1] for line in config.read_text().splitlines() if line.startswith("port"))
    with subprocess.Popen(
        [*PLUMBLINE, group, "run", "--config", str(config)], stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1)
                if (
                    "ClientConnectorError"
                    in httpx.get(f"http://127.0.0.1:{port}/status", timeout=1).json()["chain_trouble"]
                ):
                    break
            except httpx.HTTPError:
                pass
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ready.status_code == 503
        config.write_text('kill_switch = "stop"\n' + config.read_text().replace("hunter", "other"))
        process.send_signal(signal.SIGHUP)
        config.with_name("stop").touch()
        while f"{config.with_name('stop')} exists" not in httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        assert process.wait(5) == 0, said
        assert time.monotonic() - asked < 2
    lines = [json.loads(line) for line in said.splitlines()]
    (reloaded,) = [line for line in lines if line["event"] == "config reloaded"]
    assert (reloaded["changed"], reloaded["needs_restart"]) == (["kill_switch"], [])
    assert lines[-1]["event"] == "stopped"
    assert all(line["service"] == group for line in lines)
    assert "hunter2" not in said
    assert "secret-token" not in said
    assert (b"\x01" * 32).hex() not in said

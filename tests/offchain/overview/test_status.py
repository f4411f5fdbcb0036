# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline status` and `top` as somebody types them: words, exit status, JSON, quickness."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest
from tests.helpers.looks import healthy, venue

from plumbline.commands.status import NEEDS_ATTENTION, exit_status
from plumbline.commands.top import painted
from plumbline.overview.text import price, text

ORACLE = "0x" + "11" * 20
NOBODY = "http://127.0.0.1:1/v3/secret-token"


def plumbline(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plumbline.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "PLUMBLINE_NETWORK": ""} | environment,
    )


def test_status__nobody_at_the_rpc__is_exit_1_and_says_so_without_the_token() -> None:
    done = plumbline("status", "--rpc-url", NOBODY, "--oracle", ORACLE)
    assert done.returncode == 1
    assert "The chain cannot be read: http://127.0.0.1:1: ConnectError." in done.stdout
    assert "secret-token" not in done.stdout + done.stderr


def test_status_json__is_one_document() -> None:
    done = plumbline("status", "--rpc-url", NOBODY, "--oracle", ORACLE, "--json")
    look = json.loads(done.stdout)
    assert look["trouble"] == "http://127.0.0.1:1: ConnectError"
    assert look["attention"][0]["level"] == "bad"


def test_top_json__a_line_a_look__ends_when_told() -> None:
    done = plumbline("top", "--rpc-url", NOBODY, "--oracle", ORACLE, "--json", "--looks", "2")
    assert done.returncode == 0
    assert [json.loads(line)["trouble"] != "" for line in done.stdout.splitlines()] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected --config FILE"),
        (["--rpc-url", NOBODY], "expected --config FILE"),
        (["--config", "no-such.toml"], "no-such.toml: no such file"),
        (["--config", "x.toml", "--oracle", ORACLE], "expected no --oracle beside"),
        (
            ["--rpc-url", NOBODY, "--oracle", "0x12"],
            "--oracle: expected an address: 0x and 40 hex digits, got '0x12'",
        ),
        (["--rpc-url", "ws://secret-token", "--oracle", ORACLE], "--rpc-url: expected a http:// or https:// address"),
    ],
)
def test_status__wrong_usage__is_exit_2_and_one_clear_line(arguments: list[str], said: str) -> None:
    done = plumbline("status", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret-token" not in done.stderr


def test_status__imports_no_web3() -> None:
    code = (
        "import sys\nsys.argv = ['plumbline', 'status', '--rpc-url', 'http://127.0.0.1:1', '--oracle', "
        f"'{ORACLE}']\nfrom plumbline.cli import app\ntry:\n    app()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('web3')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help__comes_without_any_heavy_import() -> None:
    code = (
        "import sys, plumbline.cli; print([m for m in ('web3', 'httpx', 'starlette', 'eth_abi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("arguments", "limit_s"), [(["--help"], 0.3), (["status", "--help"], 1.0)])
def test_help__is_quick(arguments: list[str], limit_s: float) -> None:
    """Processor time, the best of some: other work on the machine only ever adds."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert plumbline(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) <= limit_s


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion__can_be_had_for_each_shell(shell: str) -> None:
    done = plumbline(_PLUMBLINE_COMPLETE=f"source_{shell}")
    assert "plumbline" in done.stdout + done.stderr


def test_exit_status__by_the_worst_that_was_found() -> None:
    assert exit_status(healthy()) == 0
    assert exit_status(healthy() | {"attention": [{"level": "warn", "what": "x"}]}) == 0
    assert exit_status(healthy() | {"attention": [{"level": "bad", "what": "x"}]}) == NEEDS_ATTENTION
    assert exit_status(healthy() | {"trouble": "x", "attention": [{"level": "bad", "what": "x"}]}) == 1


def test_text__tells_the_path_from_venues_to_keeper() -> None:
    lines = text(healthy()).splitlines()
    assert lines[0] == "plumbline: all well; block 246, 2026-11-21 07:04:40 UTC"
    assert "BTC/USD   64,938.22         3/3  64,938.22  5 s       10 s  served" in lines
    assert [line.split() for line in lines if line.startswith("reporter-1")] == [
        ["reporter-1", "-0.25", "+0.00", "signs"]
    ]
    assert "premium     -7.2 bps, inside the band -10 to +10" in lines
    assert lines[-1] == "trades      21, profit 2,196.90 USDC before gas"


def test_text__what_needs_attention_comes_first_with_its_mark() -> None:
    look = healthy() | {"venues": [venue("kraken", "refused")]}
    look["attention"] = [{"level": "bad", "what": "A."}, {"level": "warn", "what": "B."}]
    assert text(look).splitlines()[:3] == [
        "plumbline: 2 things need attention; block 246, 2026-11-21 07:04:40 UTC",
        "!! A.",
        " ! B.",
    ]


def test_text__of_nothing__is_still_text() -> None:
    nothing = dict.fromkeys(("block", "at_s", "oracle", "vault", "pool", "trades", "relayer", "keeper", "observer"))
    look = nothing | {"trouble": "x", "attention": [], "observed": [], "venues": [], "reporters": []}
    assert text(look) == "plumbline: all well; block -, -"


def test_price__as_many_digits_as_matter() -> None:
    assert [price(each) for each in ("64938.22195023", "0.99984800", None)] == ["64,938.22", "0.99985", "-"]


def test_top__what_needs_somebody_stands_out__and_the_words_are_the_same() -> None:
    look = healthy() | {
        "attention": [{"level": "bad", "what": "No round."}, {"level": "warn", "what": "kraken is out."}]
    }
    words = text(look)
    shown = painted(words)
    assert shown.plain == words
    styled = {words[span.start : span.end].split("  ")[0]: span.style for span in shown.spans}
    first = words.splitlines()[0].split("  ")[0]
    assert styled == {first: "bold", "!! No round.": "red", " ! kraken is out.": "yellow", "feed": "dim"} | {
        "off the median, bps": "dim"
    }

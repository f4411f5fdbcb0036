# SPDX-License-Identifier: AGPL-3.0-only
"""`plumbline report` as somebody types it: the files it writes, its JSON, and what is wrong said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from plumbline.cli import app
from plumbline.errors import ChainError, ConfigError
from plumbline.web.history import History

START_S = 1_795_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Ten minutes of a share that trades a basis point above its value."""
    with History(tmp_path / "web.sqlite", 10**10) as history:
        for second in range(600):
            history.add(START_S + second, {"pool": 100.01, "nav": 100.0, "premium_bps": 1.0})
    path = tmp_path / "network.toml"
    path.write_text(f'rpc_url = "http://127.0.0.1:1"\noracle = "0x{"11" * 20}"\nhistory = "web.sqlite"\n')
    return path


def report(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["report", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_report__writes_its_files_and_says_so(config: Path, tmp_path: Path) -> None:
    files = [tmp_path / "out" / name for name in ("report.html", "figures.csv", "share.png", "premium.png")]
    said = report("--config", config, "--out", tmp_path / "out", "--no-chain")
    assert said.splitlines() == [f"wrote {path}" for path in files]
    assert all(path.stat().st_size > 100 for path in files)


def test_report__as_json__has_every_figure_with_its_meaning(config: Path, tmp_path: Path) -> None:
    told = json.loads(report("--config", config, "--out", tmp_path / "out", "--no-chain", "--no-png", "--json"))
    assert told["files"] == [str(tmp_path / "out" / name) for name in ("report.html", "figures.csv")]
    found = {each["figure"]: each for each in told["figures"]}
    assert (found["premium, median"]["value"], found["premium, median"]["unit"]) == ("1.000", "bps")
    assert all(each["meaning"] for each in told["figures"])


def test_report__of_a_period_that_ends_before_it_begins__is_refused(config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--from: expected a time before --to"):
        report("--config", config, "--out", tmp_path, "--from", "2026-11-18T12:00", "--to", "2026-11-18T11:00")


def test_report__of_a_silent_chain__says_how_to_go_on_without_it(config: Path, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="without the chain's part: --no-chain"):
        report("--config", config, "--out", tmp_path)


def test_report__without_a_history__says_who_keeps_one(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    path.write_text(f'rpc_url = "http://127.0.0.1:1"\noracle = "0x{"11" * 20}"\n')
    with pytest.raises(ConfigError, match="history: expected the file that `plumbline web` keeps, got None"):
        report("--config", path)

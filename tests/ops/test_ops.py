# SPDX-License-Identifier: AGPL-3.0-only
"""What operators copy: every file is parsed, every metric exists in the code, rules fire when they should."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.offchain.fakes import START_S, signed_row

from plumbline import cli, metrics
from plumbline.core.models import Trade
from plumbline.core.units import WAD
from plumbline.store.rows import RowJournal

ROOT = Path(__file__).resolve().parent.parent.parent
OPS = ROOT / "ops"
NODES = ("reporter", "relayer", "keeper", "web")
_METRIC = re.compile(r"\bplumbline_[a-z_]+")
_WORD = re.compile(r'(?:outcome|reason)="([^"]+)"')


class OneVenue:
    venue = "kraken"

    class stats:
        connected, trades, connections, rejected, dropped = True, 1, 1, {"json": 1}, {"late": 1}


def exported() -> set[str]:
    """Every name a node's /metrics can show."""
    names = set()
    for registry in (metrics.ReporterMetrics([OneVenue()]), metrics.RelayerMetrics(), metrics.KeeperMetrics()):
        for family in registry.registry.collect():
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            names |= {family.name + end for end in ends}
    return names


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((OPS / "prometheus" / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return json.loads((OPS / "grafana" / "plumbline.json").read_text())


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def test_every_metric_in_the_rules_and_the_dashboard__exists_in_the_code() -> None:
    expressions = [rule["expr"] for rule in rules()] + [each["expr"] for panel in panels() for each in panel["targets"]]
    named = {name for expression in expressions for name in _METRIC.findall(expression)}
    assert len(named) > 20
    assert named <= exported(), named - exported()


def test_every_metric_in_the_words_around_them__exists_too() -> None:
    told = " ".join(rule["annotations"]["description"] for rule in rules())
    assert set(_METRIC.findall(told)) <= exported()


def test_every_outcome_and_reason_in_the_rules__is_a_word_of_the_code() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "offchain" / "plumbline").rglob("*.py"))
    for rule in rules():
        for word in _WORD.findall(rule["expr"]):
            assert f'"{word}"' in code, f"{rule['alert']}: nothing in the code says {word!r}"


def test_every_alert__says_how_urgent__what_it_means_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert len(rule["annotations"]["description"]) > 20, rule["alert"]


@pytest.fixture
def promtool() -> str:
    found = os.environ.get("PLUMBLINE_PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool on PATH: it is in Debian's `prometheus`, or set PLUMBLINE_PROMTOOL")
    return found


def test_promtool__finds_config_and_rules_sound(promtool: str) -> None:
    config = OPS / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


FIRING = [
    ("PlumblineEquivocation", 'plumbline_equivocations_total{reporter="3", instance="r"}', "0 0 0 1 1 1", "3m"),
    ("PlumblineNodeDown", 'up{job="reporter", instance="r"}', "0 0 0 0", "2m"),
    ("PlumblineReporterDisagreesWithChain", 'plumbline_agrees_with_chain{instance="r"}', "1 0 0 0 0", "3m"),
    ("PlumblineNoRounds", 'plumbline_last_round_timestamp_seconds{instance="r"}', "0x9", "6m"),
    ("PlumblinePremiumOutsideTheBand", 'plumbline_premium_ratio{instance="k"}', "-0.02x15", "12m"),
    ("PlumblineEndpointsDisagree", 'plumbline_endpoints_agree{instance="r"}', "0x5", "2m"),
    ("PlumblineNoKeeperActs", 'plumbline_keeper_acting{instance="k"}', "1 0 0 0", "3m"),
]
QUIET = [
    ("PlumblineEquivocation", 'plumbline_equivocations_total{reporter="3", instance="r"}', "0x9", "6m"),
    ("PlumblineNodeDown", 'up{job="reporter", instance="r"}', "1x9", "6m"),
    ("PlumblineNoRounds", 'plumbline_last_round_timestamp_seconds{instance="r"}', "0 60 120 180 240 300", "5m"),
    ("PlumblinePremiumOutsideTheBand", 'plumbline_premium_ratio{instance="k"}', "0.001x15", "12m"),
    ("PlumblineNoKeeperActs", 'plumbline_keeper_acting{instance="k"}', "1x9", "6m"),
]


@pytest.mark.parametrize(
    ("alert", "series", "values", "at", "fires"),
    [(*case, True) for case in FIRING] + [(*case, False) for case in QUIET],
    ids=[f"{case[0]}-fires" for case in FIRING] + [f"{case[0]}-quiet" for case in QUIET],
)
def test_rule__fires_when_it_should_and_only_then(
    promtool: str, tmp_path: Path, alert: str, series: str, values: str, at: str, fires: bool
) -> None:
    query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)'
    samples = [{"labels": "{}", "value": int(fires)}]
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values}],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": samples}],
    }
    document = {"rule_files": [str(OPS / "prometheus" / "alerts.yml")], "evaluation_interval": "1m", "tests": [test]}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(document))
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard__panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    assert all(target["datasource"]["uid"] == "${source}" for panel in panels() for target in panel["targets"])


def units() -> Iterator[tuple[Path, configparser.ConfigParser]]:
    for path in sorted((OPS / "systemd").iterdir()):
        # systemd lets a key come twice (SystemCallFilter).
        unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(path.read_text())
        yield path, unit


def test_units__run_commands_there_are__unprivileged_and_confined() -> None:
    groups = {group.name for group in cli.app.registered_groups}
    assert set(NODES) <= groups
    for path, unit in units():
        if path.suffix == ".service":
            service = unit["Service"]
            assert service["User"] == "plumbline", path.name
            assert service["NoNewPrivileges"] == "yes"
            assert service["ProtectSystem"] == "strict"
    node = dict(units())[OPS / "systemd" / "plumbline@.service"]["Service"]
    assert node["ExecStart"] == "/opt/plumbline/bin/plumbline %i run --config /etc/plumbline/%i.toml"
    assert node["RestartPreventExitStatus"] == "2"


def test_units__systemd_finds_them_sound(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for path, _ in units():
        # The programs are where an operator puts them, not here.
        text = re.sub(r"/opt/plumbline/\S+|/bin/kill", "/bin/true", path.read_text())
        name = path.name.replace("@.", "@reporter.")
        (tmp_path / name).write_text(text.replace("file:///bin/true", "file:///opt"))
    names = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert complaints == []


def test_compose__commands_exist__nothing_is_open_to_the_world() -> None:
    compose = yaml.safe_load((OPS / "compose.yml").read_text())
    assert set(NODES) <= compose["services"].keys()
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"
        if name in NODES:
            assert service["command"][:2] == [name, "run"]
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            mounted = [volume.partition(":")[0] for volume in service["volumes"]]
            assert mounted == [f"./config/{name}", name]


def test_dockerfile__copies_files_there_are() -> None:
    for line in (OPS / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), line


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[RowJournal]:
    """Of a reporter that runs: open, with a row in it."""
    signed = signed_row(1)
    from tests.offchain.fakes import KEYS, ORACLE

    with RowJournal(tmp_path / "reporter.sqlite", KEYS[0].address) as journal:
        journal.begin((), "0", START_S * 1000)
        journal.take(Trade("kraken", "BTC/USD", WAD, WAD, START_S * 1000))
        journal.claim(31337, ORACLE, 1, signed.row, START_S * 1000)
        journal.sign(31337, ORACLE, signed)
        yield journal


def backup(*arguments: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3 here")
    command = [str(OPS / "backup"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_backup__of_a_journal_in_use__is_whole_private_and_can_be_verified(journal: RowJournal, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    done = backup(journal.path, folder)
    assert done.returncode == 0, done.stderr
    copy = Path(done.stdout.strip())
    assert copy.stat().st_mode & 0o077 == 0
    assert "sound, of a reporter" in backup("--check", copy).stdout
    verify = [sys.executable, "-m", "plumbline.cli", "journal", "verify", str(copy)]
    verified = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    assert "1 rows computed again" in verified.stdout, verified.stdout + verified.stderr


def test_backup__a_damaged_or_foreign_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"SQLite format 3\0" + b"\0" * 4_000)
    done = backup("--check", tmp_path / "broken.sqlite")
    assert done.returncode == 1
    assert "broken.sqlite" in done.stderr
    assert backup(tmp_path / "nothing.sqlite", tmp_path).returncode == 1

# SPDX-License-Identifier: AGPL-3.0-only
"""The generated pages leave nothing out: every entry of every ABI, every command, every key of every config."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripts.artifacts import EXTENSIONS, sources
from scripts.reference import AREAS, benchmarks, client, commands, contracts, settings
from scripts.reference.prose import prose
from typer.core import TyperGroup
from typer.main import get_command

from plumbline import cli, config
from plumbline import client as library
from plumbline.chain.abi import load_abi

ABIS = Path(library.__file__).parent.parent / "abi"
OURS = [
    path.stem for path in sorted(ABIS.glob("*.json")) if not path.stem.startswith("I") or path.stem.startswith("Index")
]


def entries(name: str) -> set[str]:
    halves = [name, *([EXTENSIONS[name]] if name in EXTENSIONS else [])]
    found = {entry.name for half in halves for entry in contracts.read(sources()[half]).entries}
    return found - {"__init__"}


@pytest.mark.parametrize("name", OURS)
def test_contract__every_function_of_its_abi_is_told_and_no_other(name: str) -> None:
    assert entries(name) == {entry["name"] for entry in load_abi(name) if entry["type"] == "function"}


@pytest.mark.parametrize("name", ["MedianOracle", "IndexVault", "AuctionHouse"])
def test_contract__every_event_of_its_abi_is_told(name: str) -> None:
    halves = [name, *([EXTENSIONS[name]] if name in EXTENSIONS else [])]
    told = {event for half in halves for event, _ in contracts.read(sources()[half]).events}
    standard = {"Transfer", "Approval"}  # ERC-20's
    assert {entry["name"] for entry in load_abi(name) if entry["type"] == "event"} <= told | standard


def test_natspec__tags_are_told_apart__and_words_without_one_are_a_notice() -> None:
    read = contracts.natspec("\n    @notice One\n            two.\n    @param a {s} why\n    @return b\n    ")
    assert read.tags == (("notice", "One\ntwo."), ("param", "a {s} why"), ("return", "b"))
    assert contracts.natspec("{s} the last time").text("notice") == "{s} the last time"
    assert contracts.natspec("  ").tags == ()


def test_areas__every_contract_of_ours_is_on_a_page() -> None:
    told = "".join(contracts.page(area) for area in AREAS)
    missing = [name for name in OURS if f"\n## {name}\n" not in told]
    assert missing == []


def test_client__everything_it_exports_is_told() -> None:
    page = client.page()
    assert {"Oracle", "Vault", "parse_units"} <= set(client.exports())
    for name in client.exports():
        assert hasattr(library, name)
        assert any(mark in page for mark in (f"## {name}\n", f"\n{name}(", f"| `{name}` |")), name


def test_commands__every_command_of_the_program_is_told() -> None:
    page = commands.page()

    def paths(command: object, path: str) -> list[str]:
        if not isinstance(command, TyperGroup):
            return [path]
        return [each for name, sub in command.commands.items() for each in paths(sub, f"{path} {name}")]

    found = paths(get_command(cli.app), "plumbline")
    assert "plumbline reporter check" in found
    assert [path for path in found if f"## {path}\n" not in page] == []
    assert "| `--seconds` | `DEMO_SECONDS` |" in page


@pytest.mark.parametrize("name", ["ReporterConfig", "RelayerConfig", "TraderConfig", "ChainConfig", "TxConfig"])
def test_settings__the_keys_are_those_the_config_has(name: str) -> None:
    told = [key.name for key in settings.sections()[name].fields]
    assert told == list(getattr(config, name).__struct_fields__)


def test_benchmarks__a_missed_bound_is_marked__and_an_area_not_measured_says_how(tmp_path: Path) -> None:
    figures = [
        {"name": "fine", "value": 1_234, "unit": "gas", "bound": "<= 2000"},
        {"name": "late", "value": 30.5, "unit": "ms", "bound": "<= 20"},
    ]
    (tmp_path / "oracle.json").write_text(json.dumps(figures))
    page = benchmarks.page(tmp_path)
    assert "| fine | 1,234 | gas | &lt;= 2000 |" in page
    assert "| late | 30.50 **missed** | ms | &lt;= 20 |" in page
    assert "Not measured here: `make bench-vault`." in page


def test_benchmarks__every_bench_there_is__has_its_place() -> None:
    benches = Path(benchmarks.__file__).parent.parent / "bench"
    written = {
        name for path in benches.glob("*.py") for name in re.findall(r'= Bench\("([a-z-]+)"\)', path.read_text())
    }
    assert "oracle" in written
    assert written == {benchmarks.FILES.get(area, area) for area in benchmarks.AREAS}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a * b < c, see [x]", r"a \* b \< c, see \[x\]"),
        ("`a * b` and _c", r"`a * b` and \_c"),
        ("one\n\ntwo", "one\n\ntwo"),
        ("so\n\n    a = b * c\n\nholds", "so\n\n```text\na = b * c\n```\n\nholds"),
        ("as:\n  a | b\n  c", "```text\nas:\n  a | b\n  c\n```"),
    ],
)
def test_prose__is_shown_as_it_stands(text: str, shown: str) -> None:
    assert prose(text) == shown

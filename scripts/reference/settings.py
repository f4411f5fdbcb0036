# SPDX-License-Identifier: AGPL-3.0-only
"""Every key of every config file, from the classes that read them."""

from __future__ import annotations

import re

from scripts.artifacts import ROOT
from scripts.reference.prose import cell, prose
from scripts.reference.python_source import Class, Field, classes

FILES = (
    "config.py",
    "config_keeper.py",
    "config_maker.py",
    "config_venues.py",
    "config_feeds.py",
    "overview/settings.py",
)
PACKAGE = ROOT / "offchain" / "plumbline"
_INTRO = """\
# Config files

One TOML file a process; `check` of each command reads it and says what is wrong with it. A key without a default has to
be there. Any key outside of lists can be set from the environment, above the file: `PLUMBLINE__CHAIN__RPC_URL`.
[Operations](../operations.md) says what to choose.

A class is a section, or a whole file where its name is that of a process (`ReporterConfig`: reporter.toml)."""


def page() -> str:
    return "\n\n".join([_INTRO, *(_shown(each) for each in sections().values())]) + "\n"


def sections() -> dict[str, Class]:
    """Those that have keys: files of processes first, by their place in the sources."""
    found = {name: each for file in FILES for name, each in classes(PACKAGE / file).items() if each.fields}
    nodes = ("Reporter", "Relayer", "Keeper", "Trader", "Maker", "Replay", "Web")
    first = {name: each for name, each in found.items() if name.startswith(nodes)}
    return first | found


def _shown(section: Class) -> str:
    rows = [_row(each) for each in section.fields]
    parts = [
        f"## {section.name}",
        prose(section.doc),
        "\n".join(["| key | is | default | |", "|---|---|---|---|", *rows]),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(key: Field) -> str:
    default = f"`{_code(key.default)}`" if key.default else ""
    return f"| `{key.name}` | `{_code(key.kind)}` | {default} | {cell(key.doc)} |"


def _code(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")

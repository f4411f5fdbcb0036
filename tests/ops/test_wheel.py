# SPDX-License-Identifier: AGPL-3.0-only
"""The wheel holds the whole package and says what it needs; `make wheel` installs it and plays with it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

from scripts.wheel import PACKAGE, ROOT, build, missing

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_wheel__holds_every_file_of_the_package(tmp_path: Path) -> None:
    wheel = build(tmp_path)
    assert wheel.name == f"plumbline-{_PROJECT['version']}-py3-none-any.whl"
    assert missing(wheel) == set()


def test_missing__a_file_the_wheel_has_not__is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.whl").write_bytes(b"PK\x05\x06" + bytes(18))
    assert "plumbline/commands/templates/reporter.toml" in missing(tmp_path / "empty.whl")


def test_every_import_of_the_package__is_declared() -> None:
    """A dependency of a dependency may go away with any of its versions."""
    declared = [*_PROJECT["dependencies"], *chain.from_iterable(_PROJECT["optional-dependencies"].values())]
    names = {normal(re.split("[<>=]", requirement)[0]) for requirement in declared}
    made_by = {module: set(map(normal, dists)) for module, dists in packages_distributions().items()}
    undeclared = {
        (module, path.name)
        for path in PACKAGE.rglob("*.py")
        for module in imported(path)
        # One that is not installed here (an extra's) goes by its own name.
        if not names & made_by.get(module, {normal(module)})
    }
    assert undeclared == set()


def normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """Top-level names of what is imported from outside the standard library and this package, anywhere in the file."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"plumbline"}

# SPDX-License-Identifier: AGPL-3.0-only
"""The client library: everything `plumbline.client` exports, with its docstrings, and the tree of its errors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from scripts.artifacts import ROOT
from scripts.reference.prose import cell, prose
from scripts.reference.python_source import Class, Method, classes, functions

CLIENT = ROOT / "offchain" / "plumbline" / "client"
FIRST = ("Oracle", "AsyncOracle", "Vault", "AsyncVault")
"""What people come for; the rest is what these answer."""


def page() -> str:
    known, loose = _known()
    exported = [name for name in exports() if name in known and not _is_error(name, known)]
    shown = [*FIRST, *(name for name in exported if name not in FIRST)]
    parts = [
        "# Client library",
        "Made from the docstrings of `plumbline.client`; [the page](../client.md) has examples.",
    ]
    parts += [_shown(known[name], known) for name in shown]
    parts += ["## Functions", *(_method(loose[name]) for name in exports() if name in loose)]
    errors = ast.get_docstring(ast.parse((CLIENT / "errors.py").read_text(encoding="utf-8"))) or ""
    parts += ["## Errors", prose(errors), *_errors(known)]
    return "\n\n".join(part for part in parts if part) + "\n"


def exports() -> list[str]:
    """Names that `plumbline.client` gives away, in its order."""
    tree = ast.parse((CLIENT / "__init__.py").read_text(encoding="utf-8"))
    return [each.asname or each.name for node in tree.body if isinstance(node, ast.ImportFrom) for each in node.names]


def _known() -> tuple[dict[str, Class], dict[str, Method]]:
    paths: list[Path] = sorted(CLIENT.glob("*.py"))
    return {k: v for path in paths for k, v in classes(path).items()}, {
        k: v for path in paths for k, v in functions(path).items()
    }


def _is_error(name: str, known: dict[str, Class]) -> bool:
    return name == "ClientError" or any(_is_error(base, known) for base in known[name].bases if base in known)


def _methods(shown: Class, known: dict[str, Class]) -> Iterator[Method]:
    """Its own, then those of its bases that it does not have."""
    seen: set[str] = set()
    for each in (shown, *(known[base] for base in shown.bases if base in known)):
        for method in each.methods:
            name = method.signature.partition("(")[0].removeprefix("await ")
            if name not in seen:
                seen.add(name)
                yield method


def _shown(shown: Class, known: dict[str, Class]) -> str:
    parts = [f"## {shown.name}", prose(shown.doc)]
    if shown.fields:
        rows = [f"| `{each.name}` | `{cell_code(each.kind)}` | {cell(each.doc)} |" for each in shown.fields]
        parts.append("\n".join(["| field | type | |", "|---|---|---|", *rows]))
    parts += [_method(method) for method in _methods(shown, known)]
    return "\n\n".join(part for part in parts if part)


def cell_code(text: str) -> str:
    return text.replace("|", "\\|")


def _method(method: Method) -> str:
    return f"```python\n{method.signature}\n```" + (f"\n\n{prose(method.doc)}" if method.doc else "")


def _errors(known: dict[str, Class]) -> Iterator[str]:
    rows = [
        f"| `{name}` | `{', '.join(each.bases)}` | {cell(each.doc)} |"
        for name, each in sorted(known.items())
        if _is_error(name, known)
    ]
    yield "\n".join(["| type | is a | |", "|---|---|---|", *rows])

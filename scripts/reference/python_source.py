# SPDX-License-Identifier: AGPL-3.0-only
"""Classes of the package as their source has them: fields, public methods, the words beside each. Imports nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    default: str
    doc: str


@dataclass(frozen=True)
class Method:
    signature: str
    doc: str
    is_property: bool


@dataclass(frozen=True)
class Class:
    name: str
    bases: tuple[str, ...]
    doc: str
    fields: tuple[Field, ...]
    methods: tuple[Method, ...]


def classes(path: Path) -> dict[str, Class]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: _class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def functions(path: Path) -> dict[str, Method]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: _method(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


def _class(node: ast.ClassDef) -> Class:
    methods = [
        each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(each)
    ]
    bases = tuple(ast.unparse(base) for base in node.bases)
    return Class(node.name, bases, ast.get_docstring(node) or "", tuple(_fields(node)), tuple(map(_method, methods)))


def _is_public(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return node.name == "__init__" or not node.name.startswith("_")


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    """Annotated names; the string that stands below one is about it."""
    for place, each in enumerate(node.body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not each.target.id.startswith("_"):
            after = node.body[place + 1] if place + 1 < len(node.body) else None
            doc = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            default = ast.unparse(each.value) if each.value is not None else ""
            yield Field(each.target.id, ast.unparse(each.annotation), default, str(doc).strip())


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Method:
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix("cls").removeprefix(", ")
    waits = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    back = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    if "property" in marks:
        return Method(f"{node.name}{back.replace(' -> ', ': ')}", ast.get_docstring(node) or "", True)
    return Method(f"{waits}{node.name}({arguments}){back}", ast.get_docstring(node) or "", False)

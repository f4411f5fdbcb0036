# SPDX-License-Identifier: AGPL-3.0-only
"""Writes the configs of a run: the standard library reads TOML but does not write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def dumps(document: Mapping[str, Any]) -> str:
    """Tables, arrays of tables and plain values, in the order given; a None is left out."""
    return "\n".join(_table(document, "")).strip() + "\n"


def _table(table: Mapping[str, Any], path: str) -> list[str]:
    present = {key: value for key, value in table.items() if value is not None}
    lines = [f"{key} = {_value(value)}" for key, value in present.items() if not _is_table(value)]
    for key, value in present.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{path}{key}]", *_table(value, f"{path}{key}.")]
        elif _is_table(value):
            for item in value:
                lines += ["", f"[[{path}{key}]]", *_table(item, f"{path}{key}.")]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(item, Mapping) for item in value)
    )


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str | Path):
        # A TOML basic string escapes as JSON does.
        return json.dumps(str(value), ensure_ascii=False)
    raise TypeError(f"no TOML for {type(value).__name__}")

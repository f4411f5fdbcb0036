# SPDX-License-Identifier: AGPL-3.0-only
"""The generated ABIs of the contracts, by name."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from plumbline.errors import ChainError


@cache
def load_abi(name: str) -> list[dict[str, Any]]:
    """ABI of one contract, as `scripts/export_abi.py` wrote it. Raises ChainError for a name that was not exported."""
    path = files("plumbline") / "abi" / f"{name}.json"
    try:
        abi: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChainError(f"no ABI named {name}: it is not in scripts/export_abi.py") from None
    return abi

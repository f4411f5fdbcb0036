# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures every suite may use. Role fixtures and deployers live beside the tests that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.anvil import Anvil

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def fresh_traces() -> None:
    """titanoboa remembers by address which slots were written, beyond an anchor, and gives addresses again: the text of
    an error would read one contract's slots by another's types, and fail at it."""
    if (boa := sys.modules.get("boa")) is not None and hasattr(boa, "env"):
        boa.env.sstore_trace.clear()
        boa.env.sha3_trace.clear()


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh chain on a free port, mining a block per transaction."""
    with Anvil() as chain:
        yield chain


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data; absent: skipped with the reason, but never where CI=true."""
    folder = Path(os.environ.get("PLUMBLINE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        reason = f"recorded market data not found at {folder}: set PLUMBLINE_DATA to its folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder

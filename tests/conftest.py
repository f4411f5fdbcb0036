# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures every suite may use. Role fixtures and deployers live beside the tests that need them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.anvil import Anvil

ROOT = Path(__file__).resolve().parent.parent


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
